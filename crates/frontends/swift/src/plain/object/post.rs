//! POST of objects: new words, the same content.

use std::sync::Arc;

use dolium_store::{Error, ErrorKind};
use http::{HeaderMap, Response, StatusCode};

use super::read::reader;
use crate::answer::{paged, set};
use crate::body::Body;
use crate::describe;
use crate::error::{Refusal, Result, of_store};
use crate::plain::symlink::{self, Link};
use crate::plain::{Call, version};
use crate::service::Front;

/// Answers POST.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let container = call.target.container_name()?;
    let path = call.target.object_path()?;
    if version::asked(&call.query)?.is_some() {
        return Err(Refusal::bad("POST to a specific version is not allowed"));
    }
    if call.headers.contains_key("x-symlink-target") {
        let text = "A PUT request is required to set a symlink target";
        return Err(Refusal::bad(text));
    }
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
    let changed = changed.map_err(of_store)?;
    let mut headers = HeaderMap::new();
    let Some(link) = Link::of(&changed, container.account()) else {
        return Ok(paged(StatusCode::ACCEPTED, headers));
    };
    // The words are now the link's; who meant the target's is told where that is.
    symlink::describe(&changed, &mut headers);
    set(&mut headers, "location", link.location());
    Ok(paged(StatusCode::TEMPORARY_REDIRECT, headers))
}
