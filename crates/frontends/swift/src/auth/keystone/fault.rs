//! Refusals in the form of Keystone: JSON, and where a login is missing where to sign in.

use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use crate::answer::{document, set};
use crate::body::Body;

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    message: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401, whatever was wrong.
    pub(super) fn unauthorized() -> Self {
        let message = "The request you have made requires authentication.";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403.
    pub(super) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "You are not authorized to perform the requested action.",
        )
    }

    /// 404.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The resource could not be found.")
    }

    /// 405.
    pub(super) fn no_such_method() -> Self {
        let message = "The method is not allowed for the requested URL.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    /// The answer.
    pub(super) fn answer(self, base: &str) -> Response<Body> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({"error": {
            "code": self.status.as_u16(),
            "message": self.message,
            "title": title,
        }});
        let mut headers = HeaderMap::new();
        if self.status == StatusCode::UNAUTHORIZED {
            set(&mut headers, "www-authenticate", challenge(base));
        }
        set(&mut headers, "vary", "X-Auth-Token");
        document(self.status, headers, "application/json", body.to_string())
    }
}

impl From<dolium_identity::Error> for Fault {
    fn from(error: dolium_identity::Error) -> Self {
        tracing::error!(%error, "a login could not be looked up");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Users cannot be looked up now. Try again later.",
        )
    }
}

/// Where to sign in.
pub(crate) fn challenge(base: &str) -> String {
    format!("Keystone uri=\"{base}/v3\"")
}
