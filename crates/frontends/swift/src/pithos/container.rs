//! Containers.

use dolium_store::{Container, ListEntry, ListRequest};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::metadata::{self, Owner};
use super::words::say;
use super::{Call, object, reply};
use crate::body::Body;
use crate::service::Front;

/// Answers a request for a container.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET | Method::HEAD => read(front, call).await,
        _ => Err(Fault::of(StatusCode::NOT_IMPLEMENTED, "This is not built")),
    }
}

/// The policy of a container as listings show it.
pub(super) fn policy(_: &Container) -> Value {
    json!({})
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let view = front.store.view_container(&call.caller, &name).await;
    let view = view.map_err(of_store)?;
    let format = call.format(Format::Text);
    let mut headers = HeaderMap::new();
    metadata::write(&view.container.attributes, Owner::Container, &mut headers);
    let container = &view.container;
    say(
        &mut headers,
        "x-container-object-count",
        &container.objects.to_string(),
    );
    say(
        &mut headers,
        "x-container-bytes-used",
        &container.bytes.to_string(),
    );
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let request = ListRequest {
        limit: listing::limit(&call.query),
        ..ListRequest::default()
    };
    let page = front.store.list(&call.caller, &name, request).await;
    let entries = page.map_err(of_store)?.entries.into_iter();
    let entries: Vec<Entry> = entries
        .map(|entry| match entry {
            ListEntry::Prefix(name) => Entry::Subdir(name),
            ListEntry::Version(version) => object::entry(&version),
        })
        .collect();
    let frame = ("container", Some(name.as_str()), "object");
    Ok(listing::answer(format, headers, frame, &entries))
}
