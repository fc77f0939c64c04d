//! Reading: from a block list to a stream of bytes.
//!
//! The list is walked lazily, so a huge object costs one path of its tree. While a client takes one
//! block, the next may already be on its way, if the read-ahead over all streams allows it.
//!
//! Promises: a stream gives exactly the range asked for or fails; it never gives bytes that did not
//! authenticate.

use std::ops::Range;

use bytes::Bytes;
use dolium_block::{BlockId, Extent, MAX_BLOCK_LEN, Node};
use futures::Stream;
use futures::stream::BoxStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::block_cache::BlockCache;
use crate::lane::Lane;
use crate::{Error, ErrorKind, Result};

/// Zeros to lend to sparse objects.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Walks the extents of a range of an object.
pub(crate) struct ExtentWalk {
    lane: Lane,
    /// Nodes from the root down, each with the next entry to look at.
    path: Vec<(Node, usize)>,
    /// Offset of the next entry's first byte.
    at: u64,
    range: Range<u64>,
}

impl ExtentWalk {
    pub(crate) fn new(lane: Lane, root: Node, range: Range<u64>) -> Self {
        Self {
            lane,
            path: vec![(root, 0)],
            at: 0,
            range,
        }
    }

    /// The next extent, cut to the range.
    pub(crate) async fn next(&mut self) -> Result<Option<Extent>> {
        loop {
            if self.at >= self.range.end {
                return Ok(None);
            }
            let Some((node, next)) = self.path.last_mut() else {
                return Ok(None);
            };
            let index = *next;
            *next += 1;
            match node {
                Node::Leaf(extents) => match extents.get(index) {
                    None => drop(self.path.pop()),
                    Some(extent) => {
                        let extent = *extent;
                        if let Some(part) = self.take(extent) {
                            return Ok(Some(part));
                        }
                    }
                },
                Node::Inner { children, level } => match children.get(index) {
                    None => drop(self.path.pop()),
                    Some(child) if self.at + child.span <= self.range.start => {
                        self.at += child.span;
                    }
                    Some(child) => {
                        let (child, level) = (*child, *level);
                        let below = load_node(&self.lane, child.id, child.node_len).await?;
                        check_child(&below, level, child.span)?;
                        self.path.push((below, 0));
                    }
                },
            }
        }
    }

    /// Moves over an extent; the part of it that is in the range.
    fn take(&mut self, extent: Extent) -> Option<Extent> {
        let (start, end) = (self.at, self.at + u64::from(extent.len));
        self.at = end;
        let from = self.range.start.clamp(start, end);
        let to = self.range.end.clamp(start, end);
        (from < to).then(|| extent.part((from - start) as u32..(to - start) as u32))
    }
}

/// Reads a node that is kept as a block.
pub(crate) async fn load_node(lane: &Lane, id: BlockId, node_len: u32) -> Result<Node> {
    let mut bytes = lane.kept_block(id).await?.to_vec();
    if bytes.len() > node_len as usize || node_len as usize > MAX_BLOCK_LEN {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("node {id} has another length"),
        ));
    }
    // Blocks are kept without their trailing zeros.
    bytes.resize(node_len as usize, 0);
    Ok(Node::decode(&bytes)?)
}

/// Reads a node of which only the name is known. Its encoding says where it ends, so trailing zeros
/// that were not stored are given back until it decodes.
pub(crate) async fn load_node_whole(lane: &Lane, id: BlockId) -> Result<Node> {
    let mut bytes = lane.read_block(id).await?.to_vec();
    for _ in 0..NODE_ZEROS_MAX {
        if let Ok(node) = Node::decode(&bytes) {
            return Ok(node);
        }
        bytes.push(0);
    }
    Ok(Node::decode(&bytes)?)
}

/// A node must be what its parent says, or a loop of nodes could hold a reader for ever.
fn check_child(node: &Node, parent_level: u8, span: u64) -> Result<()> {
    let level = match node {
        Node::Leaf(_) => 0,
        Node::Inner { level, .. } => *level,
    };
    if level + 1 == parent_level && node.span() == span {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Corrupt,
            "a block list node does not fit its parent",
        ))
    }
}

/// The bytes of one extent.
pub(crate) async fn read_extent(lane: Lane, extent: Extent) -> Result<Vec<Bytes>> {
    let (skip, len) = (extent.skip as usize, extent.len as usize);
    let mut pieces = Vec::new();
    let mut given = 0;
    if !extent.id.is_zero() {
        let content = match BlockCache::keeps(skip, len) {
            true => lane.kept_block(extent.id).await?,
            false => lane.block(extent.id).await?,
        };
        let end = content.len().min(skip + len);
        if skip < end {
            given = end - skip;
            pieces.push(content.slice(skip..end));
        }
    }
    while given < len {
        let piece = (len - given).min(ZEROS.len());
        pieces.push(Bytes::from_static(&ZEROS[..piece]));
        given += piece;
    }
    Ok(pieces)
}

/// The most zeros a node's encoding can end in: a zero id, skip and length come nowhere near.
const NODE_ZEROS_MAX: usize = 40;

type Fetch = JoinHandle<Result<Vec<Bytes>>>;

/// The state of one stream between polls.
struct Streaming {
    walk: ExtentWalk,
    /// The block after the one the client is taking.
    ahead: Option<(Fetch, OwnedSemaphorePermit)>,
    /// Pieces of the present block, last one first.
    pieces: Vec<Bytes>,
    failed: bool,
}

impl Streaming {
    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(piece) = self.pieces.pop() {
                return Ok(Some(piece));
            }
            let mut pieces = match self.ahead.take() {
                Some((fetch, _permit)) => fetch.await.map_err(died)??,
                None => match self.walk.next().await? {
                    Some(extent) => read_extent(self.walk.lane.clone(), extent).await?,
                    None => return Ok(None),
                },
            };
            pieces.reverse();
            self.pieces = pieces;
            self.look_ahead().await?;
        }
    }

    /// Starts to fetch the next block if the read-ahead over all streams has room.
    async fn look_ahead(&mut self) -> Result<()> {
        let permits = self.walk.lane.read_ahead_permits.clone();
        if let Ok(permit) = permits.try_acquire_owned()
            && let Some(extent) = self.walk.next().await?
        {
            let fetch = tokio::spawn(read_extent(self.walk.lane.clone(), extent));
            self.ahead = Some((fetch, permit));
        }
        Ok(())
    }
}

fn died(source: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Unexpected, "a reader died").with_source(source)
}

/// Streams a range of an object.
pub(crate) fn stream(
    lane: Lane,
    root: Node,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    let walk = ExtentWalk::new(lane, root, range);
    let state = Streaming {
        walk,
        ahead: None,
        pieces: Vec::new(),
        failed: false,
    };
    Box::pin(unfold(state))
}

fn unfold(state: Streaming) -> impl Stream<Item = Result<Bytes>> {
    futures::stream::unfold(state, |mut state| async move {
        if state.failed {
            return None;
        }
        match state.next_piece().await {
            Ok(Some(piece)) => Some((Ok(piece), state)),
            Ok(None) => None,
            Err(error) => {
                state.failed = true;
                Some((Err(error), state))
            }
        }
    })
}
