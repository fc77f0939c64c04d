//! The shipper's loop: wait for commits, write what is new.
//!
//! Where several servers share a catalog, each ships what its own answers wait for, and with it the entries
//! of others that come before. From time to time it tells the others how far it came, and ships what a server that
//! was killed has left.

use std::time::Duration;

use dolium_array::{BlobId, BlobKind};
use dolium_provider::Payload;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Answer, Base, Batch, Desk, Shipped, mark};
use crate::{Error, ErrorKind, Result};

/// The most one batch holds: bounds memory and the time until its answer.
const BATCH_LEN_MAX: usize = 1 << 20;
/// Pauses between attempts while the array refuses.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Pause between looks at what other servers did. An entry that was there at one look and is not shipped at the
/// next is shipped here.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes what is committed into the array.
pub(super) struct Shipper {
    desk: Desk,
    shipped: watch::Sender<i64>,
    /// The last shipped entry.
    at: Base,
    /// The newest entry that was there at the last look.
    newest_seen: i64,
    merger: mpsc::Sender<Shipped>,
}

impl Shipper {
    pub(super) fn new(
        desk: Desk,
        shipped: watch::Sender<i64>,
        at: Base,
        merger: mpsc::Sender<Shipped>,
    ) -> Self {
        Self {
            desk,
            shipped,
            at,
            newest_seen: 0,
            merger,
        }
    }

    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Answer>,
        stop: CancellationToken,
    ) {
        let mut committed = self.desk.catalog.committed();
        let shared = self.desk.catalog.is_shared();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
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
                _ = look.tick(), if shared => {
                    if let Err(error) = self.look_around().await {
                        tracing::warn!(%error, "the journal of other servers cannot be looked after");
                    }
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

    /// Tells the others how far this server is, hears how far they are, and ships what nobody did.
    async fn look_around(&mut self) -> Result<()> {
        let look = self
            .desk
            .catalog
            .read(|tx| Ok::<_, Error>((mark::furthest(tx)?, tx.next_seq()? - 1)));
        let (furthest, newest) = look.await?;
        if self.at.seq > furthest.seq {
            mark::tell(&self.desk.catalog, self.at).await?;
        } else {
            self.advance(furthest);
        }
        let left = std::mem::replace(&mut self.newest_seen, newest);
        if left > self.at.seq {
            self.ship().await?;
        }
        Ok(())
    }

    /// Everything up to a point is durable in the array.
    fn advance(&mut self, to: Base) {
        if to.seq > self.at.seq {
            self.at = to;
            self.shipped.send_replace(to.seq);
        }
    }

    /// Writes all committed entries that are not in the array yet.
    async fn ship(&mut self) -> Result<()> {
        loop {
            let Desk {
                catalog,
                array,
                key,
                ..
            } = &self.desk;
            let (own, shared) = (self.at, catalog.is_shared());
            let read = catalog.read(move |tx| {
                // What other servers merged has left the outbox, so that nothing is looked for before it.
                let others = if shared { mark::furthest(tx)? } else { own };
                let from = if others.seq > own.seq { others } else { own };
                Ok::<_, Error>((from, tx.outbox_after(from.seq, BATCH_LEN_MAX)?))
            });
            let (from, entries) = read.await?;
            if entries.is_empty() {
                self.advance(from);
                return Ok(());
            }
            let batch = Batch::new(from.seq, from.chain, entries)?;
            let id = BlobId::new(BlobKind::Journal, batch.name())?;
            let blob = array.put(&id, Payload::from(batch.seal(key)?)).await?;
            self.advance(Base {
                seq: batch.last(),
                chain: batch.after(),
            });
            let told = self.merger.send(Shipped::Batch(blob)).await;
            told.map_err(|_| stopped())?;
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "the server is shutting down")
}
