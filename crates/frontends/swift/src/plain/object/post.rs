//! POST of objects: new words, the same content.

use std::sync::Arc;

use dolium_store::{Error, ErrorKind};
use http::{HeaderMap, Response, StatusCode};

use super::read::reader;
use crate::answer::paged;
use crate::body::Body;
use crate::describe;
use crate::error::{Result, of_store};
use crate::plain::Call;
use crate::service::Front;

/// Answers POST.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let container = call.target.container_name()?;
    let path = call.target.object_path()?;
    let headers = call.headers.clone();
    // What is wrong with the words is wrong whatever they are said of.
    describe::of_post(&headers, &mut Default::default())?;
    let edit = Arc::new(move |description: &mut _| {
        describe::of_post(&headers, description)
            .map_err(|refusal| Error::new(ErrorKind::Invalid, refusal.sentence()))
    });
    let changed = front
        .store
        .redescribe(&reader(&call), &container, &path, edit)
        .await;
    changed.map_err(of_store)?;
    Ok(paged(StatusCode::ACCEPTED, HeaderMap::new()))
}
