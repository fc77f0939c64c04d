//! Intake: blocks find or get their place in an array, and become a list.
//!
//! Promises: a block that the array has is not stored again; what is handed in waits for room first; when an intake
//! is finished, every block that it took is durable in the array.
//! Does not: commit anything; blocks of an abandoned intake are garbage.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use dolium_block::{BlockId, Chunking, Extent, MerkleRoot, NewNode, Node, TreeBuilder, seal};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::grid::Grid;
use crate::lane::Lane;
use crate::packer::{StoredPack, Ticket};
use crate::underway::Ongoing;
use crate::{Error, ErrorKind, Result, blocking};

/// Finished blocks of one stream that are hashed, sealed or wait for their pack's turn.
const BLOCKS_IN_FLIGHT: usize = 2;
/// Blocks up to this length are handled on the stream's own task.
pub(crate) const INLINE_LEN_MAX: usize = 64 << 10;

/// New blocks with their packs, and what new nodes refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewBlocks {
    /// Each pack with the entries that belong to this write.
    pub(crate) packs: NewPacks,
    /// The references of each new node.
    pub(crate) nodes: HashMap<BlockId, Vec<BlockId>>,
    /// Keeps blocks that were found, and are not in `packs`, until this is dropped.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) ongoing: Option<Ongoing>,
}

/// A block that was taken over from the stream.
enum Placed {
    /// All zeros, or already in the catalog.
    Known(BlockId),
    /// On its way.
    Coming(BlockId, Ticket),
}

/// Takes the blocks of one stream in order.
pub(crate) struct Intake<'a> {
    lane: &'a Lane,
    ongoing: Ongoing,
    jobs: VecDeque<(u32, JoinHandle<Result<Placed>>)>,
    tickets: HashMap<BlockId, Ticket>,
    tree: TreeBuilder,
    nodes: Vec<NewNode>,
    node_references: HashMap<BlockId, Vec<BlockId>>,
    grid: Grid,
}

impl<'a> Intake<'a> {
    /// Takes blocks; with a chunking at fixed offsets it also computes their Merkle root.
    pub(crate) fn new(lane: &'a Lane, chunking: Option<Chunking>) -> Self {
        Self {
            lane,
            ongoing: lane.underway.begin(),
            grid: Grid::new(chunking),
            jobs: VecDeque::new(),
            tickets: HashMap::new(),
            tree: TreeBuilder::new(),
            nodes: Vec::new(),
            node_references: HashMap::new(),
        }
    }

    /// Takes the next block of the object.
    pub(crate) async fn push(&mut self, block: Bytes) -> Result<()> {
        let len = block.len() as u32;
        // Entering may itself wait for room, for nodes; so nothing is held meanwhile.
        while self.jobs.len() >= BLOCKS_IN_FLIGHT {
            self.enter_next().await?;
        }
        // Here and not in the job: a stream that waits for room reads no further.
        let permit = self.lane.packer.permit(block.len()).await?;
        if block.len() <= INLINE_LEN_MAX && self.jobs.is_empty() {
            let placed = place(self.lane.clone(), block, permit, false).await?;
            return self.enter(placed, len).await;
        }
        let job = tokio::spawn(place(self.lane.clone(), block, permit, false));
        self.jobs.push_back((len, job));
        Ok(())
    }

    /// Appends bytes that are stored already.
    pub(crate) async fn append(&mut self, extent: Extent) -> Result<()> {
        self.settle().await?;
        self.grid.doubt(self.lane, extent).await?;
        self.take(extent).await
    }

    /// Appends stored bytes that are all of what the block's name is the hash of.
    pub(crate) async fn append_whole(&mut self, extent: Extent) -> Result<()> {
        self.settle().await?;
        self.grid.trust(extent);
        self.take(extent).await
    }

    async fn take(&mut self, extent: Extent) -> Result<()> {
        self.tree.push(extent, &mut self.nodes);
        self.store_nodes().await
    }

    /// Stores a block of another array that the list names, unless it is here.
    pub(crate) async fn carry(&mut self, from: &Lane, id: BlockId) -> Result<()> {
        if !self.tickets.contains_key(&id)
            && let Some(ticket) = carry(from, self.lane, id, false).await?
        {
            self.tickets.insert(id, ticket);
        }
        Ok(())
    }

    /// Enters all blocks that are on their way, so that what comes next comes behind them.
    async fn settle(&mut self) -> Result<()> {
        while !self.jobs.is_empty() {
            self.enter_next().await?;
        }
        Ok(())
    }

    async fn enter_next(&mut self) -> Result<()> {
        let Some((len, job)) = self.jobs.pop_front() else {
            return Ok(());
        };
        let died = |source| Error::new(ErrorKind::Unexpected, "a worker died").with_source(source);
        let placed = job.await.map_err(died)??;
        self.enter(placed, len).await
    }

