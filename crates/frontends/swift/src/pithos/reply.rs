//! What all answers carry.

use dolium_store::Instant;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, LAST_MODIFIED, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::format::Format;
use super::moment::date;
use crate::answer::{bare, document, set};
use crate::body::Body;

/// Adds to an answer what all answers carry.
pub(super) fn finish(response: &mut Response<Body>) {
    let status = response.status();
    let headers = response.headers_mut();
    let now = date(Instant::now());
    let fixed = [
        (VARY, "X-Auth-Token"),
        (
            CACHE_CONTROL,
            "no-cache, no-store, must-revalidate, max-age=0",
        ),
    ];
    for (name, value) in fixed {
        let absent = || HeaderValue::from_static(value);
        headers.entry(name).or_insert_with(absent);
    }
    for name in [EXPIRES, LAST_MODIFIED] {
        if !headers.contains_key(&name) {
            set(headers, name.as_str(), &now);
        }
    }
    if !headers.contains_key(CONTENT_TYPE) && status != StatusCode::NOT_MODIFIED {
        set(headers, "content-type", Format::Json.media_type());
    }
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode, format: Format, headers: HeaderMap) -> Response<Body> {
    let mut headers = headers;
    if !headers.contains_key(CONTENT_TYPE) {
        set(&mut headers, "content-type", format.media_type());
    }
    bare(status, headers)
}

/// An answer with a document.
pub(super) fn written(
    status: StatusCode,
    format: Format,
    headers: HeaderMap,
    text: String,
) -> Response<Body> {
    document(status, headers, format.media_type(), text)
}
