//! Moments as Swift writes them.
//!
//! A timestamp has five decimals. `Last-Modified` is the timestamp rounded *up* to a whole second, so
//! that a client that asks "modified since?" with what it was told never misses a change.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dolium_store::Instant;
use jiff::Timestamp;

/// Microseconds of the last decimal of a timestamp.
const RESOLUTION: i64 = 10;
const SECOND: i64 = 1_000_000;

/// Whole seconds since the epoch.
pub(crate) fn now_seconds() -> i64 {
    Instant::now().0.div_euclid(SECOND)
}

fn shown(at: Instant) -> i64 {
    at.0.max(0) / RESOLUTION * RESOLUTION
}

/// Seconds with five decimals, as `X-Timestamp` has them.
pub(crate) fn timestamp(at: Instant) -> String {
    let at = shown(at);
    format!("{:010}.{:05}", at / SECOND, at % SECOND / RESOLUTION)
}

/// The second that `Last-Modified` names.
pub(crate) fn modified_second(at: Instant) -> i64 {
    let at = shown(at);
    at / SECOND + i64::from(at % SECOND > 0)
}

/// A moment in the words of `Last-Modified`.
pub(crate) fn last_modified(at: Instant) -> String {
    http_date(modified_second(at))
}

/// A second in the words of HTTP.
pub(crate) fn http_date(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default().min(DATE_MAX);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The last second of the year 9999: HTTP cannot write later ones.
const DATE_MAX: u64 = 253_402_300_799;

/// The second that a date in one of HTTP's three spellings means.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let at: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// A moment as listings show it: UTC with six decimals and no zone.
pub(crate) fn iso(at: Instant) -> String {
    match Timestamp::from_microsecond(shown(at)) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding() {
        let at = Instant(1_795_173_197_099_317);
        assert_eq!(timestamp(at), "1795173197.09931");
        assert_eq!(modified_second(at), 1_795_173_198);
        assert_eq!(modified_second(Instant(5_000_000)), 5);
        assert_eq!(modified_second(Instant(5_000_009)), 5);
        assert_eq!(modified_second(Instant(5_000_010)), 6);
        assert_eq!(iso(at), "2026-11-20T11:13:17.099310");
    }

    #[test]
    fn dates() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse_http_date(text), Some(784_111_777), "{text}");
        }
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
