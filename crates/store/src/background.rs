//! Background work of one server: collection once in a while.
//!
//! Promises: stops with the store; a failed round is logged and tried again later.

use std::time::Duration;

use crate::collect::{CollectReporter, Collected};
use crate::store::Store;

/// Pause between collections. What it frees is at least a day old, so hours do not matter.
const COLLECT_EVERY: Duration = Duration::from_secs(6 * 3600);

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
        if !self.inner.settings.background {
            return;
        }
        let (store, stop) = (self.clone(), self.inner.stop.clone());
        self.inner.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(COLLECT_EVERY) => {}
                }
                match store.collect(&UntilStop(&store)).await {
                    Ok(done) => tracing::info!(?done, "collection"),
                    Err(error) => tracing::warn!(%error, "collection failed; trying again later"),
                }
            }
        });
    }
}
