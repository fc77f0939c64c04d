//! The clock: the one place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present moment in microseconds since the epoch.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
