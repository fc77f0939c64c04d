//! Conditions of reads, in Swift's order.
//!
//! They are looked at here and not in the store because the tag that they compare is the one that Swift
//! shows (of a manifest that of the whole, of a link that of its target), and the date the rounded
//! one. Version, tag and content are of one snapshot, so nothing can change in between. Conditions of
//! writes are the store's.

use dolium_store::Instant;
use http::HeaderMap;
use http::header::{AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use crate::time::{modified_second, parse_http_date};

/// How a read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does.
    Goes,
    /// 304.
    Unchanged,
    /// 412.
    Fails,
}

/// Judges a read of something with this tag (without quotes) that was changed at this moment.
pub(crate) fn judge(headers: &HeaderMap, etag: &str, changed: Instant) -> Verdict {
    if matches(headers, IF_NONE_MATCH, etag) == Some(true) {
        return Verdict::Unchanged;
    }
    if matches(headers, IF_MATCH, etag) == Some(false) {
        return Verdict::Fails;
    }
    let changed = modified_second(changed);
    if date(headers, IF_MODIFIED_SINCE).is_some_and(|since| changed <= since) {
        return Verdict::Unchanged;
    }
    if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|since| changed > since) {
        return Verdict::Fails;
    }
    Verdict::Goes
}

/// Whether a read of what is not there fails its condition and not its address.
pub(crate) fn fails_on_nothing(headers: &HeaderMap) -> bool {
    tags(headers, IF_MATCH).is_some_and(|tags| tags.iter().any(|tag| tag == "*"))
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<i64> {
    parse_http_date(headers.get(name)?.to_str().ok()?)
}

fn matches(headers: &HeaderMap, name: impl AsHeaderName, etag: &str) -> Option<bool> {
    let tags = tags(headers, name)?;
    Some(tags.iter().any(|tag| tag == "*" || tag == etag))
}

/// The tags of a header, without quotes; `None` when it names none.
pub(crate) fn tags(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Vec<String>> {
    let text = headers.get(name)?.to_str().ok()?;
    let tags: Vec<String> = text
        .split(',')
        .map(|tag| unquoted(tag.trim()).to_owned())
        .filter(|tag| !tag.is_empty())
        .collect();
    (!tags.is_empty()).then_some(tags)
}

/// A tag without its quotes.
pub(crate) fn unquoted(tag: &str) -> &str {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    inner.unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        judge(&headers, "abc", Instant(784_111_776_500_000))
    }

    #[test]
    fn order_and_spellings() {
        let (at, before) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:36 GMT",
        );
        for (pairs, expected) in [
            (&[][..], Verdict::Goes),
            (&[("if-none-match", "\"abc\"")], Verdict::Unchanged),
            (&[("if-none-match", "abc")], Verdict::Unchanged),
            (&[("if-none-match", "x, *")], Verdict::Unchanged),
            (&[("if-none-match", "x")], Verdict::Goes),
            (&[("if-match", "x, \"abc\"")], Verdict::Goes),
            (&[("if-match", "x")], Verdict::Fails),
            (&[("if-match", "")], Verdict::Goes),
            (
                &[("if-none-match", "abc"), ("if-match", "x")],
                Verdict::Unchanged,
            ),
            (&[("if-modified-since", at)], Verdict::Unchanged),
            (&[("if-modified-since", before)], Verdict::Goes),
            (&[("if-modified-since", "garbage")], Verdict::Goes),
            (&[("if-unmodified-since", at)], Verdict::Goes),
            (&[("if-unmodified-since", before)], Verdict::Fails),
        ] {
            assert_eq!(check(pairs), expected, "{pairs:?}");
        }
    }
}
