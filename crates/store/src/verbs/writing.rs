//! The rules of writing and removing versions, inside the committing transaction.
//!
//! Every protocol's writes end here, so versioning, conditions, quotas, references and the change log
//! hold for all of them. At most one version of a path is live: the newest, unless an older one was made
//! current again. A delete marker that is newer than all and than which nothing is live hides the path.

use std::collections::HashMap;

use dolium_block::{BlockId, Node};
use dolium_catalog::{
    ChangeKind, ChangeRow, Cluster, ContainerRow, Holder, UploadRow, UserId, VersionRow,
    Versioning as RowVersioning, WriteTx,
};

use super::event::{self, Occasion};
use super::{archive, quota};
use crate::attributes::{OBJECT, OBJECT_ID};
use crate::clock::now;
use crate::condition::Present;
use crate::intake::NewBlocks;
use crate::lock;
use crate::movement;
use crate::names::ObjectPath;
use crate::place::Place;
use crate::request::{Condition, Description};
use crate::rows;
use crate::{Error, ErrorKind, Result, expiry, sharing};

/// A version about to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewVersion {
    pub(crate) path: ObjectPath,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) description: Description,
    pub(crate) merkle: Option<Vec<u8>>,
    pub(crate) author: i64,
    pub(crate) root: Node,
    /// Where its content lies.
    pub(crate) place: Place,
}

/// Notes new packs and blocks and refers to the content of `root`.
pub(crate) fn link(
    tx: &mut WriteTx<'_>,
    holder: &Holder,
    root: &Node,
    new: &NewBlocks,
) -> Result<()> {
    for (pack, entries) in &new.packs {
        pack.note(tx, &holder.array, entries, None)?;
    }
    refer(tx, holder, root.references(), &new.nodes)
}

/// Adds references, and for nodes that the holder did not refer to before those of their children.
fn refer(
    tx: &mut WriteTx<'_>,
    holder: &Holder,
    ids: Vec<BlockId>,
    nodes: &HashMap<BlockId, Vec<BlockId>>,
) -> Result<()> {
    let mut waiting = vec![ids];
    while let Some(ids) = waiting.pop() {
        let added = tx.add_refs(holder, &ids)?;
        if let Some(missing) = added.missing.first() {
            // It was collected between our look and this commit. Sending again stores it again.
            let context = format!("block {missing} was collected meanwhile; send the data again");
            return Err(Error::new(ErrorKind::Unavailable, context));
        }
        for node in added.new_nodes {
            let children = nodes.get(&node).ok_or_else(|| {
                let context = "a part of the block list changed meanwhile; try again";
                Error::new(ErrorKind::Unavailable, context)
            })?;
            waiting.push(children.clone());
        }
    }
    Ok(())
}

/// Drops the references of an encoded block list.
pub(crate) fn unlink(tx: &mut WriteTx<'_>, holder: &Holder, list: &[u8]) -> Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    let references = Node::decode(list)?.references();
    Ok(tx.drop_refs(holder, &references, now().0)?)
}

/// Drops the references of a version that is gone.
fn unlink_version(tx: &mut WriteTx<'_>, container: &ContainerRow, gone: &VersionRow) -> Result<()> {
    let place = Place::of_meta(container, &gone.meta)?;
    unlink(tx, &place.holder(container.account_id), &gone.list)
}

/// Forgets an upload and its parts.
pub(crate) fn drop_upload(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    upload: &UploadRow,
) -> Result<()> {
    let place = rows::place_of_upload(container, upload)?;
    let holder = place.holder(container.account_id);
    for part in tx.delete_upload(container.id, &upload.upload_id)? {
        unlink(tx, &holder, &part.list)?;
    }
    Ok(())
}

/// Checks a write's condition against the live version.
pub(crate) fn check(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    path: &ObjectPath,
    condition: &Condition,
) -> Result<()> {
    if *condition == Condition::default() {
        return Ok(());
    }
    let live = expiry::unended(tx.live(container.id, path.as_str().as_bytes())?)?;
    condition.check_write(live.as_ref().map(Present::of))
}

/// Writes a version with content. The caller has locked the container and linked the content.
pub(crate) fn write_version(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    serial: i64,
    mut new: NewVersion,
    occasion: &Occasion<'_>,
) -> Result<VersionRow> {
    lock::apply_default(container, &mut new.description.attributes)?;
    new.place.note(container, &mut new.description.attributes);
    let path = new.path.as_str().as_bytes().to_vec();
    let who = occasion.who();
    sharing::check_kind(tx, who, container, &path, &new.description.content_type)?;
    archive::keep(tx, container, &path)?;
    let before = make_way(tx, container, &path)?;
    if occasion.is_of_the_same_object() {
        keep_id(before.as_ref(), &mut new.description)?;
    }
    let row = VersionRow {
        container_id: container.id,
        path,
        serial,
        cluster: Cluster::Normal,
        null_version: container.versioning != RowVersioning::On,
        created: now().0,
        size: new.size as i64,
        etag: new.etag,
        content_type: new.description.content_type,
        root: new.merkle,
        author: UserId(new.author),
        meta: rows::encode_attributes(&new.description.attributes),
        list: new.root.encode(),
    };
    tx.insert_version(&row)?;
    sharing::apply(tx, who, container, &row.path, &new.description.guards.share)?;
    note_change(tx, container, serial, ChangeKind::Put, &row)?;
    event::created(tx, container, &row, occasion)?;
    expiry::remind(tx, &row)?;
    movement::remind(tx, &row, &new.place)?;
    quota::check(tx, container)?;
    Ok(row)
}

