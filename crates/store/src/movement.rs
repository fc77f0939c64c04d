//! Movement: versions whose content is to be kept in another array are brought there.
//!
//! A lifecycle rule, or a copy into another class, only notes where a version is to go. A background pass reads
//! its blocks from the array that has them, stores them in the other one, and then changes the version's place
//! in one transaction. Until then every read goes on from where the content is; afterwards the references to
//! the old places are dropped, and collection frees what nothing else needs.
//!
//! Promises: killed anywhere, the next pass goes on, and what was carried already is not carried again while
//! it is younger than garbage may be; a version that was changed, replaced or removed meanwhile is left as it
//! is; memory for a few blocks and one stretch of names.
//! Does not: change when the object was modified, its tag or its metadata; wake an array that does not answer:
//! what cannot be moved now waits for the next pass.

use std::collections::HashMap;

use dolium_block::{BlockId, Node};
use dolium_catalog::{ContainerRow, MovementRow, VersionRow, WriteTx};

use crate::clock::now;
use crate::intake::{NewBlocks, carry, packs_of};
use crate::lane::Lane;
use crate::packer::Ticket;
use crate::place::Place;
use crate::reader::load_node;
use crate::rows::{decode_attributes, encode_attributes};
use crate::several::{Fence, Held};
use crate::store::Store;
use crate::underway::Ongoing;
use crate::verbs::writing;
use crate::{Result, Status};

/// The lease of those who move.
pub(crate) const MOVEMENT: &str = "movement";
/// Reminders read at a time.
const PAGE: i64 = 100;
/// Blocks carried before they are noted: their names and places are what is held in memory.
const STRETCH: usize = 256;

/// What a pass moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Versions that are in another array now.
    pub versions: u64,
    /// Blocks that were stored there for it.
    pub blocks: u64,
    /// Versions that could not be moved now.
    pub waiting: u64,
}

/// Notes that a version that was just written is to be moved.
pub(crate) fn remind(tx: &mut WriteTx<'_>, row: &VersionRow, place: &Place) -> Result<()> {
    if place.to.is_none() {
        return Ok(());
    }
    Ok(tx.put_movement(&MovementRow {
        container_id: row.container_id,
        path: row.path.clone(),
        serial: row.serial,
        requested: now().0,
    })?)
}

/// Sends a version to an array, unless it is there or on its way; says whether there is something to do.
pub(crate) fn send(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    mut row: VersionRow,
    array: &str,
) -> Result<bool> {
    let mut attributes = decode_attributes(&row.meta)?;
    let place = Place::of(container, &attributes);
    if place.destination() == array {
        return Ok(false);
    }
    let place = place.bound_for(array);
    place.note(container, &mut attributes);
    row.meta = encode_attributes(&attributes);
    tx.update_version(&row)?;
    remind(tx, &row, &place)?;
    Ok(true)
}

/// A version to be moved.
struct Journey {
    container: ContainerRow,
    row: VersionRow,
    from: Place,
    to: String,
}

impl Store {
    /// Moves everything that is to be moved and can be. Passes wait for each other, on all servers.
    pub async fn move_due(&self) -> Result<Moved> {
        let held = self.inner.leases.take(MOVEMENT).await?;
        self.move_under(&held).await
    }

    /// Moves what is due, under the lease of that.
    pub(crate) async fn move_under(&self, held: &Held) -> Result<Moved> {
        let mut done = Moved::default();
        let mut after: Option<MovementRow> = None;
        loop {
            let from = after.take();
            let page = self.look(move |tx| Ok(tx.movements(from.as_ref(), PAGE)?));
            let page = page.await?;
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            for reminder in page {
                if self.inner.stop.is_cancelled() || held.is_lost() {
                    return Ok(done);
                }
                let path = String::from_utf8_lossy(&reminder.path).into_owned();
                let container = reminder.container_id;
                match self.move_one(reminder, held.fence(), &mut done).await {
                    Ok(()) => {}
                    Err(error) => {
                        done.waiting += 1;
                        let temporary = error.status() != Status::Permanent;
                        tracing::warn!(%error, temporary, %container, path, "an object could not be moved");
                    }
                }
            }
        }
    }

    /// How many versions wait to be moved; counts no further than `most`.
    pub async fn movements_waiting(&self, most: i64) -> Result<i64> {
        self.look(move |tx| Ok(tx.movements_waiting(most)?)).await
    }

    async fn move_one(&self, reminder: MovementRow, fence: Fence, done: &mut Moved) -> Result<()> {
        let asked = reminder.clone();
        let Some(journey) = self.look(move |tx| journey(tx, &asked)).await? else {
            return self
                .commit(move |tx| Ok(tx.delete_movement(&reminder)?))
                .await
                .map(drop);
        };
        let from = self.lane_of(&journey.from)?;
        let to = self.lane_named(&journey.to)?;
        let root = Node::decode(&journey.row.list)?;
        let mut carrier = Carrier::new(self, from, to, fence.clone());
        carrier.list(&root).await?;
        done.blocks += carrier.stored;
        let nodes = carrier.finish().await?;
        let moved = self.commit_under(fence, move |tx| {
            arrive(tx, &reminder, &journey, &root, &nodes)
        });
        done.versions += u64::from(moved.await?);
        Ok(())
    }
}

