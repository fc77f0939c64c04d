//! Packs: sealed blocks one after another, then a sealed index that says what they are.
//!
//! A pack describes itself: with the key, its last bytes lead to the index, and the index names every
//! block in it. The catalog's block records can therefore be rebuilt from packs alone.
//! Layout in `docs/format.md`.
//!
//! Does not: decide when a pack is full (`store`), or write it (`array`).

use std::ops::Range;

use bytes::Bytes;

use crate::codec::{Reader, Writer};
use crate::seal::{SALT_LEN, decrypt, encrypt};
use crate::{BlockId, Codec, Error, MAX_BLOCK_LEN, PackId, Result, SealedBlock, Subkey};

const HEADER_MAGIC: [u8; 7] = *b"DOLPACK";
const TRAILER_MAGIC: [u8; 8] = *b"DOLPKEND";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 24;
const FLAG_NODE: u8 = 1;
const WHAT: &str = "pack index";

/// One block's place in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// The block's name.
    pub id: BlockId,
    /// Where its sealed bytes begin in the pack.
    pub offset: u32,
    /// How many sealed bytes there are.
    pub sealed_len: u32,
    /// Length of the content without trailing zeros.
    pub len: u32,
    /// How the content was transformed.
    pub codec: Codec,
    /// True for nodes of block lists.
    pub is_node: bool,
}

/// Gathers sealed blocks.
#[derive(Debug)]
pub struct PackBuilder {
    id: PackId,
    segments: Vec<Bytes>,
    entries: Vec<PackEntry>,
    len: usize,
}

/// A finished pack.
#[derive(Clone, Debug)]
pub struct SealedPack {
    /// Its name.
    pub id: PackId,
    /// Its bytes, to be written one after another.
    pub segments: Vec<Bytes>,
    /// What lies where.
    pub entries: Vec<PackEntry>,
    /// Length of all segments.
    pub len: u64,
}

impl PackBuilder {
    /// An empty pack.
    pub fn new(id: PackId) -> Self {
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(&HEADER_MAGIC);
        header.push(VERSION);
        header.extend_from_slice(id.as_bytes());
        Self {
            id,
            segments: vec![header.into()],
            entries: Vec::new(),
            len: HEADER_LEN,
        }
    }

    /// Appends a block and says where it will lie.
    pub fn push(&mut self, block: SealedBlock) -> PackEntry {
        let entry = PackEntry {
            id: block.id,
            offset: self.len as u32,
            sealed_len: block.bytes.len() as u32,
            len: block.len,
            codec: block.codec,
            is_node: block.is_node,
        };
        self.entries.push(entry);
        self.len += block.bytes.len();
        self.segments.push(block.bytes.into());
        entry
    }

    /// The names of the blocks gathered so far.
    pub fn ids(&self) -> Vec<BlockId> {
        self.entries.iter().map(|entry| entry.id).collect()
    }

    /// Bytes gathered so far, without the index.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when no block was appended.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Seals the index and closes the pack.
    pub fn finish(mut self, key: &Subkey) -> Result<SealedPack> {
        let mut index = Writer::new();
        index
            .raw(&rand::random::<[u8; SALT_LEN]>())
            .varint(self.entries.len() as u64);
        for entry in &self.entries {
            index
                .raw(entry.id.as_bytes())
                .varint(entry.sealed_len.into());
            index.varint(entry.len.into()).u8(entry.codec as u8);
            index.u8(if entry.is_node { FLAG_NODE } else { 0 });
        }
        let mut index = index.finish();
        encrypt(key, self.id.as_bytes(), &[VERSION], &mut index)?;
        let index_len = index.len() as u32;
        index.extend_from_slice(&index_len.to_be_bytes());
        index.extend_from_slice(&TRAILER_MAGIC);
        let len = (self.len + index.len()) as u64;
        self.segments.push(index.into());
        Ok(SealedPack {
            id: self.id,
            segments: self.segments,
            entries: self.entries,
            len,
        })
    }
}

/// The index at the end of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackIndex {
    /// What lies where.
    pub entries: Vec<PackEntry>,
}

impl PackIndex {
    /// How many bytes at the very end lead to the index.
    pub const TRAILER_LEN: u64 = 12;

