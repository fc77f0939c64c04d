//! Opened blocks that are likely to be asked for again.
//!
//! A block opens only as a whole. A client that reads a file in small ranges would have each of its blocks
//! fetched, checked and decrypted for every range; many clients that read one small object would, too. Blocks of
//! which somebody wants a part, short ones and nodes of lists are kept here for a while; the blocks of whole large
//! objects pass by.
//!
//! Promises: holds no more bytes than it was given; a block that several readers want at once is fetched once;
//! what failed is not remembered. One cache serves all arrays: a block's name is its content.
//! Does not: decide who may read; that was decided before a block is asked for.

use std::future::Future;

use bytes::Bytes;
use dolium_block::BlockId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::Result;

/// What a block counts beside its bytes.
const ENTRY_BYTES: u64 = 128;
/// The length that most blocks in here are taken to have: only a first guess at how many there will be.
const USUAL_LEN: u64 = 64 << 10;
/// Content shorter than this is copied; what is longer has been read into little more than its own length.
const COPIED_LEN_MAX: usize = 64 << 10;
/// A piece of a block shorter than this is taken for a part that others of the same block will follow.
const PIECE_LEN_MAX: usize = 1 << 20;

/// Blocks by name.
pub(crate) struct BlockCache {
    blocks: Cache<BlockId, Bytes, ByLen>,
}

#[derive(Clone)]
struct ByLen;

impl Weighter<BlockId, Bytes> for ByLen {
    fn weight(&self, _id: &BlockId, content: &Bytes) -> u64 {
        content.len() as u64 + ENTRY_BYTES
    }
}

impl BlockCache {
    /// A cache for so many bytes; with none it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max as u64;
        let usual = usize::try_from(bytes_max / USUAL_LEN).unwrap_or(usize::MAX);
        Self {
            blocks: Cache::with_weighter(usual.max(1), bytes_max, ByLen),
        }
    }

    /// Whether a piece of a block, from an offset, is a reason to keep the block.
    pub(crate) fn keeps(skip: usize, len: usize) -> bool {
        skip > 0 || len < PIECE_LEN_MAX
    }

    /// The block, if it is here.
    pub(crate) fn get(&self, id: &BlockId) -> Option<Bytes> {
        let found = self.blocks.get(id);
        count(found.is_some());
        found
    }

    /// The block, fetched and kept unless it is here.
    pub(crate) async fn get_or_fetch(
        &self,
        id: &BlockId,
        fetch: impl Future<Output = Result<Bytes>>,
    ) -> Result<Bytes> {
        match self.blocks.get_value_or_guard_async(id).await {
            Ok(found) => {
                count(true);
                Ok(found)
            }
            Err(guard) => {
                count(false);
                // When this fails, the guard tells the next reader to try for itself.
                let content = exact(fetch.await?);
                // It may have been removed meanwhile; then it is not kept.
                drop(guard.insert(content.clone()));
                Ok(content)
            }
        }
    }
}

/// Short content in memory of its own: what it was read into may be much longer, and only its length is counted.
fn exact(content: Bytes) -> Bytes {
    if content.len() < COPIED_LEN_MAX {
        Bytes::copy_from_slice(&content)
    } else {
        content
    }
}

fn count(hit: bool) {
    let name = if hit {
        "dolium_block_cache_hits_total"
    } else {
        "dolium_block_cache_misses_total"
    };
    metrics::counter!(name).increment(1);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{Error, ErrorKind};

    fn id(number: u64) -> BlockId {
        BlockId::of(&number.to_be_bytes())
    }

    #[tokio::test]
    async fn readers_of_one_block_fetch_it_once() {
        let cache = BlockCache::new(1 << 20);
        let fetched = AtomicUsize::new(0);
        let fetch = || async {
            fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(b"content"))
        };
        let (one, two) = (id(1), id(1));
        let readers = (
            cache.get_or_fetch(&one, fetch()),
            cache.get_or_fetch(&two, fetch()),
        );
        let (a, b) = futures::future::join(readers.0, readers.1).await;
        assert_eq!(
            (a.unwrap(), b.unwrap()),
            ("content".into(), "content".into())
        );
        assert_eq!(fetched.load(Ordering::SeqCst), 1);
        assert_eq!(cache.get(&id(1)).unwrap(), "content");
    }

    #[tokio::test]
    async fn failures_are_not_remembered() {
        let cache = BlockCache::new(1 << 20);
        let one = id(1);
        let failed =
            cache.get_or_fetch(&one, async { Err(Error::new(ErrorKind::Unavailable, "x")) });
        assert!(failed.await.is_err());
        assert_eq!(cache.get(&id(1)), None);
        let fetched = cache.get_or_fetch(&one, async { Ok(Bytes::from_static(b"y")) });
        assert_eq!(fetched.await.unwrap(), "y");
    }

    #[tokio::test]
    async fn bytes_are_bounded() {
        for bytes_max in [0usize, 1000, 100_000] {
            let cache = BlockCache::new(bytes_max);
            for number in 0..1000 {
                let content = Bytes::from(vec![1; number as usize * 7 % 3000]);
                let id = id(number);
                let given = cache.get_or_fetch(&id, async { Ok(content.clone()) });
                assert_eq!(given.await.unwrap(), content);
                assert!(cache.blocks.weight() <= bytes_max as u64);
            }
        }
    }
}
