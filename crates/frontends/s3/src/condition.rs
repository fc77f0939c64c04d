//! Conditions and ranges of requests.
//!
//! Promises: a date that a client names holds for its whole second.
//! Does not: evaluate anything, the store does, inside its transactions.

use dolium_store::{ByteRange, Condition, EtagMatch};
use s3s::dto::{ETag, ETagCondition, Range, Timestamp};
use s3s::{S3ErrorCode, S3Result};

use crate::error::refuse;
use crate::time::end_of_second;

/// A condition from the four headers, those for writes and those for copy sources alike.
pub(crate) fn condition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
) -> Condition {
    Condition {
        if_match: if_match.map(tags),
        if_none_match: if_none_match.map(tags),
        if_modified_since: if_modified_since.map(end_of_second),
        if_unmodified_since: if_unmodified_since.map(end_of_second),
        ..Condition::default()
    }
}

fn tags(condition: ETagCondition) -> EtagMatch {
    match condition {
        ETagCondition::Any => EtagMatch::Any,
        ETagCondition::ETag(tag) => EtagMatch::OneOf(split_list(tag.value())),
    }
}

/// `s3s` reads a list of tags as one tag that begins and ends with the outermost quotes.
fn split_list(value: &str) -> Vec<String> {
    let tags = value.split(',').map(str::trim);
    tags.map(|tag| {
        tag.strip_prefix("W/")
            .unwrap_or(tag)
            .trim_matches('"')
            .to_owned()
    })
    .collect()
}

/// The condition that one tag in a document (an entry of DeleteObjects) states.
pub(crate) fn only_tag(tag: Option<ETag>) -> Condition {
    let if_match = tag.map(|tag| match tag.value() {
        "*" => EtagMatch::Any,
        _ => EtagMatch::OneOf(vec![tag.into_value()]),
    });
    Condition {
        if_match,
        ..Condition::default()
    }
}

/// The bytes that a `Range` header asks for.
pub(crate) fn byte_range(range: Option<Range>) -> ByteRange {
    match range {
        None => ByteRange::Full,
        Some(Range::Int { first, last }) => ByteRange::From { first, last },
        Some(Range::Suffix { length }) => ByteRange::Last(length),
    }
}

/// The bytes that `x-amz-copy-source-range` asks for: only `bytes=first-last`.
pub(crate) fn copy_range(range: Option<&str>) -> S3Result<ByteRange> {
    let Some(text) = range else {
        return Ok(ByteRange::Full);
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let parsed = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'));
    if let Some((first, last)) = parsed
        && let (Some(first), Some(last)) = (number(first), number(last))
        && first <= last
    {
        return Ok(ByteRange::From {
            first,
            last: Some(last),
        });
    }
    let message = "The x-amz-copy-source-range value must be of the form bytes=first-last";
    Err(refuse(S3ErrorCode::InvalidArgument, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_ranges() {
        let good = ByteRange::From {
            first: 0,
            last: Some(9),
        };
        assert_eq!(copy_range(Some("bytes=0-9")).unwrap(), good);
        assert_eq!(copy_range(None).unwrap(), ByteRange::Full);
        for bad in [
            "0-9",
            "bytes=9-0",
            "bytes=-9",
            "bytes=0-",
            "bytes=+1-2",
            "bytes=0-9,20-30",
            "",
        ] {
            assert!(copy_range(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_of_tags() {
        for (header, expected) in [
            ("\"a\"", vec!["a"]),
            ("\"a\", \"b-2\"", vec!["a", "b-2"]),
            ("W/\"a\",W/\"b\"", vec!["a", "b"]),
        ] {
            let parsed: ETagCondition = header.parse().unwrap();
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(tags(parsed), EtagMatch::OneOf(expected), "{header}");
        }
    }

    #[test]
    fn tags_lose_their_quotes() {
        let tag: ETagCondition = "\"abc\"".parse().unwrap();
        let condition = condition(Some(tag), Some(ETagCondition::Any), None, None);
        assert_eq!(
            condition.if_match,
            Some(EtagMatch::OneOf(vec!["abc".into()]))
        );
        assert_eq!(condition.if_none_match, Some(EtagMatch::Any));
    }
}
