//! Dates as clients write them into headers and policies.
//!
//! Signatures of version 2 carry dates of mails, those of version 4 compact ones, and policies of browser
//! forms the long form of ISO 8601.
//! Promises: a text that is not wholly a date is none; the day of the week is not compared with the date,
//! since no signature depends on it.
//! Does not: read a clock.

use jiff::SignedDuration;
use jiff::civil::{self, Date, Time};

const EPOCH: Date = civil::date(1970, 1, 1);

/// The names of months in dates of mails.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds since 1970 of a date in a header: that of a mail, or the compact form.
pub(crate) fn of_header(text: &str) -> Option<i64> {
    let text = text.trim();
    of_compact(text).or_else(|| of_mail(text))
}

/// `20260131T235959Z`
pub(crate) fn of_compact(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let day = day(
        number(&bytes[..4])?,
        number(&bytes[4..6])?,
        number(&bytes[6..8])?,
    )?;
    let clock = clock(
        number(&bytes[9..11])?,
        number(&bytes[11..13])?,
        number(&bytes[13..15])?,
    )?;
    Some(day + clock)
}

/// `2026-01-31T23:59:59Z`, with or without a fraction of up to nine digits, always UTC.
pub(crate) fn of_long(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || bytes.last() != Some(&b'Z') {
        return None;
    }
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| bytes[*at] != *byte) {
        return None;
    }
    let fraction = &bytes[19..bytes.len() - 1];
    let good = match fraction.split_first() {
        None => true,
        Some((b'.', digits)) => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        Some(_) => false,
    };
    if !good {
        return None;
    }
    let day = day(
        number(&bytes[..4])?,
        number(&bytes[5..7])?,
        number(&bytes[8..10])?,
    )?;
    let clock = clock(
        number(&bytes[11..13])?,
        number(&bytes[14..16])?,
        number(&bytes[17..19])?,
    )?;
    Some(day + clock)
}

/// `Tue, 27 Mar 2007 19:36:42 GMT`, or with an offset such as `+0100`.
fn of_mail(text: &str) -> Option<i64> {
    let text = match text.split_once(',') {
        Some((weekday, rest)) if weekday.bytes().all(|byte| byte.is_ascii_alphabetic()) => rest,
        Some(_) => return None,
        None => text,
    };
    let mut words = text.split_ascii_whitespace();
    let (date, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    if words.next().is_some() || date.len() > 2 || year.len() != 4 {
        return None;
    }
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let month = i64::try_from(month).ok()? + 1;
    let day = day(number(year.as_bytes())?, month, number(date.as_bytes())?)?;
    let mut fields = time.split(':');
    let mut field = || match fields.next() {
        Some(text) if text.len() == 2 => number(text.as_bytes()),
        _ => None,
    };
    let clock = clock(field()?, field()?, field()?)?;
    if fields.next().is_some() {
        return None;
    }
    Some(day + clock - offset(zone)?)
}

fn offset(zone: &str) -> Option<i64> {
    if ["GMT", "UTC", "UT", "Z"].contains(&zone) {
        return Some(0);
    }
    let (sign, digits) = match zone.as_bytes().split_first()? {
        (b'+', digits) => (1, digits),
        (b'-', digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = (number(&digits[..2])?, number(&digits[2..])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: i64, digit: &u8| sum * 10 + i64::from(digit - b'0');
    Some(digits.iter().fold(0, add))
}

/// Seconds since 1970 at which a day of the Gregorian calendar begins in UTC.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
    let date = Date::new(year, month, i8::try_from(day).ok()?).ok()?;
    Some(date.duration_since(EPOCH).as_secs())
}

fn clock(hours: i64, minutes: i64, seconds: i64) -> Option<i64> {
    // A leap second counts as the one after it.
    let good = hours < 24 && minutes < 60 && seconds <= 60;
    good.then_some(hours * 3600 + minutes * 60 + seconds)
}

/// A moment in the compact form; moments outside of years 0 to 9999 have none.
pub(crate) fn compact(seconds: i64) -> Option<String> {
    let since = SignedDuration::from_secs(seconds);
    let moment = EPOCH
        .to_datetime(Time::midnight())
        .checked_add(since)
        .ok()?;
    let text = || moment.strftime("%Y%m%dT%H%M%SZ").to_string();
    (moment.year() >= 0).then(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_of_headers() {
        let moment = Some(1_175_024_202);
        for text in [
            "Tue, 27 Mar 2007 19:36:42 GMT",
            "Tue, 27 Mar 2007 19:36:42 +0000",
            "Fri, 27 Mar 2007 20:36:42 +0100",
            "27 Mar 2007 19:36:42 UTC",
            " 20070327T193642Z ",
        ] {
            assert_eq!(of_header(text), moment, "{text}");
        }
        let early = of_header("Tue, 07 Jul 1950 21:53:04 GMT");
        assert!(early.is_some_and(|seconds| seconds < 0));
        for bad in [
            "",
            "Bad Date",
            "Tue, 32 Mar 2007 19:36:42 GMT",
            "Tue, 29 Feb 2007 19:36:42 GMT",
            "Tue, 27 Mar 2007 25:36:42 GMT",
            "Tue, 27 Mar 2007 19:36:42",
            "Tue, 27 Mar 2007 19:36:42 GMT x",
            "Tue, 27 Mar 207 19:36:42 GMT",
            "20070327T193642",
            "2007-03-27T19:36:42Z",
        ] {
            assert_eq!(of_header(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_of_policies() {
        assert_eq!(of_long("2007-03-27T19:36:42Z"), Some(1_175_024_202));
        assert_eq!(of_long("2007-03-27T19:36:42.000Z"), Some(1_175_024_202));
        for bad in [
            "2007-03-27 19:36:42+00:00",
            "2007-03-27T19:36:42",
            "2007-03-27T19:36:42.Z",
            "2007-13-27T19:36:42Z",
            "2007-03-27T19:36:42x5Z",
        ] {
            assert_eq!(of_long(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn compact_dates_round_trip(seconds in -60_000_000_000i64..250_000_000_000) {
            let text = compact(seconds).unwrap();
            prop_assert_eq!(of_compact(&text), Some(seconds), "{}", text);
        }

        #[test]
        fn hostile_dates_do_not_panic(text in "\\PC{0,40}") {
            let _ = (of_header(&text), of_long(&text));
        }

        #[test]
        fn nearly_dates_do_not_panic(text in "[0-9TZ:. -]{10,30}") {
            let _ = (of_header(&text), of_long(&text));
        }
    }
}
