//! A target's queue: messages in the catalog, delivered one after the other.
//!
//! One of the servers on a catalog delivers to a target, under a lease of the target's name; when it is killed,
//! another goes on.
//!
//! Promises: the head is tried until it is delivered or too old, and nothing overtakes it; what was
//! delivered is forgotten afterwards, so a crash in between delivers it again and loses nothing.
//! Does not: hold up any other target.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dolium_catalog::{Catalog, DeliveryRow};
use dolium_store::{Fence, Held, Leases};
use metrics::{counter, gauge};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::target::Target;
use crate::{Error, Result};

/// Messages that may wait for one target. At two kilobytes each that is 200 MB of catalog; beyond it
/// new messages for that target are dropped.
const WAITING_MAX: i64 = 100_000;
/// Messages read at once, and delivered again at most after a crash.
const PAGE_MESSAGES: i64 = 32;
/// How long a target may take for one message.
const DELIVERY_MAX: Duration = Duration::from_secs(10);
/// Pauses between tries: doubled from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Pause between looks when nobody rings: another server may have queued something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of failures in a row, the first and each so many-th is logged.
const LOG_FAILURES_EVERY: u32 = 20;

/// A target's queue.
pub(crate) struct Queue {
    name: String,
    target: Box<dyn Target>,
    catalog: Catalog,
    leases: Leases,
    bell: Notify,
    waiting: AtomicI64,
}

/// How a page ended.
enum Page {
    Empty,
    Delivered,
    Failed(Error),
}

impl Queue {
    pub(crate) fn new(
        name: String,
        target: Box<dyn Target>,
        catalog: Catalog,
        leases: Leases,
    ) -> Self {
        Self {
            name,
            target,
            catalog,
            leases,
            bell: Notify::new(),
            waiting: AtomicI64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether one more message may wait beside `more` that are about to.
    pub(crate) fn has_room(&self, more: i64) -> bool {
        self.waiting.load(Ordering::Relaxed).saturating_add(more) < WAITING_MAX
    }

    /// Counts a message that the queue had no room for.
    pub(crate) fn overflowed(&self) {
        self.given_up("full", 1);
    }

    /// Messages were queued.
    pub(crate) fn grew(&self, count: i64) {
        self.waiting.fetch_add(count, Ordering::Relaxed);
        self.show();
        self.bell.notify_one();
    }

    /// Messages were too old.
    pub(crate) fn expired(&self, count: i64) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.given_up("age", count);
        tracing::warn!(
            target = self.name,
            count,
            "messages were not delivered in time"
        );
    }

    /// Counts what waits anew.
    pub(crate) async fn recount(&self) -> Result<()> {
        let name = self.name.clone();
        let count = self.catalog.read(move |tx| tx.count_deliveries(&name));
        let count: std::result::Result<i64, dolium_catalog::Error> = count.await;
        self.waiting.store(count?, Ordering::Relaxed);
        self.show();
        Ok(())
    }

    /// Delivers until it is told to stop, while it is this server's turn.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let work = format!("notify/{}", self.name);
        while !stop.is_cancelled() {
            let taken = tokio::select! {
                () = stop.cancelled() => return,
                taken = self.leases.take(&work) => taken,
            };
            match taken {
                Ok(held) => {
                    self.run_under(&held, stop).await;
                    held.end().await;
                }
                Err(error) => {
                    tracing::warn!(target = self.name, %error, "it is not known whose turn it is");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                    }
                }
            }
        }
    }

    async fn run_under(&self, held: &Held, stop: &CancellationToken) {
        let mut failures = 0u32;
        while !stop.is_cancelled() && !held.is_lost() {
            let pause = match self.page(held, stop).await {
                Ok(Page::Delivered) => {
                    if failures > 0 {
                        tracing::info!(target = self.name, "messages are delivered again");
                    }
                    failures = 0;
                    continue;
                }
                Ok(Page::Empty) => LOOK_EVERY,
                Ok(Page::Failed(error)) => {
                    if failures.is_multiple_of(LOG_FAILURES_EVERY) {
                        tracing::warn!(target = self.name, %error, failures, "not delivered; trying again");
                    }
                    failures = failures.saturating_add(1);
                    pause(failures)
                }
                Err(error) => {
                    tracing::warn!(target = self.name, %error, "the queue cannot be read");
                    LOOK_EVERY
                }
            };
            // While a target fails, new messages are no reason to try it sooner.
            let rung = async {
                match failures {
                    0 => self.bell.notified().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = held.lost() => {}
                () = rung => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Delivers the head of the queue and forgets what was delivered.
    async fn page(&self, held: &Held, stop: &CancellationToken) -> Result<Page> {
        let name = self.name.clone();
        let read = self
            .catalog
            .read(move |tx| tx.deliveries(&name, PAGE_MESSAGES));
        let page: std::result::Result<Vec<DeliveryRow>, dolium_catalog::Error> = read.await;
        let (mut delivered, mut ended) = (None, Page::Empty);
        for row in page? {
            let result = tokio::select! {
                () = stop.cancelled() => break,
                () = held.lost() => break,
                result = self.deliver(row.body.into()) => result,
            };
            match result {
                Ok(()) => (delivered, ended) = (Some(row.id), Page::Delivered),
                Err(error) => {
                    counter!("dolium_notify_failures_total", "target" => self.name.clone())
                        .increment(1);
                    ended = Page::Failed(error);
                    break;
                }
            }
        }
        if let Some(upto) = delivered {
            self.forget(held.fence(), upto).await?;
        }
        Ok(ended)
    }

    async fn deliver(&self, message: Bytes) -> Result<()> {
        let delivery = self.target.deliver(message);
        tokio::time::timeout(DELIVERY_MAX, delivery)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }

    async fn forget(&self, fence: Fence, upto: i64) -> Result<()> {
        let name = self.name.clone();
        let delete = self.catalog.write(move |tx| {
            fence.check(tx)?;
            tx.delete_deliveries(&name, upto)
        });
        let gone: std::result::Result<_, dolium_catalog::Error> = delete.await;
        let gone = gone?.value;
        counter!("dolium_notify_delivered_total", "target" => self.name.clone()).increment(gone);
        self.waiting.fetch_sub(gone as i64, Ordering::Relaxed);
        self.show();
        Ok(())
    }

    fn given_up(&self, reason: &'static str, count: i64) {
        let labels = [("target", self.name.clone()), ("reason", reason.to_owned())];
        counter!("dolium_notify_given_up_total", &labels).increment(count.max(0) as u64);
    }

    fn show(&self) {
        let waiting = self.waiting.load(Ordering::Relaxed).max(0);
        gauge!("dolium_notify_waiting", "target" => self.name.clone()).set(waiting as f64);
    }
}

/// The pause after so many failures in a row, between half of it and all of it so that servers do not
/// keep step.
fn pause(failures: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled
        .min(PAUSE_MAX)
        .mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for failures in 1..100 {
            let pause = pause(failures);
            assert!(
                pause >= PAUSE_MIN / 2 && pause <= PAUSE_MAX,
                "{failures}: {pause:?}"
            );
        }
        assert!(pause(1) <= PAUSE_MIN);
        assert!(pause(u32::MAX) >= PAUSE_MAX / 2);
    }
}
