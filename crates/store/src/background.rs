//! Background work: rebuilding shards that writes could not store, collection, lifecycle, expiry, moves.
//!
//! Every server on a catalog runs these loops. Each round is under a lease, and one that another server began
//! lately is passed over, so that the work is done once however many servers there are.
//!
//! Promises: stops with the store; a failed round is logged and tried again later.

use std::time::Duration;

use crate::care::CARE;
use crate::clock::now;
use crate::collect::{CollectReporter, Collected};
use crate::expiry::EXPIRY;
use crate::lifecycle::LIFECYCLE_WORK;
use crate::movement::{MOVEMENT, Moved};
use crate::reshaping::Reshaped;
use crate::several::Held;
use crate::store::Store;
use crate::{ErrorKind, Result};

/// Pause between looks for blobs that lack shards: an outage ends for the data soon after it ends for
/// the provider.
const HEAL_EVERY: Duration = Duration::from_secs(60);
/// The shortest such pause, for those who want care more often.
const HEAL_EVERY_MIN: Duration = Duration::from_secs(1);
/// Pause between looks for providers that are back.
const KNOCK_EVERY: Duration = Duration::from_secs(1);
/// Looks after which what waits is tried even if nobody came back: its provider may never have been away long.
const DELIVER_AFTER: u32 = 15;
/// Pause between looks for what does not lie as an array's shape says.
const RESHAPE_EVERY: Duration = Duration::from_secs(60);
/// Pause between collections. What it frees is at least a day old, so hours do not matter.
const COLLECT_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Pause between looks for objects that have ended. They are not shown any more, so their removal can wait.
const EXPIRE_EVERY: Duration = Duration::from_secs(300);
/// Pause between looks for what is to be moved to another array.
const MOVE_EVERY: Duration = Duration::from_secs(30);
/// The longest pause between looks for what lifecycle rules end; a shorter day makes it shorter.
const LIFECYCLE_EVERY: Duration = Duration::from_secs(3600);

/// When collection was begun last, and healing: both work under the lease of care, which tells no rounds apart.
const COLLECTION: &str = "collection";
const HEALING: &str = "healing";
const RESHAPING: &str = "reshaping";

/// The pause until the next whole multiple of `every`: days of lifecycle rules end at such moments.
fn until_next(every: Duration) -> Duration {
    let every = every.as_micros().max(1);
    let since = now().0.max(0) as u128 % every;
    Duration::from_micros(u64::try_from(every - since).unwrap_or(u64::MAX))
}

/// Stops a collection when the store closes.
struct UntilStop<'a>(&'a Store);

impl CollectReporter for UntilStop<'_> {
    fn progress(&self, _done: &Collected) {}

    fn stop_requested(&self) -> bool {
        self.0.inner.stop.is_cancelled()
    }
}

impl Store {
    pub(crate) fn start_background(&self) {
        self.gather_suspects();
        if !self.inner.settings.background {
            return;
        }
        let lifecycle = self.inner.settings.lifecycle_day.min(LIFECYCLE_EVERY);
        let moves = self.inner.settings.lifecycle_day.min(MOVE_EVERY);
        self.keep_doing(COLLECTION, COLLECT_EVERY, |store, round| async move {
            let held = store.inner.leases.take(CARE).await?;
            let done = store.collect_under(&held, &UntilStop(&store)).await;
            held.end().await;
            round.end().await;
            tracing::info!(done = ?done?, "collection");
            Ok(())
        });
        self.keep_doing(LIFECYCLE_WORK, lifecycle, |store, held| async move {
            let done = store.lifecycle_under(&held).await;
            held.end().await;
            let done = done?;
            if !done.is_empty() {
                tracing::info!(?done, "lifecycle");
            }
            Ok(())
        });
        self.keep_doing(EXPIRY, EXPIRE_EVERY, |store, held| async move {
            let removed = store.expire_under(&held).await;
            held.end().await;
            let removed = removed?;
            if removed > 0 {
                tracing::info!(removed, "objects that have ended");
            }
            Ok(())
        });
        self.keep_doing(MOVEMENT, moves, |store, held| async move {
            let done = store.move_under(&held).await;
            held.end().await;
            let done = done?;
            if done != Moved::default() {
                tracing::info!(?done, "moves between arrays");
            }
            Ok(())
        });
        let care = self.inner.settings.care;
        let due = [care.check_every, care.scrub_every].into_iter();
        let soonest = due.filter(|every| !every.is_zero()).min();
        let heal = soonest.map_or(HEAL_EVERY, |every| every.clamp(HEAL_EVERY_MIN, HEAL_EVERY));
        self.keep_doing(HEALING, heal, |store, round| async move {
            let held = store.inner.leases.take(CARE).await?;
            let tended = store.tend_under(&held).await;
            held.end().await;
            round.end().await;
            tended
        });
        self.keep_doing(RESHAPING, RESHAPE_EVERY, |store, round| async move {
            let done = store.reshape_all().await;
            round.end().await;
            let done = done?;
            if done != Reshaped::default() {
                tracing::info!(?done, "arrays brought into shape");
            }
            Ok(())
        });
        self.keep_delivering();
    }

    /// Brings what waits on this server's disk to providers that are back.
    fn keep_delivering(&self) {
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            let mut quiet = 0;
            while store.pause(KNOCK_EVERY).await {
                quiet += 1;
                if store.somebody_is_back().await || quiet >= DELIVER_AFTER {
                    quiet = 0;
                    if let Err(error) = store.deliver().await {
                        tracing::warn!(%error, "kept shards could not be delivered; trying again later");
                    }
                }
            }
        });
    }

    /// Does a round of some work every so often, unless another server did.
    fn keep_doing<F>(
        &self,
        work: &'static str,
        every: Duration,
        round: impl Fn(Store, Held) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<()>> + Send,
    {
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            // Lifecycle's rounds are at whole multiples of its pause; the others count from the start.
            let aligned = work == LIFECYCLE_WORK;
            while store
                .pause(if aligned { until_next(every) } else { every })
                .await
            {
                let done = match store.inner.leases.take_due(work, every).await {
                    Ok(Some(held)) => round(store.clone(), held).await,
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                match done {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        tracing::info!(work, %error, "background work was taken over");
                    }
                    Err(error) => {
                        tracing::warn!(work, %error, "background work failed; trying again later");
                    }
                }
            }
        });
    }

    /// Asks providers that were left alone whether they are back.
    async fn somebody_is_back(&self) -> bool {
        let mut back = false;
        for lane in self.inner.lanes.values() {
            back |= lane.array.knock().await;
        }
        back
    }

    /// Waits; false when the store closes meanwhile.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.inner.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}
