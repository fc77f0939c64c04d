//! How a request says who made it.
//!
//! Promises: one mechanism or none; a request that holds any part of a signature is never anonymous.
//! Does not: look into signatures (`v2`, `v4`).

use http::HeaderMap;
use http::header::AUTHORIZATION;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::v4::ALGORITHM;
use crate::error::refuse;
use crate::query::Query;

/// Parameters of which any makes a query one that is signed with version 4, in any spelling: a name in
/// the wrong case is half a signature and not nothing.
const V4_PARAMETERS: [&str; 4] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-signature",
    "x-amz-signedheaders",
];
/// The same for version 2.
const V2_PARAMETERS: [&str; 2] = ["signature", "awsaccesskeyid"];

/// The ways to sign, and not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Nothing is signed.
    Anonymous,
    /// Version 4, in the `Authorization` header.
    V4Header,
    /// Version 4, in the query.
    V4Query,
    /// Version 2, in the `Authorization` header.
    V2Header,
    /// Version 2, in the query.
    V2Query,
}

/// The mechanism of a request.
pub(super) fn of_request(headers: &HeaderMap, query: &Query) -> S3Result<Mechanism> {
    let v4 = has(query, &V4_PARAMETERS);
    let v2 = has(query, &V2_PARAMETERS);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = values.next();
    if usize::from(v4) + usize::from(v2) + usize::from(header.is_some()) > 1 {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                       Signature query string parameter or the Authorization header should be \
                       specified";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    let Some(value) = header else {
        return Ok(match (v4, v2) {
            (true, _) => Mechanism::V4Query,
            (_, true) => Mechanism::V2Query,
            _ => Mechanism::Anonymous,
        });
    };
    if values.next().is_some() {
        return Err(malformed());
    }
    let value = value.to_str().map_err(|_| malformed())?;
    if value.trim().is_empty() {
        let message = "The Authorization header is empty";
        return Err(refuse(S3ErrorCode::AccessDenied, message));
    }
    if value.starts_with("AWS ") {
        return Ok(Mechanism::V2Header);
    }
    if value.starts_with(ALGORITHM) {
        return Ok(Mechanism::V4Header);
    }
    let message = "Unsupported Authorization Type";
    Err(refuse(S3ErrorCode::InvalidArgument, message))
}

fn has(query: &Query, names: &[&str]) -> bool {
    query
        .iter()
        .any(|(given, _)| names.iter().any(|name| given.eq_ignore_ascii_case(name)))
}

/// The refusal of an `Authorization` header that cannot be read.
pub(super) fn malformed() -> S3Error {
    let message = "The authorization header you provided is invalid.";
    refuse(S3ErrorCode::AuthorizationHeaderMalformed, message)
}
