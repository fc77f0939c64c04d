//! What is checked of a request before `s3s` sees it.
//!
//! `s3s` verifies the signature of what was signed; this module sees to it that what was not signed
//! cannot change what the request means. It also refuses what this front end does not speak (SigV2,
//! browser forms) before a byte of a body is read, and says how the body must be wrapped.
//! Promises: every `x-amz-*` header that reaches an operation was signed, is bound by the signature in
//! another way, or was part of a signed query.
//! Does not: verify signatures or permissions.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::checksum::{claimed_header, content_md5};
use crate::chunked::Chunks;
use crate::document::Claims;
use crate::error::refuse;
use crate::host::Domains;
use crate::query::Query;

/// The longest life of a presigned URL: seven days, as on AWS.
const PRESIGNED_SECONDS_MAX: u32 = 7 * 24 * 3600;
/// The algorithm, the only one.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Headers that need no place among the signed ones: the first two are part of what is signed (or, with
/// a presigned URL, verified against the body), the third means nothing.
const BOUND_OTHERWISE: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-user-agent"];
/// Query parameters of operations that `s3s` does not know and would take for plainer ones.
const UNKNOWN_OPERATIONS: [&str; 7] = [
    "renameObject",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "abac",
    "updateObjectEncryption",
    "annotation",
];
/// Query parameters that make a PUT carry a document.
const DOCUMENTS: [&str; 20] = [
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

/// Checks a request; may add headers that a presigned URL carries in its query.
pub(crate) fn inspect(parts: &mut Parts, domains: &Domains) -> S3Result<BodyKind> {
    let query = Query::parse(parts.uri.query());
    refuse_foreign(parts, &query)?;
    let presigned = query.has("X-Amz-Signature");
    let signed = if presigned {
        signed_by_query(parts, &query)?
    } else {
        signed_by_header(parts)?
    };
    require_signed(&parts.headers, &signed)?;
    if presigned {
        adopt_query(&mut parts.headers, &query)?;
    }
    body_kind(parts, &query, domains, presigned)
}

/// Refuses mechanisms and operations that are not spoken here.
fn refuse_foreign(parts: &Parts, query: &Query) -> S3Result<()> {
    let path = parts.uri.path();
    if path.contains("%00") {
        return Err(refuse(
            S3ErrorCode::InvalidURI,
            "A key cannot hold a NUL character",
        ));
    }
    let form = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii_start();
        value.len() >= 19 && value[..19].eq_ignore_ascii_case(b"multipart/form-data")
    };
    if parts
        .headers
        .get_all(http::header::CONTENT_TYPE)
        .iter()
        .any(form)
    {
        let message = "Browser form uploads are not implemented";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    if query.has_any(&UNKNOWN_OPERATIONS) {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "This operation is not implemented",
        ));
    }
    if query.has_any(&["Signature", "AWSAccessKeyId"]) {
        return Err(wrong_mechanism());
    }
    Ok(())
}

fn wrong_mechanism() -> S3Error {
    refuse(
        S3ErrorCode::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

/// The signed headers of a presigned URL, after its other parameters were found well.
fn signed_by_query(parts: &Parts, query: &Query) -> S3Result<Vec<String>> {
    let bad = |message: &str| refuse(S3ErrorCode::AuthorizationQueryParametersError, message);
    if parts.headers.contains_key(http::header::AUTHORIZATION) {
        let message = "Only one auth mechanism allowed";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
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
        return Err(bad(
            "X-Amz-Expires must be between 1 second and a week (in seconds)",
        ));
    }
    Ok(split_names(only("X-Amz-SignedHeaders")?))
}

/// The signed headers of a request that is signed in its `Authorization` header.
fn signed_by_header(parts: &Parts) -> S3Result<Vec<String>> {
    let malformed = || {
        let message = "The authorization header you provided is invalid.";
        refuse(S3ErrorCode::AuthorizationHeaderMalformed, message)
    };
    let mut values = parts.headers.get_all(http::header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(refuse(
            S3ErrorCode::AccessDenied,
            "Anonymous access is forbidden",
        ));
    };
    if values.next().is_some() {
        return Err(malformed());
    }
    let value = value.to_str().map_err(|_| malformed())?;
    if value.starts_with("AWS ") {
        return Err(wrong_mechanism());
    }
    let Some(fields) = value.strip_prefix(ALGORITHM) else {
        return Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Unsupported Authorization Type",
        ));
    };
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

fn require_signed(headers: &HeaderMap, signed: &[String]) -> S3Result<()> {
    let denied = |name: &str| {
        let message =
            format!("There were headers present in the request which were not signed: {name}");
        refuse(S3ErrorCode::AccessDenied, message)
    };
    let is_signed = |name: &str| signed.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(denied("host"));
    }
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") {
            continue;
        }
        if !is_signed(name) && !BOUND_OTHERWISE.contains(&name) {
            return Err(denied(name));
        }
        // The signature covers text only; other bytes would be signed by nobody.
        if std::str::from_utf8(value.as_bytes()).is_err() {
            let message = format!("The value of {name} is not UTF-8");
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    Ok(())
}

/// Some SDKs move `x-amz-*` headers into the query of a presigned URL, where they are signed too.
fn adopt_query(headers: &mut HeaderMap, query: &Query) -> S3Result<()> {
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
        let bad = || {
            refuse(
                S3ErrorCode::InvalidArgument,
                format!("Invalid query parameter {name}"),
            )
        };
        let header = HeaderName::try_from(lower).map_err(|_| bad())?;
        let value = HeaderValue::try_from(value).map_err(|_| bad())?;
        if !headers.contains_key(&header) {
            headers.insert(header, value);
        }
    }
    Ok(())
}

fn body_kind(
    parts: &Parts,
    query: &Query,
    domains: &Domains,
    presigned: bool,
) -> S3Result<BodyKind> {
    let headers = &parts.headers;
    let mode = headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok());
    if let Some(mode) = mode
        && mode.starts_with("STREAMING-")
        && !presigned
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

fn is_bucket(parts: &Parts, domains: &Domains) -> bool {
    let path = parts.uri.path().trim_start_matches('/');
    let host = parts
        .headers
        .get(http::header::HOST)
        .and_then(|value| value.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    match host.and_then(|host| domains.bucket(host)) {
        Some(_) => path.is_empty(),
        None => path.split_once('/').is_none_or(|(_, key)| key.is_empty()),
    }
}

#[cfg(test)]
mod tests;
