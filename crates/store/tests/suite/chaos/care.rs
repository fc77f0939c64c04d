//! Care passes: how they are followed, and what they must never find.

use std::time::{Duration, Instant};

use super::shapes::reshape;
use dolium_array::care::{Finding, Progress, Reporter};
use dolium_store::{Care, CollectReporter, Collected, Store};

/// A care pass beside operations ends after so long.
const CARE_TIME_MAX: Duration = Duration::from_millis(400);

/// Follows a care pass: ends it in time, and keeps what must never be found.
pub(super) struct Watch {
    end: Instant,
    lost: parking_lot::Mutex<Vec<String>>,
    found: parking_lot::Mutex<Vec<String>>,
}

impl Watch {
    /// A pass that may take as long as it needs.
    pub(super) fn patient() -> Self {
        Self::until(Instant::now() + Duration::from_secs(3600))
    }

    /// A pass beside operations.
    pub(super) fn brief() -> Self {
        Self::until(Instant::now() + CARE_TIME_MAX)
    }

    fn until(end: Instant) -> Self {
        Self {
            end,
            lost: Default::default(),
            found: Default::default(),
        }
    }

    /// Blobs that were said to be lost.
    pub(super) fn lost(&self) -> Vec<String> {
        self.lost.lock().clone()
    }

    /// Everything that was found, the first of it in words.
    pub(super) fn findings(&self) -> Vec<String> {
        self.found.lock().iter().take(10).cloned().collect()
    }
}

impl Reporter for Watch {
    fn finding(&self, finding: &Finding) {
        if matches!(finding, Finding::Lost { .. }) {
            self.lost.lock().push(finding.to_string());
        }
        self.found.lock().push(finding.to_string());
    }

    fn progress(&self, _progress: &Progress) {}

    fn stop_requested(&self) -> bool {
        Instant::now() >= self.end
    }
}

impl CollectReporter for Watch {
    fn progress(&self, _done: &Collected) {}

    fn stop_requested(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// A pass that goes on while clients work: it may fail in bad weather, and never takes for lost what is not.
pub(super) async fn care_beside(store: &Store, which: u64, fair: bool) -> Result<(), String> {
    let watch = Watch::brief();
    let outcome = match which {
        0 => care(store, Care::Check, &watch).await,
        1 => care(store, Care::Scrub { resume: None }, &watch).await,
        2 | 3 => {
            let verify = which == 3;
            care(
                store,
                Care::Repair {
                    resume: None,
                    verify,
                },
                &watch,
            )
            .await
        }
        4 => {
            let healed = store.heal().await;
            healed
                .map(drop)
                .map_err(|error| format!("healing failed: {error:?}"))
        }
        5 => reshape(store, &watch).await,
        _ => collect(store, &watch).await,
    };
    match watch.lost().first() {
        Some(lost) => Err(format!("care found {lost}")),
        None if fair => outcome,
        None => Ok(()),
    }
}

pub(super) async fn care(store: &Store, care: Care, watch: &Watch) -> Result<(), String> {
    let what = format!("{care:?}");
    let outcome = store.care("default", care, watch).await;
    outcome.map_err(|error| format!("{what} failed: {error:?}"))?;
    match watch.lost().first() {
        Some(lost) => Err(format!("{what} found {lost}")),
        None => Ok(()),
    }
}

pub(super) async fn collect(store: &Store, watch: &Watch) -> Result<(), String> {
    let outcome = store.collect(watch).await;
    outcome
        .map(drop)
        .map_err(|error| format!("collection failed: {error:?}"))
}

/// A pass that must find nothing.
pub(super) async fn clean(store: &Store, care: Care) -> Result<(), String> {
    let (what, watch) = (format!("{care:?}"), Watch::patient());
    let summary = store.care("default", care, &watch).await;
    let summary = summary.map_err(|error| format!("{what} failed: {error:?}"))?;
    if summary.clean() {
        return Ok(());
    }
    Err(format!(
        "{what} after a repair found {:?}",
        watch.findings()
    ))
}
