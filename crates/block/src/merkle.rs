//! The Merkle root that names a whole object (Pithos+, section 4.2).
//!
//! Block hashes are padded on the right with all-zero digests to a power of two and hashed in pairs.
//! No block: the hash of nothing; one block: its own hash.
//!
//! Promises: memory grows with the logarithm of the number of blocks.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::BlockId;

/// The root over an object's block hashes. With the size and block length it identifies the content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MerkleRoot([u8; 32]);

fn pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// Computes the root as names come.
#[derive(Clone, Debug, Default)]
pub struct MerkleBuilder {
    /// A binary counter: `stack[i]` holds the root of a full subtree of 2^i leaves.
    stack: Vec<Option<[u8; 32]>>,
    count: u64,
}

impl MerkleBuilder {
    /// No blocks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next block.
    pub fn push(&mut self, id: BlockId) {
        self.count += 1;
        let mut node = *id.as_bytes();
        let mut level = 0;
        loop {
            if level == self.stack.len() {
                self.stack.push(Some(node));
                return;
            }
            match self.stack[level].take() {
                Some(left) => node = pair(&left, &node),
                None => {
                    self.stack[level] = Some(node);
                    return;
                }
            }
            level += 1;
        }
    }

    /// The root.
    pub fn finish(&self) -> MerkleRoot {
        if self.count == 0 {
            return MerkleRoot(*BlockId::ZERO.as_bytes());
        }
        MerkleRoot(close(&self.stack, self.count))
    }
}

impl MerkleRoot {
    /// The root over block names in their order.
    pub fn of(ids: impl IntoIterator<Item = BlockId>) -> Self {
        let mut builder = MerkleBuilder::new();
        ids.into_iter().for_each(|id| builder.push(id));
        builder.finish()
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Pads the right edge with subtrees of zero digests up to the next power of two.
fn close(stack: &[Option<[u8; 32]>], count: u64) -> [u8; 32] {
    let height = count.next_power_of_two().trailing_zeros() as usize;
    let mut zero = [0; 32];
    let mut carry: Option<[u8; 32]> = None;
    for level in 0..height {
        let own = stack.get(level).copied().flatten();
        carry = match (own, carry) {
            (Some(left), Some(right)) => Some(pair(&left, &right)),
            (Some(alone), None) | (None, Some(alone)) => Some(pair(&alone, &zero)),
            (None, None) => None,
        };
        zero = pair(&zero, &zero);
    }
    carry
        .or_else(|| stack.get(height).copied().flatten())
        .unwrap_or(zero)
}

impl fmt::Display for MerkleRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MerkleRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MerkleRoot({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(data: &[u8], block_len: usize) -> String {
        MerkleRoot::of(data.chunks(block_len).map(BlockId::of)).to_string()
    }

    /// The definition, written the slow way.
    fn plain(ids: &[BlockId]) -> [u8; 32] {
        let mut level: Vec<[u8; 32]> = ids.iter().map(|id| *id.as_bytes()).collect();
        if level.is_empty() {
            return *BlockId::ZERO.as_bytes();
        }
        level.resize(level.len().next_power_of_two(), [0; 32]);
        while level.len() > 1 {
            level = level.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        }
        level[0]
    }

    #[test]
    fn vectors_of_the_specification() {
        let zero = BlockId::ZERO.to_string();
        assert_eq!(root(b"", 1024), zero);
        assert_eq!(root(&[0; 1000], 1024), zero);
        assert_eq!(
            root(b"hello", 1024),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
        assert_eq!(
            root(b"ab\0\0\0\0\0\0", 1024),
            "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"
        );
        let mut data = vec![0; 1024];
        data.push(b'q');
        assert_eq!(
            root(&data, 1024),
            "3d51fd26774a18a7a7f8a715aa8a52baf07d010fe60e3bb1f917fde836107f19"
        );
        assert_eq!(
            root(&[b'a'; 2500], 1024),
            "f2a7078a97c0167b503e2950219bff247254e1c2f1aa81a5955c78536d2c5fd5"
        );
        let five: Vec<u8> = (1..=5u8).flat_map(|byte| [byte; 1024]).collect();
        assert_eq!(
            root(&five, 1024),
            "21d0f58d9278101ec4bc9efcb0413c0500e155bd939e5e1e748f5828797c358c"
        );
        let nine: Vec<u8> = (0..9usize << 20)
            .map(|k| ((7 * k + k / 4_194_304) % 256) as u8)
            .collect();
        assert_eq!(
            root(&nine, 4 << 20),
            "28c69642bdf687f7e9f34ba3fae3139e7159183f29481610ff5a8a683ad639d3"
        );
    }

    #[test]
    fn agrees_with_the_definition_for_every_small_count() {
        for count in 0..70u8 {
            let ids: Vec<BlockId> = (0..count).map(|n| BlockId::of(&[n, 1])).collect();
            assert_eq!(MerkleRoot::of(ids.clone()).0, plain(&ids), "{count} blocks");
        }
    }
}
