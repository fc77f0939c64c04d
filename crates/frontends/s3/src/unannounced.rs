//! Bodies of PUTs that nobody announced the length of.
//!
//! Some clients send small bodies in the chunked transfer encoding of HTTP. Signatures are verified
//! against a length, so such a body is read first and announced then.
//! Promises: at most [`UNANNOUNCED_LEN_MAX`] bytes in memory; a longer body is refused unread.
//! Does not: touch bodies in aws-chunked encoding, which announce their own length.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

use crate::error::refuse;

/// The longest body that is read without having been announced: about what a request's head may take.
const UNANNOUNCED_LEN_MAX: usize = 64 << 10;

/// Announces the body of a PUT that was not.
pub(crate) async fn announce(parts: &mut Parts, mut body: Body) -> S3Result<Body> {
    let announced = parts.headers.contains_key(header::CONTENT_LENGTH);
    if announced || parts.method != Method::PUT || known_empty(&body) {
        return Ok(body);
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece: Bytes = piece.map_err(|_| broken())?;
        if bytes.len() + piece.len() > UNANNOUNCED_LEN_MAX {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(refuse(S3ErrorCode::MissingContentLength, message));
        }
        bytes.extend_from_slice(&piece);
    }
    let len = HeaderValue::from(bytes.len());
    parts.headers.insert(header::CONTENT_LENGTH, len);
    Ok(Body::from(bytes.freeze()))
}

/// A request without a body and without a length, such as that of a new bucket.
fn known_empty(body: &Body) -> bool {
    body.bytes().is_some_and(|bytes| bytes.is_empty()) || http_body::Body::is_end_stream(body)
}

fn broken() -> S3Error {
    let message = "The body of the request broke off.";
    refuse(S3ErrorCode::IncompleteBody, message)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use http::Request;

    use super::*;

    /// Hides its length, as a body in chunks does.
    fn unannounced(bytes: Vec<u8>) -> Body {
        let body = http_body_util::StreamBody::new(futures::stream::once(async move {
            Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(bytes)))
        }));
        Body::http_body_unsync(body)
    }

    fn run(method: &str, len: usize, announced: bool) -> Result<Option<String>, String> {
        let mut request = Request::builder().method(method);
        if announced {
            request = request.header("content-length", "1");
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let body = block_on(announce(&mut parts, unannounced(vec![b'x'; len])));
        let body = body.map_err(|error| error.code().as_str().to_owned())?;
        let told = parts.headers.get("content-length");
        let told = told.map(|value| value.to_str().unwrap().to_owned());
        if let Some(bytes) = body.bytes() {
            assert_eq!(bytes.len(), len);
        }
        Ok(told)
    }

    #[test]
    fn small_bodies_are_announced() {
        let told = |len: usize| Ok(Some(len.to_string()));
        assert_eq!(run("PUT", 3, false), told(3));
        assert_eq!(run("PUT", 0, false), told(0));
        assert_eq!(
            run("PUT", UNANNOUNCED_LEN_MAX, false),
            told(UNANNOUNCED_LEN_MAX)
        );
        let long = run("PUT", UNANNOUNCED_LEN_MAX + 1, false);
        assert_eq!(long, Err("MissingContentLength".into()));
    }

    #[test]
    fn others_are_left_alone() {
        assert_eq!(run("PUT", 100_000, true), Ok(Some("1".into())));
        assert_eq!(run("POST", 100_000, false), Ok(None));
    }
}
