//! DELETE of objects.

use dolium_store::{Condition, DeleteRequest, EtagMatch};
use http::{HeaderMap, Response, StatusCode};

use crate::answer::bare;
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::plain::Call;
use crate::service::Front;

/// Answers DELETE. Unlike the store, Swift says when there was nothing.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let container = call.target.container_name()?;
    let path = call.target.object_path()?;
    if let Some(at) = call.header("x-if-delete-at")
        && at.trim().parse::<i64>().is_err()
    {
        return Err(Refusal::bad("Bad X-If-Delete-At header value"));
    }
    let request = DeleteRequest {
        condition: Condition {
            if_match: Some(EtagMatch::Any),
            ..Condition::default()
        },
        ..DeleteRequest::default()
    };
    let deleted = front
        .store
        .delete(&call.caller, &container, &path, request)
        .await;
    deleted.map_err(of_store)?;
    Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
}
