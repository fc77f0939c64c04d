//! Leases: background work that one server at a time does.
//!
//! In one process a lease is a lock by name. Where a catalog is shared it is also a row there, taken for a
//! while and renewed as long as the work goes on. Whoever stops renewing, because it was killed or cut off, is
//! followed by another after [`TTL`].
//!
//! Promises: transactions that ask the fence are those of one holder; a holder that cannot renew knows before
//! its time is over that it must stop.
//! Does not: interrupt anybody; who works looks at [`Held::is_lost`] between steps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dolium_catalog::{Catalog, LeaseRow, WriteTx};
use metrics::counter;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Error, ErrorKind, Result};

/// How long a lease holds without being renewed: the time until others take over from a killed server.
const TTL: Duration = Duration::from_secs(15);
/// Pause between renewals: two may fail.
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// Pause between looks whether a lease that somebody waits for is free.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The part of a pause after which a round is due: servers' timers need not agree to the moment.
const DUE_AFTER: f64 = 0.9;

/// The leases of a server. Clones share everything.
#[derive(Clone)]
pub struct Leases(Arc<Inner>);

struct Inner {
    catalog: Catalog,
    /// What this process calls itself.
    holder: String,
    /// One lock for each name; names are few and fixed.
    alone: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The right to do a piece of work, until it is dropped or lost.
pub struct Held {
    fence: Fence,
    lost: CancellationToken,
    kept: Option<Kept>,
}

/// What is given back at the end.
struct Kept {
    leases: Leases,
    row: Option<LeaseRow>,
    /// Ends the renewing.
    over: CancellationToken,
    alone: OwnedMutexGuard<()>,
}

/// What transactions of the work ask before they change anything.
#[derive(Clone, Debug, Default)]
pub struct Fence(Option<(String, i64)>);

impl Fence {
    /// Refuses when the work has gone to another server.
    pub fn check(&self, tx: &mut WriteTx<'_>) -> dolium_catalog::Result<()> {
        match &self.0 {
            Some((name, number)) => tx.check_lease(name, *number),
            None => Ok(()),
        }
    }
}

impl Leases {
    /// The leases of a server; `tasks` gets what renews and gives back, and `stop` ends all waiting.
    pub fn new(catalog: Catalog, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            catalog,
            holder: format!("{}-{:016x}", std::process::id(), rand::random::<u64>()),
            alone: Mutex::default(),
            tasks,
            stop,
        }))
    }

    /// Waits until the work may be done here.
    pub async fn take(&self, name: &str) -> Result<Held> {
        let alone = self.alone(name).lock_owned();
        let alone = tokio::select! {
            alone = alone => alone,
            () = self.0.stop.cancelled() => return Err(stopping()),
        };
        if !self.0.catalog.is_shared() {
            return Ok(self.held(None, alone));
        }
        loop {
            if let Some(row) = self.try_take(name, Duration::ZERO).await? {
                return Ok(self.held(Some(row), alone));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.0.stop.cancelled() => return Err(stopping()),
            }
        }
    }

    /// The right to do a round of work that comes every so often, if no server has begun one lately. The
    /// caller comes by that often, too.
    pub(crate) async fn take_due(&self, name: &str, every: Duration) -> Result<Option<Held>> {
        let alone = self.alone(name).lock_owned().await;
        let row = if self.0.catalog.is_shared() {
            match self.try_take(name, every.mul_f64(DUE_AFTER)).await? {
                Some(row) => Some(row),
                None => return Ok(None),
            }
        } else {
            None
        };
        counter!("dolium_background_rounds_total", "work" => name.to_owned()).increment(1);
        Ok(Some(self.held(row, alone)))
    }

    fn alone(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut alone = self.0.alone.lock();
        alone.entry(name.to_owned()).or_default().clone()
    }

    /// Looks first, so that waiting costs the others no transaction.
    async fn try_take(&self, name: &str, pause: Duration) -> Result<Option<LeaseRow>> {
        let (name, pause) = (name.to_owned(), pause.as_micros() as i64);
        let asked = name.clone();
        let free = self
            .0
            .catalog
            .read(move |tx| tx.lease_is_free(&asked, pause));
        if !free.await.map_err(Error::from)? {
            return Ok(None);
        }
        let holder = self.0.holder.clone();
        let taken = self
            .0
            .catalog
            .write(move |tx| tx.take_lease(&name, &holder, TTL.as_micros() as i64, pause));
        Ok(taken.await.map_err(Error::from)?.value)
    }

    fn held(&self, row: Option<LeaseRow>, alone: OwnedMutexGuard<()>) -> Held {
        let (lost, over) = (CancellationToken::new(), CancellationToken::new());
        let fence = Fence(row.as_ref().map(|row| (row.name.clone(), row.fence)));
        if let Some(row) = row.clone() {
            let renewing = renew(self.0.catalog.clone(), row, lost.clone());
            let over = over.clone();
            self.0.tasks.spawn(async move {
                tokio::select! {
                    () = renewing => {}
                    () = over.cancelled() => {}
                }
            });
        }
        let leases = self.clone();
        Held {
            fence,
            lost,
            kept: Some(Kept {
                leases,
                row,
                over,
                alone,
            }),
        }
    }
}

