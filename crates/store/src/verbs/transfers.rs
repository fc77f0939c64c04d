//! Transfers: copies and moves of an object, or of an object and all that lies below it. No data moves, unless
//! the two containers cut their streams at other lengths.
//!
//! What is copied keeps its words, over which those of the request are laid; a copy is another object, a
//! moved one stays the same. Neither takes access lists or locks along.
//!
//! Promises: a transfer of up to [`BATCH`] objects is one transaction; a longer one is several, each of which
//! leaves every object at one place at least. What arrives below the source meanwhile is not taken, so a
//! copy into itself ends.

use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{
    BrowseQuery, ContainerId, ContainerRow, ListItem, ReadTx, VersionRow, WriteTx,
};

use super::container_edits::standing_over;
use super::copies::{load_references, same_grid};
use super::deletions::remove_current;
use super::descriptions::DescriptionEdit;
use super::event::{Cause, Occasion};
use super::objects::existing;
use super::patches::refuse_sealed;
use super::uploads::UPLOAD;
use super::writing::{self, NewVersion};
use crate::attributes::{OBJECT, OBJECT_ID, new_object_id};
use crate::caller::Caller;
use crate::composer::{Composer, Content};
use crate::condition::Present;
use crate::intake::NewBlocks;
use crate::lock::{self, LOCK};
use crate::names::{ContainerName, ObjectPath, Selector};
use crate::permission::{self, ACCESS, ReadAction, Target, permitted};
use crate::place::Place;
use crate::request::{Condition, Description, Guards, Source, Version};
use crate::standing::Standing;
use crate::store::Store;
use crate::{Error, ErrorKind, Result, rows};

/// Objects of one transaction: their lists are in memory meanwhile.
const BATCH: usize = 100;

/// A copy or a move.
#[derive(Clone)]
pub struct Transfer {
    /// What is copied or moved, and what must hold of it.
    pub source: Source,
    /// To which container.
    pub container: ContainerName,
    /// To which path.
    pub path: ObjectPath,
    /// What must hold of what is there.
    pub condition: Condition,
    /// Changes the words of the object itself, not of those below it.
    pub edit: DescriptionEdit,
    /// Whether the source goes. Only its owner may.
    pub moves: bool,
    /// Also what lies below the source behind this.
    pub delimiter: Option<String>,
}

/// The two containers of a transfer.
#[derive(Clone)]
struct Ways {
    from: ContainerRow,
    to: ContainerRow,
    /// The last serial of the source's container that is looked at.
    until: i64,
}

/// An object that is about to be written at its other place.
#[derive(Clone)]
struct Prepared {
    row: VersionRow,
    path: ObjectPath,
    root: Node,
    merkle: Option<Vec<u8>>,
    blocks: NewBlocks,
    /// Where the content lies, and where it is to go.
    place: Place,
    /// Whether the source must still be what is current.
    is_current: bool,
    is_top: bool,
}

impl Store {
    /// Copies or moves; gives the version at the destination.
    pub async fn transfer(&self, who: &Caller, transfer: Transfer) -> Result<Version> {
        let (ways, row) = self.ways(who, &transfer).await?;
        refuse_loop(&transfer, &ways)?;
        let is_current = transfer.source.version == Selector::Current;
        let top = (row, transfer.path.clone(), is_current, true);
        let mut batch = vec![self.prepare(&ways, top).await?];
        let mut after = None;
        let mut written: Option<Version> = None;
        loop {
            let more = match &transfer.delimiter {
                None => false,
                Some(delimiter) => {
                    let room = BATCH - batch.len();
                    let (rows, last) = self
                        .below(&transfer, delimiter, &ways, after.clone(), room)
                        .await?;
                    let more = rows.len() == room;
                    after = last.or(after);
                    for (row, path) in rows {
                        let child = (row, path, true, false);
                        batch.push(self.prepare(&ways, child).await?);
                    }
                    more
                }
            };
            let done = self
                .commit_transfer(who, &transfer, std::mem::take(&mut batch))
                .await?;
            written = written.or(done);
            if !more {
                break;
            }
        }
        written.ok_or_else(|| Error::new(ErrorKind::Unexpected, "a transfer wrote nothing"))
    }

