//! Sweeps: deletions of an object and what lies below it, of all objects of a container, of old versions, of a
//! container with its history. Only an owner of the account sweeps.
//!
//! Promises: each batch is one transaction, the first with the object itself, so that what is deleted is
//! deleted from the top; what is retained or held stays; asking again goes on where it stopped.

use dolium_access::Action;
use dolium_catalog::{
    BrowseQuery, Cluster, ContainerRow, ListItem, VersionListItem, VersionListQuery, VersionMarker,
    WriteTx,
};

use super::archive;
use super::deletions::remove_current;
use super::event::{Cause, Occasion};
use super::loose_blocks::owned_in;
use super::revisions::absent;
use super::transfers::below;
use super::writing;
use crate::caller::Caller;
use crate::clock::now;
use crate::condition::Present;
use crate::lock;
use crate::names::{ContainerName, Instant, ObjectPath};
use crate::permission::{self, Target};
use crate::request::Condition;
use crate::rows::decode_attributes;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, expiry};

/// Objects or versions of one transaction.
const BATCH: usize = 200;
/// Versions of one path that are looked at: more are left for the next sweep.
const SERIALS_MAX: i64 = 10_000;

impl Store {
    /// Deletes what is current at a path, and with a delimiter all that lies below it.
    pub async fn delete_tree(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        condition: Condition,
        delimiter: Option<&str>,
    ) -> Result<()> {
        let begin = delimiter.map(|delimiter| below(path.as_str(), delimiter));
        let more = {
            let (who, name, path) = (who.clone(), container.clone(), path.clone());
            let begin = begin.clone();
            self.commit(move |tx| {
                let row = owned_in(tx, &who, &name)?;
                let live = expiry::unended(tx.live(row.id, path.as_str().as_bytes())?)?;
                condition.check_write(live.as_ref().map(Present::of))?;
                live.ok_or_else(absent)?;
                remove(tx, &who, &row, &path)?;
                match &begin {
                    Some(begin) => remove_below(tx, &who, &row, begin),
                    None => Ok(false),
                }
            })
            .await?
        };
        match begin {
            Some(begin) if more => self.delete_below(who, container, begin).await,
            _ => Ok(()),
        }
    }

    /// Deletes all current objects of a container.
    pub async fn empty_container(&self, who: &Caller, container: &ContainerName) -> Result<()> {
        self.delete_below(who, container, String::new()).await
    }

    async fn delete_below(
        &self,
        who: &Caller,
        container: &ContainerName,
        begin: String,
    ) -> Result<()> {
        loop {
            let (who, name, begin) = (who.clone(), container.clone(), begin.clone());
            let more = self.commit(move |tx| {
                let row = owned_in(tx, &who, &name)?;
                remove_below(tx, &who, &row, &begin)
            });
            if !more.await? {
                return Ok(());
            }
        }
    }

    /// Erases the versions of one path that are not newer than a moment, the current one among them.
    pub async fn purge_object(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        until: Instant,
    ) -> Result<()> {
        loop {
            let (who, name, path) = (who.clone(), container.clone(), path.clone());
            let more = self.commit(move |tx| {
                let row = owned_in(tx, &who, &name)?;
                let path = path.as_str().as_bytes();
                let found = tx.serials(row.id, path, SERIALS_MAX)?;
                if found.is_empty() {
                    return Err(absent());
                }
                let old = found.into_iter().rev();
                let old: Vec<i64> = old
                    .filter(|(_, _, created)| *created <= until.0)
                    .map(|(serial, _, _)| serial)
                    .collect();
                for serial in old.iter().take(BATCH) {
                    erase(tx, &who, &row, path, *serial, true)?;
                }
                Ok(old.len() > BATCH)
            });
            if !more.await? {
                return Ok(());
            }
        }
    }

    /// Erases the versions of a container that are neither current nor newer than a moment.
    pub async fn purge_container(
        &self,
        who: &Caller,
        container: &ContainerName,
        until: Instant,
    ) -> Result<()> {
        // Old content first: a mark of a deletion that goes before it would bring it back.
        for cluster in [Cluster::History, Cluster::Deleted] {
            let mut after = None;
            loop {
                let (found, next) = self
                    .old_versions(who, container, cluster, until, after)
                    .await?;
                if !found.is_empty() {
                    let (who, name) = (who.clone(), container.clone());
                    self.commit(move |tx| {
                        let row = owned_in(tx, &who, &name)?;
                        for (path, serial) in found.iter().rev() {
                            erase(tx, &who, &row, path, *serial, false)?;
                        }
                        Ok(())
                    })
                    .await?;
                }
                match next {
                    None => break,
                    next => after = next,
                }
            }
        }
        Ok(())
    }

