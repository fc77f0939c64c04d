//! Composing: a new object of stored bytes and new ones, with blocks on the container's grid.
//!
//! Stored blocks that lie on the grid as they are are named again, without being read; what lies across it,
//! and what is new, is cut and stored. So a write in the middle of an object stores the blocks that it
//! touches, and the result has a Merkle root.
//!
//! Promises: holds one block besides what an ingest holds; bytes past the limit are not stored.

use std::ops::Range;

use bytes::Bytes;
use dolium_block::{Chunker, Chunking, Extent, Node};
use dolium_catalog::{ContainerRow, VersionRow};

use crate::intake::{Intake, Taken};
use crate::lane::Lane;
use crate::reader::{ExtentWalk, read_extent};
use crate::verbs::same_grid;
use crate::{Error, ErrorKind, Result, rows};

/// The stored content of a version that is not encrypted by itself.
#[derive(Clone)]
pub(crate) struct Content {
    lane: Lane,
    root: Node,
    len: u64,
    /// Whether its blocks lie on the grid of the container it was opened for.
    fits: bool,
}

impl Content {
    /// The content of a version, to become content of another container's.
    pub(crate) fn of(
        lane: &Lane,
        from: &ContainerRow,
        row: &VersionRow,
        to: &ContainerRow,
    ) -> Result<Self> {
        Ok(Self {
            lane: lane.clone(),
            root: Node::decode(&row.list)?,
            len: row.size.max(0) as u64,
            fits: row.root.is_some() && same_grid(from, to),
        })
    }

    /// Its length.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

/// Puts an object together, from its first byte to its last.
pub(crate) struct Composer<'a> {
    lane: &'a Lane,
    intake: Intake<'a>,
    chunker: Chunker,
    ready: Vec<Bytes>,
    block_len: u64,
    at: u64,
    limit: u64,
}

impl<'a> Composer<'a> {
    /// An empty object of a container; bytes past `limit` are dropped.
    pub(crate) fn new(lane: &'a Lane, container: &ContainerRow, limit: u64) -> Result<Self> {
        let chunking = rows::chunking(container)?;
        let Chunking::Fixed(block_len) = chunking else {
            let context = "the container's blocks have no fixed length";
            return Err(Error::new(ErrorKind::Unsupported, context));
        };
        Ok(Self {
            lane,
            intake: Intake::new(lane, Some(chunking)),
            chunker: Chunker::new(chunking),
            ready: Vec::new(),
            block_len: block_len.into(),
            at: 0,
            limit,
        })
    }

    /// Appends new bytes.
    pub(crate) async fn bytes(&mut self, mut bytes: Bytes) -> Result<()> {
        let room = self.limit - self.at;
        bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        self.at += bytes.len() as u64;
        self.chunker.push(bytes, &mut self.ready);
        for block in self.ready.drain(..) {
            self.intake.push(block).await?;
        }
        Ok(())
    }

    /// Appends a range of stored bytes. A shorter block at the end of that content stays as it is only where
    /// nothing follows.
    pub(crate) async fn range(
        &mut self,
        content: &Content,
        range: Range<u64>,
        is_last: bool,
    ) -> Result<()> {
        let end = range
            .end
            .min(range.start.saturating_add(self.limit - self.at));
        if end <= range.start {
            return Ok(());
        }
        let is_end = is_last && end == content.len;
        let lane = content.lane.clone();
        let mut walk = ExtentWalk::new(lane.clone(), content.root.clone(), range.start..end);
        let mut left = end - range.start;
        while let Some(extent) = walk.next().await? {
            left -= u64::from(extent.len);
            if content.fits && self.takes(extent, is_end && left == 0) {
                if lane.array.name() != self.lane.array.name() {
                    self.intake.carry(&lane, extent.id).await?;
                }
                self.at += u64::from(extent.len);
                self.intake.append_whole(extent).await?;
                continue;
            }
            for piece in read_extent(lane.clone(), extent).await? {
                self.bytes(piece).await?;
            }
        }
        Ok(())
    }

    /// Whether an extent can be named as it is.
    fn takes(&self, extent: Extent, is_end: bool) -> bool {
        let starts = extent.skip == 0 || extent.id.is_zero();
        let whole = u64::from(extent.len) == self.block_len || is_end;
        self.at.is_multiple_of(self.block_len) && starts && whole
    }

    /// Appends a block that is in the array and known to be all that its name is the hash of.
    pub(crate) async fn whole(&mut self, extent: Extent) -> Result<()> {
        self.at += u64::from(extent.len);
        self.intake.append_whole(extent).await
    }

    /// Waits until everything is durable; gives it and its length.
    pub(crate) async fn finish(mut self) -> Result<(Taken, u64)> {
        let mut rest = Vec::new();
        self.chunker.finish(&mut rest);
        for block in rest {
            self.intake.push(block).await?;
        }
        Ok((self.intake.finish().await?, self.at))
    }
}
