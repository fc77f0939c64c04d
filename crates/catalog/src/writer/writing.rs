//! Since when the transaction at work is being written.
//!
//! What a transaction stamps with the time is seen only after its commit, a moment later. Who wants to know whether a
//! look at the catalog can have missed something that carries an older stamp asks here.
//!
//! Promises: a stamp that a transaction of this process takes is no older than what `since` says from then until the
//! commit is visible.
//! Does not: know of other processes' transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// No transaction is at work.
const NONE: i64 = i64::MAX;

/// The writer's transaction, for who only looks on. Clones see the same.
#[derive(Clone, Debug)]
pub struct Writing(Arc<AtomicI64>);

impl Default for Writing {
    /// Of a writer that never writes.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NONE)))
    }
}

impl Writing {
    pub(super) fn begin(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_micros() as i64;
        self.0.store(now, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.0.store(NONE, Ordering::SeqCst);
    }

    /// `instant`, or when the transaction at work began if that is earlier; microseconds since 1970. To be asked
    /// after `instant` was taken and before the look at the catalog.
    pub fn since(&self, instant: i64) -> i64 {
        instant.min(self.0.load(Ordering::SeqCst))
    }
}
