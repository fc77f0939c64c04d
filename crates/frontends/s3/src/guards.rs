//! What guards an object that a request writes: its access list, retention and legal hold, with its tags
//! and the other headers that every way of writing shares.
//!
//! Promises: PUT, copy, multipart and browser forms understand the same headers the same way.
//! Does not: check permissions.

use dolium_store::{Guards, Instant, LockMode, Retention};
use http::HeaderMap;
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::acl;
use crate::api::Api;
use crate::error::refuse;
use crate::time::to_instant;

/// The guards that headers ask for.
pub(crate) async fn of_headers(api: &Api, headers: &HeaderMap) -> S3Result<Guards> {
    Ok(Guards {
        acl: acl::of_headers(&api.identity, headers).await?,
        retention: retention(headers)?,
        hold: hold(headers)?,
        ..Guards::default()
    })
}

fn invalid(message: &str) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn retention(headers: &HeaderMap) -> S3Result<Option<Retention>> {
    let mode = text(headers, "x-amz-object-lock-mode");
    let until = text(headers, "x-amz-object-lock-retain-until-date");
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let until = Timestamp::parse(TimestampFormat::DateTime, until).map_err(|_| {
                invalid("The retain until date must be provided in ISO 8601 format")
            })?;
            let Instant(until) = to_instant(&until);
            let mode = mode_of(mode).ok_or_else(|| invalid("Unknown wormMode directive"))?;
            Ok(Some(Retention { mode, until }))
        }
        _ => Err(invalid(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
        )),
    }
}

/// The mode that a word names.
pub(crate) fn mode_of(word: &str) -> Option<LockMode> {
    match word {
        "GOVERNANCE" => Some(LockMode::Governance),
        "COMPLIANCE" => Some(LockMode::Compliance),
        _ => None,
    }
}

/// The word for a mode.
pub(crate) fn word_of(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Governance => "GOVERNANCE",
        LockMode::Compliance => "COMPLIANCE",
    }
}

fn hold(headers: &HeaderMap) -> S3Result<bool> {
    match text(headers, "x-amz-object-lock-legal-hold") {
        None | Some("OFF") => Ok(false),
        Some("ON") => Ok(true),
        Some(_) => Err(invalid("Legal Hold must be either of 'ON' or 'OFF'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn retentions() {
        const MODE: &str = "x-amz-object-lock-mode";
        const UNTIL: &str = "x-amz-object-lock-retain-until-date";
        let of = |pairs: &[_]| retention(&headers(pairs));
        assert_eq!(of(&[]).unwrap(), None);
        let good = of(&[(MODE, "GOVERNANCE"), (UNTIL, "2030-01-01T00:00:00.500Z")]);
        let good = good.unwrap().unwrap();
        assert_eq!(
            (good.mode, good.until),
            (LockMode::Governance, 1_893_456_000_500_000)
        );
        assert!(of(&[(MODE, "GOVERNANCE")]).is_err());
        assert!(of(&[(MODE, "governance"), (UNTIL, "2030-01-01T00:00:00Z")]).is_err());
        assert!(of(&[(MODE, "COMPLIANCE"), (UNTIL, "tomorrow")]).is_err());
        assert!(hold(&headers(&[("x-amz-object-lock-legal-hold", "on")])).is_err());
    }
}
