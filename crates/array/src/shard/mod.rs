//! The bytes of a shard (`docs/format-shards.md`): a header, then chunks, each with its checksum.
//!
//! Promises: any range of a shard can be read and verified with one request; bytes that a provider
//! made up, moved, or took from another shard, blob or repository are refused.
//! Does not: hide anything. Blobs are sealed before they come here.

mod code;
mod cut;
mod header;
mod keys;

use std::ops::Range;

use bytes::Bytes;

pub(crate) use code::{Code, Codes};
pub(crate) use cut::{cut, shard_payload};
pub(crate) use header::Header;
pub(crate) use keys::{BlobTag, ShardKeys};

use crate::Layout;

/// The length of the header.
pub(crate) const HEADER_LEN: u64 = 64;
/// The bytes of a chunk; the last of a shard may be shorter.
pub(crate) const CHUNK_LEN: u64 = 64 << 10;
/// The length of a chunk's checksum, which follows it.
pub(crate) const TAG_LEN: u64 = 32;

/// The verified chunks of one shard over some range of chunk indices, without checksums.
pub(crate) type Column = Vec<Bytes>;

/// Where the bytes of a blob of some length are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) layout: Layout,
    pub(crate) blob_len: u64,
}

/// A range of a blob's bytes inside one data shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) index: u8,
    pub(crate) range: Range<u64>,
}

impl Geometry {
    /// The payload bytes of each shard.
    pub(crate) fn payload_len(self) -> u64 {
        self.blob_len.div_ceil(u64::from(self.layout.data()))
    }

    /// The bytes of each shard at its provider. Saturates for lengths that cannot be.
    pub(crate) fn stored_len(self) -> u64 {
        let tags = self.chunks().saturating_mul(TAG_LEN);
        self.payload_len()
            .saturating_add(tags)
            .saturating_add(HEADER_LEN)
    }

    /// How many chunks each shard has.
    pub(crate) fn chunks(self) -> u64 {
        self.payload_len().div_ceil(CHUNK_LEN)
    }

    /// The length of a chunk's payload.
    pub(crate) fn chunk_len(self, chunk: u64) -> u64 {
        let start = chunk.saturating_mul(CHUNK_LEN);
        CHUNK_LEN.min(self.payload_len().saturating_sub(start))
    }

    /// Where a range of chunks with their checksums lies in the stored shard.
    pub(crate) fn stored_range(self, chunks: &Range<u64>) -> Range<u64> {
        let start = |chunk: u64| HEADER_LEN + chunk * (CHUNK_LEN + TAG_LEN);
        start(chunks.start)..start(chunks.end).min(self.stored_len())
    }

    /// The chunks that hold a range of a shard's payload.
    pub(crate) fn chunks_of(self, range: &Range<u64>) -> Range<u64> {
        range.start / CHUNK_LEN..range.end.div_ceil(CHUNK_LEN)
    }

    /// Cuts a range of the blob at the borders of data shards.
    pub(crate) fn parts(self, range: &Range<u64>) -> Vec<Part> {
        let len = self.payload_len();
        let mut parts = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let index = at / len;
            let end = range.end.min((index + 1) * len);
            let base = index * len;
            parts.push(Part {
                index: index as u8,
                range: at - base..end - base,
            });
            at = end;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(data: u8, blob_len: u64) -> Geometry {
        Geometry {
            layout: Layout::Erasure { data, parity: 1 },
            blob_len,
        }
    }

    #[test]
    fn lengths_of_shards() {
        for (data, blob, payload, chunks, stored) in [
            (3, 0, 0, 0, 64),
            (3, 1, 1, 1, 64 + 1 + 32),
            (2, 131_072, 65_536, 1, 64 + 65_536 + 32),
            (2, 131_073, 65_537, 2, 64 + 65_537 + 64),
        ] {
            let got = geometry(data, blob);
            assert_eq!(
                (got.payload_len(), got.chunks()),
                (payload, chunks),
                "{blob}"
            );
            assert_eq!(got.stored_len(), stored, "{blob}");
        }
    }

    #[test]
    fn ranges_are_cut_at_shards() {
        let parts = geometry(3, 300).parts(&(99..201));
        let want = [(0, 99..100), (1, 0..100), (2, 0..1)];
        assert_eq!(parts, want.map(|(index, range)| Part { index, range }));
        assert_eq!(geometry(3, 300).parts(&(5..9)).len(), 1);
    }
}
