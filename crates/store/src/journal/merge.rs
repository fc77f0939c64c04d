//! Merging: many small batches become few segments, and segments a snapshot.
//!
//! A merge writes the segment, then records it and forgets the outbox in one transaction, then removes
//! the batches. Killed in between, it leaves blobs too many, never too few.

use dolium_array::{BlobId, BlobKind};
use dolium_provider::Payload;

use super::{Base, Batch, Shipper, parse_batch_name};
use crate::blobs::blob_row;
use crate::{Error, Result};

/// The most one segment holds.
const SEGMENT_LEN_MAX: usize = 8 << 20;
/// Journal bytes below which no snapshot is worth it.
const SNAPSHOT_AFTER_MIN: i64 = 64 << 20;

impl Shipper {
    /// Moves everything shipped into segments.
    pub(super) async fn merge(&mut self) -> Result<()> {
        loop {
            let (from, upto) = (self.base.seq, *self.shipped.borrow());
            let entries = self
                .catalog
                .read(move |tx| tx.outbox_after(from, SEGMENT_LEN_MAX))
                .await;
            let mut entries = entries.map_err(Error::from)?;
            entries.retain(|entry| entry.seq <= upto);
            if entries.is_empty() {
                break;
            }
            self.write_segment(Batch::new(from, self.base.chain, entries)?)
                .await?;
        }
        self.remove_merged().await;
        self.snapshot_if_due().await
    }

    async fn write_segment(&mut self, segment: Batch) -> Result<()> {
        let id = BlobId::new(BlobKind::Journal, segment.name())?;
        let blob = self
            .array
            .put(&id, Payload::from(segment.seal(&self.key)?))
            .await?;
        let base = Base {
            seq: segment.last(),
            chain: segment.after(),
        };
        let row = blob_row(self.array.name(), &blob);
        let recorded = self.catalog.write(move |tx| {
            tx.insert_blob(&row)?;
            tx.set_meta(Base::META, &base.encode())?;
            tx.outbox_trim(base.seq)
        });
        recorded.await.map_err(Error::from)?;
        self.base = base;
        Ok(())
    }

    /// Removes batches whose entries are all in segments. What cannot be removed now is tried again
    /// after the next merge.
    async fn remove_merged(&mut self) {
        let base = self.base.seq;
        let mut kept = Vec::new();
        for blob in std::mem::take(&mut self.unmerged) {
            let merged = parse_batch_name(blob.id.name()).is_some_and(|(_, last)| last <= base);
            if !merged || self.array.delete(&blob).await.is_err() {
                kept.push(blob);
            }
        }
        self.unmerged_bytes = 0;
        self.unmerged = kept;
    }

    /// Takes a snapshot when the journal since the last one has outgrown it.
    async fn snapshot_if_due(&mut self) -> Result<()> {
        let array = self.array.name().to_owned();
        let totals = self.catalog.read(move |tx| {
            let journal = tx.blob_totals(&array, dolium_catalog::BlobKind::Journal)?;
            let snapshot = tx.blob_totals(&array, dolium_catalog::BlobKind::Snapshot)?;
            Ok::<_, Error>((journal.bytes, snapshot.bytes))
        });
        let (journal, snapshot) = totals.await?;
        if journal > snapshot.max(SNAPSHOT_AFTER_MIN) {
            self.snapshot().await?;
        }
        Ok(())
    }
}
