//! Restores: a container brought back to what it was just before a moment, as new versions.
//!
//! What was there then and is not, or is another, is written again from its old version; what is there now
//! and was not then is deleted. History is not rewritten: the restore itself can be undone the same way.
//!
//! Promises: each batch is one transaction; asking again goes on where it stopped and, at the end, changes
//! nothing; no data moves.

use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{
    BrowseQuery, Cluster, ContainerRow, ListItem, ReadTx, VersionRow, Versioning, WriteTx,
};

use super::deletions::remove_current;
use super::event::{Cause, Occasion};
use super::loose_blocks::owned_in;
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::intake::NewBlocks;
use crate::lock::LOCK;
use crate::names::{ContainerName, Instant, ObjectPath};
use crate::permission::{self, ACCESS, Target};
use crate::place::{PLACE, Place};
use crate::request::{Description, Guards};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// Paths looked at by one transaction.
const BATCH: usize = 200;
/// Versions of one path that are looked through for what was there.
const SERIALS_MAX: i64 = 10_000;

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Objects written again.
    pub written: u64,
    /// Objects deleted.
    pub deleted: u64,
}

impl Store {
    /// Brings a container back to what it was just before a moment.
    pub async fn restore_container(
        &self,
        who: &Caller,
        container: &ContainerName,
        at: Instant,
    ) -> Result<Restored> {
        let mut done = Restored::default();
        for before in [Some(at.0), None] {
            let mut after = None;
            loop {
                let (who, name) = (who.clone(), container.clone());
                let from = after.take();
                let (step, next) = self
                    .commit(move |tx| batch(tx, &who, &name, (at, before), from.clone()))
                    .await?;
                done.written += step.written;
                done.deleted += step.deleted;
                match next {
                    None => break,
                    next => after = next,
                }
            }
        }
        Ok(done)
    }
}

/// Looks at a page of what was there then, or of what is there now.
fn batch(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    name: &ContainerName,
    (at, before): (Instant, Option<i64>),
    after: Option<Vec<u8>>,
) -> Result<(Restored, Option<Vec<u8>>)> {
    let row = owned_in(tx, who, name)?;
    check(&row, at)?;
    let query = BrowseQuery {
        after,
        limit: BATCH,
        before,
        ..BrowseQuery::default()
    };
    let page = tx.browse(row.id, &query, None)?;
    let next = page.items.last().map(|item| item.marker().to_vec());
    let mut done = Restored::default();
    for item in page.items {
        let ListItem::Object(found) = item else {
            continue;
        };
        match before {
            Some(_) => {
                let old = tx.version(row.id, &found.path, found.serial)?;
                if let Some(old) = old
                    && write_again(tx, who, &row, old)?
                {
                    done.written += 1;
                }
            }
            None if found.created >= at.0 && !was_there(tx, &row, &found.path, at)? => {
                let path = path(&found.path)?;
                let target = Target::Path(&found.path);
                permission::require(tx, who, &row, Action::DeleteObject, target)?;
                let serial = tx.lock_container(row.id)?.seq;
                let occasion = Occasion::new(Cause::Delete, who);
                remove_current(tx, &occasion, &row, serial, &path)?;
                done.deleted += 1;
            }
            None => {}
        }
    }
    Ok((done, next.filter(|_| page.more)))
}

fn check(container: &ContainerRow, at: Instant) -> Result<()> {
    if container.versioning != Versioning::On {
        let context = "the container keeps no versions to restore";
        let reason = Reason::VersioningNeeded;
        return Err(Error::because(ErrorKind::Conflict, reason, context));
    }
    if container.created >= at.0 {
        let context = "the container was not there yet";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    Ok(())
}

/// Whether something was at a path just before a moment.
fn was_there(
    tx: &mut ReadTx<'_>,
    container: &ContainerRow,
    path: &[u8],
    at: Instant,
) -> Result<bool> {
    let versions = tx.serials(container.id, path, SERIALS_MAX)?;
    let newest = versions.iter().find(|(_, _, created)| *created < at.0);
    Ok(newest.is_some_and(|(_, cluster, _)| *cluster != Cluster::Deleted))
}

/// Writes an old version again, unless what is current is the same.
fn write_again(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    old: VersionRow,
) -> Result<bool> {
    let live = tx.live(container.id, &old.path)?;
    let words = |row: &VersionRow| -> Result<_> {
        let mut attributes = rows::decode_attributes(&row.meta)?;
        for namespace in [ACCESS, LOCK, PLACE] {
            attributes.clear(namespace);
        }
        Ok(attributes)
    };
    let attributes = words(&old)?;
    if let Some(live) = &live
        && (&live.list, &live.content_type, &live.etag) == (&old.list, &old.content_type, &old.etag)
        && words(live)? == attributes
    {
        return Ok(false);
    }
    let target = Target::Path(&old.path);
    permission::require(tx, who, container, Action::PutObject, target)?;
    let root = Node::decode(&old.list)?;
    let place = Place::of_meta(container, &old.meta)?;
    let holder = place.holder(container.account_id);
    writing::link(tx, &holder, &root, &NewBlocks::default())?;
    let serial = tx.lock_container(container.id)?.seq;
    let new = NewVersion {
        path: path(&old.path)?,
        size: old.size as u64,
        etag: old.etag,
        description: Description {
            content_type: old.content_type,
            attributes,
            guards: Guards::default(),
            class: None,
        },
        merkle: old.root,
        author: who.author().0,
        root,
        place,
    };
    writing::write_version(tx, container, serial, new, &Occasion::new(Cause::Copy, who))?;
    Ok(true)
}

fn path(bytes: &[u8]) -> Result<ObjectPath> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        let context = "the catalog holds a path that is not text";
        Error::new(ErrorKind::Corrupt, context)
    })?;
    ObjectPath::new(text)
}
