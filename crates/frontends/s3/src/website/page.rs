//! What a visitor of a website sees that the bucket does not hold: errors and redirects.
//!
//! Promises: nothing of a request reaches a page unescaped.
//! Does not: choose statuses.

use http::{HeaderValue, Response, StatusCode, header};
use s3s::{Body, S3Error};

use crate::answer::{Complete, escape};
use crate::error::status_of;

/// An error as a page.
pub(crate) fn of_error(error: &S3Error) -> Response<Body> {
    let status = error.status_code();
    let status = status.unwrap_or_else(|| status_of(error.code()));
    let message = error.message().unwrap_or_default();
    write(status, error.code().as_str(), message)
}

/// A page that says what went wrong.
pub(super) fn write(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Error");
    let title = format!("{} {reason}", status.as_u16());
    let text = format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><ul><li>Code: {}</li><li>Message: {}</li></ul></body></html>\n",
        escape(code),
        escape(message)
    );
    let mut response = complete(status);
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    if let Ok(code) = HeaderValue::try_from(code) {
        headers.insert("x-amz-error-code", code);
    }
    *response.body_mut() = Body::from(text);
    response
}

/// A redirect; a location that no header can carry is an error of the website.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(location) else {
        let message = "The redirect of this page is not an address.";
        return write(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message);
    };
    let mut response = complete(status);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

fn complete(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.extensions_mut().insert(Complete);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_escaped() {
        let response = write(StatusCode::NOT_FOUND, "NoSuchKey", "<script>&");
        let bytes = response.body().bytes().unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains("&lt;script&gt;&amp;") && text.contains("404 Not Found"));
        assert_eq!(response.status(), 404);
    }

    #[test]
    fn redirects_need_an_address() {
        let good = redirect(StatusCode::FOUND, "/a/");
        assert_eq!(
            (good.status(), &good.headers()["location"]),
            (StatusCode::FOUND, &HeaderValue::from_static("/a/"))
        );
        assert_eq!(redirect(StatusCode::FOUND, "/a\r\nb").status(), 500);
    }
}
