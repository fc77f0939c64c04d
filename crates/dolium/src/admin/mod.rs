//! Administration over HTTP: what the command line asks of a server.
//!
//! The same routes are served on the data directory's socket (whoever may open it is the
//! administrator) and under `/api/v1/admin` on the HTTP listener, there with the access key of an
//! administrator as HTTP Basic credentials. Long work answers with one JSON object a line.
//!
//! Promises: a client that goes away stops its pass; where a pass stopped is remembered.

mod care;
mod client;
mod guard;
mod people;
mod roster;
mod status;
mod stream;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

pub(crate) use client::{Admin, Line};
pub(crate) use people::{AddKey, AddSwift, AddUser, KeyMade, KeyShown, SwiftRole, UserShown};
pub(crate) use roster::{ArrayShown, ChangeAnswer, ChangeRequest, ProviderShown};
pub(crate) use status::{ArrayReport, StatusReport};

use crate::compose::Components;

/// Routes without a guard, for the socket.
pub(crate) fn router(components: Components) -> Router {
    Router::new()
        .route("/status", get(status::status))
        .route("/check", post(care::check))
        .route("/scrub", post(care::scrub))
        .route("/repair", post(care::repair))
        .route("/collect", post(care::collect))
        .route("/providers", get(roster::providers))
        .route("/providers/{name}/test", post(roster::probe_member))
        .route("/arrays", get(roster::arrays))
        .route("/changes", post(roster::change))
        .route("/reshape", post(roster::reshape))
        .route("/users", get(people::list).post(people::add))
        .route("/users/{name}", delete(people::remove))
        .route("/users/{name}/enable", post(people::enable))
        .route("/users/{name}/disable", post(people::disable))
        .route(
            "/users/{name}/keys",
            get(people::keys).post(people::add_key),
        )
        .route("/users/{name}/keys/{key}", delete(people::remove_key))
        .with_state(components)
}

/// Routes that ask for an administrator's credentials.
pub(crate) fn guarded_router(components: Components) -> Router {
    let guard = axum::middleware::from_fn_with_state(components.clone(), guard::guard);
    router(components).layer(guard)
}

/// An error as the command line reads it: `{"error": "…"}`.
pub(crate) struct Failure {
    status: StatusCode,
    text: String,
}

impl Failure {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (
            self.status,
            axum::Json(serde_json::json!({ "error": self.text })),
        )
            .into_response()
    }
}

impl From<dolium_identity::Error> for Failure {
    fn from(error: dolium_identity::Error) -> Self {
        use dolium_identity::ErrorKind;
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::AlreadyExists | ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<dolium_store::Error> for Failure {
    fn from(error: dolium_store::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}
