//! What a client says of an object, between headers and attributes.
//!
//! Promises: what went in with a PUT comes out with a GET, `aws-chunked` excepted, which describes the
//! transfer and not the object.
//! Does not: keep S3's own names in attributes; other protocols read the same ones.

use std::collections::HashMap;

use dolium_store::{Attributes, Description, Version};
use s3s::dto::Timestamp;
use s3s::{S3ErrorCode, S3Result};

use crate::error::refuse;
use crate::time::{from_seconds, to_seconds};

/// Namespace of representation headers.
pub(crate) const HTTP: &str = "http";
/// Namespace of user metadata.
pub(crate) const USER: &str = "user";
/// The most user metadata, in bytes of names and values.
const USER_METADATA_LEN_MAX: usize = 2048;
/// The media type of an object that came without one, as on AWS.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// The header that sends visitors of a website elsewhere.
pub(crate) const REDIRECT_HEADER: &str = "x-amz-website-redirect-location";
/// Its key in the namespace of representation headers.
const REDIRECT: &str = "website-redirect";
/// The longest redirect, as on AWS.
const REDIRECT_LEN_MAX: usize = 2048;

/// Keeps where visitors of a website are sent.
pub(crate) fn redirect(location: Option<&str>, attributes: &mut Attributes) -> S3Result<()> {
    let Some(location) = location else {
        return Ok(());
    };
    let good = ["/", "http://", "https://"]
        .iter()
        .any(|beginning| location.starts_with(beginning));
    if !good || location.len() > REDIRECT_LEN_MAX {
        let message = "The website redirect location must have a prefix of 'http://' or 'https://' \
                       or '/'.";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    attributes.set(HTTP, REDIRECT, location);
    Ok(())
}

/// Where visitors of a website are sent from a version.
pub(crate) fn redirect_of(version: &Version) -> Option<String> {
    version.attributes.get(HTTP, REDIRECT).map(str::to_owned)
}

/// The headers of a request that describe an object.
#[derive(Default)]
pub(crate) struct Headers {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) metadata: Option<HashMap<String, String>>,
}

/// Takes the describing fields out of a request of any operation that has them.
macro_rules! take_headers {
    ($input:expr) => {
        $crate::describe::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
        }
    };
}
pub(crate) use take_headers;

/// The description that headers give.
pub(crate) fn description(headers: Headers) -> S3Result<Description> {
    let mut attributes = Attributes::default();
    let pairs = [
        ("cache-control", headers.cache_control),
        ("content-disposition", headers.content_disposition),
        (
            "content-encoding",
            headers
                .content_encoding
                .and_then(|value| without_chunked(&value)),
        ),
        ("content-language", headers.content_language),
        (
            "expires",
            headers
                .expires
                .map(|expires| to_seconds(expires).to_string()),
        ),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            attributes.set(HTTP, name, value);
        }
    }
    let metadata = headers.metadata.unwrap_or_default();
    let size: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > USER_METADATA_LEN_MAX {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(refuse(S3ErrorCode::MetadataTooLarge, message));
    }
    for (name, value) in metadata {
        attributes.set(USER, name.to_ascii_lowercase(), value);
    }
    Ok(Description {
        content_type: headers.content_type.unwrap_or_default(),
        attributes,
        ..Description::default()
    })
}

/// A value as a header can carry it: other protocols may have kept what it cannot.
fn sayable(value: &str) -> String {
    value.replace(|c: char| c.is_ascii_control() && c != '\t', "\u{fffd}")
}

/// The headers that a version answers with. Metadata whose names are none of headers are left out.
pub(crate) fn headers(version: &Version) -> Headers {
    let http = |name: &str| version.attributes.get(HTTP, name).map(sayable);
    let metadata: HashMap<String, String> = version
        .attributes
        .namespace(USER)
        .filter(|(name, _)| http::HeaderName::from_bytes(name.as_bytes()).is_ok())
        .map(|(name, value)| (name.to_owned(), sayable(value)))
        .collect();
    let content_type = match version.content_type.as_str() {
        "" => DEFAULT_TYPE.to_owned(),
        given => sayable(given),
    };
    Headers {
        content_type: Some(content_type),
        cache_control: http("cache-control"),
        content_disposition: http("content-disposition"),
        content_encoding: http("content-encoding"),
        content_language: http("content-language"),
        expires: http("expires")
            .and_then(|text| text.parse().ok())
            .map(from_seconds),
        metadata: (!metadata.is_empty()).then_some(metadata),
    }
}

fn without_chunked(value: &str) -> Option<String> {
    let codings = value.split(',').map(str::trim);
    let kept: Vec<&str> = codings
        .filter(|coding| !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    let kept = kept.join(", ");
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_coding_is_not_kept() {
        let cases = [
            ("aws-chunked", None),
            ("gzip,aws-chunked", Some("gzip")),
            ("gzip, br", Some("gzip, br")),
        ];
        for (given, kept) in cases {
            assert_eq!(without_chunked(given).as_deref(), kept, "{given}");
        }
    }

    #[test]
    fn metadata_has_a_limit() {
        let with = |len: usize| Headers {
            metadata: Some(HashMap::from([("k".to_owned(), "v".repeat(len))])),
            ..Headers::default()
        };
        assert!(description(with(USER_METADATA_LEN_MAX - 1)).is_ok());
        let error = description(with(USER_METADATA_LEN_MAX)).unwrap_err();
        assert_eq!(error.code().as_str(), "MetadataTooLarge");
    }
}
