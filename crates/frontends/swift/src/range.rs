//! Ranges of bytes, as Swift reads them.
//!
//! Promises: what does not parse is no range at all; ranges that would make the server work more than a
//! whole read are refused.

use std::ops::Range;

/// Ranges of one request.
const RANGES_MAX: usize = 50;
/// Ranges that overlap an earlier one.
const OVERLAPS_MAX: usize = 2;
/// Ranges that begin before the one before them.
const DESCENTS_MAX: usize = 8;

/// What a request wants of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes, in this order; at least one range.
    Parts(Vec<Range<u64>>),
    /// Bytes that there are not.
    Unsatisfiable,
}

/// One range as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    From(u64, Option<u64>),
    Last(u64),
}

/// Reads a header against a length.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(written) = header.and_then(parse) else {
        return Wanted::Whole;
    };
    if size == 0 {
        // Of nothing, the last so many bytes are all of it.
        let only_last = written
            .iter()
            .all(|one| matches!(one, Written::Last(n) if *n > 0));
        return if only_last {
            Wanted::Whole
        } else {
            Wanted::Unsatisfiable
        };
    }
    if written.len() > RANGES_MAX {
        return Wanted::Unsatisfiable;
    }
    let parts: Vec<Range<u64>> = written
        .iter()
        .filter_map(|one| resolve(*one, size))
        .collect();
    if parts.is_empty() || is_hostile(&parts) {
        return Wanted::Unsatisfiable;
    }
    Wanted::Parts(parts)
}

fn resolve(written: Written, size: u64) -> Option<Range<u64>> {
    match written {
        Written::From(first, _) if first >= size => None,
        Written::From(first, last) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            Some(first..end)
        }
        Written::Last(0) => None,
        Written::Last(len) => Some(size.saturating_sub(len)..size),
    }
}

fn is_hostile(parts: &[Range<u64>]) -> bool {
    let mut overlaps = 0;
    for (index, part) in parts.iter().enumerate() {
        let meets = |other: &Range<u64>| part.start < other.end && other.start < part.end;
        if parts[..index].iter().any(meets) {
            overlaps += 1;
        }
    }
    let descents = parts
        .windows(2)
        .filter(|pair| pair[1].start < pair[0].start);
    overlaps > OVERLAPS_MAX || descents.count() >= DESCENTS_MAX
}

/// The ranges of a header; `None` when it is none in bytes.
fn parse(header: &str) -> Option<Vec<Written>> {
    let spaceless: String = header.chars().filter(|c| !c.is_whitespace()).collect();
    let (unit, list) = spaceless.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    list.split(',').map(parse_one).collect()
}

fn parse_one(text: &str) -> Option<Written> {
    let (first, last) = text.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond all sizes is one all the same.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first, last) {
        ("", last) => number(last).map(Written::Last),
        (first, "") => Some(Written::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Written::From(first, Some(last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers() {
        let parts = |parts: &[Range<u64>]| Wanted::Parts(parts.to_vec());
        let part = |part: Range<u64>| Wanted::Parts(vec![part]);
        for (header, expected) in [
            ("bytes=0-4", part(0..5)),
            ("BYTES = 0 - 4", part(0..5)),
            ("bytes=8-", part(8..10)),
            ("bytes=-3", part(7..10)),
            ("bytes=-30", part(0..10)),
            ("bytes=0-1,20-30,4-5", parts(&[0..2, 4..6])),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=5-3", Wanted::Whole),
            ("bytes=5", Wanted::Whole),
            ("lines=0-4", Wanted::Whole),
            ("0-4", Wanted::Whole),
            ("bytes=0-4,x", Wanted::Whole),
            ("bytes=0-9,0-9,0-9", parts(&[0..10, 0..10, 0..10])),
            ("bytes=0-9,0-9,0-9,0-9", Wanted::Unsatisfiable),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=-5"), 0), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-5"), 0), Wanted::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn whatever_comes_parts_lie_within(header in "(bytes=)?[-0-9, ]{0,60}", size in 0u64..100) {
            if let Wanted::Parts(parts) = wanted(Some(&header), size) {
                prop_assert!(!parts.is_empty());
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= size);
                }
            }
        }
    }
}
