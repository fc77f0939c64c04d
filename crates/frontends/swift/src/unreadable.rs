//! Requests that are no HTTP: their first line has blanks in the path, or bytes that are no text.
//!
//! The HTTP library answers them by itself, with a bare 400. A listener that sees it do so sends this
//! instead, so that a client of Swift hears what is wrong and has an id to ask about.

use http::StatusCode;

use crate::answer::{REQUEST_ID, TRANS_ID, page, transaction_id};

/// The answer to a request of which only the first line is known, as it goes over the wire.
pub fn unreadable(line: &[u8]) -> Vec<u8> {
    let blanks = line.iter().filter(|byte| **byte == b' ').count();
    let (status, kind, text) = if std::str::from_utf8(line).is_err() {
        let text = "Invalid UTF8 or contains NULL".to_owned();
        (StatusCode::PRECONDITION_FAILED, "text/plain", text)
    } else if blanks != 2 {
        (
            StatusCode::PRECONDITION_FAILED,
            "text/plain",
            "Bad URL".to_owned(),
        )
    } else {
        (
            StatusCode::BAD_REQUEST,
            "text/html",
            page(StatusCode::BAD_REQUEST),
        )
    };
    let id = transaction_id();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {kind}; charset=UTF-8\r\ncontent-length: {}\r\n\
         {TRANS_ID}: {id}\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\n\r\n{text}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        text.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let says = |line: &[u8], word: &str| {
            let answer = String::from_utf8(unreadable(line)).unwrap();
            assert!(
                answer.contains(word) && answer.contains("x-trans-id: tx"),
                "{answer}"
            );
        };
        says(b"GET /info asdf HTTP/1.1\r", "412 Precondition Failed");
        says(b"GET /v1/\xff HTTP/1.1\r", "Invalid UTF8");
        says(b"GET /v1/a HTTP/1.1\r", "400 Bad Request");
    }
}
