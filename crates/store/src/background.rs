//! Background work of one server: rebuilding shards that writes could not store, collection, lifecycle.
//!
//! Promises: stops with the store; a failed round is logged and tried again later.

use std::time::Duration;

use crate::clock::now;
use crate::collect::{CollectReporter, Collected};
use crate::movement::Moved;
use crate::reshaping::Reshaped;
use crate::store::Store;

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
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            while store.pause(COLLECT_EVERY).await {
                match store.collect(&UntilStop(&store)).await {
                    Ok(done) => tracing::info!(?done, "collection"),
                    Err(error) => tracing::warn!(%error, "collection failed; trying again later"),
                }
            }
        });
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            let every = store.inner.settings.lifecycle_day.min(LIFECYCLE_EVERY);
            while store.pause(until_next(every)).await {
                match store.apply_lifecycle().await {
                    Ok(done) if done.is_empty() => {}
                    Ok(done) => tracing::info!(?done, "lifecycle"),
                    Err(error) => tracing::warn!(%error, "lifecycle failed; trying again later"),
                }
            }
        });
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            while store.pause(EXPIRE_EVERY).await {
                match store.remove_expired().await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "objects that have ended"),
                    Err(error) => tracing::warn!(%error, "expiry failed; trying again later"),
                }
            }
        });
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            let every = store.inner.settings.lifecycle_day.min(MOVE_EVERY);
            while store.pause(every).await {
                match store.move_due().await {
                    Ok(done) if done == Moved::default() => {}
                    Ok(done) => tracing::info!(?done, "moves between arrays"),
                    Err(error) => tracing::warn!(%error, "moving failed; trying again later"),
                }
            }
        });
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
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            while store.pause(RESHAPE_EVERY).await {
                match store.reshape_all().await {
                    Ok(done) if done == Reshaped::default() => {}
                    Ok(done) => tracing::info!(?done, "arrays brought into shape"),
                    Err(error) => tracing::warn!(%error, "reshaping failed; trying again later"),
                }
            }
        });
        let store = self.clone();
        self.inner.tasks.spawn(async move {
            let care = store.inner.settings.care;
            let due = [care.check_every, care.scrub_every].into_iter();
            let soonest = due.filter(|every| !every.is_zero()).min().unwrap_or(HEAL_EVERY);
            let every = soonest.clamp(HEAL_EVERY_MIN, HEAL_EVERY);
            while store.pause(every).await {
                if let Err(error) = store.tend().await {
                    tracing::warn!(%error, "missing shards could not be rebuilt; trying again later");
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