/// Renews a lease until it is lost. The time that is left counts from when a renewal was asked for, so it ends
/// here no later than in the database.
async fn renew(catalog: Catalog, row: LeaseRow, lost: CancellationToken) {
    let mut sure_until = Instant::now() + TTL - RENEW_EVERY / 2;
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        let held = row.clone();
        let renewed = catalog.write(move |tx| tx.renew_lease(&held, TTL.as_micros() as i64));
        let renewed: Option<std::result::Result<_, dolium_catalog::Error>> =
            tokio::time::timeout_at(sure_until, renewed).await.ok();
        match renewed {
            Some(Ok(answer)) if answer.value => sure_until = asked + TTL - RENEW_EVERY / 2,
            Some(Err(error)) if Instant::now() < sure_until => {
                tracing::warn!(work = row.name, %error, "a lease could not be renewed; trying again");
            }
            _ => {
                tracing::warn!(work = row.name, "the work has gone to another server");
                lost.cancel();
                return;
            }
        }
    }
}

impl Held {
    /// What transactions of the work ask.
    pub fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// True once the work must stop.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Waits until the work must stop.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives the work back.
    pub async fn end(mut self) {
        if let Some(kept) = self.kept.take() {
            kept.end().await;
        }
    }
}

impl Drop for Held {
    /// Gives the work back beside whatever else goes on; what is not given back in time ends by itself.
    fn drop(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        kept.over.cancel();
        if kept.row.is_some() && tokio::runtime::Handle::try_current().is_ok() {
            let tasks = kept.leases.0.tasks.clone();
            tasks.spawn(kept.end());
        }
    }
}

impl Kept {
    async fn end(self) {
        self.over.cancel();
        if let Some(row) = self.row {
            let ended = self
                .leases
                .0
                .catalog
                .write(move |tx| tx.end_lease(&row))
                .await;
            if let Err(error) = ended {
                let error: dolium_catalog::Error = error;
                tracing::warn!(%error, "a lease could not be given back; it ends by itself");
            }
        }
        drop(self.alone);
    }
}

fn stopping() -> Error {
    Error::new(ErrorKind::Unavailable, "the server is shutting down")
}

#[cfg(test)]
mod tests {
    use dolium_catalog::CatalogSettings;

    use super::*;

    fn leases(dir: &std::path::Path) -> Leases {
        let catalog =
            Catalog::open_sqlite(dir.join("catalog"), CatalogSettings::default()).unwrap();
        Leases::new(catalog, TaskTracker::new(), CancellationToken::new())
    }

    #[tokio::test]
    async fn in_one_process_a_lease_is_a_lock_and_no_row() {
        let dir = tempfile::tempdir().unwrap();
        let leases = leases(dir.path());
        let held = leases.take("work").await.unwrap();
        let other = leases.take("other").await.unwrap();
        let second = leases.take("work");
        let waited = tokio::time::timeout(Duration::from_millis(50), second).await;
        assert!(waited.is_err(), "it is taken");
        let fence = held.fence();
        let write = leases.0.catalog.write(move |tx| fence.check(tx));
        let written: std::result::Result<_, dolium_catalog::Error> = write.await;
        written.unwrap();
        held.end().await;
        let due = leases.take_due("work", Duration::from_secs(3600)).await;
        assert!(due.unwrap().is_some());
        drop(other);
        let rows: std::result::Result<_, dolium_catalog::Error> =
            leases.0.catalog.read(|tx| tx.leases()).await;
        assert_eq!(rows.unwrap(), []);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_server_that_stops() {
        let dir = tempfile::tempdir().unwrap();
        let leases = leases(dir.path());
        let _held = leases.take("work").await.unwrap();
        leases.0.stop.cancel();
        assert!(leases.take("work").await.is_err());
    }
}