    async fn enter(&mut self, placed: Placed, len: u32) -> Result<()> {
        let id = match placed {
            Placed::Known(id) => id,
            Placed::Coming(id, ticket) => {
                self.tickets.insert(id, ticket);
                id
            }
        };
        let extent = Extent::whole(id, len);
        self.grid.trust(extent);
        self.take(extent).await
    }

    /// Stores the nodes that the tree has completed.
    async fn store_nodes(&mut self) -> Result<()> {
        for (id, bytes) in std::mem::take(&mut self.nodes) {
            let references = Node::decode(&bytes)?.references();
            self.node_references.insert(id, references);
            let permit = self.lane.packer.permit(bytes.len()).await?;
            let placed = place(self.lane.clone(), bytes.into(), permit, true).await?;
            if let Placed::Coming(id, ticket) = placed {
                self.tickets.insert(id, ticket);
            }
        }
        Ok(())
    }

    /// Waits until everything is durable.
    pub(crate) async fn finish(mut self) -> Result<Taken> {
        self.settle().await?;
        let merkle = self.grid.finish(self.lane).await?;
        let root = std::mem::take(&mut self.tree).finish(&mut self.nodes);
        self.store_nodes().await?;
        for ticket in self.tickets.values() {
            self.lane.packer.flush(ticket);
        }
        let blocks = NewBlocks {
            packs: packs_of(self.tickets.values()).await?,
            nodes: self.node_references,
            ongoing: Some(self.ongoing),
        };
        Ok(Taken {
            root,
            blocks,
            merkle,
        })
    }
}

/// Stores a block of one array in another; `None` when it is there already.
pub(crate) async fn carry(
    from: &Lane,
    to: &Lane,
    id: BlockId,
    is_node: bool,
) -> Result<Option<Ticket>> {
    if id.is_zero() || to.is_known(id).await? {
        return Ok(None);
    }
    let content = from.read_block(id).await?;
    let permit = to.packer.permit(content.len()).await?;
    match place(to.clone(), content, permit, is_node).await? {
        Placed::Known(_) => Ok(None),
        Placed::Coming(_, ticket) => Ok(Some(ticket)),
    }
}

/// What an intake made of what it took.
pub(crate) struct Taken {
    /// The root of the block list.
    pub(crate) root: Node,
    /// Blocks that the catalog must record with the commit.
    pub(crate) blocks: NewBlocks,
    /// The Merkle root, when the list is cut at fixed offsets.
    pub(crate) merkle: Option<MerkleRoot>,
}

/// New packs, each with the entries that belong to one write.
pub(crate) type NewPacks = Vec<(Arc<StoredPack>, Vec<dolium_block::PackEntry>)>;

/// Waits until the packs of blocks that were handed in are durable.
pub(crate) async fn packs_of(tickets: impl Iterator<Item = &Ticket>) -> Result<NewPacks> {
    let mut packs: HashMap<_, (Arc<StoredPack>, Vec<_>)> = HashMap::new();
    for ticket in tickets {
        let pack = ticket.wait().await?;
        packs
            .entry(pack.id)
            .or_insert_with(|| (pack, Vec::new()))
            .1
            .push(ticket.entry);
    }
    Ok(packs.into_values().collect())
}

/// Stores blocks that no list names yet; gives their names in order and the packs with the new ones.
pub(crate) async fn store_loose(
    lane: &Lane,
    blocks: Vec<Bytes>,
) -> Result<(Vec<BlockId>, NewPacks)> {
    let (mut ids, mut tickets) = (Vec::with_capacity(blocks.len()), HashMap::new());
    for block in blocks {
        let permit = lane.packer.permit(block.len()).await?;
        match place(lane.clone(), block, permit, false).await? {
            Placed::Known(id) => ids.push(id),
            Placed::Coming(id, ticket) => {
                ids.push(id);
                tickets.insert(id, ticket);
            }
        }
    }
    for ticket in tickets.values() {
        lane.packer.flush(ticket);
    }
    Ok((ids, packs_of(tickets.values()).await?))
}

/// Finds or makes the place of one block. `permit` says that there is room for it.
async fn place(
    lane: Lane,
    content: Bytes,
    permit: OwnedSemaphorePermit,
    is_node: bool,
) -> Result<Placed> {
    let len = content.len();
    let hashed = content.clone();
    let id = blocking::run(len, move || BlockId::of(&hashed)).await?;
    if id.is_zero() || lane.is_known(id).await? {
        return Ok(Placed::Known(id));
    }
    if let Some(ticket) = lane.packer.pending(&id) {
        return Ok(Placed::Coming(id, ticket));
    }
    let key = lane.keys.clone();
    let sealed = blocking::run(len, move || seal(&key.block, id, &content, is_node)).await??;
    Ok(Placed::Coming(id, lane.packer.submit(sealed, permit)))
}
