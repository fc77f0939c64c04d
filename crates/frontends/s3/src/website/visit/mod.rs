//! One visit of a website: the pages it asks the bucket for, and what the visitor gets.
//!
//! Each page is fetched by a request of its own that is anonymous and goes the way of every other
//! GetObject, so a website shows what everybody may read and nothing else.
//! Promises: at most three fetches for a visit; no header of the visitor's but those of reading is
//! passed on.
//! Does not: keep anything between visits.

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http::{Version, header};
use s3s::Body;
use s3s::dto::WebsiteConfiguration;

use super::{page, route};
use crate::answer::{self, Complete};
use crate::circumstances::Peer;
use crate::describe::REDIRECT_HEADER;
use crate::escape;
use crate::host::PATH_STYLE;

/// Headers of a visitor that a fetch carries.
const KEPT: [HeaderName; 8] = [
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::REFERER,
    header::USER_AGENT,
];

/// What a visitor asks for.
#[derive(Debug)]
pub(crate) struct Visit {
    bucket: String,
    method: Method,
    /// The path without its leading slash, decoded; none when it is no text.
    key: Option<String>,
    query: Option<String>,
    headers: HeaderMap,
    extensions: Extensions,
    secure: bool,
}

impl Visit {
    /// Reads a request to the website of a bucket.
    pub(crate) fn of_request(parts: Parts, bucket: String) -> Self {
        let path = parts.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut headers = HeaderMap::new();
        for name in KEPT {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(header::HOST, HeaderValue::from_static(PATH_STYLE));
        let peer = parts.extensions.get::<Peer>();
        Self {
            bucket,
            key: escape::decode(path).filter(|key| !key.contains('\0')),
            query: parts.uri.query().map(str::to_owned),
            headers,
            secure: peer.is_some_and(|peer| peer.secure),
            method: parts.method,
            extensions: parts.extensions,
        }
    }

    /// A request for an object of the bucket. A page for an error is always a whole one.
    fn fetch(&self, method: Method, key: &str, whole: bool) -> Option<Request<Body>> {
        let path = format!("/{}/{}", self.bucket, escape::path(key));
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().ok()?;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        if whole {
            for name in &KEPT[..6] {
                request.headers_mut().remove(name);
            }
        }
        Some(request)
    }
}

/// Serves a visit. `run` answers requests as the front end does.
pub(crate) async fn serve<R, F>(
    visit: Visit,
    website: &WebsiteConfiguration,
    run: R,
) -> Response<Body>
where
    R: Fn(Request<Body>) -> F,
    F: Future<Output = Response<Body>>,
{
    if visit.method != Method::GET && visit.method != Method::HEAD {
        let message = "The specified method is not allowed against this resource.";
        return page::write(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
    }
    let Some(asked) = visit.key.as_deref() else {
        let message = "Couldn't parse the specified URI.";
        return page::write(StatusCode::BAD_REQUEST, "InvalidURI", message);
    };
    if let Some(location) = redirect_all(&visit, website, asked) {
        return page::redirect(StatusCode::MOVED_PERMANENTLY, &location);
    }
    let rules = website.routing_rules.as_deref().unwrap_or_default();
    if let Some((status, location)) = route::find(rules, asked, None, visit.secure) {
        return page::redirect(status, &location);
    }
    let index = website.index_document.as_ref();
    let suffix = index.map_or("index.html", |index| index.suffix.as_str());
    let key = if asked.is_empty() || asked.ends_with('/') {
        format!("{asked}{suffix}")
    } else {
        asked.to_owned()
    };
    let Some(request) = visit.fetch(visit.method.clone(), &key, false) else {
        let message = "Couldn't parse the specified URI.";
        return page::write(StatusCode::BAD_REQUEST, "InvalidURI", message);
    };
    let mut response = run(request).await;
    let status = response.status();
    if is_answer(status) {
        if let Some(location) = response.headers().get(REDIRECT_HEADER) {
            let location = location.to_str().unwrap_or_default().to_owned();
            return page::redirect(StatusCode::MOVED_PERMANENTLY, &location);
        }
        response.extensions_mut().insert(Complete);
        return response;
    }
    // What is missing may also be hidden: who may not list is not told the difference.
    let missing = matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
    if missing && key == asked {
        let below = visit.fetch(Method::HEAD, &format!("{asked}/{suffix}"), true);
        if let Some(below) = below
            && run(below).await.status().is_success()
        {
            let location = route::local(&format!("{}/", escape::path(asked)));
            return page::redirect(StatusCode::FOUND, &location);
        }
    }
    if let Some((code, location)) = route::find(rules, asked, Some(status), visit.secure) {
        return page::redirect(code, &location);
    }
    fail(&visit, website, response, run).await
}

fn redirect_all(visit: &Visit, website: &WebsiteConfiguration, asked: &str) -> Option<String> {
    let all = website.redirect_all_requests_to.as_ref()?;
    let protocol = all.protocol.as_ref().map(|protocol| protocol.as_str());
    let path = escape::path(asked);
    let mut location = route::address(Some(&all.host_name), protocol, &path, visit.secure);
    if let Some(query) = &visit.query {
        location.push('?');
        location.push_str(query);
    }
    Some(location)
}

/// Whether an answer is the visitor's, as it is.
fn is_answer(status: StatusCode) -> bool {
    status.is_success()
        || matches!(
            status,
            StatusCode::NOT_MODIFIED
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::RANGE_NOT_SATISFIABLE
        )
}

/// The website's own page for an error, or else a plain one.
async fn fail<R, F>(
    visit: &Visit,
    website: &WebsiteConfiguration,
    failed: Response<Body>,
    run: R,
) -> Response<Body>
where
    R: Fn(Request<Body>) -> F,
    F: Future<Output = Response<Body>>,
{
    let status = failed.status();
    let document = website.error_document.as_ref();
    let request = document
        .filter(|_| status.is_client_error())
        .and_then(|document| visit.fetch(visit.method.clone(), &document.key, true));
    if let Some(request) = request {
        let mut response = run(request).await;
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
            // It stands for something else, so its age and tag say nothing about what was asked for.
            response.headers_mut().remove(header::ETAG);
            response.headers_mut().remove(header::LAST_MODIFIED);
            response.headers_mut().remove(header::ACCEPT_RANGES);
            response.extensions_mut().insert(Complete);
            return response;
        }
    }
    let (code, message) = answer::read_error(failed.body());
    // The page escapes for itself.
    let message = message.replace("&lt;", "<").replace("&gt;", ">");
    page::write(status, &code, &message.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests;
