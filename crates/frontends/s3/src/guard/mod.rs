//! What is checked of a request before `s3s` sees it.
//!
//! `s3s` verifies the signature of what was signed; this module sees to it that what was not signed
//! cannot change what the request means. It also refuses what is not spoken here before a byte of a body
//! is read, and says how the body must be wrapped.
//! Promises: every `x-amz-*` header that reaches an operation in the name of a user was signed, is bound
//! by the signature in another way, or was part of a signed query; a request without any signature is
//! anonymous, one with half a signature is refused.
//! Does not: verify signatures or permissions; see browser forms (`form`).

mod mechanism;
mod subresource;
mod v2;
mod v4;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::checksum::{claimed_header, content_md5};
use crate::chunked::Chunks;
use crate::document::Claims;
use crate::error::refuse;
use crate::host::Domains;
use crate::query::Query;

pub(crate) use mechanism::Mechanism;
pub(crate) use v2::{Claim, unescape_key};

/// Query parameters of operations that `s3s` does not know and would take for plainer ones.
const UNKNOWN_OPERATIONS: [&str; 6] = [
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "abac",
    "updateObjectEncryption",
    "annotation",
];
/// Query parameters that make a PUT carry a document.
const DOCUMENTS: [&str; 21] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "retention",
    "tagging",
    "website",
];

/// How the body of a request must be wrapped.
#[derive(Debug)]
pub(crate) enum BodyKind {
    /// As it is.
    Plain,
    /// In aws-chunked framing, with the announced decoded length.
    Chunked(Chunks, u64),
    /// An XML document.
    Document(Claims),
}

/// What of the settings the guard needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Domains whose subdomains are buckets.
    pub(crate) domains: Domains,
    /// Whether signatures of version 2 are accepted.
    pub(crate) sigv2: bool,
}

/// Checks a request; may add headers that a signed query carries. `now` is in seconds since 1970. Gives
/// how the request is signed and how its body must be wrapped.
pub(crate) fn inspect(
    parts: &mut Parts,
    rules: &Rules,
    now: i64,
) -> S3Result<(Mechanism, BodyKind)> {
    let query = Query::parse(parts.uri.query());
    refuse_foreign(parts, &query, &rules.domains)?;
    let mechanism = mechanism::of_request(&parts.headers, &query)?;
    require_text(&parts.headers)?;
    match mechanism {
        Mechanism::Anonymous => {}
        Mechanism::V4Header => {
            v4::require_signed(&parts.headers, &v4::signed_by_header(parts)?)?;
            v4::settle_date(&mut parts.headers)?;
        }
        Mechanism::V4Query => {
            v4::require_signed(&parts.headers, &v4::signed_by_query(&query)?)?;
            v4::adopt_query(&mut parts.headers, &query)?;
        }
        Mechanism::V2Header | Mechanism::V2Query if !rules.sigv2 => return Err(wrong_mechanism()),
        Mechanism::V2Header => v2::check_header(&parts.headers, &query, now)?,
        Mechanism::V2Query => v2::check_query(&mut parts.headers, &query, now)?,
    }
    let kind = body_kind(parts, &query, &rules.domains, mechanism)?;
    Ok((mechanism, kind))
}

/// The mechanism of a request.
pub(crate) fn mechanism(parts: &Parts) -> S3Result<Mechanism> {
    mechanism::of_request(&parts.headers, &Query::parse(parts.uri.query()))
}

/// Refuses operations that are not spoken here.
fn refuse_foreign(parts: &Parts, query: &Query, domains: &Domains) -> S3Result<()> {
    if parts.uri.path().contains("%00") {
        return Err(refuse(
            S3ErrorCode::InvalidURI,
            "A key cannot hold a NUL character",
        ));
    }
    // `s3s` would read it as a form, fields and file, into memory.
    if parts.method == Method::POST && is_form(&parts.headers) {
        let message = "The specified method is not allowed against this resource.";
        return Err(refuse(S3ErrorCode::MethodNotAllowed, message));
    }
    if query.has_any(&UNKNOWN_OPERATIONS) {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "This operation is not implemented",
        ));
    }
    // `s3s` takes what it does not know for the operation on the thing itself: a DELETE of an object's
    // access list would delete the object.
    if !subresource::fits(&parts.method, is_bucket(parts, domains), query) {
        let message = "The specified method is not allowed against this resource.";
        return Err(refuse(S3ErrorCode::MethodNotAllowed, message));
    }
    Ok(())
}

