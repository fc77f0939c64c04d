//! The last touch on every answer: request id, server name, complete error documents.
//!
//! Promises: an error carries its code, a sentence, the resource and the request id, whoever made it;
//! what the verdict says of the body stands above what `s3s` made of it.
//! Does not: choose codes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, Method, Response, StatusCode, header};
use s3s::{Body, S3Error, S3ErrorCode, S3Response};

use crate::error::status_of;
use crate::verdict::Verdict;

/// What a client reads when an error has no sentence of its own.
fn sentence(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access denied.",
        "InvalidAccessKeyId" => "There is no such access key, or it is disabled.",
        "InvalidBucketName" => {
            "A bucket name has 3 to 63 lower-case letters, digits, hyphens and dots, and begins and \
             ends with a letter or digit."
        }
        "InvalidRequest" => "The request is not valid.",
        "MalformedXML" => "The XML document is not well-formed or not of the form expected.",
        "MethodNotAllowed" => "This method is not allowed here.",
        "NotImplemented" => "This operation is not implemented.",
        "SignatureDoesNotMatch" => {
            "The signature does not match. Check the secret key, the clock and what was signed."
        }
        _ => "The request could not be served.",
    }
}

/// The id of a request, among its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Hands out request ids: unique in a process, and different from one process to the next.
pub(crate) struct RequestIds {
    base: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Starts at a place that differs from process to process.
    pub(crate) fn new() -> Self {
        Self {
            base: RandomState::new().hash_one(0u8),
            next: AtomicU64::new(0),
        }
    }

    /// The next id: 16 hexadecimal digits.
    pub(crate) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // An odd factor makes neighbours look different and keeps them distinct.
        format!(
            "{:016X}",
            self.base ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        )
    }
}

/// An answer without content.
pub(crate) fn no_content<O>(output: O) -> S3Response<O> {
    let mut response = S3Response::new(output);
    response.status = Some(StatusCode::NO_CONTENT);
    response
}

/// An error as a response.
pub(crate) fn of_error(error: S3Error) -> Response<Body> {
    let status = error
        .status_code()
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    })
}

/// Marks an answer that is for a browser as it is: a website's page, or its page for an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complete;

/// GetObjectAttributes tells the ETag without the quotes that it has everywhere else.
pub(crate) fn unquote_tag(response: &mut Response<Body>) {
    let Some(bytes) = response.body().bytes() else {
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let Some((before, rest)) = text.split_once("<ETag>") else {
        return;
    };
    let Some((tag, after)) = rest.split_once("</ETag>") else {
        return;
    };
    let tag = tag.replace("&quot;", "").replace('"', "");
    let text = format!("{before}<ETag>{tag}</ETag>{after}");
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    }
    *response.body_mut() = Body::from(text);
}

/// Statuses that `s3s` does not let an operation choose.
pub(crate) fn settle_status(method: &Method, tags: bool, response: &mut Response<Body>) {
    if response.status() != StatusCode::OK {
        return;
    }
    let ranged = response.headers().contains_key(header::CONTENT_RANGE);
    match *method {
        Method::HEAD if ranged => *response.status_mut() = StatusCode::PARTIAL_CONTENT,
        Method::PUT if tags => *response.status_mut() = StatusCode::NO_CONTENT,
        _ => {}
    }
}

/// Completes an answer.
pub(crate) fn finish(
    mut response: Response<Body>,
    id: &str,
    resource: &str,
    verdict: &Verdict,
) -> Response<Body> {
    if response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else if response.extensions().get::<Complete>().is_some() {
        // Nothing of it is XML of ours.
    } else if response.status().is_client_error() || response.status().is_server_error() {
        response = complete_error(response, id, resource, verdict);
    } else {
        keep_controls(&mut response);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        // AWS has two ids, and its clients ask for both; one finds a request here.
        headers.insert("x-amz-id-2", id.clone());
        headers.insert("x-amz-request-id", id);
    }
    headers.insert(header::SERVER, HeaderValue::from_static("Dolium"));
    response
}

