//! A static large object as it is read: as a whole, a numbered part of it, or its manifest.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Response, StatusCode};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::{Kept, parts_of};
use crate::answer::{bare, set};
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::plain::Call;
use crate::plain::object::read::{Content, Shown};
use crate::plain::object::reply::{content_range, flowing};

/// The manifest of an opened object in the form in which it can be sent again.
pub(in crate::plain) async fn raw(opened: &dolium_store::Opened) -> Result<Bytes> {
    let parts = parts_of(opened).await.map_err(of_store)?;
    let list: Vec<Value> = parts.iter().map(sendable).collect();
    Ok(Value::Array(list).to_string().into())
}

/// The tag of a manifest in that form.
pub(in crate::plain) fn raw_etag(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn sendable(part: &Kept) -> Value {
    if let Some(data) = &part.data {
        // What was decodable was checked when it came.
        let data = STANDARD.decode(data).map(|bytes| STANDARD.encode(bytes));
        return json!({ "data": data.unwrap_or_default() });
    }
    let mut value = json!({
        "path": part.name,
        "size_bytes": part.bytes,
        "etag": part.hash,
    });
    if let (Some(range), Some(map)) = (&part.range, value.as_object_mut()) {
        map.insert("range".to_owned(), json!(range));
    }
    value
}

/// The numbered part that a query asks for.
pub(in crate::plain) fn number(call: &Call) -> Result<Option<usize>> {
    let Some(text) = call.query.get("part-number") else {
        return Ok(None);
    };
    let number = text.parse::<usize>().ok().filter(|number| *number > 0);
    let refuse = || Refusal::bad("Part number must be an integer greater than 0");
    number.map(Some).ok_or_else(refuse)
}

/// The bytes of a numbered part within the whole.
pub(in crate::plain) fn range_of(shown: &Shown, number: usize) -> Option<Range<u64>> {
    let Content::Assembled(assembly) = &shown.content else {
        return None;
    };
    let before = assembly
        .pieces
        .iter()
        .take(number - 1)
        .map(|piece| piece.len())
        .sum();
    let piece = assembly.pieces.get(number - 1)?;
    Some(before..before + piece.len())
}

/// Answers a read of a numbered part.
pub(in crate::plain) async fn answer_part(
    call: &Call,
    shown: Shown,
    number: usize,
) -> Result<Response<Body>> {
    let Content::Assembled(assembly) = &shown.content else {
        return Err(Refusal::of(StatusCode::RANGE_NOT_SATISFIABLE));
    };
    let mut headers = shown.headers.clone();
    set(&mut headers, "etag", shown.written_etag());
    set(
        &mut headers,
        "x-parts-count",
        assembly.pieces.len().to_string(),
    );
    let Some(range) = range_of(&shown, number) else {
        set(
            &mut headers,
            "content-range",
            format!("bytes */{}", shown.size),
        );
        headers.remove("content-type");
        let text = "The requested part number is not satisfiable";
        let refusal = Refusal::text(StatusCode::RANGE_NOT_SATISFIABLE, text);
        return Err(refusal.with_headers(headers));
    };
    set(
        &mut headers,
        "content-range",
        content_range(&range, shown.size),
    );
    set(
        &mut headers,
        "content-length",
        (range.end - range.start).to_string(),
    );
    if call.method == http::Method::HEAD {
        return Ok(bare(StatusCode::PARTIAL_CONTENT, headers));
    }
    let body = shown.read(range).await?;
    Ok(flowing(StatusCode::PARTIAL_CONTENT, headers, body))
}