/// Whether a body says that it is a browser's form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let form = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii_start();
        value.len() >= 19 && value[..19].eq_ignore_ascii_case(b"multipart/form-data")
    };
    headers.get_all(http::header::CONTENT_TYPE).iter().any(form)
}

/// The refusal of signatures of version 2 where they are switched off.
pub(crate) fn wrong_mechanism() -> S3Error {
    refuse(
        S3ErrorCode::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

fn no_date() -> S3Error {
    let message = "AWS authentication requires a valid Date or x-amz-date header";
    refuse(S3ErrorCode::AccessDenied, message)
}

/// Signatures cover text only; other bytes would be signed by nobody.
fn require_text(headers: &HeaderMap) -> S3Result<()> {
    for (name, value) in headers {
        if name.as_str().starts_with("x-amz-") && std::str::from_utf8(value.as_bytes()).is_err() {
            let message = format!("The value of {name} is not UTF-8");
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    Ok(())
}

/// A parameter of a query as the header that it stands for.
fn header_of(name: &str, value: &str) -> S3Result<(HeaderName, HeaderValue)> {
    let bad = || {
        refuse(
            S3ErrorCode::InvalidArgument,
            format!("Invalid query parameter {name}"),
        )
    };
    let header = HeaderName::try_from(name).map_err(|_| bad())?;
    Ok((header, HeaderValue::try_from(value).map_err(|_| bad())?))
}

fn body_kind(
    parts: &Parts,
    query: &Query,
    domains: &Domains,
    mechanism: Mechanism,
) -> S3Result<BodyKind> {
    let headers = &parts.headers;
    let mode = headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok());
    if matches!(
        mechanism,
        Mechanism::Anonymous | Mechanism::V2Header | Mechanism::V2Query
    ) {
        refuse_chunks(headers)?;
    } else if let Some(mode) = mode
        && mode.starts_with("STREAMING-")
        && mechanism == Mechanism::V4Header
    {
        let chunks = if mode.starts_with("STREAMING-UNSIGNED") {
            Chunks::Unsigned
        } else {
            Chunks::Signed
        };
        return Ok(BodyKind::Chunked(chunks, decoded_len(headers)?));
    }
    let document = match parts.method {
        Method::POST => true,
        Method::PUT => {
            query.has("versioning") || query.has_any(&DOCUMENTS) || is_bucket(parts, domains)
        }
        _ => false,
    };
    if !document {
        return Ok(BodyKind::Plain);
    }
    let sha256 = mode.filter(|mode| mode.len() == 64).map(str::to_owned);
    // The checksum of a completion is the object's, not the document's.
    let checksum = if query.has("uploadId") {
        None
    } else {
        claimed_header(headers)?
    };
    Ok(BodyKind::Document(Claims {
        sha256,
        md5: content_md5(headers)?,
        checksum,
    }))
}

/// Only `s3s` takes chunks apart, and only with a signature of version 4. Anything else would be stored
/// with its framing.
fn refuse_chunks(headers: &HeaderMap) -> S3Result<()> {
    let begins = |name: &str, beginning: &[u8]| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value.as_bytes().starts_with(beginning))
    };
    let codings = headers.get_all(http::header::CONTENT_ENCODING).iter();
    let chunked = codings
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked"));
    if chunked
        || begins("x-amz-content-sha256", b"STREAMING-")
        || headers.contains_key("x-amz-decoded-content-length")
    {
        let message = "A body in aws-chunked encoding needs a signature of version 4";
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    Ok(())
}

fn decoded_len(headers: &HeaderMap) -> S3Result<u64> {
    let value = headers.get("x-amz-decoded-content-length");
    let text = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        let message = "You must provide the x-amz-decoded-content-length HTTP header.";
        refuse(S3ErrorCode::MissingContentLength, message)
    })
}

pub(crate) fn is_bucket(parts: &Parts, domains: &Domains) -> bool {
    let path = parts.uri.path().trim_start_matches('/');
    match domains.of_request(parts) {
        Some(_) => path.is_empty(),
        None => path.split_once('/').is_none_or(|(_, key)| key.is_empty()),
    }
}

#[cfg(test)]
mod tests;
