//! One round of care: what it hears, and when it stops.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dolium_array::BlobId;
use dolium_array::care::{Finding, Progress, Reporter, Wanted};
use parking_lot::Mutex;

use crate::several::Held;
use crate::store::Store;

/// Blobs in the queue of one round.
pub(super) const QUEUE_MAX: usize = 10_000;
/// The longest pause that one blob is worth.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Hears the findings of a round.
pub(super) struct Round<'a> {
    pub(super) store: &'a Store,
    pub(super) held: &'a Held,
    pub(super) wanted: Mutex<Wanted>,
    pub(super) findings: AtomicU64,
    bytes: AtomicU64,
    /// Bytes after which the round stops.
    bytes_max: u64,
    /// When it stops in any case.
    pub(super) end: Option<Instant>,
}

impl<'a> Round<'a> {
    pub(super) fn new(store: &'a Store, held: &'a Held, bytes_max: u64) -> Self {
        Self {
            store,
            held,
            wanted: Mutex::default(),
            findings: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            bytes_max,
            end: None,
        }
    }
}

impl Reporter for Round<'_> {
    fn finding(&self, finding: &Finding) {
        let bad = match finding {
            Finding::Missing { id, index, .. }
            | Finding::WrongLength { id, index, .. }
            | Finding::Damaged { id, index, .. } => Some((id, *index)),
            Finding::Orphan { .. } | Finding::Unreachable { .. } | Finding::Lost { .. } => None,
        };
        if !matches!(finding, Finding::Orphan { .. }) {
            self.findings.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%finding, "care found something");
        }
        if let Some((id, index)) = bad {
            want(&mut self.wanted.lock(), id, index);
        }
    }

    fn progress(&self, progress: &Progress) {
        self.bytes.store(progress.bytes, Ordering::Relaxed);
    }

    fn pause(&self, bytes: u64) -> Duration {
        let rate = self.store.inner.settings.care.bytes_per_second;
        if rate == 0 || bytes == 0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(bytes as f64 / rate as f64).min(PAUSE_MAX)
    }

    fn stop_requested(&self) -> bool {
        let is_spent = self.bytes.load(Ordering::Relaxed) >= self.bytes_max;
        let is_over = self.end.is_some_and(|end| Instant::now() >= end);
        is_spent || is_over || self.held.is_lost() || self.store.inner.stop.is_cancelled()
    }
}

pub(super) fn want(wanted: &mut Wanted, id: &BlobId, index: u8) {
    if wanted.len() < QUEUE_MAX || wanted.contains_key(id) {
        wanted.entry(id.clone()).or_default().insert(index);
    }
}
