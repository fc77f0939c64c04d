//! Compaction: packs of which little lives are written again, without the rest.
//!
//! Promises: a block moves in one transaction, and only if it still lies where it was read.

use dolium_array::StoredBlob;
use dolium_block::{Codec, PackBuilder, PackId, SealedBlock};
use dolium_catalog::{BlobKind as RowKind, BlobRow, BlobState, BlockRow, PackUsage};

use super::{CollectReporter, Collected, Collection, PAGE, Unwatched};
use crate::Result;
use crate::blobs::{blob_row, stored_blob};
use crate::clock::now;
use crate::lane::Lane;
use crate::packer::pack_blob;
use crate::several::Held;
use crate::store::Store;

/// Packs below this length are merged with others, if there are several.
const SMALL_PACK: i64 = 4 << 20;
/// Length at which a compacted pack is written.
const COMPACTED_LEN: usize = 16 << 20;

/// What becomes of a pack.
enum Fate {
    Drop,
    Sparse,
    Small,
    Keep,
}

fn sort(live: &PackUsage, len: i64) -> Fate {
    if live.blocks == 0 {
        Fate::Drop
    } else if live.bytes * 2 < len {
        Fate::Sparse
    } else if len < SMALL_PACK {
        Fate::Small
    } else {
        Fate::Keep
    }
}

impl Store {
    /// Moves what lives in packs to fresh ones, which are cut as the array now is. Packs that writes of other
    /// servers may still need stay. Under the lease of care.
    pub(crate) async fn rewrite_packs(
        &self,
        held: &Held,
        lane: &Lane,
        rows: &[BlobRow],
        reporter: &dyn CollectReporter,
    ) -> Result<Collected> {
        let mut collection = self.collection(held, reporter).await?;
        let idle = rows
            .iter()
            .filter(|row| !collection.others_may_need(row.created));
        let packs = idle.map(stored_blob).collect::<Result<_>>()?;
        collection.rewrite(lane, packs).await?;
        Ok(collection.done)
    }

    /// Removes what is left of packs whose removal was cut short. Under the lease of care.
    pub(crate) async fn finish_dying(&self, held: &Held, lane: &Lane) -> Result<()> {
        let mut collection = self.collection(held, &Unwatched).await?;
        collection.finish_dying(lane).await
    }
}

impl Collection<'_> {
    /// Drops packs in which nothing lives and rewrites those in which little does.
    pub(super) async fn compact(&mut self, lane: &Lane) -> Result<()> {
        let mut sparse: Vec<StoredBlob> = Vec::new();
        let mut small: Vec<StoredBlob> = Vec::new();
        let mut after: Option<String> = None;
        let young = now().0 - self.store.inner.settings.orphan_age_min.as_micros() as i64;
        loop {
            let (array, from) = (lane.array.name().to_owned(), after.take());
            let page = self.store.look(move |tx| {
                let rows = tx.blobs(&array, RowKind::Pack, from.as_deref(), PAGE)?;
                let mut out = Vec::with_capacity(rows.len());
                for row in rows {
                    let pack: PackId = row.name.parse()?;
                    out.push((tx.pack_live(pack)?, row));
                }
                Ok(out)
            });
            let page = page.await?;
            let Some((_, last)) = page.last() else { break };
            after = Some(last.name.clone());
            for (live, row) in page
                .into_iter()
                .filter(|(_, row)| row.state == BlobState::Live)
            {
                let blob = stored_blob(&row)?;
                match sort(&live, row.len) {
                    // A write of another server may have blocks in it that are not recorded yet.
                    _ if self.others_may_need(row.created) => {}
                    // A pack whose commit is on its way has no blocks yet.
                    Fate::Drop if row.created > young => {}
                    Fate::Drop => self.drop_pack(lane, &blob).await?,
                    Fate::Sparse => sparse.push(blob),
                    Fate::Small => small.push(blob),
                    Fate::Keep => {}
                }
            }
            if !self.report() {
                return Ok(());
            }
        }
        if small.len() > 1 {
            sparse.append(&mut small);
        }
        self.rewrite(lane, sparse).await
    }

    /// Moves the living blocks of packs into fresh ones, then drops the packs.
    async fn rewrite(&mut self, lane: &Lane, packs: Vec<StoredBlob>) -> Result<()> {
        let mut builder = PackBuilder::new(PackId::random());
        let mut moving: Vec<(BlockRow, PackId)> = Vec::new();
        let mut emptied: Vec<StoredBlob> = Vec::new();
        for blob in packs {
            let pack: PackId = blob.id.name().parse()?;
            if lane.packer.in_use(&pack) {
                continue;
            }
            let blocks = match self.living(lane, &blob, pack).await {
                Ok(blocks) => blocks,
                Err(error) => {
                    tracing::warn!(%pack, %error, "a pack cannot be compacted now");
                    continue;
                }
            };
            for (row, block) in blocks {
                let entry = builder.push(block);
                moving.push((
                    BlockRow {
                        start: entry.offset.into(),
                        ..row
                    },
                    pack,
                ));
            }
            emptied.push(blob);
            if builder.len() >= COMPACTED_LEN {
                let full = std::mem::replace(&mut builder, PackBuilder::new(PackId::random()));
                self.move_blocks(lane, full, std::mem::take(&mut moving))
                    .await?;
                for blob in emptied.drain(..) {
                    self.drop_pack(lane, &blob).await?;
                }
                if !self.report() {
                    return Ok(());
                }
            }
        }
        if !builder.is_empty() {
            self.move_blocks(lane, builder, moving).await?;
        }
        for blob in emptied {
            self.drop_pack(lane, &blob).await?;
        }
        Ok(())
    }

    /// The blocks of a pack that the catalog knows, with their bytes.
    async fn living(
        &self,
        lane: &Lane,
        blob: &StoredBlob,
        pack: PackId,
    ) -> Result<Vec<(BlockRow, SealedBlock)>> {
        let rows = self.store.look(move |tx| Ok(tx.pack_blocks(pack)?)).await?;
        let mut living = Vec::with_capacity(rows.len());
        for row in rows {
            let start = row.start as u64;
            let range = start..start + row.sealed_len as u64;
            let block = SealedBlock {
                id: row.id,
                codec: Codec::try_from(row.codec as u8)?,
                len: row.len as u32,
                is_node: row.is_node,
                bytes: lane.array.read(blob, range).await?.to_vec(),
            };
            living.push((row, block));
        }
        Ok(living)
    }

    async fn move_blocks(
        &mut self,
        lane: &Lane,
        builder: PackBuilder,
        moving: Vec<(BlockRow, PackId)>,
    ) -> Result<()> {
        let pack = builder.finish(&self.store.inner.keys.pack_index)?;
        let id = pack.id;
        let blob = lane
            .array
            .put(&pack_blob(&id)?, pack.segments.into())
            .await?;
        self.done.bytes_rewritten += blob.len;
        let row = blob_row(lane.array.name(), &blob);
        self.write(move |tx| {
            tx.insert_pack_blocks(&row, &[])?;
            for (block, from) in &moving {
                tx.move_block(
                    block.id,
                    *from,
                    &BlockRow {
                        pack: id,
                        ..block.clone()
                    },
                )?;
            }
            Ok(())
        })
        .await
    }
}
