//! Archives: a container whose old versions go into another one of the same account.
//!
//! Swift's older way of keeping versions. A container names its archive in namespace `archive`, key `to`,
//! and in `mode` what a deletion does: `stack` brings the newest archived version back, `history` archives
//! what was there and a mark of the deletion.
//!
//! Promises: what is overwritten is in the archive when, and only when, the new version is committed;
//! writers need no right to the archive.

use dolium_block::Node;
use dolium_catalog::{
    ChangeKind, Cluster, ContainerRow, ListItem, ListQuery, VersionRow,
    Versioning as RowVersioning, WriteTx,
};

use super::copies::same_grid;
use super::event::Occasion;
use super::{quota, writing};
use crate::clock::now;
use crate::intake::NewBlocks;
use crate::lock::LOCK;
use crate::movement;
use crate::names::PATH_LEN_MAX;
use crate::permission::ACCESS;
use crate::place::Place;
use crate::rows::{decode_attributes, encode_attributes, mentions};
use crate::{Error, ErrorKind, Reason, Result, expiry};

/// The namespace of a container that names its archive.
pub const ARCHIVE: &str = "archive";
/// Its key for the name of the archive.
pub const ARCHIVE_TO: &str = "to";
/// Its key for what a deletion does.
pub const ARCHIVE_MODE: &str = "mode";
/// A deletion brings the newest archived version back.
pub const ARCHIVE_STACK: &str = "stack";
/// A deletion is archived too.
pub const ARCHIVE_HISTORY: &str = "history";
/// The media type of a mark of a deletion.
pub const ARCHIVED_DELETION: &str = "application/x-deleted;swift_versions_deleted=1";
/// The tag of no bytes.
const ETAG_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// An archive, found for one transaction.
struct Archive {
    container: ContainerRow,
    keeps_deletions: bool,
}

/// Whether a container names an archive.
pub(super) fn is_on(container: &ContainerRow) -> bool {
    mentions(&container.attributes, ARCHIVE) && container.versioning == RowVersioning::Off
}

fn of(tx: &mut WriteTx<'_>, container: &ContainerRow) -> Result<Option<Archive>> {
    if !is_on(container) {
        return Ok(None);
    }
    let attributes = decode_attributes(&container.attributes)?;
    let Some(name) = attributes.get(ARCHIVE, ARCHIVE_TO) else {
        return Ok(None);
    };
    let found = tx.container_by_name(container.account_id, name.as_bytes())?;
    let found = found.filter(|found| found.id != container.id);
    let absent = || {
        let context = "the container for old versions is not there";
        Error::because(ErrorKind::Conflict, Reason::NoArchive, context)
    };
    Ok(Some(Archive {
        container: found.ok_or_else(absent)?,
        keeps_deletions: keeps_deletions(container)?,
    }))
}

fn keeps_deletions(container: &ContainerRow) -> Result<bool> {
    let attributes = decode_attributes(&container.attributes)?;
    Ok(attributes.get(ARCHIVE, ARCHIVE_MODE) == Some(ARCHIVE_HISTORY))
}

/// What the names of a path's versions begin with: its length, so that no path is the beginning of
/// another's.
fn prefix(path: &[u8]) -> Vec<u8> {
    [format!("{:03x}", path.len()).as_bytes(), path, b"/"].concat()
}

fn name(path: &[u8], at: i64) -> Result<Vec<u8>> {
    let at = at.max(0);
    let moment = format!("{:010}.{:05}", at / 1_000_000, at % 1_000_000 / 10);
    let name = [prefix(path), moment.into_bytes()].concat();
    if name.len() > PATH_LEN_MAX {
        let context = "the path is too long for the container of old versions";
        return Err(Error::because(ErrorKind::Invalid, Reason::BadName, context));
    }
    Ok(name)
}

/// Archives what a new version is about to replace.
pub(super) fn keep(tx: &mut WriteTx<'_>, container: &ContainerRow, path: &[u8]) -> Result<()> {
    if !is_on(container) {
        return Ok(());
    }
    let Some(live) = tx.live(container.id, path)? else {
        return Ok(());
    };
    match of(tx, container)? {
        Some(archive) => {
            let name = name(path, live.created)?;
            put(tx, (container, live), &archive.container, name)
        }
        None => Ok(()),
    }
}

