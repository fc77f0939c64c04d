//! The merger's loop: many small batches become few segments, and segments a snapshot.
//!
//! A merge writes the segment, then records it and forgets the outbox in one transaction, then removes
//! the batches. Killed in between, it leaves blobs too many, never too few. It runs beside the shipper,
//! so that no answer waits for it.

use dolium_array::{BlobId, BlobKind, StoredBlob};
use dolium_catalog::BlobKind as RowKind;
use dolium_provider::Payload;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Base, Batch, Desk, Shipped, parse_batch_name, parse_snapshot_name};
use crate::blobs::blob_row;
use crate::{Error, Result};

/// The most one segment holds.
const SEGMENT_LEN_MAX: usize = 8 << 20;
/// Batches after which they are merged; each is one small blob a provider.
const MERGE_AFTER: usize = 256;
/// Bytes of batches after which they are merged.
const MERGE_AFTER_BYTES: u64 = 8 << 20;
/// Batches removed by one call.
const REMOVED_TOGETHER: usize = 64;
/// Parts of snapshots that are looked at: of one snapshot, and of one that was cut short.
const PARTS_LOOKED_AT: i64 = 1_000_000;
/// Journal bytes below which no snapshot is worth it.
const SNAPSHOT_AFTER_MIN: i64 = 64 << 20;

/// Keeps the journal short.
pub(super) struct Merger {
    pub(super) desk: Desk,
    shipped: watch::Receiver<i64>,
    /// Everything up to here is in segments or snapshots, and no longer in the outbox.
    pub(super) base: Base,
    /// Batches that the next merge replaces.
    unmerged: Vec<StoredBlob>,
    /// Batches and bytes that came since the last merge.
    came: usize,
    came_bytes: u64,
}

impl Merger {
    pub(super) fn new(
        desk: Desk,
        shipped: watch::Receiver<i64>,
        base: Base,
        unmerged: Vec<StoredBlob>,
    ) -> Self {
        Self {
            desk,
            shipped,
            base,
            came: unmerged.len(),
            unmerged,
            came_bytes: 0,
        }
    }

    pub(super) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Shipped>,
        stop: CancellationToken,
    ) {
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = batches.recv() => next,
            };
            match next {
                None => return,
                Some(Shipped::Batch(blob)) => {
                    self.came += 1;
                    self.came_bytes += blob.len;
                    self.unmerged.push(blob);
                    if self.came < MERGE_AFTER && self.came_bytes < MERGE_AFTER_BYTES {
                        continue;
                    }
                    // Everything is shipped: a merge that fails is tried again after some more batches.
                    if let Err(error) = self.merge().await {
                        tracing::warn!(%error, "journal batches could not be merged");
                    }
                }
                // Who asked may have gone.
                Some(Shipped::Settle(answer)) => drop(answer.send(self.merge().await)),
            }
        }
    }

    /// Moves everything shipped into segments.
    async fn merge(&mut self) -> Result<()> {
        (self.came, self.came_bytes) = (0, 0);
        loop {
            let (from, upto) = (self.base.seq, *self.shipped.borrow());
            let entries = self
                .desk
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
        let sealed = Payload::from(segment.seal(&self.desk.key)?);
        let blob = self.desk.array.put(&id, sealed).await?;
        let base = Base {
            seq: segment.last(),
            chain: segment.after(),
        };
        let row = blob_row(self.desk.array.name(), &blob);
        let recorded = self.desk.catalog.write(move |tx| {
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
        let all = std::mem::take(&mut self.unmerged);
        let (merged, mut kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|blob| {
            parse_batch_name(blob.id.name()).is_some_and(|(_, last)| last <= base)
        });
        for blobs in merged.chunks(REMOVED_TOGETHER) {
            if self.desk.array.delete_all(blobs).await.is_err() {
                kept.extend_from_slice(blobs);
            }
        }
        self.unmerged = kept;
    }

    /// Takes a snapshot when the journal since the last one has outgrown it, or when part of the journal is
    /// cut otherwise than the array now is: what the snapshot replaces goes.
    async fn snapshot_if_due(&mut self) -> Result<()> {
        let (array, base) = (self.desk.array.name().to_owned(), self.base.seq);
        let layout = self.desk.array.layout().to_string();
        let otherwise = self.desk.catalog.read(move |tx| {
            // A snapshot of this very point must not be written again over itself.
            let of_now = |name: &str| parse_snapshot_name(name).is_some_and(|(seq, _)| seq == base);
            let snapshots = tx.blobs(&array, RowKind::Snapshot, None, PARTS_LOOKED_AT)?;
            if snapshots.iter().any(|row| of_now(&row.name)) {
                return Ok(false);
            }
            for kind in [RowKind::Journal, RowKind::Snapshot] {
                if !tx
                    .blobs_cut_otherwise(&array, kind, &layout, None, 1)?
                    .is_empty()
                {
                    return Ok(true);
                }
            }
            Ok::<_, Error>(false)
        });
        if otherwise.await? {
            return self.snapshot().await;
        }
        let array = self.desk.array.name().to_owned();
        let totals = self.desk.catalog.read(move |tx| {
            let journal = tx.blob_totals(&array, RowKind::Journal)?;
            let snapshot = tx.blob_totals(&array, RowKind::Snapshot)?;
            Ok::<_, Error>((journal.bytes, snapshot.bytes))
        });
        let (journal, snapshot) = totals.await?;
        if journal > snapshot.max(SNAPSHOT_AFTER_MIN) {
            self.snapshot().await?;
        }
        Ok(())
    }
}
