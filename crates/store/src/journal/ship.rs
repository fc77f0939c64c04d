//! The shipper's loop: wait for commits, write what is new, merge when there is enough.

use std::time::Duration;

use dolium_array::{BlobId, BlobKind};
use dolium_provider::Payload;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Batch, Shipper};
use crate::{Error, Result};

/// The most one batch holds: bounds memory and the time until its answer.
const BATCH_LEN_MAX: usize = 1 << 20;
/// Batches after which they are merged; each is one small blob a provider.
const UNMERGED_MAX: usize = 256;
/// Bytes of batches after which they are merged.
const UNMERGED_BYTES_MAX: u64 = 8 << 20;
/// Pauses between attempts while the array refuses.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

impl Shipper {
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<oneshot::Sender<Result<()>>>,
        stop: CancellationToken,
    ) {
        let mut committed = self.catalog.committed();
        let mut pause = RETRY_PAUSE_MIN;
        committed.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = committed.changed() => if changed.is_err() { return },
                Some(answer) = requests.recv() => {
                    let settled = self.settle().await;
                    // Who asked may have gone.
                    drop(answer.send(settled));
                    continue;
                }
            }
            match self.ship_and_merge().await {
                Ok(()) => pause = RETRY_PAUSE_MIN,
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be written; trying again");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                    committed.mark_changed();
                }
            }
        }
    }

    async fn settle(&mut self) -> Result<()> {
        self.ship().await?;
        self.merge().await
    }

    async fn ship_and_merge(&mut self) -> Result<()> {
        self.ship().await?;
        if self.unmerged.len() >= UNMERGED_MAX || self.unmerged_bytes >= UNMERGED_BYTES_MAX {
            // Everything is shipped: a merge that fails is tried again after the next batch.
            if let Err(error) = self.merge().await {
                tracing::warn!(%error, "journal batches could not be merged");
            }
        }
        Ok(())
    }

    /// Writes all committed entries that are not in the array yet.
    async fn ship(&mut self) -> Result<()> {
        loop {
            let from = *self.shipped.borrow();
            let entries = self
                .catalog
                .read(move |tx| tx.outbox_after(from, BATCH_LEN_MAX))
                .await;
            let entries = entries.map_err(Error::from)?;
            if entries.is_empty() {
                return Ok(());
            }
            let batch = Batch::new(from, self.chain, entries)?;
            let id = BlobId::new(BlobKind::Journal, batch.name())?;
            let blob = self
                .array
                .put(&id, Payload::from(batch.seal(&self.key)?))
                .await?;
            self.unmerged_bytes += blob.len;
            self.unmerged.push(blob);
            self.chain = batch.after();
            self.shipped.send_replace(batch.last());
        }
    }
}
