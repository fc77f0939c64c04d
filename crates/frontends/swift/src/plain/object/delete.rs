//! DELETE of objects.

use http::{Response, StatusCode};

use crate::answer::bare;
use crate::body::Body;
use crate::error::{Refusal, Result};
use crate::plain::{Call, version};
use crate::service::Front;

/// Answers DELETE. Unlike the store, Swift says when there was nothing.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    if let Some(at) = call.header("x-if-delete-at")
        && at.trim().parse::<i64>().is_err()
    {
        return Err(Refusal::bad("Bad X-If-Delete-At header value"));
    }
    let wanted = version::asked(&call.query)?;
    let id = version::remove(front, &call.caller, &call.target, wanted).await?;
    Ok(bare(StatusCode::NO_CONTENT, version::removed(id)))
}
