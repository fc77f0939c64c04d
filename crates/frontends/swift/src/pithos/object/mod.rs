//! Objects.

use dolium_store::Version;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::fault::{Fault, Result, of_store};
use super::listing::Entry;
use super::metadata;
use super::moment::{date, iso};
use super::words::say;
use super::{Call, Format, reply};
use crate::answer::set;
use crate::body::Body;
use crate::plain::source;
use crate::service::Front;

/// Answers a request for an object.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET | Method::HEAD => read(front, call).await,
        _ => Err(Fault::of(StatusCode::NOT_IMPLEMENTED, "This is not built")),
    }
}

/// An object as listings show it.
pub(super) fn entry(version: &Version) -> Entry {
    let fields = vec![
        ("bytes", json!(version.size)),
        ("content_type", json!(version.content_type)),
        ("last_modified", json!(iso(version.created))),
    ];
    Entry::Item(version.path.as_str().to_owned(), fields)
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let source = source(call.container()?, call.path()?);
    let opened = front.store.open_object(&call.caller, &source).await;
    let opened = opened.map_err(of_store)?;
    let version = opened.version();
    let mut headers = HeaderMap::new();
    metadata::write_object(&version.attributes, &mut headers);
    say(&mut headers, "content-type", &version.content_type);
    say(&mut headers, "last-modified", &date(version.created));
    set(&mut headers, "content-length", version.size.to_string());
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::OK, Format::Json, headers));
    }
    let body = opened.read(0..version.size).map_err(of_store)?;
    let mut response = Response::new(crate::body::streamed(body));
    *response.headers_mut() = headers;
    Ok(response)
}
