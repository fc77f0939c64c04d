//! Answers, and what all of them carry.
//!
//! Promises: every answer has a transaction id; an answer without a body says so.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::{self, Body};
use crate::error::{CLIENT_DISCONNECT, Refusal};
use crate::time::now_seconds;

/// The id by which a request is found in logs.
pub(crate) const TRANS_ID: HeaderName = HeaderName::from_static("x-trans-id");
/// The same under OpenStack's name.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");

/// A new transaction id: random digits, and the time.
pub(crate) fn transaction_id() -> String {
    let random = hex::encode(rand::random::<[u8; 11]>());
    format!("tx{}-{:010x}", &random[..21], now_seconds())
}

/// Sets a header; a value that HTTP cannot carry is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: &str, value: impl AsRef<[u8]>) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_ref())) {
        headers.insert(name, value);
    }
}

/// An answer without a body.
pub(crate) fn bare(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    let mut response = match headers.get(CONTENT_LENGTH) {
        None if status != StatusCode::NOT_MODIFIED => Response::new(body::nothing()),
        _ => Response::new(body::empty()),
    };
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if status != StatusCode::NOT_MODIFIED && !response.headers().contains_key(CONTENT_LENGTH) {
        set(response.headers_mut(), "content-length", "0");
    }
    if !response.headers().contains_key(CONTENT_TYPE) {
        set(
            response.headers_mut(),
            "content-type",
            "text/html; charset=UTF-8",
        );
    }
    response
}

/// An answer with a document.
pub(crate) fn document(
    status: StatusCode,
    headers: HeaderMap,
    kind: &str,
    bytes: impl Into<Bytes>,
) -> Response<Body> {
    let bytes = bytes.into();
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    set(response.headers_mut(), "content-type", kind);
    set(
        response.headers_mut(),
        "content-length",
        bytes.len().to_string(),
    );
    *response.body_mut() = body::whole(bytes);
    response
}

/// An answer with the page that belongs to its status.
pub(crate) fn paged(status: StatusCode, headers: HeaderMap) -> Response<Body> {
    document(status, headers, "text/html; charset=UTF-8", page(status))
}

/// A refusal as an answer; nobody in particular is asked to sign in to the account.
pub(crate) fn refused(refusal: Refusal, anonymous: bool, realm: &str) -> Response<Body> {
    let mut refusal = refusal;
    if refusal.denied && anonymous {
        refusal.status = StatusCode::UNAUTHORIZED;
    }
    if refusal.status == StatusCode::UNAUTHORIZED && !refusal.headers.contains_key(WWW_AUTHENTICATE)
    {
        let realm = format!("Swift realm=\"{}\"", crate::target::quote(realm));
        set(&mut refusal.headers, "www-authenticate", realm);
    }
    let (status, headers, kind, body) = refusal.body();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if !response.headers().contains_key(CONTENT_TYPE) {
        set(response.headers_mut(), "content-type", kind);
    }
    response
}

/// The name of a status.
pub(crate) fn title(status: StatusCode) -> &'static str {
    words(status).0
}

/// What a status means.
pub(crate) fn sentence(status: StatusCode) -> &'static str {
    words(status).1
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        200 => ("OK", ""),
        201 => ("Created", ""),
        202 => ("Accepted", "The request is accepted for processing."),
        204 => ("No Content", ""),
        301 => (
            "Moved Permanently",
            "The resource is at another address from now on.",
        ),
        303 => ("See Other", "The answer is at another address."),
        307 => (
            "Temporary Redirect",
            "The resource is at another address for now.",
        ),
        // Clients look for these words in reports.
        400 => (
            "Bad Request",
            "The server could not comply with the request since it is either malformed or \
             otherwise incorrect.",
        ),
        401 => ("Unauthorized", "Sign in to reach this resource."),
        403 => ("Forbidden", "You may not do this with this resource."),
        404 => ("Not Found", "The resource could not be found."),
        405 => (
            "Method Not Allowed",
            "This resource does not know the method.",
        ),
        406 => (
            "Not Acceptable",
            "There is no answer in a format that you accept.",
        ),
        // Clients look for these words too.
        409 => (
            "Conflict",
            "There was a conflict when trying to complete your request.",
        ),
        411 => ("Length Required", "Say how long the body is."),
        412 => (
            "Precondition Failed",
            "A condition of the request does not hold.",
        ),
        413 => ("Request Entity Too Large", "The body is too large."),
        416 => (
            "Requested Range Not Satisfiable",
            "There are no such bytes.",
        ),
        422 => (
            "Unprocessable Entity",
            "Unable to process the contained instructions",
        ),
        CLIENT_DISCONNECT => ("Client Disconnect", "The request broke off."),
        501 => ("Not Implemented", "This server does not do that."),
        503 => (
            "Service Unavailable",
            "The server cannot do that now. Try again later.",
        ),
        _ => ("Internal Error", "The server failed."),
    }
}

/// The page of a status.
pub(crate) fn page(status: StatusCode) -> String {
    let (title, sentence) = words(status);
    format!("<html><h1>{title}</h1><p>{sentence}</p></html>")
}

/// Adds what every answer carries.
pub(crate) fn finish(mut response: Response<Body>, id: &str) -> Response<Body> {
    let headers = response.headers_mut();
    set(headers, TRANS_ID.as_str(), id);
    set(headers, REQUEST_ID.as_str(), id);
    response
}
