//! Objects.

mod copy;
mod delete;
mod post;
mod put;
mod read;

use aws_lc_rs::digest::{SHA256, digest};
use dolium_store::{OBJECT, OBJECT_ID, Version};
use http::{HeaderMap, Method, Response, StatusCode};

use super::fault::Result;
use super::words::say;
use super::{Call, Format, reply};
use crate::body::Body;
use crate::service::Front;

/// Answers a request for an object.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method.as_str() {
        "PUT" => put::answer(front, call).await,
        "COPY" | "MOVE" => copy::answer(front, call).await,
        "POST" => post::answer(front, call).await,
        "DELETE" => delete::answer(front, call).await,
        _ => read::answer(front, call).await,
    }
}

/// The Merkle root of a version, in hexadecimal.
pub(super) fn root_of(version: &Version) -> Option<String> {
    version.root.as_deref().map(hex::encode)
}

/// The tag of a version: its Merkle root or, where there is none, the tag that other protocols show.
pub(super) fn tag_of(version: &Version) -> String {
    root_of(version).unwrap_or_else(|| version.etag.clone())
}

/// What tells an object from others. What another protocol made has one by its place.
pub(super) fn uuid_of(version: &Version, container: i64) -> String {
    if let Some(id) = version.attributes.get(OBJECT, OBJECT_ID) {
        return id.to_owned();
    }
    let place = format!("{container}/{}", version.path);
    let hash = hex::encode(digest(&SHA256, place.as_bytes()).as_ref());
    let parts = [
        &hash[..8],
        &hash[8..12],
        &format!("5{}", &hash[13..16]),
        &format!("8{}", &hash[17..20]),
        &hash[20..32],
    ];
    parts.join("-")
}

/// The answer to a write.
fn written(status: StatusCode, version: &Version, with_tag: bool) -> Response<Body> {
    let mut headers = HeaderMap::new();
    if with_tag {
        say(&mut headers, "etag", &tag_of(version));
    }
    say(
        &mut headers,
        "x-object-version",
        &version.serial.0.to_string(),
    );
    reply::empty(status, Format::Json, headers)
}

/// Whether a method only looks at the headers.
fn is_head(call: &Call) -> bool {
    call.method == Method::HEAD
}
