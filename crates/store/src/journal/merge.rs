//! The merger's loop: many small batches become few segments, and segments a snapshot.
//!
//! A merge writes the segment, then records it and forgets the outbox in one transaction, then removes
//! the batches. Killed in between, it leaves blobs too many, never too few. It runs beside the shipper,
//! so that no answer waits for it.
//!
//! One server at a time merges, under a lease that every transaction asks for. Each removes its own batches;
//! who is asked to settle also removes those that killed servers left.

use dolium_array::{BlobId, BlobKind, Coding, StoredBlob};
use dolium_catalog::BlobKind as RowKind;
use dolium_provider::Payload;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Base, Batch, Desk, Shipped, mark, parse_batch_name};
use crate::blobs::blob_row;
use crate::several::{Fence, Held};
use crate::{Error, ErrorKind, Result};

/// The lease of those who merge.
const WORK: &str = "journal";

/// The most one segment holds.
const SEGMENT_LEN_MAX: usize = 8 << 20;
/// Batches after which they are merged; each is one small blob a provider.
const MERGE_AFTER: usize = 256;
/// Bytes of batches after which they are merged.
const MERGE_AFTER_BYTES: u64 = 8 << 20;
/// Batches removed by one call.
const REMOVED_TOGETHER: usize = 64;
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
                    if let Err(error) = self.merge(false).await {
                        tracing::warn!(%error, "journal batches could not be merged");
                    }
                }
                // Who asked may have gone.
                Some(Shipped::Settle(answer)) => drop(answer.send(self.merge(true).await)),
            }
        }
    }

    /// Moves everything shipped into segments; a thorough merge leaves no batch of anybody behind.
    async fn merge(&mut self, thorough: bool) -> Result<()> {
        (self.came, self.came_bytes) = (0, 0);
        let held = self.desk.leases.take(WORK).await?;
        let merged = self.merge_under(&held, thorough).await;
        held.end().await;
        merged
    }

    async fn merge_under(&mut self, held: &Held, thorough: bool) -> Result<()> {
        let fence = held.fence();
        if self.desk.catalog.is_shared() {
            let base = self.desk.catalog.read(|tx| mark::read(tx, Base::META));
            self.base = base.await?;
            if thorough {
                self.take_over_batches().await?;
            }
        }
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
            if held.is_lost() {
                return Err(overtaken());
            }
            let segment = Batch::new(from, self.base.chain, entries)?;
            self.write_segment(segment, fence.clone()).await?;
        }
        self.remove_merged().await?;
        self.finish_dying().await?;
        self.snapshot_if_due(&fence).await
    }

    /// Takes batches for its own that other servers left, or have not removed yet: under the lease, a journal
    /// blob without a record is no segment that somebody is about to record.
    async fn take_over_batches(&mut self) -> Result<()> {
        for blob in self.desk.unknown_batches().await? {
            if !self.unmerged.iter().any(|own| own.id == blob.id) {
                self.unmerged.push(blob);
            }
        }
        Ok(())
    }

    async fn write_segment(&mut self, segment: Batch, fence: Fence) -> Result<()> {
        let id = BlobId::new(BlobKind::Journal, segment.name())?;
        let sealed = Payload::from(segment.seal(&self.desk.key)?);
        let blob = self.desk.array.put(&id, sealed).await?;
        let base = Base {
            seq: segment.last(),
            chain: segment.after(),
        };
        let row = blob_row(self.desk.array.name(), &blob);
        let before = self.base;
        let recorded = self.desk.catalog.write(move |tx| {
            fence.check(tx)?;
            if mark::read(tx, Base::META)? != before {
                return Err(overtaken());
            }
            tx.insert_blob(&row)?;
            tx.set_meta(Base::META, &base.encode())?;
            tx.outbox_trim(base.seq)?;
            Ok::<_, Error>(())
        });
        recorded.await?;
        self.base = base;
        Ok(())
    }

    /// Removes batches whose entries are all in segments. What cannot be removed now is tried again
    /// after the next merge.
    async fn remove_merged(&mut self) -> Result<()> {
        let base = self.base.seq;
        let all = std::mem::take(&mut self.unmerged);
        let (mut merged, mut kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|blob| {
            parse_batch_name(blob.id.name()).is_some_and(|(_, last)| last <= base)
        });
        if self.desk.catalog.is_shared() {
            // What was found without a record at the start may be another server's segment by now.
            let mut batches = Vec::with_capacity(merged.len());
            for blob in merged {
                if !self.desk.is_on_record(blob.id.name()).await? {
                    batches.push(blob);
                }
            }
            merged = batches;
        }
        for blobs in merged.chunks(REMOVED_TOGETHER) {
            if self.desk.array.delete_all(blobs).await.is_err() {
                kept.extend_from_slice(blobs);
            }
        }
        self.unmerged = kept;
        Ok(())
    }

    /// Takes a snapshot when the journal since the last one has outgrown it, or when part of the journal is
    /// cut otherwise than the array now is: what the snapshot replaces goes.
    async fn snapshot_if_due(&mut self, fence: &Fence) -> Result<()> {
        let array = self.desk.array.name().to_owned();
        let layouts = Coding::records(self.desk.array.layout());
        let otherwise = self.desk.catalog.read(move |tx| {
            let mut found = Vec::new();
            for kind in [RowKind::Journal, RowKind::Snapshot] {
                found.extend(tx.blobs_cut_otherwise(&array, kind, &layouts, None, 1)?);
            }
            Ok::<_, Error>(!found.is_empty())
        });
        if otherwise.await? {
            return self.snapshot(fence).await;
        }
        let array = self.desk.array.name().to_owned();
        let totals = self.desk.catalog.read(move |tx| {
            let journal = tx.blob_totals(&array, RowKind::Journal)?;
            let snapshot = tx.blob_totals(&array, RowKind::Snapshot)?;
            Ok::<_, Error>((journal.bytes, snapshot.bytes))
        });
        let (journal, snapshot) = totals.await?;
        if journal > snapshot.max(SNAPSHOT_AFTER_MIN) {
            self.snapshot(fence).await?;
        }
        Ok(())
    }
}

fn overtaken() -> Error {
    let context = "another server merges the journal now";
    Error::new(ErrorKind::Conflict, context)
}
