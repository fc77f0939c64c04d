//! The packer: group commit for blocks.
//!
//! Sealed blocks of all requests gather in one open pack. A request that has handed in its last block
//! asks for a flush; if a lane is free the pack is written at once, otherwise it goes when one becomes
//! free, together with everything that arrived meanwhile. So sixteen small writes cost one round of
//! provider writes, and large ones fill whole packs.
//!
//! Promises: a ticket is answered once its pack is durable in the array, or with the array's error;
//! bytes held are bounded by permits, and a block that waits for permits makes the packs that hold them
//! go out, so nobody waits for ever; a pack is known to be in use from its first block until the last
//! write that names it has committed or given up.
//! Does not: record packs in the catalog; the committing transaction does, by [`StoredPack::note`].

mod holds;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dolium_array::{Array, BlobId, BlobKind, StoredBlob};
use dolium_block::{BlockId, MAX_BLOCK_LEN, PackBuilder, PackEntry, PackId, SealedBlock, Subkey};
use dolium_catalog::{BlockRow, WriteTx};
use dolium_provider::Payload;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SetOnce};

use crate::blobs::{blob_row, block_row};
use crate::several::{Member, Peers};
use crate::{Error, ErrorKind, Result};
use holds::{Hold, Holds};

/// Packs being written at the same time: one to keep providers busy while the next fills.
const LANES: usize = 2;

/// A pack that is durable in the array.
#[derive(Debug)]
pub(crate) struct StoredPack {
    pub(crate) id: PackId,
    pub(crate) blob: StoredBlob,
    /// Keeps collection away until the commit that names this pack is over.
    _hold: Arc<Hold>,
    /// Keeps the collection of other servers away, as long as they know this one.
    member: Member,
}

impl StoredPack {
    /// Records the pack in its array, and blocks of it; `unref_at` says since when nothing refers to
    /// them, if nothing does.
    pub(crate) fn note(
        &self,
        tx: &mut WriteTx<'_>,
        array: &str,
        entries: &[PackEntry],
        unref_at: Option<i64>,
    ) -> Result<()> {
        self.member.check(tx)?;
        let block = |entry| block_row(array, self.id, entry, unref_at);
        let blocks: Vec<BlockRow> = entries.iter().map(block).collect();
        tx.insert_pack_blocks(&blob_row(array, &self.blob), &blocks)?;
        Ok(())
    }
}

type Outcome = std::result::Result<Arc<StoredPack>, Arc<dolium_array::Error>>;

/// Where a pack's outcome appears.
#[derive(Debug)]
struct Slot {
    id: PackId,
    outcome: SetOnce<Outcome>,
    hold: Arc<Hold>,
    member: Member,
}

/// A block on its way into a pack.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    slot: Arc<Slot>,
    pub(crate) entry: PackEntry,
}

impl Ticket {
    /// Waits until the pack is durable.
    pub(crate) async fn wait(&self) -> Result<Arc<StoredPack>> {
        match self.slot.outcome.wait().await {
            Ok(pack) => Ok(pack.clone()),
            Err(source) => Err(
                Error::new(ErrorKind::Unavailable, format!("array: {source}"))
                    .with_source(source.clone()),
            ),
        }
    }
}

/// A pack that takes blocks.
struct Filling {
    builder: PackBuilder,
    slot: Arc<Slot>,
    permits: Vec<OwnedSemaphorePermit>,
    /// Somebody waits for it.
    urgent: bool,
}

#[derive(Default)]
struct State {
    filling: Option<Filling>,
    full: VecDeque<Filling>,
    lanes_busy: usize,
    pending: HashMap<BlockId, Ticket>,
}

/// Gathers blocks for one array. Clones share the packs.
#[derive(Clone)]
pub(crate) struct Packer {
    shared: Arc<Shared>,
}

struct Shared {
    /// Bytes of blocks that may be on their way.
    permits: Arc<Semaphore>,
    /// Blocks that wait for permits.
    waiting: AtomicUsize,
    array: Arc<Array>,
    index_key: Subkey,
    pack_len: usize,
    state: Mutex<State>,
    holds: Holds,
    peers: Peers,
}

impl Packer {
    pub(crate) fn new(
        array: Arc<Array>,
        index_key: Subkey,
        pack_len: usize,
        bytes_max: usize,
        peers: Peers,
    ) -> Self {
        let state = Mutex::default();
        // A block must fit, whatever was configured.
        let permits = Arc::new(Semaphore::new(bytes_max.max(2 * MAX_BLOCK_LEN)));
        Self {
            shared: Arc::new(Shared {
                permits,
                waiting: AtomicUsize::new(0),
                array,
                index_key,
                pack_len,
                state,
                holds: Holds::default(),
                peers,
            }),
        }
    }

    /// The ticket of a block that is on its way, if one is.
    pub(crate) fn pending(&self, id: &BlockId) -> Option<Ticket> {
        self.shared.state.lock().pending.get(id).cloned()
    }

    /// Waits until a block of `len` bytes may be taken in.
    pub(crate) async fn permit(&self, len: usize) -> Result<OwnedSemaphorePermit> {
        let permits = self.shared.permits.clone();
        if let Ok(permit) = permits.clone().try_acquire_many_owned(len as u32) {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.shared.waiting);
        self.press(&mut self.shared.state.lock());
        permits
            .acquire_many_owned(len as u32)
            .await
            .map_err(|source| {
                Error::new(ErrorKind::Unavailable, "shutting down").with_source(source)
            })
    }

