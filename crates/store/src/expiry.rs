//! Expiry: single versions that end at an instant of their own.
//!
//! A version says so in namespace `expire`, key `at`, in seconds since the epoch. From that moment on it is
//! as if it were not there, through every door; a background pass removes it.
//!
//! Promises: the moment is exact; the reminder of the pass is written in the transaction that writes the
//! version; nothing that is retained or held is removed.

use dolium_catalog::{Cluster, ContainerRow, ExpiryRow, VersionRow, Versioning, WriteTx};

use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::lock;
use crate::names::ObjectPath;
use crate::rows::{decode_attributes, mentions};
use crate::several::Held;
use crate::store::Store;
use crate::verbs::{Cause, Occasion, remove_current, writing};
use crate::{Result, Status};

/// The namespace of the moment a version ends at.
pub const EXPIRE: &str = "expire";
/// Its key for the moment, in seconds since the epoch.
pub const EXPIRE_AT: &str = "at";
/// The lease of those who remove what has ended.
pub(crate) const EXPIRY: &str = "expiry";
/// Reminders looked at by one transaction.
const BATCH: i64 = 64;

/// When attributes end their version, in microseconds. What is no number never does.
pub(crate) fn moment_of(attributes: &Attributes) -> Option<i64> {
    let seconds: i64 = attributes.get(EXPIRE, EXPIRE_AT)?.parse().ok()?;
    Some(seconds.saturating_mul(1_000_000))
}

/// Whether a version has ended.
pub(crate) fn has_ended(row: &VersionRow) -> Result<bool> {
    if !mentions(&row.meta, EXPIRE) {
        return Ok(false);
    }
    Ok(moment_of(&decode_attributes(&row.meta)?).is_some_and(|at| at <= now().0))
}

/// A live version, unless it has ended.
pub(crate) fn unended(live: Option<VersionRow>) -> Result<Option<VersionRow>> {
    match live {
        Some(row) if has_ended(&row)? => Ok(None),
        live => Ok(live),
    }
}

/// Sets the reminder of a version that was written.
pub(crate) fn remind(tx: &mut WriteTx<'_>, row: &VersionRow) -> Result<()> {
    if !mentions(&row.meta, EXPIRE) {
        return Ok(());
    }
    if let Some(at) = moment_of(&decode_attributes(&row.meta)?) {
        tx.put_expiry(&ExpiryRow {
            at,
            container_id: row.container_id,
            path: row.path.clone(),
            serial: row.serial,
        })?;
    }
    Ok(())
}

impl Store {
    /// Removes what has ended; gives how many versions that were. Passes wait for each other, on all servers.
    pub async fn remove_expired(&self) -> Result<u64> {
        let held = self.inner.leases.take(EXPIRY).await?;
        self.expire_under(&held).await
    }

    /// Removes what has ended, under the lease of that.
    pub(crate) async fn expire_under(&self, held: &Held) -> Result<u64> {
        let mut removed = 0;
        loop {
            if self.inner.stop.is_cancelled() || held.is_lost() {
                return Ok(removed);
            }
            let until = now().0;
            let due = self
                .look(move |tx| Ok(tx.expiries_until(until, BATCH)?))
                .await?;
            let last_page = (due.len() as i64) < BATCH;
            for reminder in due {
                let again = reminder.clone();
                let ended = self.commit_under(held.fence(), move |tx| end(tx, &reminder));
                match ended.await {
                    Ok(done) => removed += u64::from(done),
                    Err(error) if error.status() != Status::Permanent => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, "a version that has ended could not be removed");
                        let gone = move |tx: &mut WriteTx<'_>| Ok(tx.delete_expiry(&again)?);
                        self.commit_under(held.fence(), gone).await?;
                    }
                }
            }
            if last_page {
                return Ok(removed);
            }
        }
    }
}

/// Ends the version that a reminder names, if it still says so; the reminder goes either way.
fn end(tx: &mut WriteTx<'_>, reminder: &ExpiryRow) -> Result<bool> {
    tx.delete_expiry(reminder)?;
    let Some(container) = tx.container(reminder.container_id)? else {
        return Ok(false);
    };
    let Some(row) = tx.version(container.id, &reminder.path, reminder.serial)? else {
        return Ok(false);
    };
    let attributes = decode_attributes(&row.meta)?;
    let due = moment_of(&attributes) == Some(reminder.at) && row.cluster == Cluster::Normal;
    if !due || (container.versioning == Versioning::Off && !lock::is_free(&attributes, now())?) {
        return Ok(false);
    }
    remove(tx, &container, &row)?;
    Ok(true)
}

fn remove(tx: &mut WriteTx<'_>, container: &ContainerRow, row: &VersionRow) -> Result<()> {
    let nobody = Caller::anonymous();
    let occasion = Occasion::new(Cause::LifecycleExpiration, &nobody);
    let serial = tx.lock_container(container.id)?.seq;
    if container.versioning == Versioning::Off {
        return writing::remove_version(tx, container, serial, row, &occasion);
    }
    let path = String::from_utf8_lossy(&row.path).into_owned();
    let path = ObjectPath::new(path)?;
    remove_current(tx, &occasion, container, serial, &path).map(drop)
}