/// What a reminder asks for; `None` when there is nothing to do.
fn journey(tx: &mut dolium_catalog::ReadTx<'_>, asked: &MovementRow) -> Result<Option<Journey>> {
    let Some(container) = tx.container(asked.container_id)? else {
        return Ok(None);
    };
    let Some(row) = tx.version(container.id, &asked.path, asked.serial)? else {
        return Ok(None);
    };
    let from = Place::of_meta(&container, &row.meta)?;
    let to = from.to.clone();
    Ok(to.filter(|_| !row.list.is_empty()).map(|to| Journey {
        container,
        row,
        from,
        to,
    }))
}

/// Changes the place of a version whose content has been carried; says whether it did.
fn arrive(
    tx: &mut WriteTx<'_>,
    reminder: &MovementRow,
    journey: &Journey,
    root: &Node,
    nodes: &NewBlocks,
) -> Result<bool> {
    let (id, old) = (journey.container.id, &journey.row);
    if tx.container(id)?.is_none() {
        return Ok(false);
    }
    tx.lock_container(id)?;
    let (Some(container), Some(mut row)) =
        (tx.container(id)?, tx.version(id, &old.path, old.serial)?)
    else {
        return Ok(false);
    };
    let mut attributes = decode_attributes(&row.meta)?;
    let place = Place::of(&container, &attributes);
    // It may have been sent elsewhere, or be another's version of the same number.
    if row.list != old.list || place != journey.from {
        return Ok(false);
    }
    let arrived = Place::in_array(&journey.to);
    writing::link(tx, &arrived.holder(container.account_id), root, nodes)?;
    writing::unlink(tx, &place.holder(container.account_id), &row.list)?;
    arrived.note(&container, &mut attributes);
    row.meta = encode_attributes(&attributes);
    tx.update_version(&row)?;
    tx.delete_movement(reminder)?;
    Ok(true)
}

/// Brings the blocks of a list from one array to another.
struct Carrier<'a> {
    store: &'a Store,
    from: &'a Lane,
    to: &'a Lane,
    /// Blocks of this stretch, not noted yet.
    tickets: HashMap<BlockId, Ticket>,
    nodes: HashMap<BlockId, Vec<BlockId>>,
    stored: u64,
    ongoing: Ongoing,
    fence: Fence,
}

impl<'a> Carrier<'a> {
    fn new(store: &'a Store, from: &'a Lane, to: &'a Lane, fence: Fence) -> Self {
        Self {
            store,
            from,
            to,
            tickets: HashMap::new(),
            nodes: HashMap::new(),
            stored: 0,
            ongoing: to.underway.begin(),
            fence,
        }
    }

    /// Carries everything below a root.
    async fn list(&mut self, root: &Node) -> Result<()> {
        let mut waiting = vec![root.clone()];
        while let Some(node) = waiting.pop() {
            match node {
                Node::Leaf(extents) => {
                    for extent in extents {
                        self.block(extent.id, false).await?;
                    }
                }
                Node::Inner { children, .. } => {
                    for child in children {
                        if self.nodes.contains_key(&child.id) {
                            continue;
                        }
                        self.block(child.id, true).await?;
                        let below = load_node(self.from, child.id, child.node_len).await?;
                        self.nodes.insert(child.id, below.references());
                        waiting.push(below);
                    }
                }
            }
        }
        Ok(())
    }

    async fn block(&mut self, id: BlockId, is_node: bool) -> Result<()> {
        if self.tickets.contains_key(&id) {
            return Ok(());
        }
        if let Some(ticket) = carry(self.from, self.to, id, is_node).await? {
            self.tickets.insert(id, ticket);
            self.stored += 1;
        }
        if self.tickets.len() >= STRETCH {
            self.note().await?;
        }
        Ok(())
    }

    /// Notes the blocks of this stretch in the catalog. Nothing refers to them yet, so they are garbage
    /// in a day, should the rest never come.
    async fn note(&mut self) -> Result<()> {
        let tickets = std::mem::take(&mut self.tickets);
        for ticket in tickets.values() {
            self.to.packer.flush(ticket);
        }
        let array = self.to.array.name().to_owned();
        let unref_at = Some(now().0);
        let packs = packs_of(tickets.values()).await?;
        let fence = self.fence.clone();
        let noted = self.store.inner.catalog.write(move |tx| {
            fence.check(tx)?;
            for (pack, entries) in &packs {
                pack.note(tx, &array, entries, unref_at)?;
            }
            Ok::<_, crate::Error>(())
        });
        noted.await?;
        Ok(())
    }

    /// What the commit needs beside the root.
    async fn finish(mut self) -> Result<NewBlocks> {
        self.note().await?;
        Ok(NewBlocks {
            packs: Vec::new(),
            nodes: self.nodes,
            ongoing: Some(self.ongoing),
        })
    }
}
