//! The answer to a read: conditions, ranges, one body or several in one.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, Method, Response, StatusCode};

use super::read::Shown;
use crate::answer::{bare, page, set};
use crate::body::{self, Body, Bytestream};
use crate::condition::{Verdict, judge};
use crate::error::Result;
use crate::plain::Call;
use crate::range::{Wanted, wanted};

/// Answers a read of what is shown.
pub(in crate::plain) async fn answer(call: &Call, shown: Shown) -> Result<Response<Body>> {
    let mut headers = shown.headers.clone();
    set(&mut headers, "etag", shown.written_etag());
    match judge(&call.headers, &shown.etag, shown.changed) {
        Verdict::Goes => {}
        Verdict::Unchanged => {
            return Ok(bare(StatusCode::NOT_MODIFIED, headers));
        }
        Verdict::Fails => {
            let refused = page(StatusCode::PRECONDITION_FAILED);
            let kind = "text/html; charset=UTF-8";
            return Ok(whole(
                StatusCode::PRECONDITION_FAILED,
                headers,
                kind,
                refused,
            ));
        }
    }
    if call.method == Method::HEAD {
        set(&mut headers, "content-length", shown.size.to_string());
        return Ok(bare(StatusCode::OK, headers));
    }
    // Of what is put together at this moment, several ranges at once are not to be had.
    let is_dynamic = shown.headers.contains_key("x-object-manifest") && shown.quoted;
    let range = call
        .header("range")
        .filter(|range| !(is_dynamic && range.contains(',')));
    match wanted(range, shown.size) {
        Wanted::Whole => {
            set(&mut headers, "content-length", shown.size.to_string());
            let body = shown.read(0..shown.size).await?;
            Ok(flowing(StatusCode::OK, headers, body))
        }
        Wanted::Unsatisfiable => {
            set(
                &mut headers,
                "content-range",
                format!("bytes */{}", shown.size),
            );
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            Ok(whole(
                status,
                headers,
                "text/html; charset=UTF-8",
                page(status),
            ))
        }
        Wanted::Parts(parts) => match parts.as_slice() {
            [part] => {
                let (part, size) = (part.clone(), shown.size);
                set(&mut headers, "content-range", content_range(&part, size));
                set(
                    &mut headers,
                    "content-length",
                    (part.end - part.start).to_string(),
                );
                let body = shown.read(part).await?;
                Ok(flowing(StatusCode::PARTIAL_CONTENT, headers, body))
            }
            parts => several(headers, &shown, parts).await,
        },
    }
}

pub(in crate::plain) fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1))
}

fn whole(status: StatusCode, headers: HeaderMap, kind: &str, text: String) -> Response<Body> {
    crate::answer::document(status, headers, kind, text)
}

pub(in crate::plain) fn flowing(
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytestream,
) -> Response<Body> {
    let mut response = Response::new(body::streamed(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Several ranges as one body of many parts.
async fn several(
    mut headers: HeaderMap,
    shown: &Shown,
    parts: &[Range<u64>],
) -> Result<Response<Body>> {
    let boundary = hex::encode(rand::random::<[u8; 16]>());
    let kind = headers.get("content-type").cloned();
    let kind = kind.as_ref().map_or(&b""[..], |kind| kind.as_bytes());
    let mut len = 0;
    let mut pieces: Vec<Bytestream> = Vec::new();
    let text = |bytes: Vec<u8>| -> Bytestream {
        stream::once(async move { Ok(Bytes::from(bytes)) }).boxed()
    };
    for part in parts {
        let range = content_range(part, shown.size);
        let head = [
            format!("--{boundary}\r\nContent-Type: ").as_bytes(),
            kind,
            format!("\r\nContent-Range: {range}\r\n\r\n").as_bytes(),
        ]
        .concat();
        len += head.len() as u64 + (part.end - part.start) + 2;
        pieces.push(text(head));
        pieces.push(shown.read(part.clone()).await?);
        pieces.push(text(b"\r\n".to_vec()));
    }
    let tail = format!("--{boundary}--").into_bytes();
    len += tail.len() as u64;
    pieces.push(text(tail));
    set(
        &mut headers,
        "content-type",
        format!("multipart/byteranges;boundary={boundary}"),
    );
    set(&mut headers, "content-length", len.to_string());
    let bytes = stream::iter(pieces).flatten().boxed();
    Ok(flowing(StatusCode::PARTIAL_CONTENT, headers, bytes))
}
