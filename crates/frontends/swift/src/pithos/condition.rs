//! Conditions: dates first, then tags, which are Merkle roots.

use dolium_store::{Condition, EtagMatch, Instant};
use http::{HeaderMap, StatusCode};

use super::fault::{Fault, Result};
use super::moment::second;
use super::words::{Words, say};
use crate::condition::unquoted;
use crate::time::parse_http_date;

fn moment(words: &Words, name: &str) -> Option<i64> {
    parse_http_date(words.get(name)?.trim())
}

fn unchanged() -> Fault {
    Fault::of(StatusCode::NOT_MODIFIED, "")
}

/// Judges a read of something that was changed at this moment by the dates of its request.
pub(super) fn judge_dates(words: &Words, changed: Instant) -> Result<()> {
    let changed = second(changed);
    if moment(words, "if-modified-since").is_some_and(|since| changed <= since) {
        return Err(unchanged());
    }
    if moment(words, "if-unmodified-since").is_some_and(|since| changed > since) {
        return Err(Fault::failed());
    }
    Ok(())
}

/// Judges a read of an object.
pub(super) fn judge(words: &Words, tag: &str, changed: Instant) -> Result<()> {
    judge_dates(words, changed)?;
    let has = |tags: &[String]| tags.iter().any(|one| one == "*" || one == tag);
    if tags(words, "if-match").is_some_and(|tags| !has(&tags)) {
        return Err(Fault::failed());
    }
    if tags(words, "if-none-match").is_some_and(|tags| has(&tags)) {
        let mut headers = HeaderMap::new();
        say(&mut headers, "etag", tag);
        return Err(unchanged().with_headers(headers));
    }
    Ok(())
}

/// The tags of a header in lower case, without quotes.
fn tags(words: &Words, name: &str) -> Option<Vec<String>> {
    let list = words.get(name)?.split(',');
    let tags: Vec<String> = list
        .map(|tag| unquoted(tag.trim()).to_lowercase())
        .filter(|tag| !tag.is_empty())
        .collect();
    (!tags.is_empty()).then_some(tags)
}

/// The condition of a write.
pub(super) fn of_write(words: &Words) -> Condition {
    let matching = |name: &str| {
        let tags = tags(words, name)?;
        Some(match tags.iter().any(|tag| tag == "*") {
            true => EtagMatch::Any,
            false => EtagMatch::OneOf(tags),
        })
    };
    Condition {
        if_match: matching("if-match"),
        if_none_match: matching("if-none-match"),
        by_root: true,
        ..Condition::default()
    }
}

/// What became of a write: where there is nothing, a condition that names a tag does not hold.
pub(super) fn of_result<T>(words: &Words, result: dolium_store::Result<T>) -> Result<T> {
    result.map_err(|error| {
        let fault = super::fault::of_store(error);
        let absent = fault.reason == Some(dolium_store::Reason::NoSuchObject);
        match absent && tags(words, "if-match").is_some() {
            true => Fault::failed(),
            false => fault,
        }
    })
}

/// Whether a range is to be honoured, as `If-Range` says.
pub(super) fn honours_range(words: &Words, tag: &str, changed: Instant) -> bool {
    let Some(said) = words.given("if-range") else {
        return true;
    };
    match parse_http_date(said.trim()) {
        Some(date) => date == second(changed),
        None => unquoted(said.trim()).to_lowercase() == tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> Words {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            crate::answer::set(&mut headers, name, value);
        }
        Words::of(&headers).unwrap()
    }

    fn status(pairs: &[(&str, &str)]) -> u16 {
        let judged = judge(&words(pairs), "abc", Instant(784_111_777_500_000));
        judged.err().map_or(200, |fault| fault.status.as_u16())
    }

    #[test]
    fn reads() {
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sunday, 06-Nov-94 08:49:36 GMT";
        for (pairs, expected) in [
            (&[][..], 200),
            (&[("if-match", "ABC")], 200),
            (&[("if-match", "\"x\", \"abc\"")], 200),
            (&[("if-match", "x")], 412),
            (&[("if-match", "*")], 200),
            (&[("if-none-match", "\"abc\"")], 304),
            (&[("if-none-match", "x")], 200),
            (&[("if-none-match", "*")], 304),
            (&[("if-modified-since", at)], 304),
            (&[("if-modified-since", before)], 200),
            (&[("if-modified-since", "Monday")], 200),
            (&[("if-unmodified-since", before)], 412),
            (&[("if-unmodified-since", at)], 200),
            (&[("if-unmodified-since", before), ("if-match", "abc")], 412),
        ] {
            assert_eq!(status(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn ranges() {
        let honours = |said: &str| honours_range(&words(&[("if-range", said)]), "abc", Instant(0));
        assert!(honours("") && honours("\"abc\"") && honours("ABC"));
        assert!(!honours("x") && !honours("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(honours("Thu, 01 Jan 1970 00:00:00 GMT"));
    }
}