/// Writes a delete marker. The caller has locked the container.
pub(crate) fn write_marker(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    serial: i64,
    path: &[u8],
    author: i64,
    occasion: &Occasion<'_>,
) -> Result<VersionRow> {
    make_way(tx, container, path)?;
    let row = VersionRow {
        container_id: container.id,
        path: path.to_vec(),
        serial,
        cluster: Cluster::Deleted,
        null_version: container.versioning != RowVersioning::On,
        created: now().0,
        size: 0,
        etag: String::new(),
        content_type: String::new(),
        root: None,
        author: UserId(author),
        meta: Vec::new(),
        list: Vec::new(),
    };
    tx.insert_version(&row)?;
    sharing::forget(tx, container.id, path)?;
    note_change(tx, container, serial, ChangeKind::Delete, &row)?;
    event::marked(tx, container, &row, occasion)?;
    Ok(row)
}

/// Makes way for a new version: the null version goes if the new one will be null, and whatever is
/// live then becomes history.
/// Returns what was live.
pub(super) fn make_way(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    path: &[u8],
) -> Result<Option<VersionRow>> {
    let Some(head) = tx.head(container.id, path)? else {
        return Ok(None);
    };
    let head_is_null = head.null_version.then_some(head.serial);
    let live = match head.cluster {
        Cluster::Normal => Some(head),
        _ => tx.live(container.id, path)?,
    };
    if container.versioning != RowVersioning::On {
        let null = match head_is_null {
            Some(serial) => Some(serial),
            None => tx.null_version(container.id, path)?.map(|row| row.serial),
        };
        if let Some(serial) = null {
            let gone = tx.delete_version(container.id, path, serial)?;
            unlink_version(tx, container, &gone)?;
            if live.as_ref().is_some_and(|live| live.serial == serial) {
                return Ok(live);
            }
        }
    }
    if let Some(live) = &live {
        tx.set_cluster(container.id, path, live.serial, Cluster::History)?;
    }
    Ok(live)
}

/// Gives a new version the identifier of the one that it replaces.
fn keep_id(before: Option<&VersionRow>, description: &mut Description) -> Result<()> {
    let Some(before) = before.filter(|before| rows::mentions(&before.meta, OBJECT)) else {
        return Ok(());
    };
    let attributes = rows::decode_attributes(&before.meta)?;
    if let Some(id) = attributes.get(OBJECT, OBJECT_ID) {
        description.attributes.set(OBJECT, OBJECT_ID, id);
    }
    Ok(())
}

/// Leaves a path with nothing that it shows and nothing that says so: the null version goes where
/// versioning is suspended, and what is live becomes history.
pub(super) fn hide(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    change: i64,
    path: &[u8],
    occasion: &Occasion<'_>,
) -> Result<()> {
    let live = tx.live(container.id, path)?;
    make_way(tx, container, path)?;
    let Some(live) = live else { return Ok(()) };
    note_change(tx, container, change, ChangeKind::Delete, &live)?;
    event::removed(tx, container, change, &live, occasion)
}

/// Makes an older version what its path shows; it stays where it is among the versions.
pub(super) fn make_current(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    change: i64,
    version: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    if let Some(live) = tx.live(container.id, &version.path)? {
        tx.set_cluster(container.id, &live.path, live.serial, Cluster::History)?;
    }
    let (path, serial) = (&version.path, version.serial);
    tx.set_cluster(container.id, path, serial, Cluster::Normal)?;
    note_change(tx, container, change, ChangeKind::Put, version)?;
    event::created(tx, container, version, occasion)
}

/// Removes one version for good; the newest that is left takes its place if it was what the path showed.
pub(crate) fn remove_version(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    change: i64,
    gone: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    let current = tx.current(container.id, &gone.path)?;
    let was_current = current.is_some_and(|current| current.serial == gone.serial);
    take_version(tx, container, change, gone, occasion)?;
    if !was_current {
        return Ok(());
    }
    match tx.head(container.id, &gone.path)? {
        Some(head) if head.cluster == Cluster::History => {
            tx.set_cluster(container.id, &head.path, head.serial, Cluster::Normal)?;
            note_change(tx, container, change, ChangeKind::Put, &head)
        }
        _ if gone.cluster == Cluster::Normal => {
            sharing::forget(tx, container.id, &gone.path)?;
            note_change(tx, container, change, ChangeKind::Delete, gone)
        }
        _ => Ok(()),
    }
}

/// Removes one version for good, and nothing takes its place.
pub(super) fn take_version(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    change: i64,
    gone: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    tx.delete_version(container.id, &gone.path, gone.serial)?;
    unlink_version(tx, container, gone)?;
    event::removed(tx, container, change, gone, occasion)
}

pub(crate) fn note_change(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    seq: i64,
    kind: ChangeKind,
    row: &VersionRow,
) -> Result<()> {
    let change = ChangeRow {
        container_id: container.id,
        seq,
        kind,
        path: row.path.clone(),
        serial: row.serial,
        at: now().0,
    };
    Ok(tx.append_change(&change)?)
}
