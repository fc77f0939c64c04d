//! The end of one version or upload, decided again in the transaction that brings it about.
//!
//! Promises: what is not due by the rules as they are now stays, and so does what is retained or held.

use dolium_catalog::{Cluster, ContainerId, ContainerRow, ReadTx, VersionRow, Versioning, WriteTx};

use super::rule::{self, NEWER_VERSIONS_MAX, Rule, Standing, Subject};
use super::rules_of;
use super::worker::{LifecycleDone, Target, is_due, upload_is_due};
use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::lock;
use crate::place::Classes;
use crate::rows::decode_attributes;
use crate::verbs::{self, Cause, Occasion, writing};
use crate::{Result, movement};

/// Ends those of a batch that are still due, by the rules as they are now.
pub(super) fn end_batch(
    tx: &mut WriteTx<'_>,
    classes: &Classes,
    id: ContainerId,
    day: i64,
    targets: &[Target],
) -> Result<LifecycleDone> {
    let mut done = LifecycleDone::default();
    if tx.container(id)?.is_none() {
        return Ok(done);
    }
    tx.lock_container(id)?;
    let Some(container) = tx.container(id)? else {
        return Ok(done);
    };
    let rules = rules_of(&container)?;
    // Older ones first: when a version became noncurrent is known by the one above it.
    for (path, serial) in targets.iter().rev() {
        if let Some(row) = tx.version(id, path, *serial)? {
            let due = Due {
                classes,
                container: &container,
                rules: &rules,
                day,
            };
            done.add(due.act(tx, &row)?);
        }
    }
    Ok(done)
}

/// How a version stands now; `None` for a delete marker that hides older versions, and for what was newest
/// and is not current.
fn standing_of(tx: &mut ReadTx<'_>, row: &VersionRow) -> Result<Option<Standing>> {
    let marker = row.cluster == Cluster::Deleted;
    let (id, path) = (row.container_id, row.path.as_slice());
    if row.cluster == Cluster::Normal {
        return Ok(Some(Standing::Current));
    }
    if let Some(since) = tx.superseded(id, path, row.serial)? {
        let newer = tx.newer_versions(id, path, row.serial, i64::from(NEWER_VERSIONS_MAX) + 1)?;
        // The newest of them is the current one.
        let newer = u32::try_from(newer.saturating_sub(1)).unwrap_or_default();
        return Ok(Some(Standing::Noncurrent {
            since,
            newer,
            marker,
        }));
    }
    if !marker || tx.has_older_version(id, path, row.serial)? {
        return Ok(None);
    }
    Ok(Some(Standing::LoneMarker))
}

/// What rules want of the versions of a container now.
struct Due<'a> {
    classes: &'a Classes,
    container: &'a ContainerRow,
    rules: &'a [Rule],
    day: i64,
}

impl Due<'_> {
    /// Ends a version if that is still due and nothing guards it, or sends it to the array that it should be in.
    fn act(&self, tx: &mut WriteTx<'_>, row: &VersionRow) -> Result<LifecycleDone> {
        let Some(standing) = standing_of(tx, row)? else {
            return Ok(LifecycleDone::default());
        };
        let attributes = decode_attributes(&row.meta)?;
        let subject = Subject {
            path: &row.path,
            size: row.size as u64,
            attributes: &attributes,
            created: row.created,
            standing,
        };
        if is_due(self.rules, &subject, self.day) {
            return end_version(tx, self.container, row, &attributes, standing);
        }
        match rule::class_due(self.rules, &subject, self.day, now().0) {
            Some(class) => self.send(tx, row, class),
            None => Ok(LifecycleDone::default()),
        }
    }

    fn send(&self, tx: &mut WriteTx<'_>, row: &VersionRow, class: &str) -> Result<LifecycleDone> {
        let array = self.classes.array(class)?;
        let sent = movement::send(tx, self.container, row.clone(), array)?;
        if sent {
            let nobody = Caller::anonymous();
            let occasion = Occasion::new(Cause::LifecycleExpiration, &nobody);
            let seq = tx.lock_container(self.container.id)?.seq;
            verbs::sent(tx, self.container, seq, row, &occasion)?;
        }
        Ok(LifecycleDone {
            sent: u64::from(sent),
            ..LifecycleDone::default()
        })
    }
}

/// Ends a version, unless something guards it.
fn end_version(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    row: &VersionRow,
    attributes: &Attributes,
    standing: Standing,
) -> Result<LifecycleDone> {
    let mut done = LifecycleDone::default();
    let nobody = Caller::anonymous();
    let occasion = Occasion::new(Cause::LifecycleExpiration, &nobody);
    if standing == Standing::Current && container.versioning != Versioning::Off {
        if replaces_guarded(tx, container, &row.path)? {
            return Ok(done);
        }
        // The owner of the container asked for it, so the marker is theirs.
        let owner = tx.users_of_account(container.account_id)?;
        let author = owner.first().map_or(0, |user| user.id.0);
        let change = tx.lock_container(container.id)?.seq;
        writing::write_marker(tx, container, change, &row.path, author, &occasion)?;
        done.expired = 1;
        return Ok(done);
    }
    if !lock::is_free(attributes, now())? {
        return Ok(done);
    }
    let change = tx.lock_container(container.id)?.seq;
    writing::remove_version(tx, container, change, row, &occasion)?;
    match standing {
        Standing::Current => done.expired = 1,
        Standing::LoneMarker => done.markers = 1,
        Standing::Noncurrent { .. } => done.removed = 1,
    }
    Ok(done)
}

/// Whether a delete marker would take the place of a null version that is guarded.
fn replaces_guarded(tx: &mut ReadTx<'_>, container: &ContainerRow, path: &[u8]) -> Result<bool> {
    if container.versioning == Versioning::On {
        return Ok(false);
    }
    match tx.null_version(container.id, path)? {
        Some(null) => Ok(!lock::is_free(&decode_attributes(&null.meta)?, now())?),
        None => Ok(false),
    }
}

/// Ends an upload if that is still due; says whether it did.
pub(super) fn end_upload(
    tx: &mut WriteTx<'_>,
    id: ContainerId,
    day: i64,
    upload: &str,
) -> Result<bool> {
    let Some(container) = tx.container(id)? else {
        return Ok(false);
    };
    let rules = rules_of(&container)?;
    let found = tx.upload(id, upload)?;
    let due = found.filter(|row| upload_is_due(&rules, &row.path, row.created, day));
    match due {
        Some(row) => writing::drop_upload(tx, &container, &row).map(|()| true),
        None => Ok(false),
    }
}