    /// Sends the open pack out although nobody waits for it: somebody waits for its permits.
    fn press(&self, state: &mut State) {
        if let Some(filling) = &mut state.filling {
            filling.urgent = true;
            self.start(state);
        }
    }

    /// True while a write may still commit blocks that lie in this pack. Once false it stays false: no
    /// write begins to use a pack that was written before.
    pub(crate) fn in_use(&self, id: &PackId) -> bool {
        self.shared.holds.contains(id)
    }

    /// Hands in a block. `permit` is held until its pack is written; what sealing saved is given back
    /// at once.
    pub(crate) fn submit(&self, block: SealedBlock, mut permit: OwnedSemaphorePermit) -> Ticket {
        let saved = permit.num_permits().saturating_sub(block.bytes.len());
        drop(permit.split(saved));
        let mut state = self.shared.state.lock();
        if let Some(ticket) = state.pending.get(&block.id) {
            return ticket.clone();
        }
        let id = block.id;
        let spare = permit.num_permits().saturating_sub(block.bytes.len());
        drop(permit.split(spare));
        let Shared { holds, peers, .. } = &*self.shared;
        let begin = || Filling::new(holds, peers.member());
        let filling = state.filling.get_or_insert_with(begin);
        let entry = filling.builder.push(block);
        filling.permits.push(permit);
        let ticket = Ticket {
            slot: filling.slot.clone(),
            entry,
        };
        let is_full = filling.builder.len() >= self.shared.pack_len;
        state.pending.insert(id, ticket.clone());
        if is_full {
            let filling = state.filling.take();
            state.full.extend(filling);
            self.start(&mut state);
        } else if self.shared.waiting.load(Ordering::SeqCst) > 0 {
            self.press(&mut state);
        }
        ticket
    }

    /// Asks that the pack of this ticket be written without waiting for more.
    pub(crate) fn flush(&self, ticket: &Ticket) {
        let mut state = self.shared.state.lock();
        if let Some(filling) = &mut state.filling
            && Arc::ptr_eq(&filling.slot, &ticket.slot)
        {
            filling.urgent = true;
            self.start(&mut state);
        }
    }

    /// Starts as many packs as there are free lanes.
    fn start(&self, state: &mut State) {
        while state.lanes_busy < LANES {
            let next = match state.full.pop_front() {
                Some(full) => full,
                None => match state.filling.take_if(|filling| filling.urgent) {
                    Some(filling) => filling,
                    None => return,
                },
            };
            state.lanes_busy += 1;
            tokio::spawn(self.clone().write(next));
        }
    }

    /// Writes one pack and answers its tickets.
    async fn write(self, filling: Filling) {
        let Filling {
            builder,
            slot,
            permits,
            ..
        } = filling;
        let blocks = builder.ids();
        let (shared, of) = (self.shared.clone(), slot.clone());
        // On a task of its own, so that not even a panic leaves tickets without an answer.
        let written = tokio::spawn(async move { shared.write(builder, &of).await }).await;
        let outcome = written.unwrap_or_else(|died| Err(Arc::new(unexpected("write", died))));
        if let Err(error) = &outcome {
            tracing::warn!(pack = %slot.id, %error, "a pack could not be written");
        }
        let mut state = self.shared.state.lock();
        for id in blocks {
            // A block of a failed pack may be on its way again in another one.
            if state
                .pending
                .get(&id)
                .is_some_and(|ticket| Arc::ptr_eq(&ticket.slot, &slot))
            {
                state.pending.remove(&id);
            }
        }
        state.lanes_busy -= 1;
        self.start(&mut state);
        drop(state);
        drop(permits);
        // Only this task sets the outcome, once.
        drop(slot.outcome.set(outcome));
    }
}

impl Filling {
    fn new(holds: &Holds, member: Member) -> Self {
        let id = PackId::random();
        let slot = Arc::new(Slot {
            id,
            outcome: SetOnce::new(),
            hold: Arc::new(holds.hold(id)),
            member,
        });
        Self {
            builder: PackBuilder::new(id),
            slot,
            permits: Vec::new(),
            urgent: false,
        }
    }
}

impl Shared {
    async fn write(&self, builder: PackBuilder, slot: &Slot) -> Outcome {
        let written = async {
            let pack = builder
                .finish(&self.index_key)
                .map_err(|e| unexpected("seal", e))?;
            let blob = self
                .array
                .put(&pack_blob(&pack.id)?, Payload::from(pack.segments))
                .await?;
            Ok(Arc::new(StoredPack {
                id: pack.id,
                blob,
                _hold: slot.hold.clone(),
                member: slot.member.clone(),
            }))
        };
        written.await.map_err(Arc::new)
    }
}

fn unexpected(operation: &'static str, source: impl std::fmt::Display) -> dolium_array::Error {
    let kind = dolium_array::ErrorKind::Unexpected;
    dolium_array::Error::new(kind, operation, source.to_string())
}

/// Counts a block that waits for permits, for as long as it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The array's name for a pack.
pub(crate) fn pack_blob(id: &PackId) -> dolium_array::Result<BlobId> {
    BlobId::new(BlobKind::Pack, id.to_string())
}
