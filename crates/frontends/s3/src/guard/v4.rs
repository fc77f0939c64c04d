//! What is checked of a request that is signed with version 4.
//!
//! Promises: the names given back are those whose headers the signature covers, and no others.
//! Does not: verify the signature, `s3s` does.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::{S3ErrorCode, S3Result};

use super::mechanism::malformed;
use super::no_date;
use crate::date;
use crate::error::refuse;
use crate::query::Query;

/// The algorithm, the only one.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The longest life of a presigned URL: seven days, as on AWS.
const PRESIGNED_SECONDS_MAX: u32 = 7 * 24 * 3600;
/// Headers that need no place among the signed ones: the first two are part of what is signed (or, with
/// a presigned URL, verified against the body), the third means nothing.
const BOUND_OTHERWISE: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-user-agent"];

/// The signed headers of a presigned URL, after its other parameters were found well.
pub(super) fn signed_by_query(query: &Query) -> S3Result<Vec<String>> {
    let bad = |message: &str| refuse(S3ErrorCode::AuthorizationQueryParametersError, message);
    let only = |name: &str| {
        query.only(name).ok_or_else(|| {
            bad(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                 X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                 X-Amz-Expires parameters.",
            )
        })
    };
    let (algorithm, credential) = (only("X-Amz-Algorithm")?, only("X-Amz-Credential")?);
    only("X-Amz-Signature")?;
    only("X-Amz-Date")?;
    if algorithm != ALGORITHM {
        return Err(bad("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    if !scope_is_s3(credential) {
        return Err(bad("Error parsing the X-Amz-Credential parameter"));
    }
    let seconds = only("X-Amz-Expires")?.parse::<u32>();
    if !seconds.is_ok_and(|seconds| (1..=PRESIGNED_SECONDS_MAX).contains(&seconds)) {
        // The status is that of a URL whose time is over, which is what clients take it for.
        let mut error = bad("X-Amz-Expires must be between 1 second and a week (in seconds)");
        error.set_status_code(http::StatusCode::FORBIDDEN);
        return Err(error);
    }
    Ok(split_names(only("X-Amz-SignedHeaders")?))
}

/// The signed headers of a request that is signed in its `Authorization` header.
pub(super) fn signed_by_header(parts: &Parts) -> S3Result<Vec<String>> {
    let value = parts.headers.get(http::header::AUTHORIZATION);
    let fields = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix(ALGORITHM))
        .ok_or_else(malformed)?;
    let field = |name: &str| {
        let mut found = fields
            .split(',')
            .filter_map(|field| field.trim_start().strip_prefix(name));
        let value = found.next()?;
        found.next().is_none().then_some(value)
    };
    let credential = field("Credential=").ok_or_else(malformed)?;
    field("Signature=").ok_or_else(malformed)?;
    if !scope_is_s3(credential) {
        return Err(malformed());
    }
    field("SignedHeaders=")
        .map(split_names)
        .ok_or_else(malformed)
}

/// Puts the date where `s3s` looks for it. It is part of what is signed, wherever it was written.
pub(super) fn settle_date(headers: &mut HeaderMap) -> S3Result<()> {
    let text = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    if headers.contains_key("x-amz-date") {
        let known = text("x-amz-date").and_then(date::of_compact);
        return known.map(|_| ()).ok_or_else(no_date);
    }
    let compact = text("date")
        .and_then(date::of_header)
        .and_then(date::compact)
        .and_then(|text| HeaderValue::try_from(text).ok())
        .ok_or_else(no_date)?;
    headers.insert("x-amz-date", compact);
    Ok(())
}

/// The names as they are: `s3s` skips a name that matches no header exactly, without leaving a trace in
/// what is signed, so ` x-amz-acl` and `X-Amz-Acl` must not count as `x-amz-acl` here.
fn split_names(names: &str) -> Vec<String> {
    names.split(';').map(str::to_owned).collect()
}

/// Whether a credential ends in `/DATE/REGION/s3/aws4_request`.
fn scope_is_s3(credential: &str) -> bool {
    let mut terms = credential.rsplit('/');
    terms.next() == Some("aws4_request") && terms.next() == Some("s3") && terms.count() >= 3
}

/// Refuses a header that means something and is not among the signed ones.
pub(super) fn require_signed(headers: &HeaderMap, signed: &[String]) -> S3Result<()> {
    let denied = |name: &str| {
        let message =
            format!("There were headers present in the request which were not signed: {name}");
        refuse(S3ErrorCode::AccessDenied, message)
    };
    let is_signed = |name: &str| signed.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(denied("host"));
    }
    for name in headers.keys().map(HeaderName::as_str) {
        let means = name.starts_with("x-amz-") && !BOUND_OTHERWISE.contains(&name);
        if means && !is_signed(name) {
            return Err(denied(name));
        }
    }
    Ok(())
}

/// Some SDKs move `x-amz-*` headers into the query of a presigned URL, where they are signed too.
pub(super) fn adopt_query(headers: &mut HeaderMap, query: &Query) -> S3Result<()> {
    const OF_THE_SIGNATURE: [&str; 8] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-content-sha256",
    ];
    for (name, value) in query.iter() {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("x-amz-") || OF_THE_SIGNATURE.contains(&lower.as_str()) {
            continue;
        }
        let (header, value) = super::header_of(&lower, value)?;
        if !headers.contains_key(&header) {
            headers.insert(header, value);
        }
    }
    Ok(())
}
