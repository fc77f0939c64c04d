//! Block lists: the ordered extents whose bytes, one after another, are an object.
//!
//! An extent names a block and says which of its bytes are meant, so a copy of an odd range, an
//! append or a splice moves no data and cuts no block.
//!
//! Promises: every operation keeps `len` equal to the sum of the extents; no extent is empty.
//! Does not: store long lists; see [`crate::TreeBuilder`].

use std::ops::Range;

use crate::id::MAX_BLOCK_LEN;
use crate::{BlockId, Error, Result};

/// Bytes `skip..skip + len` of a block, the block being followed by endless zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The block.
    pub id: BlockId,
    /// How many bytes of the block to pass over.
    pub skip: u32,
    /// How many bytes to take.
    pub len: u32,
}

impl Extent {
    /// A whole block of `len` bytes.
    pub fn whole(id: BlockId, len: u32) -> Self {
        Self { id, skip: 0, len }
    }

    /// The part of this extent that `range` (relative to its start) covers.
    #[must_use]
    pub fn part(&self, range: Range<u32>) -> Self {
        debug_assert!(range.end <= self.len);
        let skip = if self.id.is_zero() {
            0
        } else {
            self.skip + range.start
        };
        Self {
            id: self.id,
            skip,
            len: range.end - range.start,
        }
    }

    /// True when the bytes lie within what a block may hold.
    pub(crate) fn is_valid(&self) -> bool {
        let end = u64::from(self.skip) + u64::from(self.len);
        self.len > 0 && end <= MAX_BLOCK_LEN as u64
    }
}

/// A short list, whole in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockList {
    extents: Vec<Extent>,
    len: u64,
}

impl BlockList {
    /// The list of an empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// The extents in order.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Length of the object in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True for the empty object.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends one extent; an empty one is dropped.
    pub fn push(&mut self, extent: Extent) {
        if extent.len > 0 {
            self.len += u64::from(extent.len);
            self.extents.push(extent);
        }
    }

    /// Appends all of another list.
    pub fn append(&mut self, other: &Self) {
        self.extents.extend_from_slice(&other.extents);
        self.len += other.len;
    }

    /// The index of the extent that holds byte `offset`, and the offset within it.
    pub fn seek(&self, offset: u64) -> Result<(usize, u32)> {
        let mut start = 0;
        for (index, extent) in self.extents.iter().enumerate() {
            let end = start + u64::from(extent.len);
            if offset < end {
                return Ok((index, (offset - start) as u32));
            }
            start = end;
        }
        Err(Error::OutOfRange)
    }

    /// The list of the bytes in `range`.
    pub fn slice(&self, range: Range<u64>) -> Result<Self> {
        if range.start > range.end || range.end > self.len {
            return Err(Error::OutOfRange);
        }
        let mut out = Self::new();
        let mut start = 0;
        for extent in &self.extents {
            let end = start + u64::from(extent.len);
            let from = range.start.clamp(start, end);
            let to = range.end.clamp(start, end);
            if from < to {
                out.push(extent.part((from - start) as u32..(to - start) as u32));
            }
            start = end;
        }
        Ok(out)
    }

    /// Replaces the bytes in `range` by those of `other`, which may be longer or shorter.
    pub fn splice(&self, range: Range<u64>, other: &Self) -> Result<Self> {
        let mut out = self.slice(0..range.start)?;
        out.append(other);
        out.append(&self.slice(range.end..self.len)?);
        Ok(out)
    }

    /// Shortens the object, or extends it with zeros, to `len` bytes.
    pub fn truncate(&self, len: u64) -> Result<Self> {
        let mut out = self.slice(0..len.min(self.len))?;
        while out.len < len {
            let missing = (len - out.len).min(MAX_BLOCK_LEN as u64);
            out.push(Extent::whole(BlockId::ZERO, missing as u32));
        }
        Ok(out)
    }
}

impl FromIterator<Extent> for BlockList {
    fn from_iter<T: IntoIterator<Item = Extent>>(extents: T) -> Self {
        let mut list = Self::new();
        for extent in extents {
            list.push(extent);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Blocks by id, and lists made over them: the model is the plain bytes.
    #[derive(Default)]
    struct World {
        blocks: HashMap<BlockId, Vec<u8>>,
    }

    impl World {
        fn list(&mut self, bytes: &[u8], block_len: usize) -> BlockList {
            let blocks = bytes.chunks(block_len).map(|block| {
                let id = BlockId::of(block);
                self.blocks.insert(id, block.to_vec());
                Extent::whole(id, block.len() as u32)
            });
            blocks.collect()
        }

        fn bytes(&self, list: &BlockList) -> Vec<u8> {
            let mut out = Vec::new();
            for extent in list.extents() {
                let block = self.blocks.get(&extent.id).cloned().unwrap_or_default();
                let byte = |at: u32| block.get(at as usize).copied().unwrap_or(0);
                out.extend((extent.skip..extent.skip + extent.len).map(byte));
            }
            assert_eq!(out.len() as u64, list.len());
            out
        }
    }

    proptest! {
        #[test]
        fn lists_behave_like_bytes(
            a in proptest::collection::vec(0u8..3, 0..200),
            b in proptest::collection::vec(0u8..3, 0..50),
            block_len in 1usize..20, x: usize, y: usize, longer in 0u64..300,
        ) {
            let mut world = World::default();
            let (la, lb) = (world.list(&a, block_len), world.list(&b, 7));
            let (mut x, mut y) = (x % (a.len() + 1), y % (a.len() + 1));
            if x > y { std::mem::swap(&mut x, &mut y); }
            let range = x as u64..y as u64;
            let part = la.slice(range.clone()).unwrap();
            prop_assert_eq!(world.bytes(&part), &a[x..y]);
            let mut spliced = a.clone();
            spliced.splice(x..y, b.iter().copied());
            let list = la.splice(range, &lb).unwrap();
            prop_assert_eq!(world.bytes(&list), &spliced[..]);
            let again = list.slice(0..list.len()).unwrap();
            prop_assert_eq!(world.bytes(&again), &spliced[..]);
            let mut resized = a.clone();
            resized.resize(longer as usize, 0);
            prop_assert_eq!(world.bytes(&la.truncate(longer).unwrap()), resized);
            if let Ok((index, within)) = la.seek(x as u64) {
                let before: u64 = la.extents()[..index].iter().map(|e| u64::from(e.len)).sum();
                prop_assert_eq!(before + u64::from(within), x as u64);
            } else {
                prop_assert_eq!(x, a.len());
            }
        }
    }

    #[test]
    fn outside_is_refused() {
        let list = World::default().list(b"hello", 2);
        assert_eq!(list.slice(0..6), Err(Error::OutOfRange));
        assert_eq!(list.seek(5), Err(Error::OutOfRange));
    }
}
