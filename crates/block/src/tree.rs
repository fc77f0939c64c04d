//! Block lists as trees, so that a huge object has a small catalog row and two versions of it share
//! all but the changed nodes.
//!
//! Up to [`INLINE_MAX`] extents stand in the root itself. Longer lists are cut into nodes where the
//! block ids say so (not at counts), so an insertion changes the node it falls into and its ancestors
//! only. Nodes below the root are stored as blocks.
//!
//! Promises: equal lists give equal trees; a builder holds one open node a level.
//! Does not: read or write nodes; the store does.

use crate::codec::{Reader, Writer};
use crate::{BlockId, Error, Extent, Result};

/// The most entries of one node, and of a root.
pub const INLINE_MAX: usize = 1000;
const NODE_MIN: usize = 64;
/// A node ends after an entry whose id ends in these bits clear: every 256th on average.
const BOUNDARY_MASK: u8 = 0xff;
const LEVEL_MAX: u8 = 8;
const VERSION: u8 = 1;
const WHAT: &str = "block list";

/// A node below another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// The block that holds the encoded node.
    pub id: BlockId,
    /// Length of the encoded node in bytes.
    pub node_len: u32,
    /// Length of the object's bytes below it.
    pub span: u64,
}

/// One node: extents at level 0, children above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Level 0.
    Leaf(Vec<Extent>),
    /// Level 1 and up.
    Inner {
        /// Levels below this one.
        level: u8,
        /// The nodes one level below.
        children: Vec<Child>,
    },
}

impl Node {
    /// The tree of an empty object.
    pub fn empty() -> Self {
        Self::Leaf(Vec::new())
    }

    /// The names of all blocks that this node mentions, without the zero block, each once.
    pub fn references(&self) -> Vec<BlockId> {
        let mut ids: Vec<BlockId> = match self {
            Self::Leaf(extents) => extents.iter().map(|extent| extent.id).collect(),
            Self::Inner { children, .. } => children.iter().map(|child| child.id).collect(),
        };
        ids.retain(|id| !id.is_zero());
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Length of the object's bytes below this node.
    pub fn span(&self) -> u64 {
        match self {
            Self::Leaf(extents) => extents.iter().map(|extent| u64::from(extent.len)).sum(),
            Self::Inner { children, .. } => children.iter().map(|child| child.span).sum(),
        }
    }

    /// The bytes at rest.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Self::Leaf(extents) => {
                out.u8(VERSION).u8(0).varint(extents.len() as u64);
                for extent in extents {
                    out.raw(extent.id.as_bytes()).varint(extent.skip.into());
                    out.varint(extent.len.into());
                }
            }
            Self::Inner { level, children } => {
                out.u8(VERSION).u8(*level).varint(children.len() as u64);
                for child in children {
                    out.raw(child.id.as_bytes())
                        .varint(child.node_len.into())
                        .varint(child.span);
                }
            }
        }
        out.finish()
    }

    /// Reads the bytes at rest.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::UnknownVersion {
                what: WHAT,
                version,
            });
        }
        let level = reader.u8()?;
        let count = reader.varint_max(INLINE_MAX as u64, "too many entries")? as usize;
        if level > LEVEL_MAX || count > reader.remaining() / 34 {
            return Err(Error::malformed(
                WHAT,
                "more entries or levels than allowed",
            ));
        }
        let node = if level == 0 {
            let extents = (0..count)
                .map(|_| read_extent(&mut reader))
                .collect::<Result<_>>()?;
            Self::Leaf(extents)
        } else {
            let children = (0..count)
                .map(|_| read_child(&mut reader))
                .collect::<Result<Vec<_>>>()?;
            let mut spans = children.iter().map(|child| child.span);
            if spans.try_fold(0u64, u64::checked_add).is_none() {
                return Err(Error::malformed(WHAT, "length over 64 bits"));
            }
            Self::Inner { level, children }
        };
        reader.end()?;
        Ok(node)
    }
}

fn read_extent(reader: &mut Reader<'_>) -> Result<Extent> {
    let id = BlockId::from_bytes(reader.array()?);
    let skip = reader.varint_max(u32::MAX.into(), "extent too long")? as u32;
    let len = reader.varint_max(u32::MAX.into(), "extent too long")? as u32;
    let extent = Extent { id, skip, len };
    if extent.is_valid() {
        Ok(extent)
    } else {
        Err(Error::malformed(WHAT, "impossible extent"))
    }
}

fn read_child(reader: &mut Reader<'_>) -> Result<Child> {
    let id = BlockId::from_bytes(reader.array()?);
    let node_len = reader.varint_max(crate::MAX_BLOCK_LEN as u64, "node too long")? as u32;
    Ok(Child {
        id,
        node_len,
        span: reader.varint()?,
    })
}

/// Entries of one level that are not yet in a node.
#[derive(Debug)]
struct Level<T> {
    open: Vec<T>,
    /// True once the level passed [`INLINE_MAX`] and is being cut.
    cut: bool,
}

impl<T> Default for Level<T> {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            cut: false,
        }
    }
}