    /// Both containers and the version that is meant, for a caller who may.
    async fn ways(&self, who: &Caller, transfer: &Transfer) -> Result<(Ways, VersionRow)> {
        let (who, transfer) = (who.clone(), transfer.clone());
        let found = self
            .look(move |tx| {
                let source = &transfer.source;
                let from = permission::find(tx, &who, &source.container)?;
                if transfer.moves {
                    require_owner(tx, &who, &from)?;
                }
                let (row, _) = existing(tx, &who, &from, source, ReadAction::GET)?;
                source.condition.check_write(Some(Present::of(&row)))?;
                let target = Target::Path(transfer.path.as_str().as_bytes());
                let to = permitted(tx, &who, &transfer.container, Action::PutObject, target)?;
                let state = tx.container_state(from.id)?;
                let until = state.map_or(0, |state| state.seq);
                Ok((Ways { from, to, until }, row))
            })
            .await?;
        let (ways, row) = &found;
        if ways.from.id != ways.to.id {
            self.refuse_encryption(&ways.to)?;
            refuse_sealed(row)?;
        }
        Ok(found)
    }

    /// A page of the objects below the source, with their paths at the other place.
    async fn below(
        &self,
        transfer: &Transfer,
        delimiter: &str,
        ways: &Ways,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<(Vec<(VersionRow, ObjectPath)>, Option<Vec<u8>>)> {
        let begin = below(transfer.source.path.as_str(), delimiter);
        let there = below(transfer.path.as_str(), delimiter);
        let (container, until) = (ways.from.id, ways.until);
        self.look(move |tx| {
            let rows = page_below(tx, container, &begin, after, (limit, until))?;
            let last = rows.last().map(|row| row.path.clone());
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                let rest = String::from_utf8_lossy(&row.path[begin.len()..]).into_owned();
                found.push((row, ObjectPath::new(format!("{there}{rest}"))?));
            }
            Ok((found, last))
        })
        .await
    }

    /// Makes the content of a version content of the other container.
    async fn prepare(
        &self,
        ways: &Ways,
        (row, path, is_current, is_top): (VersionRow, ObjectPath, bool, bool),
    ) -> Result<Prepared> {
        let Ways { from, to, .. } = ways;
        let at = Place::of_meta(from, &row.meta)?;
        let mut prepared = Prepared {
            place: at.clone(),
            root: Node::decode(&row.list)?,
            merkle: row.root.clone(),
            blocks: NewBlocks {
                ongoing: Some(self.inner.underway.begin()),
                ..NewBlocks::default()
            },
            row,
            path,
            is_current,
            is_top,
        };
        if from.id == to.id {
            return Ok(prepared);
        }
        refuse_sealed(&prepared.row)?;
        if !same_grid(from, to) && prepared.row.size > 0 {
            let content = Content::of(self.lane_of(&at)?, from, &prepared.row, to)?;
            prepared.place = Place::in_array(&to.array_name);
            let mut composer = Composer::new(self.lane_of(&prepared.place)?, to, u64::MAX)?;
            composer.range(&content, 0..content.len(), true).await?;
            let (taken, _) = composer.finish().await?;
            prepared.root = taken.root;
            prepared.merkle = taken.merkle.map(|root| root.as_bytes().to_vec());
            prepared.blocks = taken.blocks;
            return Ok(prepared);
        }
        if from.account_id != to.account_id {
            let lane = self.lane_of(&at)?;
            prepared.blocks.nodes = load_references(lane, &prepared.root).await?;
        }
        // Its blocks stay where they are, and are moved later if they belong elsewhere.
        prepared.place = at.bound_for(&to.array_name);
        Ok(prepared)
    }

    async fn commit_transfer(
        &self,
        who: &Caller,
        transfer: &Transfer,
        batch: Vec<Prepared>,
    ) -> Result<Option<Version>> {
        let (who, transfer) = (who.clone(), transfer.clone());
        self.commit(move |tx| {
            let mut top = None;
            for one in &batch {
                let written = write_one(tx, &who, &transfer, one)?;
                if one.is_top {
                    top = written.map(|row| rows::version(row, true)).transpose()?;
                }
            }
            Ok(top)
        })
        .await
    }
}

/// A page of the live objects whose paths begin like this, of those up to a serial.
fn page_below(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    begin: &str,
    after: Option<Vec<u8>>,
    (limit, until): (usize, i64),
) -> Result<Vec<VersionRow>> {
    let query = BrowseQuery {
        prefix: begin.as_bytes().to_vec(),
        after,
        limit,
        ..BrowseQuery::default()
    };
    let mut old = |row: &dolium_catalog::VersionSummary| row.serial <= until;
    let page = tx.browse(container, &query, Some(&mut old))?;
    let mut found = Vec::with_capacity(page.items.len());
    for item in page.items {
        if let ListItem::Object(row) = item {
            found.extend(tx.version(container, &row.path, row.serial)?);
        }
    }
    Ok(found)
}

