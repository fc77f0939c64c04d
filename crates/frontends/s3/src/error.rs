//! From the store's errors to S3's codes.
//!
//! One total `match` over [`Reason`] and one over [`ErrorKind`], so that a new reason does not compile
//! until somebody has said what an S3 client hears.
//! Promises: the sentence of an error that is Dolium's own fault goes to the log, never to a client.
//! Does not: render XML (`answer`), or decide what is allowed.

use dolium_store::{Error, ErrorKind, Reason};
use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::verdict::Verdict;

/// What a client reads when the fault is Dolium's.
const INTERNAL: &str = "We encountered an internal error. Please try again.";
/// What a client reads when a part of the system is away.
const AWAY: &str = "Please reduce your request rate or try again later.";

/// Codes of S3 that `s3s` has no name for, with their statuses.
const UNNAMED: [(&str, StatusCode); 11] = [
    ("KMS.NotFoundException", StatusCode::BAD_REQUEST),
    ("InvalidRetentionPeriod", StatusCode::BAD_REQUEST),
    (
        "InvalidBucketAclWithObjectOwnership",
        StatusCode::BAD_REQUEST,
    ),
    ("NoSuchConfiguration", StatusCode::NOT_FOUND),
    ("NoSuchObjectLockConfiguration", StatusCode::NOT_FOUND),
    ("InvalidTag", StatusCode::BAD_REQUEST),
    ("QuotaExceeded", StatusCode::FORBIDDEN),
    ("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST),
    ("MalformedTrailerError", StatusCode::BAD_REQUEST),
    (
        "NoSuchPublicAccessBlockConfiguration",
        StatusCode::NOT_FOUND,
    ),
    ("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE),
];

/// A code of S3 that `s3s` has no name for.
pub(crate) fn unnamed(name: &'static str) -> S3ErrorCode {
    S3ErrorCode::Custom(name.into())
}

/// An error with a code and a sentence.
pub(crate) fn refuse(code: S3ErrorCode, message: impl Into<String>) -> S3Error {
    let status = status_of(&code);
    let mut error = S3Error::with_message(code, message.into());
    error.set_status_code(status);
    error
}

/// The HTTP status of a code.
pub(crate) fn status_of(code: &S3ErrorCode) -> StatusCode {
    // `s3s` and AWS disagree about this one.
    if *code == S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError {
        return StatusCode::NOT_FOUND;
    }
    let unnamed = UNNAMED.iter().find(|(name, _)| *name == code.as_str());
    let status = code.status_code().or(unnamed.map(|(_, status)| *status));
    status.unwrap_or(StatusCode::BAD_REQUEST)
}

/// The code of an error of the store.
pub(crate) fn code_of(error: &Error) -> S3ErrorCode {
    match error.reason() {
        Some(reason) => code_of_reason(reason),
        None => code_of_kind(error.kind()),
    }
}

fn code_of_reason(reason: Reason) -> S3ErrorCode {
    match reason {
        Reason::NoSuchContainer | Reason::NoSuchAccount => S3ErrorCode::NoSuchBucket,
        Reason::NoSuchObject | Reason::DeleteMarker => S3ErrorCode::NoSuchKey,
        Reason::NoSuchVersion => S3ErrorCode::NoSuchVersion,
        Reason::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        Reason::InvalidPart => S3ErrorCode::InvalidPart,
        Reason::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
        Reason::PartTooSmall => S3ErrorCode::EntityTooSmall,
        // The same request again succeeds; one that asks for other settings does not.
        Reason::ContainerYours | Reason::ContainerTaken => S3ErrorCode::BucketAlreadyExists,
        Reason::ContainerNotEmpty => S3ErrorCode::BucketNotEmpty,
        Reason::ConditionFailed => S3ErrorCode::PreconditionFailed,
        Reason::NotModified => S3ErrorCode::NotModified,
        Reason::QuotaExceeded => unnamed("QuotaExceeded"),
        Reason::LengthMismatch | Reason::BodyFailed => S3ErrorCode::IncompleteBody,
        Reason::TooLarge => S3ErrorCode::EntityTooLarge,
        Reason::DigestMismatch => S3ErrorCode::BadDigest,
        Reason::BadName | Reason::BadGrantees => S3ErrorCode::InvalidArgument,
        Reason::OtherArray => S3ErrorCode::OperationAborted,
        Reason::BadRange => S3ErrorCode::InvalidRange,
        Reason::MetadataTooLarge => S3ErrorCode::MetadataTooLarge,
        Reason::AclsOff => S3ErrorCode::AccessControlListNotSupported,
        Reason::AclsWithOwnership => unnamed("InvalidBucketAclWithObjectOwnership"),
        Reason::BadPolicy => S3ErrorCode::MalformedPolicy,
        Reason::PublicBlocked | Reason::Locked => S3ErrorCode::AccessDenied,
        Reason::LockMissing => S3ErrorCode::InvalidRequest,
        Reason::BadRetentionPeriod => unnamed("InvalidRetentionPeriod"),
        Reason::BadRetention => S3ErrorCode::InvalidArgument,
        Reason::VersioningNeeded | Reason::NoArchive => S3ErrorCode::InvalidBucketState,
        Reason::BadKey | Reason::WrongKey => S3ErrorCode::InvalidRequest,
        Reason::NoSuchKeyName => unnamed("KMS.NotFoundException"),
        Reason::BadStorageClass => S3ErrorCode::InvalidStorageClass,
    }
}

fn code_of_kind(kind: ErrorKind) -> S3ErrorCode {
    match kind {
        ErrorKind::NotFound => S3ErrorCode::NoSuchKey,
        ErrorKind::AlreadyExists => S3ErrorCode::BucketAlreadyExists,
        ErrorKind::Conflict => S3ErrorCode::OperationAborted,
        ErrorKind::Denied => S3ErrorCode::AccessDenied,
        ErrorKind::Invalid => S3ErrorCode::InvalidRequest,
        ErrorKind::RateLimited => S3ErrorCode::SlowDown,
        ErrorKind::Unavailable => S3ErrorCode::ServiceUnavailable,
        ErrorKind::Corrupt | ErrorKind::Unexpected => S3ErrorCode::InternalError,
        ErrorKind::Unsupported => S3ErrorCode::NotImplemented,
    }
}

/// An error of the store as a client hears it.
pub(crate) fn of_store(error: Error) -> S3Error {
    let code = code_of(&error);
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Unexpected => {
            tracing::error!(error = %Chain(&error), "the store failed");
            refuse(code, INTERNAL)
        }
        ErrorKind::Unavailable | ErrorKind::RateLimited => {
            tracing::warn!(error = %Chain(&error), "the store is not available");
            refuse(code, AWAY)
        }
        _ => refuse(code, error.context()),
    }
}

/// As [`of_store`], but what the front end itself found wrong in the body has precedence: the store
/// only knows that the body failed.
pub(crate) fn of_write(error: Error, verdict: &Verdict) -> S3Error {
    match verdict.read() {
        Some((code, message)) => refuse(code.clone(), message.clone()),
        None => of_store(error),
    }
}

/// `NoSuch…Configuration` and its kin: the setting exists in S3 and is not set here.
pub(crate) fn not_configured<T>(code: S3ErrorCode) -> S3Result<T> {
    Err(refuse(code, "The requested configuration does not exist"))
}

/// Shows an error with all its sources on one line, for the log.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(ErrorKind, &str, u16); 10] = [
        (ErrorKind::NotFound, "NoSuchKey", 404),
        (ErrorKind::AlreadyExists, "BucketAlreadyExists", 409),
        (ErrorKind::Conflict, "OperationAborted", 409),
        (ErrorKind::Denied, "AccessDenied", 403),
        (ErrorKind::Invalid, "InvalidRequest", 400),
        (ErrorKind::RateLimited, "SlowDown", 503),
        (ErrorKind::Unavailable, "ServiceUnavailable", 503),
        (ErrorKind::Corrupt, "InternalError", 500),
        (ErrorKind::Unsupported, "NotImplemented", 501),
        (ErrorKind::Unexpected, "InternalError", 500),
    ];

    const REASONS: [(Reason, &str, u16); 34] = [
        (Reason::WrongKey, "InvalidRequest", 400),
        (Reason::NoSuchKeyName, "KMS.NotFoundException", 400),
        (Reason::BadRetentionPeriod, "InvalidRetentionPeriod", 400),
        (Reason::AclsOff, "AccessControlListNotSupported", 400),
        (
            Reason::AclsWithOwnership,
            "InvalidBucketAclWithObjectOwnership",
            400,
        ),
        (Reason::BadPolicy, "MalformedPolicy", 400),
        (Reason::PublicBlocked, "AccessDenied", 403),
        (Reason::Locked, "AccessDenied", 403),
        (Reason::LockMissing, "InvalidRequest", 400),
        (Reason::BadRetention, "InvalidArgument", 400),
        (Reason::VersioningNeeded, "InvalidBucketState", 409),
        (Reason::BadStorageClass, "InvalidStorageClass", 400),
        (Reason::BadKey, "InvalidRequest", 400),
        (Reason::NoSuchContainer, "NoSuchBucket", 404),
        (Reason::NoSuchObject, "NoSuchKey", 404),
        (Reason::DeleteMarker, "NoSuchKey", 404),
        (Reason::NoSuchVersion, "NoSuchVersion", 404),
        (Reason::NoSuchUpload, "NoSuchUpload", 404),
        (Reason::InvalidPart, "InvalidPart", 400),
        (Reason::InvalidPartOrder, "InvalidPartOrder", 400),
        (Reason::PartTooSmall, "EntityTooSmall", 400),
        (Reason::ContainerYours, "BucketAlreadyExists", 409),
        (Reason::ContainerTaken, "BucketAlreadyExists", 409),
        (Reason::ContainerNotEmpty, "BucketNotEmpty", 409),
        (Reason::ConditionFailed, "PreconditionFailed", 412),
        (Reason::NotModified, "NotModified", 304),
        (Reason::QuotaExceeded, "QuotaExceeded", 403),
        (Reason::LengthMismatch, "IncompleteBody", 400),
        (Reason::TooLarge, "EntityTooLarge", 400),
        (Reason::DigestMismatch, "BadDigest", 400),
        (Reason::BodyFailed, "IncompleteBody", 400),
        (Reason::BadName, "InvalidArgument", 400),
        (Reason::BadRange, "InvalidRange", 416),
        (Reason::MetadataTooLarge, "MetadataTooLarge", 400),
    ];

    fn check(error: Error, code: &str, status: u16) {
        let answer = of_store(error);
        assert_eq!(answer.code().as_str(), code);
        assert_eq!(
            answer.status_code().map(|status| status.as_u16()),
            Some(status),
            "{code}"
        );
    }

    #[test]
    fn every_kind_and_reason_has_its_code_and_status() {
        for (kind, code, status) in KINDS {
            check(Error::new(kind, "x"), code, status);
        }
        for (reason, code, status) in REASONS {
            check(
                Error::because(ErrorKind::Invalid, reason, "x"),
                code,
                status,
            );
        }
    }

    #[test]
    fn inner_sentences_do_not_reach_a_client() {
        for kind in [
            ErrorKind::Corrupt,
            ErrorKind::Unexpected,
            ErrorKind::Unavailable,
        ] {
            let answer = of_store(Error::new(kind, "secret path"));
            assert!(!answer.message().unwrap().contains("secret"));
        }
    }

    #[test]
    fn the_verdict_on_a_body_wins() {
        let verdict = Verdict::default();
        verdict.set(S3ErrorCode::BadDigest, "wrong");
        let error = Error::because(ErrorKind::Invalid, Reason::BodyFailed, "body failed");
        assert_eq!(of_write(error, &verdict).code(), &S3ErrorCode::BadDigest);
    }
}
