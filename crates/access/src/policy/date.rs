//! Points in time of conditions: ISO 8601 with an offset, or seconds since 1970.

use jiff::civil;

const EPOCH: civil::Date = civil::date(1970, 1, 1);
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Digits of seconds since 1970 that are read; enough for the year 9999 and then some.
const EPOCH_DIGITS_MAX: usize = 12;
const FRACTION_DIGITS_MAX: usize = 9;

/// Seconds since 1970, and billionths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    seconds: i64,
    billionths: u32,
}

impl Date {
    /// Reads `2026-11-20`, `2026-11-20T16:49Z`, `2026-11-20T16:49:30.5+01:00` or `1795193370`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(seconds) = epoch(text) {
            return Some(Self {
                seconds,
                billionths: 0,
            });
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let midnight = midnight(date)?;
        let (seconds, billionths) = time.map_or(Some((0, 0)), time_of_day)?;
        Some(Self {
            seconds: midnight + seconds,
            billionths,
        })
    }
}

fn epoch(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= EPOCH_DIGITS_MAX;
    if plain && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    None
}

/// A number of exactly so many digits, at most `max`.
fn field(text: &str, digits: usize, max: i64) -> Option<i64> {
    if text.len() != digits || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}

/// Seconds since 1970 at which a day of the Gregorian calendar begins in UTC.
fn midnight(text: &str) -> Option<i64> {
    let mut fields = text.split('-');
    let year = field(fields.next()?, 4, 9999)?;
    let month = field(fields.next()?, 2, 12)?;
    let day = field(fields.next()?, 2, 31)?;
    if fields.next().is_some() {
        return None;
    }
    let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
    let date = civil::Date::new(year, month, i8::try_from(day).ok()?).ok()?;
    Some(date.duration_since(EPOCH).as_secs())
}

/// Seconds since midnight UTC, which an offset may put into another day, and billionths.
fn time_of_day(text: &str) -> Option<(i64, u32)> {
    let (clock, offset) = match text.find(['Z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => return None,
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut fields = clock.split(':');
    let hour = field(fields.next()?, 2, 23)?;
    let minute = field(fields.next()?, 2, 59)?;
    let second = match fields.next() {
        Some(text) => field(text, 2, 59)?,
        None if fraction.is_none() => 0,
        None => return None,
    };
    if fields.next().is_some() {
        return None;
    }
    let billionths = fraction.map_or(Some(0), billionths)?;
    let seconds = hour * HOUR + minute * MINUTE + second - seconds_ahead(offset)?;
    Some((seconds, billionths))
}

fn billionths(fraction: &str) -> Option<u32> {
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    if !digits || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    format!("{fraction:0<FRACTION_DIGITS_MAX$}").parse().ok()
}

/// How far a clock is ahead of UTC.
fn seconds_ahead(offset: &str) -> Option<i64> {
    if offset == "Z" {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let text = offset.get(1..)?;
    let (hour, minute) = match text.split_once(':') {
        Some(parts) => parts,
        None => (text.get(..2)?, text.get(2..)?),
    };
    Some(sign * (field(hour, 2, 23)? * HOUR + field(minute, 2, 59)? * MINUTE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_dates() {
        for (text, seconds) in [
            ("0", 0),
            ("1795193370", 1_795_193_370),
            ("1970-01-01", 0),
            ("1970-01-01T00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2009-02-13T23:31:30Z", 1_234_567_890),
            ("2009-02-14T00:31:30+01:00", 1_234_567_890),
            ("2009-02-13T18:01:30-0530", 1_234_567_890),
            ("1969-12-31T23:59:59Z", -1),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let date = Date::parse(text).map(|date| date.seconds);
            assert_eq!(date, Some(seconds), "{text}");
        }
        let early = Date::parse("2009-02-13T23:31:30.25Z");
        assert!(early < Date::parse("2009-02-13T23:31:30.5Z"));
        assert!(early > Date::parse("2009-02-13T23:31:30Z"));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "2026",
            "2026-13-01x",
            "2026-13-01",
            "2026-00-01",
            "2025-02-29",
            "1900-02-29",
            "2026-11-20T16:49:30",
            "2026-11-20T24:00:00Z",
            "2026-11-20T16Z",
            "2026-11-20T16:49.5Z",
            "2026-11-20T16:49:30.Z",
            "2026-11-20T16:49:30+é0",
            "2026-11-20T16:49:30+1",
            "-1",
            "99999999999999",
        ] {
            // A year alone is so many seconds after 1970, as AWS reads it.
            let year = text == "2026";
            assert_eq!(Date::parse(text).is_some(), year, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_day_has_its_seconds(year in 1970..9999i64, month in 1..=12i64, day in 1..=27i64) {
            let text = |day: i64| format!("{year:04}-{month:02}-{day:02}");
            let next = midnight(&text(day + 1));
            prop_assert_eq!(next, midnight(&text(day)).map(|seconds| seconds + 24 * HOUR));
        }

        #[test]
        fn never_panics(text in "[0-9TZ:+.é-]{0,30}") {
            let _ = Date::parse(&text);
        }
    }
}
