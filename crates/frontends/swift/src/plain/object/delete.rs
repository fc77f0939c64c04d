//! DELETE of objects.

use http::{HeaderMap, Response, StatusCode};

use crate::answer::bare;
use crate::body::Body;
use crate::error::{Refusal, Result};
use crate::plain::{Call, bulk};
use crate::service::Front;

/// Answers DELETE. Unlike the store, Swift says when there was nothing.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    if let Some(at) = call.header("x-if-delete-at")
        && at.trim().parse::<i64>().is_err()
    {
        return Err(Refusal::bad("Bad X-If-Delete-At header value"));
    }
    bulk::remove(front, &call.caller, &call.target).await?;
    Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
}