/// Writes control characters of keys as character references, as AWS does: a bare carriage return would
/// reach the client as a line feed, and so name another key.
fn keep_controls(response: &mut Response<Body>) {
    let is_xml = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/xml"));
    // Objects stream and have no bytes here, whatever their type.
    let Some(bytes) = is_xml.then(|| response.body().bytes()).flatten() else {
        return;
    };
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\t');
    if !bytes.iter().any(is_control) {
        return;
    }
    let mut escaped = Vec::with_capacity(bytes.len() + 64);
    for byte in &bytes {
        if is_control(byte) {
            escaped.extend_from_slice(format!("&#x{byte:X};").as_bytes());
        } else {
            escaped.push(*byte);
        }
    }
    if response.headers().contains_key(header::CONTENT_LENGTH) {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(escaped.len()));
    }
    *response.body_mut() = Body::from(escaped);
}

fn complete_error(
    mut response: Response<Body>,
    id: &str,
    resource: &str,
    verdict: &Verdict,
) -> Response<Body> {
    let (code, message) = match verdict.read() {
        Some((code, message)) => {
            *response.status_mut() = status_of(code);
            (code.as_str().to_owned(), escape(message))
        }
        None => read_error(response.body()),
    };
    let message = if message.is_empty() {
        sentence(&code).to_owned()
    } else {
        message
    };
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><Resource>{}</Resource><RequestId>{id}</RequestId></Error>",
        escape(resource)
    );
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
    *response.body_mut() = Body::from(document);
    response
}

/// Code and message of an error document of `s3s`, still escaped.
pub(crate) fn read_error(body: &Body) -> (String, String) {
    let bytes = body.bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.to_owned())
    };
    let code = element("Code").unwrap_or_else(|| S3ErrorCode::InternalError.as_str().to_owned());
    (code, element("Message").unwrap_or_default())
}

/// Text as the content of an XML element; characters that XML cannot carry become `?`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            character if character.is_control() => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Body>) -> String {
        String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn errors_are_complete() {
        let error = S3Error::with_message(S3ErrorCode::NoSuchKey, "a < b");
        let response = finish(of_error(error), "ID", "/b/<k>", &Verdict::default());
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["x-amz-request-id"], "ID");
        assert_eq!(response.headers()["server"], "Dolium");
        assert!(text(&response).ends_with(
            "<Error><Code>NoSuchKey</Code><Message>a &lt; b</Message>\
             <Resource>/b/&lt;k&gt;</Resource><RequestId>ID</RequestId></Error>"
        ));
    }

    #[test]
    fn the_verdict_replaces_what_s3s_made_of_it() {
        let verdict = Verdict::default();
        verdict.set(S3ErrorCode::MalformedXML, "bomb");
        let error = of_error(S3ErrorCode::InternalError.into());
        let response = finish(error, "ID", "/b", &verdict);
        assert_eq!(response.status(), 400);
        assert!(text(&response).contains("<Code>MalformedXML</Code><Message>bomb</Message>"));
    }

    #[test]
    fn not_modified_has_no_body() {
        let response = of_error(S3ErrorCode::NotModified.into());
        let response = finish(response, "ID", "/b", &Verdict::default());
        assert_eq!(response.status(), 304);
        assert!(text(&response).is_empty());
    }

    #[test]
    fn control_characters_survive() {
        let mut response = Response::new(Body::from("<Key>a\rb\u{1}\n</Key>".to_owned()));
        let kind = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        let response = finish(response, "ID", "/b", &Verdict::default());
        assert_eq!(text(&response), "<Key>a&#xD;b&#x1;\n</Key>");
    }

    #[test]
    fn ids_differ() {
        let ids = RequestIds::new();
        let seen: std::collections::HashSet<String> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 1000);
    }
}
