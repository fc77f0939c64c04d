//! What is checked of a request that is signed with version 2, where that is switched on.
//!
//! Version 2 signs the method, the path, every `x-amz-*` header, the type, MD5 and date, and those query
//! parameters that its list names. Nothing is signed in the place of a header or parameter of these that
//! is there twice.
//! Promises: what changes the meaning of a request and would not be signed is refused; a request is not
//! older or newer than the clock allows.
//! Does not: verify the signature (`signature`), or protect the body: version 2 cannot.

mod signature;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use s3s::{S3ErrorCode, S3Result};

use crate::date;
use crate::error::refuse;
use crate::guard::{header_of, no_date};
use crate::query::Query;

pub(crate) use signature::{Claim, unescape_key};

/// How far a client's clock may be off: 15 minutes, as on AWS.
const SKEW_SECONDS_MAX: i64 = 15 * 60;
/// Query parameters that are part of what is signed.
const SIGNED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];
/// Parameters that are not signed and only choose a page of what the signature lets its holder list.
const OF_LISTINGS: [&str; 16] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
];
/// Parameters of the signature itself.
const OF_THE_SIGNATURE: [&str; 3] = ["AWSAccessKeyId", "Expires", "Signature"];
/// Headers that a presigned URL may carry in its query; the signature covers them as headers.
const MOVED_HEADERS: [&str; 2] = ["content-md5", "content-type"];

/// Checks a request that is signed in its `Authorization` header.
pub(super) fn check_header(headers: &HeaderMap, query: &Query, now: i64) -> S3Result<()> {
    let value = headers.get(AUTHORIZATION);
    let fields = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("AWS "))
        .and_then(|value| value.rsplit_once(':'));
    if !fields.is_some_and(|(key, signature)| !key.is_empty() && !signature.is_empty()) {
        let message = "AWS authorization header is invalid. Expected AwsAccessKeyId:signature";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    require_single(headers)?;
    check_parameters(query, &[])?;
    // When both are there, the signature covers `x-amz-date` alone.
    let text = headers.get("x-amz-date").or_else(|| headers.get(DATE));
    let moment = text
        .and_then(|value| value.to_str().ok())
        .and_then(date::of_header)
        .filter(|moment| *moment >= 0)
        .ok_or_else(no_date)?;
    if moment.abs_diff(now) > SKEW_SECONDS_MAX.unsigned_abs() {
        let message = "The difference between the request time and the current time is too large.";
        return Err(refuse(S3ErrorCode::RequestTimeTooSkewed, message));
    }
    Ok(())
}

/// Checks a presigned URL, and puts the headers that it carries in its query where the signature covers
/// them.
pub(super) fn check_query(headers: &mut HeaderMap, query: &Query, now: i64) -> S3Result<()> {
    let denied = |message: &str| refuse(S3ErrorCode::AccessDenied, message);
    for name in OF_THE_SIGNATURE {
        if query.only(name).is_none_or(str::is_empty) {
            return Err(denied(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId \
                 parameters",
            ));
        }
    }
    check_parameters(query, &OF_THE_SIGNATURE)?;
    let expires = query.only("Expires").unwrap_or_default();
    let digits = expires.bytes().all(|byte| byte.is_ascii_digit());
    let expires = digits.then(|| expires.parse::<i64>().ok()).flatten();
    let expires = expires.ok_or_else(|| denied("Invalid date (should be seconds since epoch)"))?;
    if expires <= now {
        return Err(denied("Request has expired"));
    }
    for (name, value) in query.iter() {
        let lower = name.to_ascii_lowercase();
        if !lower.starts_with("x-amz-") && !MOVED_HEADERS.contains(&lower.as_str()) {
            continue;
        }
        let (header, value) = header_of(&lower, value)?;
        match headers.get(&header) {
            Some(given) if *given == value => {}
            Some(_) => return Err(denied("A header contradicts the signed query")),
            None => drop(headers.insert(header, value)),
        }
    }
    require_single(headers)
}

/// Nothing is signed in the place of a header of these that is there twice or is not text.
fn require_single(headers: &HeaderMap) -> S3Result<()> {
    let names = [
        "content-md5",
        CONTENT_TYPE.as_str(),
        DATE.as_str(),
        "x-amz-date",
    ];
    for name in names {
        let mut values = headers.get_all(name).iter();
        let text = values
            .next()
            .is_none_or(|value| std::str::from_utf8(value.as_bytes()).is_ok());
        if !text || values.next().is_some() {
            let message = format!("The header {name} must be there once, as text");
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    Ok(())
}

/// Refuses parameters that no signature would cover.
fn check_parameters(query: &Query, own: &[&str]) -> S3Result<()> {
    for (name, _) in query.iter() {
        let lower = name.to_ascii_lowercase();
        let moved = !own.is_empty()
            && (lower.starts_with("x-amz-") || MOVED_HEADERS.contains(&lower.as_str()));
        // `x-id` is what some SDKs call the operation; it chooses nothing here.
        let known = SIGNED.contains(&name)
            || own.contains(&name)
            || OF_LISTINGS.contains(&name)
            || name == "x-id"
            || moved;
        if !known {
            let message = format!(
                "A signature of version 2 does not cover the parameter {name}; use version 4"
            );
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
        if query.only(name).is_none() {
            let message = format!("The parameter {name} must be there once");
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    Ok(())
}