/// Writes a version of one container into another of the account under another path.
fn put(
    tx: &mut WriteTx<'_>,
    (from, version): (&ContainerRow, VersionRow),
    container: &ContainerRow,
    path: Vec<u8>,
) -> Result<()> {
    let serial = tx.lock_container(container.id)?.seq;
    let place = Place::of_meta(from, &version.meta)?.bound_for(&container.array_name);
    if !version.list.is_empty() {
        let root = Node::decode(&version.list)?;
        let holder = place.holder(container.account_id);
        writing::link(tx, &holder, &root, &NewBlocks::default())?;
    }
    writing::make_way(tx, container, &path)?;
    let here = tx.container(version.container_id)?;
    let same_grid = here.is_some_and(|here| same_grid(&here, container));
    let mut attributes = decode_attributes(&version.meta)?;
    for namespace in [ACCESS, LOCK] {
        attributes.clear(namespace);
    }
    place.note(container, &mut attributes);
    let row = VersionRow {
        container_id: container.id,
        path,
        serial,
        cluster: Cluster::Normal,
        null_version: container.versioning != RowVersioning::On,
        created: now().0,
        meta: encode_attributes(&attributes),
        root: version.root.filter(|_| same_grid),
        ..version
    };
    tx.insert_version(&row)?;
    writing::note_change(tx, container, serial, ChangeKind::Put, &row)?;
    expiry::remind(tx, &row)?;
    movement::remind(tx, &row, &place)?;
    quota::check(tx, container)
}

/// What a deletion does in a container with an archive; says whether there was something to delete.
pub(super) fn delete(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    serial: i64,
    path: &[u8],
    occasion: &Occasion<'_>,
) -> Result<bool> {
    let live = expiry::unended(tx.live(container.id, path)?)?;
    let found = live.is_some();
    let archive = match of(tx, container) {
        // Without an archive there is nothing to bring back.
        Err(error) if error.reason() == Some(Reason::NoArchive) && !keeps_deletions(container)? => {
            None
        }
        archive => archive?,
    };
    let Some(archive) = archive else {
        if let Some(live) = live {
            writing::remove_version(tx, container, serial, &live, occasion)?;
        }
        return Ok(found);
    };
    if archive.keeps_deletions {
        if let Some(live) = live {
            let name = name(path, live.created)?;
            put(tx, (container, live.clone()), &archive.container, name)?;
            writing::remove_version(tx, container, serial, &live, occasion)?;
        }
        let mark = mark(container, occasion);
        put(
            tx,
            (container, mark),
            &archive.container,
            name(path, now().0)?,
        )?;
        return Ok(found);
    }
    let mut newest = newest(tx, &archive.container, path)?.into_iter();
    let first = newest.next();
    let marked = first.as_ref().is_some_and(is_mark);
    let back = match (&live, marked) {
        // A mark of a deletion goes, and with it what it was the end of, unless that is a mark too.
        (None, true) => newest.next().filter(|version| !is_mark(version)),
        (Some(_), true) => None,
        (_, false) => first.clone(),
    };
    if let Some(live) = live {
        writing::remove_version(tx, container, serial, &live, occasion)?;
    }
    if let Some(back) = &back {
        put(
            tx,
            (&archive.container, back.clone()),
            container,
            path.to_vec(),
        )?;
        remove(tx, &archive.container, back, occasion)?;
    }
    if let Some(mark) = first.as_ref().filter(|_| marked) {
        remove(tx, &archive.container, mark, occasion)?;
    }
    Ok(found || first.is_some())
}

fn is_mark(version: &VersionRow) -> bool {
    version.content_type == ARCHIVED_DELETION
}

fn remove(
    tx: &mut WriteTx<'_>,
    archive: &ContainerRow,
    version: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    let serial = tx.lock_container(archive.id)?.seq;
    writing::remove_version(tx, archive, serial, version, occasion)
}

/// The two newest versions of a path.
fn newest(tx: &mut WriteTx<'_>, archive: &ContainerRow, path: &[u8]) -> Result<Vec<VersionRow>> {
    let query = ListQuery {
        prefix: prefix(path),
        downwards: true,
        limit: 2,
        ..ListQuery::default()
    };
    let mut found = Vec::new();
    for item in tx.list_live(archive.id, &query)?.items {
        if let ListItem::Object(object) = item {
            found.extend(tx.live(archive.id, &object.path)?);
        }
    }
    Ok(found)
}

/// A mark of a deletion.
fn mark(container: &ContainerRow, occasion: &Occasion<'_>) -> VersionRow {
    VersionRow {
        container_id: container.id,
        path: Vec::new(),
        serial: 0,
        cluster: Cluster::Normal,
        null_version: true,
        created: now().0,
        size: 0,
        etag: ETAG_OF_NOTHING.to_owned(),
        content_type: ARCHIVED_DELETION.to_owned(),
        root: None,
        author: occasion.who().author(),
        meta: Vec::new(),
        list: Node::Leaf(Vec::new()).encode(),
    }
}
