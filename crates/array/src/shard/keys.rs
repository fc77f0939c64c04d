//! The secret side of a shard's checksums: keys for headers, chunks and names, from one secret.

use std::fmt;

use crate::BlobId;

/// How much of a keyed hash a header holds, for its own checksum and for the blob's name.
pub(crate) const SHORT_LEN: usize = 16;

/// Keys derived from the array's shard key, one for each use.
#[derive(Clone)]
pub(crate) struct ShardKeys {
    name: [u8; 32],
    header: [u8; 32],
    chunk: [u8; 32],
}

/// A blob's name as checksums bind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobTag([u8; 32]);

impl BlobTag {
    /// What the header holds of it.
    pub(crate) fn short(&self) -> [u8; SHORT_LEN] {
        first(&self.0)
    }
}

impl ShardKeys {
    pub(crate) fn new(shard_key: &[u8; 32]) -> Self {
        Self {
            name: blake3::derive_key("dolium 2026 shard blob name v1", shard_key),
            header: blake3::derive_key("dolium 2026 shard header v1", shard_key),
            chunk: blake3::derive_key("dolium 2026 shard chunk v1", shard_key),
        }
    }

    /// The name that checksums of this blob's shards bind.
    pub(crate) fn blob_tag(&self, id: &BlobId) -> BlobTag {
        BlobTag(*blake3::keyed_hash(&self.name, id.to_string().as_bytes()).as_bytes())
    }

    /// The checksum of a header's fields.
    pub(crate) fn header_mac(&self, fields: &[u8]) -> [u8; SHORT_LEN] {
        first(blake3::keyed_hash(&self.header, fields).as_bytes())
    }

    /// The checksum of a chunk in its place.
    pub(crate) fn chunk_tag(
        &self,
        blob: &BlobTag,
        index: u8,
        chunk: u64,
        bytes: &[u8],
    ) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.chunk);
        let mut place = [0; 41];
        place[..32].copy_from_slice(&blob.0);
        place[32] = index;
        place[33..].copy_from_slice(&chunk.to_be_bytes());
        hasher.update(&place).update(bytes);
        hasher.finalize()
    }
}

fn first(hash: &[u8; 32]) -> [u8; SHORT_LEN] {
    let mut short = [0; SHORT_LEN];
    short.copy_from_slice(&hash[..SHORT_LEN]);
    short
}

impl fmt::Debug for ShardKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShardKeys")
    }
}