impl<T: Copy> Level<T> {
    /// Adds an entry; gives the entries of a node that this completes. The entries held while the
    /// level was short are cut when it stops being short, so one call may complete several nodes.
    fn push(&mut self, entry: T, id_of: fn(&T) -> BlockId) -> Vec<Vec<T>> {
        if self.cut {
            return self.step(entry, id_of).into_iter().collect();
        }
        self.open.push(entry);
        if self.open.len() <= INLINE_MAX {
            return Vec::new();
        }
        self.cut = true;
        let held = std::mem::take(&mut self.open);
        held.into_iter()
            .filter_map(|entry| self.step(entry, id_of))
            .collect()
    }

    fn step(&mut self, entry: T, id_of: fn(&T) -> BlockId) -> Option<Vec<T>> {
        self.open.push(entry);
        let boundary = id_of(&entry).as_bytes()[31] & BOUNDARY_MASK == 0;
        let full = self.open.len() >= INLINE_MAX;
        (full || boundary && self.open.len() >= NODE_MIN).then(|| std::mem::take(&mut self.open))
    }
}

/// Builds a tree from extents in order.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    leaves: Level<Extent>,
    inner: Vec<Level<Child>>,
    len: u64,
}

/// A node that must be stored as a block before the root is committed: its name and bytes.
pub type NewNode = (BlockId, Vec<u8>);

impl TreeBuilder {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Length of the object so far, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True while no byte was appended.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an extent; nodes that this completes are added to `out`.
    pub fn push(&mut self, extent: Extent, out: &mut Vec<NewNode>) {
        if extent.len == 0 {
            return;
        }
        self.len += u64::from(extent.len);
        for extents in self.leaves.push(extent, |extent| extent.id) {
            self.add_node(Node::Leaf(extents), 0, out);
        }
    }

    /// Ends the list: the root, to be kept in the catalog. The last nodes are added to `out`.
    pub fn finish(mut self, out: &mut Vec<NewNode>) -> Node {
        if !self.leaves.cut {
            return Node::Leaf(self.leaves.open);
        }
        let rest = std::mem::take(&mut self.leaves.open);
        if !rest.is_empty() {
            self.add_node(Node::Leaf(rest), 0, out);
        }
        let mut index = 0;
        while self.inner[index].cut {
            let children = std::mem::take(&mut self.inner[index].open);
            if !children.is_empty() {
                let node = Node::Inner {
                    level: index as u8 + 1,
                    children,
                };
                self.add_node(node, index + 1, out);
            }
            index += 1;
        }
        let children = std::mem::take(&mut self.inner[index].open);
        Node::Inner {
            level: index as u8 + 1,
            children,
        }
    }

    /// Stores a finished node and enters it in the level above (`index` into `inner`).
    fn add_node(&mut self, node: Node, index: usize, out: &mut Vec<NewNode>) {
        let bytes = node.encode();
        let child = Child {
            id: BlockId::of(&bytes),
            node_len: bytes.len() as u32,
            span: node.span(),
        };
        out.push((child.id, bytes));
        if self.inner.len() == index {
            self.inner.push(Level::default());
        }
        for children in self.inner[index].push(child, |child| child.id) {
            self.add_node(
                Node::Inner {
                    level: index as u8 + 1,
                    children,
                },
                index + 1,
                out,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn extents(count: u32) -> Vec<Extent> {
        (0..count)
            .map(|n| Extent::whole(BlockId::of(&n.to_be_bytes()), 1 + n % 7))
            .collect()
    }

    fn build(extents: &[Extent]) -> (Node, HashMap<BlockId, Vec<u8>>) {
        let (mut builder, mut nodes) = (TreeBuilder::new(), Vec::new());
        for extent in extents {
            builder.push(*extent, &mut nodes);
        }
        let len = builder.len();
        let root = builder.finish(&mut nodes);
        assert_eq!(root.span(), len);
        (root, nodes.into_iter().collect())
    }

    fn flatten(node: &Node, nodes: &HashMap<BlockId, Vec<u8>>) -> Vec<Extent> {
        match Node::decode(&node.encode()).unwrap() {
            Node::Leaf(extents) => extents,
            Node::Inner { children, .. } => {
                let below =
                    |child: &Child| flatten(&Node::decode(&nodes[&child.id]).unwrap(), nodes);
                children.iter().flat_map(below).collect()
            }
        }
    }

    #[test]
    fn trees_hold_what_was_pushed() {
        for count in [0, 1, 999, 1000, 1001, 1500, 40_000, 400_000] {
            let list = extents(count);
            let (root, nodes) = build(&list);
            assert_eq!(flatten(&root, &nodes), list, "{count}");
            assert!(nodes.values().all(|bytes| bytes.len() < 64 << 10));
            let inline = matches!(root, Node::Leaf(_));
            assert_eq!(inline, count as usize <= INLINE_MAX, "{count}");
        }
    }

    #[test]
    fn a_change_in_the_middle_makes_few_nodes() {
        let mut list = extents(100_000);
        let (_, before) = build(&list);
        list[50_000].id = BlockId::of(b"changed");
        list.insert(20_000, Extent::whole(BlockId::of(b"inserted"), 9));
        let (_, after) = build(&list);
        let new = after.keys().filter(|id| !before.contains_key(id)).count();
        assert!(new <= 8, "{new} of {} nodes are new", after.len());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Node::decode(&bytes);
        }

        #[test]
        fn altered_nodes_never_panic(count in 0u32..50, at: usize, byte: u8) {
            let mut bytes = Node::Leaf(extents(count)).encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(node) = Node::decode(&bytes) {
                prop_assert_eq!(node.encode(), bytes);
            }
        }
    }
}
