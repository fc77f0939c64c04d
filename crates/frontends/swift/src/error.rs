//! Refusals: what a client hears when a request is not done.
//!
//! Promises: one total match from the store's errors to statuses; what is wrong inside the server is
//! logged and not told.

use dolium_store::{Error, ErrorKind, Reason};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::answer::page;
use crate::body::{self, Body};

/// Result of everything that may refuse.
pub(crate) type Result<T> = std::result::Result<T, Refusal>;

/// 499: the client broke off its own body.
pub(crate) const CLIENT_DISCONNECT: u16 = 499;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Plain text; `None` is the page that belongs to the status.
    text: Option<String>,
    pub(crate) headers: Box<HeaderMap>,
    /// The reason that the store gave.
    pub(crate) reason: Option<Reason>,
    /// Whether the caller may not, which nobody in particular hears as "sign in".
    pub(crate) denied: bool,
}

impl Refusal {
    /// With the page that belongs to the status.
    pub(crate) fn of(status: StatusCode) -> Self {
        Self {
            status,
            text: None,
            headers: Box::default(),
            reason: None,
            denied: false,
        }
    }

    /// With a sentence.
    pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::of(status)
        }
    }

    /// 400 with a sentence.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// 412 with a sentence.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::text(StatusCode::PRECONDITION_FAILED, text)
    }

    /// 501 with a sentence that says what there is not.
    pub(crate) fn unsupported(text: impl Into<String>) -> Self {
        Self::text(StatusCode::NOT_IMPLEMENTED, text)
    }

    /// The caller may not.
    pub(crate) fn denied() -> Self {
        Self {
            denied: true,
            ..Self::of(StatusCode::FORBIDDEN)
        }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds all of these.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Whether there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The sentence, for reports that name many refusals.
    pub(crate) fn sentence(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The body with its media type.
    pub(crate) fn body(self) -> (StatusCode, HeaderMap, &'static str, Body) {
        match self.text {
            Some(text) => (
                self.status,
                *self.headers,
                "text/plain; charset=UTF-8",
                body::whole(text),
            ),
            None => (
                self.status,
                *self.headers,
                "text/html; charset=UTF-8",
                body::whole(page(self.status)),
            ),
        }
    }
}

/// The status that a reason of the store is.
fn status_of_reason(reason: Reason) -> StatusCode {
    use StatusCode as S;
    match reason {
        Reason::NoSuchContainer
        | Reason::NoSuchAccount
        | Reason::NoSuchObject
        | Reason::DeleteMarker
        | Reason::NoSuchVersion
        | Reason::NoSuchUpload => S::NOT_FOUND,
        Reason::ContainerYours | Reason::ContainerTaken => S::ACCEPTED,
        Reason::ContainerNotEmpty
        | Reason::OtherArray
        | Reason::VersioningNeeded
        | Reason::LockMissing
        | Reason::AclsWithOwnership => S::CONFLICT,
        Reason::ConditionFailed | Reason::NoArchive => S::PRECONDITION_FAILED,
        Reason::NotModified => S::NOT_MODIFIED,
        Reason::QuotaExceeded | Reason::TooLarge => S::PAYLOAD_TOO_LARGE,
        Reason::LengthMismatch | Reason::BodyFailed => {
            S::from_u16(CLIENT_DISCONNECT).unwrap_or(S::BAD_REQUEST)
        }
        Reason::DigestMismatch => S::UNPROCESSABLE_ENTITY,
        Reason::BadRange => S::RANGE_NOT_SATISFIABLE,
        Reason::InvalidPart
        | Reason::InvalidPartOrder
        | Reason::PartTooSmall
        | Reason::BadName
        | Reason::BadGrantees
        | Reason::MetadataTooLarge
        | Reason::AclsOff
        | Reason::BadPolicy
        | Reason::BadRetention
        | Reason::BadRetentionPeriod
        | Reason::BadStorageClass
        | Reason::BadKey
        | Reason::WrongKey
        | Reason::NoSuchKeyName => S::BAD_REQUEST,
        Reason::PublicBlocked | Reason::Locked => S::FORBIDDEN,
    }
}

fn status_of_kind(kind: ErrorKind) -> StatusCode {
    use StatusCode as S;
    match kind {
        ErrorKind::NotFound => S::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => S::CONFLICT,
        ErrorKind::Denied => S::FORBIDDEN,
        ErrorKind::Invalid => S::BAD_REQUEST,
        ErrorKind::RateLimited | ErrorKind::Unavailable => S::SERVICE_UNAVAILABLE,
        ErrorKind::Corrupt | ErrorKind::Unexpected => S::INTERNAL_SERVER_ERROR,
        ErrorKind::Unsupported => S::NOT_IMPLEMENTED,
    }
}

/// An error of the store as a client hears it.
pub(crate) fn of_store(error: Error) -> Refusal {
    let reason = error.reason();
    let status = reason.map_or_else(|| status_of_kind(error.kind()), status_of_reason);
    let mut refusal = match (error.kind(), reason) {
        (ErrorKind::Corrupt | ErrorKind::Unexpected, _) => {
            tracing::error!(%error, "the store failed");
            Refusal::of(status)
        }
        (ErrorKind::Unavailable | ErrorKind::RateLimited, _) => {
            tracing::warn!(%error, "the store is not available");
            Refusal::of(status)
        }
        (_, Some(Reason::QuotaExceeded)) => Refusal::text(status, "Upload exceeds quota."),
        (ErrorKind::Invalid | ErrorKind::Unsupported, _) if status == StatusCode::BAD_REQUEST => {
            Refusal::text(status, error.context())
        }
        _ => Refusal::of(status),
    };
    refusal.reason = reason;
    refusal.denied = error.kind() == ErrorKind::Denied && reason.is_none();
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let status = |kind, reason| of_store(Error::because(kind, reason, "x")).status.as_u16();
        assert_eq!(status(ErrorKind::NotFound, Reason::DeleteMarker), 404);
        assert_eq!(status(ErrorKind::Denied, Reason::QuotaExceeded), 413);
        assert_eq!(status(ErrorKind::Invalid, Reason::DigestMismatch), 422);
        assert_eq!(status(ErrorKind::Invalid, Reason::BodyFailed), 499);
        assert!(of_store(Error::new(ErrorKind::Denied, "x")).denied);
    }
}
