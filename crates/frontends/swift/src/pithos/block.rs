//! Blocks: uploaded by themselves into a container, and read by their names.

use dolium_store::{BlockId, Reason};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::words::say;
use super::{Call, reply};
use crate::body::{self, Body};
use crate::info::FILE_LEN_MAX;
use crate::service::Front;

/// The type of what is uploaded, exactly.
pub(super) const BYTES: &str = "application/octet-stream";

/// Whether a POST of a container uploads blocks.
pub(super) fn is_upload(call: &Call) -> bool {
    let is_bytes = call.words.get("content-type") == Some(BYTES);
    let has_body =
        call.words.has("transfer-encoding") || call.words.number("content-length") > Some(0);
    is_bytes && has_body
}

/// Stores the blocks of a body and answers with their names.
pub(super) async fn upload(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let format = call.format(Format::Json);
    let len = call.body_len()?;
    if len.is_some_and(|len| len > FILE_LEN_MAX) {
        return Err(Fault::bad("The body is too large"));
    }
    let body = body::incoming(call.body.open());
    let stored = front.store.upload_blocks(&call.caller, &name, body, len);
    let names = stored.await.map_err(of_store)?;
    let text = match format {
        Format::Xml => {
            let items: String = names
                .iter()
                .map(|name| format!("<item>{name}</item>"))
                .collect();
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<items>{items}</items>")
        }
        Format::Text | Format::Json => {
            let names: Vec<String> = names.iter().map(BlockId::to_string).collect();
            json!(names).to_string()
        }
    };
    let format = match format {
        Format::Text => Format::Json,
        other => other,
    };
    Ok(reply::written(
        StatusCode::ACCEPTED,
        format,
        HeaderMap::new(),
        text,
    ))
}

/// Answers with one block, without its trailing zeros.
pub(super) async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let hash = call.query.get("block").unwrap_or_default();
    let hash = hash.to_ascii_lowercase();
    let id: BlockId = hash.parse().map_err(|_| Fault::bad("Invalid hash"))?;
    let read = front.store.read_block(&call.caller, &name, id).await;
    let bytes = read.map_err(|error| match error.reason() {
        Some(Reason::NoSuchObject) => Fault::not_found("There is no such block"),
        _ => of_store(error),
    })?;
    let mut headers = HeaderMap::new();
    say(&mut headers, "content-type", BYTES);
    say(&mut headers, "etag", &hash);
    say(&mut headers, "content-length", &bytes.len().to_string());
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::OK, Format::Json, headers));
    }
    Ok(crate::answer::document(
        StatusCode::OK,
        headers,
        BYTES,
        bytes,
    ))
}
