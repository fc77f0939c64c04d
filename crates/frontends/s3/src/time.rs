//! Moments between the store's microseconds and HTTP's whole seconds.
//!
//! Promises: an object fetched with the `Last-Modified` that it was answered with is "not modified".
//! Does not: know time zones; all is UTC.

use std::time::{Duration, UNIX_EPOCH};

use dolium_store::Instant;
use s3s::dto::Timestamp;

/// The first and the last microsecond that have a date of four digits: a rule may name a day far beyond.
const EARLIEST_US: i64 = -62_135_596_800_000_000;
const LATEST_US: i64 = 253_402_300_799_999_999;
/// Microseconds in a second, less one.
const REST_OF_SECOND_US: i64 = 999_999;

/// A moment of the store as the protocol carries it.
pub(crate) fn timestamp(instant: Instant) -> Timestamp {
    let instant = Instant(instant.0.clamp(EARLIEST_US, LATEST_US));
    let distance = Duration::from_micros(instant.0.unsigned_abs());
    let moment = if instant.0 < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    Timestamp::from(moment.unwrap_or(UNIX_EPOCH))
}

/// The last microsecond of the second that a client named. Clients know whole seconds only, so "after
/// this moment" must mean "after this second".
pub(crate) fn end_of_second(timestamp: Timestamp) -> Instant {
    let seconds = seconds_of(timestamp);
    Instant(
        seconds
            .saturating_mul(1_000_000)
            .saturating_add(REST_OF_SECOND_US),
    )
}

/// A moment that a client keeps for its users (the `Expires` header), in whole seconds.
pub(crate) fn to_seconds(timestamp: Timestamp) -> i64 {
    seconds_of(timestamp)
}

/// The reverse of [`to_seconds`].
pub(crate) fn from_seconds(seconds: i64) -> Timestamp {
    timestamp(Instant(seconds.saturating_mul(1_000_000)))
}

fn seconds_of(timestamp: Timestamp) -> i64 {
    let mut text = Vec::with_capacity(16);
    // Writing whole seconds to a vector cannot fail, and a moment without a number is none.
    if timestamp
        .format(s3s::dto::TimestampFormat::EpochSeconds, &mut text)
        .is_err()
    {
        return 0;
    }
    let text = String::from_utf8_lossy(&text);
    let whole = text.split('.').next().unwrap_or("0");
    whole.parse().unwrap_or(0)
}

/// A date that a client names, to the millisecond it may carry.
pub(crate) fn to_instant(timestamp: &Timestamp) -> Instant {
    let mut text = Vec::with_capacity(24);
    if timestamp
        .format(s3s::dto::TimestampFormat::EpochSeconds, &mut text)
        .is_err()
    {
        return Instant(0);
    }
    let text = String::from_utf8_lossy(&text);
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let micros: i64 = format!("{rest:0<6}")[..6].parse().unwrap_or(0);
    let seconds: i64 = whole.parse().unwrap_or(0);
    Instant(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// The clock, in whole seconds since the epoch.
pub(crate) fn now_seconds() -> i64 {
    Instant::now().0.div_euclid(1_000_000)
}

/// Whole seconds since the epoch as `2006-01-02T15:04:05Z`.
pub(crate) fn iso(seconds: i64) -> String {
    let mut text = Vec::with_capacity(24);
    let written = from_seconds(seconds).format(s3s::dto::TimestampFormat::DateTime, &mut text);
    match written {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use s3s::dto::TimestampFormat;

    use super::*;

    fn http_date(instant: Instant) -> String {
        let mut text = Vec::new();
        timestamp(instant)
            .format(TimestampFormat::HttpDate, &mut text)
            .unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn dates_are_http_dates() {
        assert_eq!(
            http_date(Instant(784_111_777_000_000)),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }

    #[test]
    fn the_answered_second_holds_the_moment() {
        let created = Instant(784_111_777_900_123);
        let heard = Timestamp::parse(TimestampFormat::HttpDate, &http_date(created)).unwrap();
        assert!(created <= end_of_second(heard));
        let earlier = Instant(784_111_776_999_999);
        let heard = Timestamp::parse(TimestampFormat::HttpDate, &http_date(earlier)).unwrap();
        assert!(created > end_of_second(heard));
    }

    #[test]
    fn moments_beyond_the_calendar_have_its_last_date() {
        assert_eq!(
            http_date(Instant(i64::MAX)),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
        assert!(http_date(Instant(i64::MIN)).ends_with("0001 00:00:00 GMT"));
        assert_eq!(iso(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn seconds_round_trip() {
        for seconds in [0, 1, 784_111_777, 4_102_444_800] {
            assert_eq!(to_seconds(from_seconds(seconds)), seconds);
        }
    }
}
