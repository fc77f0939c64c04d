//! Deletions: of what is current, under the container's versioning, or of one version.
//!
//! Promises: what is retained or held stays; the conditions are judged on what is deleted.

use dolium_access::Action;
use dolium_catalog::{ChangeKind, Cluster, ContainerRow, Versioning as RowVersioning, WriteTx};

use super::event::{Cause, Occasion};
use super::objects::select;
use super::{archive, writing};
use crate::caller::Caller;
use crate::condition::Present;
use crate::lock;
use crate::names::{ContainerName, ObjectPath, Selector, Serial};
use crate::permission::{self, Target};
use crate::request::{DeleteRequest, Deleted};
use crate::store::Store;
use crate::{ErrorKind, Result, expiry};

impl Store {
    /// Deletes what the request addresses. Deleting what is not there is no error.
    pub async fn delete(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        request: DeleteRequest,
    ) -> Result<Deleted> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx| {
            let row = permission::find(tx, &who, &container)?;
            let unversioned = row.versioning == RowVersioning::Off;
            match request.version {
                // Where there are no versions, the null version is the object.
                Some(Selector::Null) if request.leaves_gap && unversioned => {
                    delete_current(tx, &who, &row, &path, &request)
                }
                None => delete_current(tx, &who, &row, &path, &request),
                Some(version) => delete_version(tx, &who, &row, &path, version, &request),
            }
        })
        .await
    }
}

fn delete_current(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &ObjectPath,
    request: &DeleteRequest,
) -> Result<Deleted> {
    let target = Target::Path(path.as_str().as_bytes());
    permission::require(tx, who, container, Action::DeleteObject, target)?;
    let serial = tx.lock_container(container.id)?.seq;
    if archive::is_on(container) {
        let occasion = Occasion::new(Cause::Delete, who);
        let path = path.as_str().as_bytes();
        let found = archive::delete(tx, container, serial, path, &occasion)?;
        return Ok(Deleted {
            absent: !found,
            ..Deleted::default()
        });
    }
    writing::check(tx, container, path, &request.condition)?;
    let occasion = Occasion::new(Cause::Delete, who);
    if request.leaves_gap && container.versioning == RowVersioning::Suspended {
        let live = expiry::unended(tx.live(container.id, path.as_str().as_bytes())?)?;
        writing::hide(tx, container, serial, path.as_str().as_bytes(), &occasion)?;
        return Ok(Deleted {
            absent: live.is_none(),
            ..Deleted::default()
        });
    }
    remove_current(tx, &occasion, container, serial, path)
}

/// What a deletion without a version does under the container's versioning.
pub(crate) fn remove_current(
    tx: &mut WriteTx<'_>,
    occasion: &Occasion<'_>,
    container: &ContainerRow,
    serial: i64,
    path: &ObjectPath,
) -> Result<Deleted> {
    let path = path.as_str().as_bytes();
    let who = occasion.who();
    let live = tx.live(container.id, path)?;
    let absent = expiry::unended(live.clone())?.is_none();
    if container.versioning == RowVersioning::Off {
        if let Some(gone) = live {
            lock::check_delete(tx, who, container, &gone, false)?;
            writing::remove_version(tx, container, serial, &gone, occasion)?;
        }
        return Ok(Deleted {
            absent,
            ..Deleted::default()
        });
    }
    let marker = writing::write_marker(tx, container, serial, path, who.author().0, occasion)?;
    Ok(Deleted {
        marker: Some((Serial(marker.serial), marker.null_version)),
        absent,
        ..Deleted::default()
    })
}

fn delete_version(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &ObjectPath,
    version: Selector,
    request: &DeleteRequest,
) -> Result<Deleted> {
    let path = path.as_str().as_bytes();
    let action = Action::DeleteObjectVersion;
    permission::require(tx, who, container, action, Target::Path(path))?;
    let serial = tx.lock_container(container.id)?.seq;
    let current = tx.current(container.id, path)?;
    let occasion = Occasion::new(Cause::Delete, who);
    let gone = match select(tx, container, path, current, version) {
        Ok(gone) => gone,
        Err(error) if error.kind() == ErrorKind::NotFound && request.leaves_gap => {
            let live = match version {
                Selector::Null => expiry::unended(tx.live(container.id, path)?)?,
                _ => None,
            };
            if live.is_some() {
                writing::hide(tx, container, serial, path, &occasion)?;
            }
            return Ok(Deleted {
                absent: live.is_none(),
                ..Deleted::default()
            });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            request.condition.check_write(None)?;
            return Ok(Deleted::default());
        }
        Err(error) => return Err(error),
    };
    request.condition.check_write(Some(Present::of(&gone)))?;
    lock::check_delete(tx, who, container, &gone, request.bypass_governance)?;
    if request.leaves_gap {
        let was_live = gone.cluster == Cluster::Normal;
        writing::take_version(tx, container, serial, &gone, &occasion)?;
        if was_live {
            writing::note_change(tx, container, serial, ChangeKind::Delete, &gone)?;
        }
    } else {
        writing::remove_version(tx, container, serial, &gone, &occasion)?;
    }
    let marker = gone.cluster == Cluster::Deleted;
    Ok(Deleted {
        marker: None,
        removed: Some((Serial(gone.serial), marker)),
        absent: false,
    })
}
