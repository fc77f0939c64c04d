//! Headers that ask for what this front end does not do.
//!
//! Ignoring them would store an object that is not what the client asked for (public, locked, tagged,
//! encrypted with its key), so they are refused for every operation in one place.
//! Promises: a header listed here never passes silently.
//! Does not: know which operation is meant.

use http::HeaderMap;
use s3s::{S3ErrorCode, S3Result};

use crate::error::refuse;

/// Headers that are refused whatever they say.
const REFUSED: [&str; 2] = ["x-amz-mfa", "x-amz-write-offset-bytes"];

/// Refuses what is not supported.
pub(crate) fn check(headers: &HeaderMap) -> S3Result<()> {
    for name in headers.keys() {
        let name = name.as_str();
        if name.starts_with("x-amz-") {
            check_one(name)?;
        }
    }
    Ok(())
}

fn check_one(name: &str) -> S3Result<()> {
    if !REFUSED.contains(&name) {
        return Ok(());
    }
    let message =
        format!("A header you provided implies functionality that is not implemented: {name}");
    Err(refuse(S3ErrorCode::NotImplemented, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let cases = [
            ("x-amz-mfa", "serial 123456", Some("NotImplemented")),
            ("x-amz-meta-anything", "v", None),
        ];
        for (name, value, code) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let error = check(&headers).err();
            assert_eq!(
                error.as_ref().map(|error| error.code().as_str()),
                code,
                "{name}"
            );
        }
    }
}
