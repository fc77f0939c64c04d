//! Objects.

mod copy;
mod delete;
mod post;
pub(super) mod put;
pub(super) mod read;
pub(super) mod reply;

use http::Response;

use super::large::slo;
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
        "DELETE" if slo::delete_is_asked(&call) => slo::delete_whole(front, call).await,
        "DELETE" => delete::answer(front, call).await,
        _ => Err(no_such_method(OBJECT_METHODS)),
    }
}
