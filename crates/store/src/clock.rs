//! The clock: the one place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Instant;

/// The present moment.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant(since.as_micros() as i64)
}
