//! Reading shards that wait on the local disk for their member.

use std::ops::Range;

use crate::array::Inner;
use crate::chunks::Shard;
use crate::shard::Column;

impl Inner {
    /// Verified chunks of a shard that waits on the local disk for its member.
    pub(crate) async fn kept_chunks(&self, shard: &Shard, chunks: &Range<u64>) -> Option<Column> {
        let spool = self.spool.as_ref()?;
        let kept = spool.find(&shard.id, shard.index)?;
        let range = shard.geometry.stored_range(chunks);
        let stored = match spool.read(&kept, range).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(blob = %shard.id, %error, "a kept shard cannot be read");
                return None;
            }
        };
        let verified = self.verify(shard, chunks, stored).await;
        let told = verified.inspect_err(|why| {
            tracing::warn!(blob = %shard.id, shard = shard.index, why, "a kept shard is damaged");
        });
        told.ok()
    }
}
