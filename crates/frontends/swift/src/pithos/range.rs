//! Ranges: those that are read, and those that are written.
//!
//! A range that is read and reaches past the end is not satisfiable, as in the reference and unlike in RFC 9110;
//! what is no range at all is as if it were not there.

use std::ops::Range;

use super::fault::{Fault, Result};

/// The most ranges of one request: each is a part of the answer.
const RANGES_MAX: usize = 200;

/// What a request wants to read of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These ranges.
    Parts(Vec<Range<u64>>),
    /// What there is not.
    Unsatisfiable,
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// What a header wants of something of this length.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let list = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let Some(list) = list else {
        return Wanted::Whole;
    };
    let mut parts = Vec::new();
    let mut good = true;
    for text in list.split(',') {
        let Some(part) = parse(text.trim(), size) else {
            return Wanted::Whole;
        };
        good &= part.end <= size && part.start < part.end;
        parts.push(part);
    }
    let bytes = parts.iter().try_fold(0u64, |sum, part| {
        sum.checked_add(part.end.saturating_sub(part.start))
    });
    // What overlaps itself again and again asks for more than there is.
    let modest = bytes.is_some_and(|bytes| bytes <= size.saturating_mul(2));
    if good && modest && parts.len() <= RANGES_MAX {
        Wanted::Parts(parts)
    } else {
        Wanted::Unsatisfiable
    }
}

/// One range; one that is not within the size is given as an impossible one.
fn parse(text: &str, size: u64) -> Option<Range<u64>> {
    let impossible = Range { start: 1, end: 0 };
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    match (first, last) {
        ("", last) => {
            let len = number(last)?;
            match len == 0 || len > size {
                true => Some(impossible),
                false => Some(size - len..size),
            }
        }
        (first, "") => match number(first)? {
            first if first < size => Some(first..size),
            _ => Some(impossible),
        },
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            Some(first..last.saturating_add(1))
        }
    }
}

/// Where an update goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `None` is the end.
    pub(super) offset: Option<u64>,
    /// How many bytes; `None` is as many as come.
    pub(super) len: Option<u64>,
    /// How long the object must be.
    pub(super) total: Option<u64>,
}

/// Reads a `Content-Range`.
pub(super) fn place(header: &str) -> Result<Place> {
    let rest = header.trim().strip_prefix("bytes ").map(str::trim);
    let Some((range, total)) = rest.and_then(|rest| rest.split_once('/')) else {
        return Err(Fault::unsatisfiable());
    };
    if (range, total) == ("*", "*") {
        return Ok(Place {
            offset: None,
            len: None,
            total: None,
        });
    }
    parse_place(range, total).ok_or_else(Fault::unsatisfiable)
}

fn parse_place(range: &str, total: &str) -> Option<Place> {
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    let (first, last) = range.split_once('-')?;
    let first = number(first)?;
    let len = match last {
        "" => None,
        last => {
            let last = number(last)?;
            let behind = total.is_some_and(|total| total <= last);
            if last < first || behind {
                return None;
            }
            Some((last - first).checked_add(1)?)
        }
    };
    if total.is_some_and(|total| total <= first) {
        return None;
    }
    Some(Place {
        offset: Some(first),
        len,
        total,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads() {
        let parts = |parts: &[Range<u64>]| Wanted::Parts(parts.to_vec());
        let part = |part: Range<u64>| Wanted::Parts(vec![part]);
        for (header, expected) in [
            ("bytes=0-4", part(0..5)),
            ("bytes=8-", part(8..10)),
            ("bytes=-3", part(7..10)),
            ("bytes=0-1,4-5", parts(&[0..2, 4..6])),
            ("bytes=0-10", Wanted::Unsatisfiable),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=-11", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-1,0-99", Wanted::Unsatisfiable),
            ("bytes=0-9,0-9,0-9", Wanted::Unsatisfiable),
            ("bytes=5-3", Wanted::Whole),
            ("bytes=x", Wanted::Whole),
            ("lines=0-4", Wanted::Whole),
            ("bytes=0-4,x", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-0"), 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn writes() {
        let of = |header: &str| {
            let place = place(header).ok()?;
            Some((place.offset, place.len, place.total))
        };
        for (header, expected) in [
            ("bytes */*", Some((None, None, None))),
            ("bytes 0-4/*", Some((Some(0), Some(5), None))),
            ("bytes 3-/*", Some((Some(3), None, None))),
            ("bytes 3-4/10", Some((Some(3), Some(2), Some(10)))),
            ("bytes 3-/10", Some((Some(3), None, Some(10)))),
            ("bytes 4-3/*", None),
            ("bytes 3-10/10", None),
            ("bytes 10-/10", None),
            ("bytes */10", None),
            ("bytes -5/*", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes=0-4", None),
            ("0-4/*", None),
            ("", None),
        ] {
            assert_eq!(of(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_parts_lie_within(header in "(bytes=)?[-0-9, ]{0,60}", size in 0u64..100) {
            if let Wanted::Parts(parts) = wanted(Some(&header), size) {
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= size);
                }
            }
        }

        #[test]
        fn hostile_places_never_panic(header in "(bytes )?[-0-9*/ x]{0,60}") {
            if let Ok(place) = place(&header) {
                prop_assert!(place.len != Some(0));
            }
        }
    }
}