    /// Where the sealed index lies in a pack of `pack_len` bytes, by its last
    /// [`Self::TRAILER_LEN`] bytes.
    pub fn range(pack_len: u64, trailer: &[u8]) -> Result<Range<u64>> {
        let mut reader = Reader::new("pack trailer", trailer);
        let index_len = u64::from(reader.u32()?);
        if reader.array::<8>()? != TRAILER_MAGIC {
            return Err(Error::malformed("pack trailer", "wrong magic"));
        }
        reader.end()?;
        let end = pack_len.checked_sub(Self::TRAILER_LEN);
        let start = end.and_then(|end| end.checked_sub(index_len));
        match (start, end) {
            (Some(start), Some(end)) if start >= HEADER_LEN as u64 => Ok(start..end),
            _ => Err(Error::malformed(
                "pack trailer",
                "index longer than the pack",
            )),
        }
    }

    /// Opens the sealed index that lies at `range` of the pack `id`.
    pub fn open(key: &Subkey, id: &PackId, range: &Range<u64>, sealed: &[u8]) -> Result<Self> {
        let text = decrypt(key, id.as_bytes(), &[VERSION], sealed.to_vec(), WHAT)?;
        let mut reader = Reader::new(WHAT, &text);
        // An entry takes at least 36 bytes, so a hostile count cannot make us allocate.
        let count = reader.varint_max(text.len() as u64 / 36, "more entries than bytes")?;
        let mut entries = Vec::with_capacity(count as usize);
        let mut offset = HEADER_LEN as u64;
        for _ in 0..count {
            let id = BlockId::from_bytes(reader.array()?);
            let sealed_max = (MAX_BLOCK_LEN + 64) as u64;
            let sealed_len = reader.varint_max(sealed_max, "sealed block too long")?;
            let len = reader.varint_max(MAX_BLOCK_LEN as u64, "block too long")? as u32;
            let codec = Codec::try_from(reader.u8()?)?;
            let is_node = reader.u8()? & FLAG_NODE != 0;
            entries.push(PackEntry {
                id,
                offset: u32::try_from(offset).map_err(|_| Error::OutOfRange)?,
                sealed_len: sealed_len as u32,
                len,
                codec,
                is_node,
            });
            offset += sealed_len;
        }
        reader.end()?;
        if offset != range.start {
            return Err(Error::malformed(WHAT, "entries do not fill the pack"));
        }
        Ok(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{MasterKey, open, seal};

    fn key() -> Subkey {
        MasterKey::from_bytes([1; 32]).subkey("test")
    }

    fn pack_of(contents: &[Vec<u8>]) -> SealedPack {
        let mut builder = PackBuilder::new(PackId::random());
        for content in contents {
            builder.push(seal(&key(), BlockId::of(content), content, false).unwrap());
        }
        builder.finish(&key()).unwrap()
    }

    fn read_index(id: &PackId, bytes: &[u8]) -> Result<PackIndex> {
        let trailer_at = bytes.len().saturating_sub(PackIndex::TRAILER_LEN as usize);
        let range = PackIndex::range(bytes.len() as u64, &bytes[trailer_at..])?;
        PackIndex::open(
            &key(),
            id,
            &range,
            &bytes[range.start as usize..range.end as usize],
        )
    }

    proptest! {
        #[test]
        fn a_pack_describes_itself(contents: Vec<Vec<u8>>) {
            let pack = pack_of(&contents);
            let bytes = pack.segments.concat();
            prop_assert_eq!(bytes.len() as u64, pack.len);
            let index = read_index(&pack.id, &bytes).unwrap();
            prop_assert_eq!(&index.entries, &pack.entries);
            for entry in index.entries {
                let at = entry.offset as usize;
                let sealed = &bytes[at..at + entry.sealed_len as usize];
                let content = open(&key(), &entry.id, entry.codec, entry.len, sealed.to_vec()).unwrap();
                prop_assert_eq!(BlockId::of(&content), entry.id);
            }
        }

        #[test]
        fn hostile_trailers_never_panic(bytes: Vec<u8>, len: u64) {
            prop_assert!(PackIndex::range(len, &bytes).is_err());
        }
    }

    #[test]
    fn an_index_of_another_pack_is_refused() {
        let pack = pack_of(&[b"content".to_vec()]);
        let bytes = pack.segments.concat();
        assert!(read_index(&PackId::random(), &bytes).is_err());
        assert!(read_index(&pack.id, &bytes[..bytes.len() - 1]).is_err());
    }
}
