//! What packs say of themselves: the blocks that they hold.
//!
//! Promises: a pack that nobody could show is not taken for one that never was.

use std::sync::Arc;

use dolium_array::{Array, BlobKind, FoundBlob};
use dolium_block::{PackId, PackIndex};
use dolium_catalog::{BlockRow, ReadTx};

use super::{Recovery, shard_count, shards_needed};
use crate::blobs::{blob_row, block_row};
use crate::clock::now;
use crate::journal::FOUND_PAGE;
use crate::settings::Keys;
use crate::{Error, ErrorKind, Result};

/// The key of `meta` that says that providers were silent while packs were looked for.
const SILENT: &str = "recovery_with_silent_providers";

/// True when a pack that the catalog does not know may be one that its recovery could not read because
/// providers were silent. Such a pack must not be taken for a write that was cut short.
pub(crate) fn may_have_missed_packs(tx: &mut ReadTx<'_>) -> Result<bool> {
    Ok(tx.meta(SILENT)?.is_some())
}

impl Recovery<'_> {
    /// Notes every pack and the blocks it says it holds. Packs that lack too many shards to be
    /// read whole come last: what a deletion left must not hide the whole copy of a block in another pack.
    pub(super) async fn packs(&mut self, array: &Arc<Array>) -> Result<()> {
        let mut partial = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = array
                .found(BlobKind::Pack, after.as_deref(), FOUND_PAGE)
                .await?;
            self.silent |= !page.unreachable.is_empty();
            for found in &page.blobs {
                // Most are whole by the array's own layout, and nobody needs to be asked.
                let seems_whole = shard_count(found) >= usize::from(array.layout().data());
                if !seems_whole && shard_count(found) < shards_needed(array, found).await {
                    partial.push(found.clone());
                } else {
                    self.note_pack(array, found).await;
                }
            }
            match (page.more, page.blobs.last()) {
                (true, Some(last)) => after = Some(last.id.name().to_owned()),
                _ => break,
            }
        }
        for found in partial {
            self.note_pack(array, &found).await;
        }
        Ok(())
    }

    /// Remembers whether there may be packs that nobody showed us.
    pub(super) async fn note_silence(&self) -> Result<()> {
        if !self.silent || self.done.packs_unreadable == 0 {
            return Ok(());
        }
        let noted = self.catalog.write(|tx| tx.set_meta(SILENT, b"1"));
        noted.await.map(drop).map_err(Error::from)
    }

    async fn note_pack(&mut self, array: &Arc<Array>, found: &FoundBlob) {
        match self.pack(array, found).await {
            Ok(blocks) => {
                self.done.packs += 1;
                self.done.blocks += blocks;
            }
            // A pack whose write or removal was cut short holds nothing that is needed.
            Err(error) => {
                tracing::warn!(pack = %found.id, %error, "a pack is unreadable");
                self.done.packs_unreadable += 1;
            }
        }
        (self.progress)(&self.done);
    }

    async fn pack(&self, array: &Arc<Array>, found: &FoundBlob) -> Result<u64> {
        let id: PackId = found.id.name().parse()?;
        let blob = array.inspect(found).await?;
        // A pack that was being removed may have left its index and little else. Its blocks live in
        // another pack, or nothing refers to them.
        if blob.placement.placed() < usize::from(blob.layout.data()) {
            let context = format!("pack {id} has too few shards to be read");
            return Err(Error::new(ErrorKind::Unavailable, context));
        }
        let index = read_index(array, &blob, &self.keys, &id).await?;
        let unref_at = Some(now().0);
        let block = |entry| block_row(array.name(), id, entry, unref_at);
        let blocks: Vec<BlockRow> = index.entries.iter().map(block).collect();
        let (row, count) = (blob_row(array.name(), &blob), blocks.len() as u64);
        let noted = self
            .catalog
            .write(move |tx| tx.insert_pack_blocks(&row, &blocks));
        noted.await.map_err(Error::from)?;
        Ok(count)
    }
}

/// Reads the index at the end of a pack.
pub(crate) async fn read_index(
    array: &Array,
    blob: &dolium_array::StoredBlob,
    keys: &Keys,
    id: &PackId,
) -> Result<PackIndex> {
    let len = blob.len;
    let trailer_at = len.checked_sub(PackIndex::TRAILER_LEN).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!("pack {id} is shorter than its trailer"),
        )
    })?;
    let trailer = array.read(blob, trailer_at..len).await?;
    let range = PackIndex::range(len, &trailer)?;
    let sealed = array.read(blob, range.clone()).await?;
    Ok(PackIndex::open(&keys.pack_index, id, &range, &sealed)?)
}
