//! The grid: whether a list is cut at fixed offsets, and its Merkle root then.
//!
//! Pithos+ names objects by the root over the hashes of their blocks, each of one length but the last. A list
//! that was joined or cut elsewhere has extents whose names are not the hash of what they show; it has
//! no root.
//!
//! Promises: a root that is given is right; memory grows with the logarithm of the list.

use dolium_block::{BlockId, Chunking, Extent, MerkleBuilder, MerkleRoot};

use crate::lane::Lane;
use crate::{Error, Result};

/// Extents whose blocks are looked up at a time.
const DOUBTS_MAX: usize = 256;

/// Follows a list as it grows.
pub(crate) struct Grid {
    block_len: u32,
    /// `None` once the list has left the grid.
    builder: Option<MerkleBuilder>,
    /// A short extent was seen: it must be the last.
    ended: bool,
    /// Extents that may show less of their block than its name is the hash of.
    doubts: Vec<(BlockId, u32)>,
}

impl Grid {
    /// The grid of a chunking; without one at fixed offsets there is none.
    pub(crate) fn new(chunking: Option<Chunking>) -> Self {
        let block_len = match chunking {
            Some(Chunking::Fixed(len)) => Some(len),
            Some(Chunking::Cdc(_)) | None => None,
        };
        Self {
            block_len: block_len.unwrap_or_default(),
            builder: block_len.map(|_| MerkleBuilder::new()),
            ended: false,
            doubts: Vec::new(),
        }
    }

    /// Adds an extent whose block's name is the hash of what it shows.
    pub(crate) fn trust(&mut self, extent: Extent) {
        if extent.len == 0 {
            return;
        }
        let skips = extent.skip > 0 && !extent.id.is_zero();
        if self.ended || skips || extent.len > self.block_len {
            self.builder = None;
            self.doubts = Vec::new();
        }
        self.ended = extent.len < self.block_len;
        if let Some(builder) = &mut self.builder {
            builder.push(extent.id);
        }
    }

    /// Adds an extent that may show less of its block.
    pub(crate) async fn doubt(&mut self, lane: &Lane, extent: Extent) -> Result<()> {
        self.trust(extent);
        if self.builder.is_some() && !extent.id.is_zero() {
            self.doubts.push((extent.id, extent.len));
            if self.doubts.len() >= DOUBTS_MAX {
                self.look(lane).await?;
            }
        }
        Ok(())
    }

    async fn look(&mut self, lane: &Lane) -> Result<()> {
        let doubts = std::mem::take(&mut self.doubts);
        let ids: Vec<BlockId> = doubts.iter().map(|(id, _)| *id).collect();
        let array = lane.array.name().to_owned();
        let rows = lane.catalog.read(move |tx| tx.locate(&array, &ids)).await;
        let rows = rows.map_err(Error::from)?;
        let whole = doubts
            .iter()
            .zip(rows)
            .all(|((_, len), row)| row.is_some_and(|row| row.len <= i64::from(*len)));
        if !whole {
            self.builder = None;
        }
        Ok(())
    }

    /// The root, if the whole list was on the grid.
    pub(crate) async fn finish(&mut self, lane: &Lane) -> Result<Option<MerkleRoot>> {
        if !self.doubts.is_empty() {
            self.look(lane).await?;
        }
        Ok(self.builder.as_ref().map(MerkleBuilder::finish))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(extents: &[Extent]) -> Option<MerkleRoot> {
        let mut grid = Grid::new(Some(Chunking::Fixed(1024)));
        extents.iter().for_each(|extent| grid.trust(*extent));
        grid.builder.map(|builder| builder.finish())
    }

    #[test]
    fn only_what_lies_on_the_grid_has_a_root() {
        let id = BlockId::of(b"x");
        let whole = |len| Extent::whole(id, len);
        let of = |ids: &[BlockId]| Some(MerkleRoot::of(ids.iter().copied()));
        assert_eq!(root(&[]), of(&[]));
        assert_eq!(root(&[whole(1024), whole(1024), whole(5)]), of(&[id; 3]));
        assert_eq!(root(&[whole(5), whole(1024)]), None);
        assert_eq!(root(&[whole(1024), whole(5), whole(5)]), None);
        assert_eq!(root(&[whole(2048)]), None);
        assert_eq!(
            root(&[Extent {
                id,
                skip: 1,
                len: 5
            }]),
            None
        );
        let zeros = Extent {
            id: BlockId::ZERO,
            skip: 3,
            len: 1024,
        };
        assert_eq!(root(&[zeros, whole(5)]), of(&[BlockId::ZERO, id]));
        let mut none = Grid::new(Some(Chunking::Cdc(65_536)));
        none.trust(whole(5));
        assert!(none.builder.is_none());
    }
}