/// What the paths of all that lies below a path begin with.
pub(super) fn below(path: &str, delimiter: &str) -> String {
    match path.ends_with(delimiter) {
        true => path.to_owned(),
        false => format!("{path}{delimiter}"),
    }
}

fn refuse_loop(transfer: &Transfer, ways: &Ways) -> Result<()> {
    let Some(delimiter) = transfer.delimiter.as_deref().filter(|_| transfer.moves) else {
        return Ok(());
    };
    let begin = below(transfer.source.path.as_str(), delimiter);
    if ways.from.id == ways.to.id && transfer.path.as_str().starts_with(&begin) {
        let context = "what is moved cannot go below itself";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    Ok(())
}

fn require_owner(tx: &mut ReadTx<'_>, who: &Caller, row: &ContainerRow) -> Result<()> {
    if standing_over(tx, who, row)? >= Standing::Owner {
        return Ok(());
    }
    let context = "only an owner of the account may take something away";
    Err(Error::new(ErrorKind::Denied, context))
}

fn write_one(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    transfer: &Transfer,
    one: &Prepared,
) -> Result<Option<VersionRow>> {
    let source = &transfer.source;
    let from = permission::find(tx, who, &source.container)?;
    permission::require(
        tx,
        who,
        &from,
        ReadAction::GET.on(source.version),
        Target::Version(&one.row),
    )?;
    let target = Target::Path(one.path.as_str().as_bytes());
    let to = permitted(tx, who, &transfer.container, Action::PutObject, target)?;
    // Both, and always in this order, so that two transfers do not wait for each other.
    for id in [from.id.min(to.id), from.id.max(to.id)] {
        tx.lock_container(id)?;
    }
    if one.is_current {
        let live = tx.live(from.id, &one.row.path)?;
        if live.is_none_or(|live| live.serial != one.row.serial) {
            let context = "the source was changed meanwhile";
            return Err(Error::new(ErrorKind::Conflict, context));
        }
    }
    if one.is_top {
        writing::check(tx, &to, &one.path, &transfer.condition)?;
    }
    let same_place = from.id == to.id && one.path.as_str().as_bytes() == one.row.path;
    let description = describe(tx, &to, transfer, one, same_place)?;
    writing::link(tx, &one.place.holder(to.account_id), &one.root, &one.blocks)?;
    let cause = if transfer.moves {
        Cause::Rename
    } else {
        Cause::Copy
    };
    let occasion = Occasion::new(cause, who);
    if transfer.moves && !same_place {
        let path = ObjectPath::new(String::from_utf8_lossy(&one.row.path))?;
        let from_path = Target::Path(&one.row.path);
        permission::require(tx, who, &from, Action::DeleteObject, from_path)?;
        lock::check_delete(tx, who, &from, &one.row, false)?;
        let serial = tx.lock_container(from.id)?.seq;
        remove_current(tx, &occasion, &from, serial, &path)?;
    }
    let serial = tx.lock_container(to.id)?.seq;
    let new = NewVersion {
        path: one.path.clone(),
        size: one.row.size as u64,
        etag: one.row.etag.clone(),
        description,
        merkle: one.merkle.clone(),
        author: who.author().0,
        root: one.root.clone(),
        place: one.place.clone(),
    };
    writing::write_version(tx, &to, serial, new, &occasion).map(Some)
}

/// The words at the other place.
fn describe(
    tx: &mut ReadTx<'_>,
    to: &ContainerRow,
    transfer: &Transfer,
    one: &Prepared,
    same_place: bool,
) -> Result<Description> {
    let attributes = rows::decode_attributes(&one.row.meta)?;
    let mut description = Description {
        content_type: one.row.content_type.clone(),
        attributes,
        guards: Guards::default(),
        class: None,
    };
    if one.is_top {
        (transfer.edit)(&mut description)?;
    }
    let attributes = &mut description.attributes;
    for namespace in [ACCESS, LOCK, UPLOAD] {
        attributes.clear(namespace);
    }
    if transfer.moves {
        return Ok(description);
    }
    let mut id = new_object_id();
    if same_place {
        // An old version brought back is the object that it was.
        let live = tx.live(to.id, &one.row.path)?;
        let there = live.map_or_else(|| one.row.meta.clone(), |live| live.meta);
        let there = rows::decode_attributes(&there)?;
        match there.get(OBJECT, OBJECT_ID) {
            Some(same) => id = same.to_owned(),
            None => {
                attributes.clear(OBJECT);
                return Ok(description);
            }
        }
    }
    attributes.set(OBJECT, OBJECT_ID, id);
    Ok(description)
}
