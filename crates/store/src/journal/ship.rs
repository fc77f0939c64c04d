//! The shipper's loop: wait for commits, write what is new.

use std::time::Duration;

use dolium_array::{BlobId, BlobKind};
use dolium_provider::Payload;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Answer, Batch, Chain, Desk, Shipped};
use crate::{Error, ErrorKind, Result};

/// The most one batch holds: bounds memory and the time until its answer.
const BATCH_LEN_MAX: usize = 1 << 20;
/// Pauses between attempts while the array refuses.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Writes what is committed into the array.
pub(super) struct Shipper {
    desk: Desk,
    shipped: watch::Sender<i64>,
    /// The chain after the last shipped entry.
    chain: Chain,
    merger: mpsc::Sender<Shipped>,
}

impl Shipper {
    pub(super) fn new(
        desk: Desk,
        shipped: watch::Sender<i64>,
        chain: Chain,
        merger: mpsc::Sender<Shipped>,
    ) -> Self {
        Self {
            desk,
            shipped,
            chain,
            merger,
        }
    }

    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Answer>,
        stop: CancellationToken,
    ) {
        let mut committed = self.desk.catalog.committed();
        let mut pause = RETRY_PAUSE_MIN;
        committed.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = committed.changed() => if changed.is_err() { return },
                Some(answer) = requests.recv() => {
                    self.settle(answer).await;
                    continue;
                }
            }
            match self.ship().await {
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

    /// Ships what is there and has it merged. The merger answers; who asked may have gone.
    async fn settle(&mut self, answer: Answer) {
        if let Err(error) = self.ship().await {
            drop(answer.send(Err(error)));
            return;
        }
        if let Err(unsent) = self.merger.send(Shipped::Settle(answer)).await
            && let Shipped::Settle(answer) = unsent.0
        {
            drop(answer.send(Err(stopped())));
        }
    }

    /// Writes all committed entries that are not in the array yet.
    async fn ship(&mut self) -> Result<()> {
        loop {
            let Desk {
                catalog,
                array,
                key,
            } = &self.desk;
            let from = *self.shipped.borrow();
            let entries = catalog
                .read(move |tx| tx.outbox_after(from, BATCH_LEN_MAX))
                .await;
            let entries = entries.map_err(Error::from)?;
            if entries.is_empty() {
                return Ok(());
            }
            let batch = Batch::new(from, self.chain, entries)?;
            let id = BlobId::new(BlobKind::Journal, batch.name())?;
            let blob = array.put(&id, Payload::from(batch.seal(key)?)).await?;
            self.chain = batch.after();
            self.shipped.send_replace(batch.last());
            let told = self.merger.send(Shipped::Batch(blob)).await;
            told.map_err(|_| stopped())?;
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "the server is shutting down")
}