    /// A page of versions to purge, and where the next one starts.
    async fn old_versions(
        &self,
        who: &Caller,
        container: &ContainerName,
        cluster: Cluster,
        until: Instant,
        after: Option<VersionMarker>,
    ) -> Result<(Vec<(Vec<u8>, i64)>, Option<VersionMarker>)> {
        let (who, name) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = owned_in(tx, &who, &name)?;
            let query = VersionListQuery {
                after,
                limit: BATCH,
                ..VersionListQuery::default()
            };
            let page = tx.list_versions(row.id, &query)?;
            let (mut found, mut last) = (Vec::new(), None);
            for item in page.items {
                let VersionListItem::Version(item) = item else {
                    continue;
                };
                let version = item.version;
                if version.cluster == cluster && version.created <= until.0 {
                    found.push((version.path.clone(), version.serial));
                }
                last = Some(VersionMarker {
                    path: version.path,
                    serial: Some(version.serial),
                });
            }
            Ok((found, last.filter(|_| page.more)))
        })
        .await
    }

    /// Removes a container without current objects, with its history and the uploads begun in it.
    pub async fn delete_container_with_history(
        &self,
        who: &Caller,
        name: &ContainerName,
    ) -> Result<()> {
        {
            let (who, name) = (who.clone(), name.clone());
            self.look(move |tx| {
                let row = owned_in(tx, &who, &name)?;
                let state = tx.container_state(row.id)?;
                if state.is_some_and(|state| state.objects > 0) {
                    return Err(not_empty(&name));
                }
                Ok(())
            })
            .await?;
        }
        self.purge_container(who, name, now()).await?;
        self.delete_container(who, name).await
    }
}

fn not_empty(name: &ContainerName) -> Error {
    let context = format!("the container {name} is not empty");
    let reason = Reason::ContainerNotEmpty;
    Error::because(ErrorKind::Conflict, reason, context)
}

/// Deletes what is current at a path.
fn remove(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &ObjectPath,
) -> Result<()> {
    let target = Target::Path(path.as_str().as_bytes());
    permission::require(tx, who, container, Action::DeleteObject, target)?;
    let serial = tx.lock_container(container.id)?.seq;
    let occasion = Occasion::new(Cause::Delete, who);
    if archive::is_on(container) {
        let path = path.as_str().as_bytes();
        return archive::delete(tx, container, serial, path, &occasion).map(drop);
    }
    remove_current(tx, &occasion, container, serial, path).map(drop)
}

/// Deletes a batch of what lies below; says whether there may be more.
fn remove_below(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    begin: &str,
) -> Result<bool> {
    let query = BrowseQuery {
        prefix: begin.as_bytes().to_vec(),
        limit: BATCH,
        ..BrowseQuery::default()
    };
    let page = tx.browse(container.id, &query, None)?;
    for item in page.items {
        if let ListItem::Object(row) = item {
            let path = ObjectPath::new(String::from_utf8_lossy(&row.path))?;
            remove(tx, who, container, &path)?;
        }
    }
    // An archive may have brought something back: that is what it is for.
    Ok(page.more && !archive::is_on(container))
}

/// Erases one version. What is locked is refused or, unless it was asked for by name, left.
fn erase(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &[u8],
    serial: i64,
    by_name: bool,
) -> Result<()> {
    let Some(row) = tx.version(container.id, path, serial)? else {
        return Ok(());
    };
    if !by_name {
        if row.cluster == Cluster::Normal || !lock::is_free(&decode_attributes(&row.meta)?, now())?
        {
            return Ok(());
        }
        let is_head = tx
            .head(container.id, path)?
            .is_some_and(|head| head.serial == serial);
        let hides = row.cluster == Cluster::Deleted && is_head;
        if hides && tx.has_older_version(container.id, path, serial)? {
            return Ok(());
        }
    }
    permission::require(
        tx,
        who,
        container,
        Action::DeleteObjectVersion,
        Target::Path(path),
    )?;
    lock::check_delete(tx, who, container, &row, false)?;
    let change = tx.lock_container(container.id)?.seq;
    let occasion = Occasion::new(Cause::Delete, who);
    writing::remove_version(tx, container, change, &row, &occasion)
}
