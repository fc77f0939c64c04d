//! Older versions that become what their object shows again. No data moves, and no version is added.

use dolium_access::Action;
use dolium_catalog::{Cluster, WriteTx};

use super::event::{Cause, Occasion};
use super::objects::select;
use super::writing;
use crate::caller::Caller;
use crate::names::{ContainerName, ObjectPath, Selector};
use crate::permission::{self, Target, permitted};
use crate::request::Version;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

impl Store {
    /// Makes a version the current one of its object, for who may write the object and read that version. What
    /// is current stays among the versions.
    pub async fn make_current(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        version: Selector,
    ) -> Result<Version> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx: &mut WriteTx<'_>| {
            let path = path.as_str().as_bytes();
            let target = Target::Path(path);
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            let change = tx.lock_container(row.id)?.seq;
            let current = tx.current(row.id, path)?;
            let found = select(tx, &row, path, current, version)?;
            // What it shows from now on is read by whoever reads the object.
            let read = Action::GetObjectVersion;
            permission::require(tx, &who, &row, read, Target::Version(&found))?;
            match found.cluster {
                Cluster::Normal => {}
                Cluster::History => {
                    let occasion = Occasion::new(Cause::Copy, &who);
                    writing::make_current(tx, &row, change, &found, &occasion)?;
                }
                Cluster::Deleted => {
                    let context = "a delete marker cannot be what an object shows";
                    let reason = Reason::NoSuchVersion;
                    return Err(Error::because(ErrorKind::NotFound, reason, context));
                }
            }
            rows::version(found, true)
        })
        .await
    }
}
