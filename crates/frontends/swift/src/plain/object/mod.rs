//! Objects.

mod copy;
mod delete;
mod post;
mod put;
pub(super) mod read;
mod reply;

use http::{Method, Response};

use super::{Call, OBJECT_METHODS, no_such_method};
use crate::body::Body;
use crate::error::Result;
use crate::service::Front;

/// Answers a request for an object.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method.as_str() {
        "GET" | "HEAD" => read::answer(front, call).await,
        "PUT" => put::answer(front, call).await,
        "POST" => post::answer(front, call).await,
        "COPY" => copy::answer(front, call).await,
        _ if call.method == Method::DELETE => delete::answer(front, call).await,
        _ => Err(no_such_method(OBJECT_METHODS)),
    }
}
