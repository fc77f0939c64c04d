//! Faults: what a client hears when a request is not done, in JSON or XML.
//!
//! Promises: one total match from statuses to the names of faults; what is wrong inside the server is
//! logged and not told.

use bytes::Bytes;
use dolium_store::{Error, ErrorKind, Reason};
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::format::Format;
use crate::answer::document;
use crate::body::Body;
use crate::error::CLIENT_DISCONNECT;
use crate::listing::entry::text;

/// Result of everything that may end in a fault.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(super) status: StatusCode,
    message: String,
    pub(super) headers: Box<HeaderMap>,
    /// The reason that the store gave.
    pub(super) reason: Option<Reason>,
    /// A body that is no fault document: JSON.
    bare: Option<Bytes>,
}

impl Fault {
    /// With a sentence.
    pub(super) fn of(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            headers: Box::default(),
            reason: None,
            bare: None,
        }
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, message)
    }

    /// 412.
    pub(super) fn failed() -> Self {
        Self::of(StatusCode::PRECONDITION_FAILED, "A condition does not hold")
    }

    /// 416.
    pub(super) fn unsatisfiable() -> Self {
        let text = "Requested range exceeds object limits";
        Self::of(StatusCode::RANGE_NOT_SATISFIABLE, text)
    }

    /// 411.
    pub(super) fn length_required(message: &str) -> Self {
        Self::of(StatusCode::LENGTH_REQUIRED, message)
    }

    /// 404.
    pub(super) fn not_found(message: &str) -> Self {
        Self::of(StatusCode::NOT_FOUND, message)
    }

    /// 403.
    pub(super) fn denied() -> Self {
        Self::of(StatusCode::FORBIDDEN, "Not allowed")
    }

    /// 409 with a JSON document of its own.
    pub(super) fn conflict_with(body: impl Into<Bytes>) -> Self {
        Self {
            bare: Some(body.into()),
            ..Self::of(StatusCode::CONFLICT, "")
        }
    }

    /// Adds these headers.
    pub(super) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// As an answer.
    pub(super) fn answer(self, format: Format) -> Response<Body> {
        let headers = *self.headers;
        if self.status == StatusCode::NOT_MODIFIED {
            let mut response = Response::new(crate::body::empty());
            *response.status_mut() = self.status;
            *response.headers_mut() = headers;
            return response;
        }
        if let Some(bare) = self.bare {
            return document(self.status, headers, Format::Json.media_type(), bare);
        }
        let (name, code) = (name_of(self.status), self.status.as_u16());
        let body = match format {
            Format::Xml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} \
                 xmlns=\"http://docs.openstack.org/compute/api/v1.1\" code=\"{code}\">\
                 <message>{}</message><details></details></{name}>",
                text(&self.message)
            ),
            Format::Text | Format::Json => {
                let inner = json!({"code": code, "message": self.message, "details": ""});
                json!({ name: inner }).to_string()
            }
        };
        let kind = match format {
            Format::Xml => format.media_type(),
            Format::Text | Format::Json => Format::Json.media_type(),
        };
        document(self.status, headers, kind, body)
    }
}

/// The name of a fault.
fn name_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "badRequest",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "itemNotFound",
        405 => "notAllowed",
        409 => "conflict",
        410 => "gone",
        411 => "lengthRequired",
        412 => "preconditionFailed",
        413 => "requestEntityTooLarge",
        416 => "rangeNotSatisfiable",
        422 => "unprocessableEntity",
        501 => "notImplemented",
        503 => "serviceUnavailable",
        500..=599 => "internalServerError",
        _ => "fault",
    }
}

/// An error of the store as a client hears it.
pub(super) fn of_store(error: Error) -> Fault {
    let context = error.context().to_owned();
    let (kind, reason) = (error.kind(), error.reason());
    let refusal = crate::error::of_store(error);
    let status = match (kind, reason) {
        (_, Some(Reason::TooLarge)) => StatusCode::BAD_REQUEST,
        _ if refusal.status.as_u16() == CLIENT_DISCONNECT => StatusCode::BAD_REQUEST,
        _ => refusal.status,
    };
    let message = match (kind, reason) {
        (_, Some(Reason::QuotaExceeded)) => format!("Quota error: {context}"),
        (ErrorKind::Denied, _) => "Not allowed".to_owned(),
        _ if status.is_client_error() => context,
        (ErrorKind::Unsupported, _) => context,
        _ => "The server cannot do that now".to_owned(),
    };
    Fault {
        reason,
        ..Fault::of(status, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let status = |kind, reason| of_store(Error::because(kind, reason, "x")).status.as_u16();
        assert_eq!(status(ErrorKind::NotFound, Reason::NoSuchObject), 404);
        assert_eq!(status(ErrorKind::Denied, Reason::QuotaExceeded), 413);
        assert_eq!(status(ErrorKind::Invalid, Reason::DigestMismatch), 422);
        assert_eq!(status(ErrorKind::Invalid, Reason::BodyFailed), 400);
        assert_eq!(status(ErrorKind::Invalid, Reason::TooLarge), 400);
        assert_eq!(name_of(StatusCode::CONFLICT), "conflict");
    }
}
