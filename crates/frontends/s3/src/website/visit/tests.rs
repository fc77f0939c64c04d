//! Tests of visits, against a bucket that is a list of keys.

use std::cell::RefCell;

use s3s::S3ErrorCode;
use s3s::dto::{
    Condition, ErrorDocument, IndexDocument, Redirect, RedirectAllRequestsTo, RoutingRule,
};

use super::*;

const KEYS: [(&str, &str); 5] = [
    ("/b/index.html", "home"),
    ("/b/docs/index.html", "docs"),
    ("/b/page", "page"),
    ("/b/oops", "oops"),
    ("/b/moved", "redirect"),
];

fn website() -> WebsiteConfiguration {
    WebsiteConfiguration {
        error_document: Some(ErrorDocument { key: "oops".into() }),
        index_document: Some(IndexDocument {
            suffix: "index.html".into(),
        }),
        redirect_all_requests_to: None,
        routing_rules: None,
    }
}

/// Status, `Location` or body, and how many fetches it took.
fn visit(method: &str, uri: &str, website: &WebsiteConfiguration) -> (u16, String, usize) {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "b.web.test")
        .header("range", "bytes=0-")
        .header("authorization", "AWS4-HMAC-SHA256 …")
        .header("x-amz-acl", "public-read");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let fetched = RefCell::new(0);
    let run = |request: Request<Body>| {
        *fetched.borrow_mut() += 1;
        assert!(!request.headers().contains_key("authorization"));
        assert!(!request.headers().contains_key("x-amz-acl"));
        assert_eq!(request.headers()["host"], PATH_STYLE);
        let path = request.uri().path().to_owned();
        let found = KEYS.iter().find(|(key, _)| *key == path);
        std::future::ready(match found {
            Some((_, "redirect")) => {
                let mut response = Response::new(Body::empty());
                let value = HeaderValue::from_static("https://elsewhere.example/");
                response.headers_mut().insert(REDIRECT_HEADER, value);
                response
            }
            Some((_, text)) => Response::new(Body::from((*text).to_owned())),
            None => answer::of_error(S3ErrorCode::NoSuchKey.into()),
        })
    };
    let visit = Visit::of_request(parts, "b".into());
    let response = futures::executor::block_on(serve(visit, website, run));
    assert!(response.extensions().get::<Complete>().is_some());
    let text = match response.headers().get("location") {
        Some(location) => location.to_str().unwrap().to_owned(),
        None => {
            let bytes = response.body().bytes().unwrap_or_default();
            String::from_utf8(bytes.to_vec()).unwrap()
        }
    };
    (response.status().as_u16(), text, fetched.into_inner())
}

#[test]
fn pages() {
    for (uri, status, text, fetches) in [
        ("/", 200, "home", 1),
        ("/page", 200, "page", 1),
        ("/page?versionId=1&x=y", 200, "page", 1),
        ("/docs/", 200, "docs", 1),
        ("/docs", 302, "/docs/", 2),
        ("/none", 404, "oops", 3),
        ("/none/", 404, "oops", 2),
        ("/moved", 301, "https://elsewhere.example/", 1),
        ("/%2e%2e/page", 404, "oops", 3),
    ] {
        let found = visit("GET", uri, &website());
        assert_eq!(found, (status, text.to_owned(), fetches), "{uri}");
    }
}

#[test]
fn what_is_not_served() {
    let (status, text, fetches) = visit("PUT", "/page", &website());
    assert_eq!((status, fetches), (405, 0));
    assert!(text.contains("MethodNotAllowed"));
    assert_eq!(visit("GET", "/%ff", &website()).0, 400);
    assert_eq!(visit("GET", "/a%00", &website()).0, 400);
    let mut plain = website();
    plain.error_document = None;
    let (status, text, _) = visit("GET", "/none", &plain);
    assert!(status == 404 && text.contains("Code: NoSuchKey"), "{text}");
}

#[test]
fn redirects() {
    let mut ruled = website();
    ruled.routing_rules = Some(vec![RoutingRule {
        condition: Some(Condition {
            http_error_code_returned_equals: Some("404".into()),
            key_prefix_equals: Some("no".into()),
        }),
        redirect: Redirect {
            host_name: None,
            http_redirect_code: Some("302".into()),
            protocol: None,
            replace_key_prefix_with: Some("yes".into()),
            replace_key_with: None,
        },
    }]);
    let found = visit("GET", "/none", &ruled);
    assert_eq!((found.0, found.1.as_str()), (302, "/yesne"));
    assert_eq!(visit("GET", "/page", &ruled).0, 200);
    let all = WebsiteConfiguration {
        redirect_all_requests_to: Some(RedirectAllRequestsTo {
            host_name: "h.example".into(),
            protocol: None,
        }),
        ..WebsiteConfiguration::default()
    };
    let found = visit("GET", "/a%20b/?c=d", &all);
    assert_eq!(found, (301, "http://h.example/a%20b/?c=d".to_owned(), 0));
}
