//! Bytes of clients that mean no good: every parser of headers, paths and queries reads or refuses them.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::condition::{judge, tags};
use crate::describe;
use crate::listing;
use crate::listing::format::Format;
use crate::metadata::{self, COUNT_MAX, NAME_LEN_MAX, Owner, SIZE_MAX, USER, VALUE_LEN_MAX};
use crate::query::Query;
use crate::target::{Target, object_in_header, quote, unquote};
use crate::time::{http_date, iso, last_modified, parse_http_date, timestamp};
use dolium_store::{Attributes, Instant};

/// Any value that HTTP can carry.
fn value() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![0x20u8..0x7f, 0x80u8..=0xff, Just(b'\t')];
    prop::collection::vec(byte, 0..60)
        .prop_map(|bytes| HeaderValue::from_bytes(&bytes).expect("it has only bytes of values"))
}

fn headers(name: &'static str) -> impl Strategy<Value = HeaderMap> {
    value().prop_map(move |value| {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), value);
        headers
    })
}

proptest! {
    #[test]
    fn dates(text in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
        if let Some(seconds) = parse_http_date(&text) {
            prop_assert_eq!(parse_http_date(&http_date(seconds)), Some(seconds));
        }
    }

    #[test]
    fn moments_are_written(at in any::<i64>()) {
        let at = Instant(at);
        let _ = (timestamp(at), iso(at), last_modified(at));
    }

    #[test]
    fn conditions(
        one in headers("if-none-match"), two in headers("if-modified-since"), three in headers("if-match"),
        etag in "[0-9a-f]{0,32}", at in any::<i64>(),
    ) {
        let mut all = one;
        all.extend(two);
        all.extend(three);
        let _ = judge(&all, &etag, Instant(at));
        for tag in tags(&all, http::header::IF_MATCH).unwrap_or_default() {
            prop_assert!(!tag.is_empty());
        }
    }

    #[test]
    fn formats(mut headers in headers("accept"), text in "[a-z*/;=,.q0-9 ]{0,50}") {
        let _ = Format::of(&Query::default(), &headers);
        headers.insert(ACCEPT, text.parse().expect("it is plain"));
        let _ = Format::of(&Query::default(), &headers);
    }

    #[test]
    fn descriptions(
        name in prop_oneof![
            Just("x-delete-at"), Just("x-delete-after"), Just("x-object-manifest"), Just("expires"),
            Just("content-type"), Just("content-disposition"), Just("x-object-meta-a"),
        ],
        value in value(),
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.clone());
        if let Ok(description) = describe::of_put(&headers, "a") {
            // What was taken comes back: of what a client said nothing is lost.
            let kept = metadata::kept(&description.attributes, USER, "a");
            prop_assert!(name != "x-object-meta-a" || kept.as_deref() == Some(value.as_bytes()));
        }
    }

    #[test]
    fn metadata_is_bounded(
        names in prop::collection::vec("x-(container|account|object)-meta-[a-z!#$%&'*+.^_`|~-]{0,140}", 0..120),
        len in 0usize..300,
    ) {
        let mut headers = HeaderMap::new();
        for name in &names {
            let name: HeaderName = name.parse().expect("it is a name");
            let value = "v".repeat(len);
            headers.append(name, value.parse().expect("it is plain"));
        }
        for owner in [Owner::Account, Owner::Container, Owner::Object] {
            let Ok(items) = metadata::of_headers(&headers, owner) else { continue };
            prop_assert!(items.len() <= COUNT_MAX);
            let size: usize = items.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(size <= SIZE_MAX);
            for (name, value) in &items {
                prop_assert!(name.len() <= NAME_LEN_MAX && value.len() <= VALUE_LEN_MAX);
            }
            let mut attributes = Attributes::default();
            let _ = metadata::merge(&mut attributes, &items);
        }
    }

    #[test]
    fn paths(path in "(/|%[0-9a-fA-F]{0,2}|[a-zA-Z_.~ ä-]|\\PC){0,40}") {
        if let Ok(target) = Target::parse(&format!("/{path}")) {
            prop_assert!(!target.account.is_empty() && !target.account.contains('/'));
            prop_assert!(target.container.is_none_or(|name| !name.is_empty() && !name.contains('/')));
            prop_assert!(target.object.is_none_or(|name| !name.contains('\0')));
        }
        let _ = object_in_header(&path);
    }

    #[test]
    fn what_is_quoted_is_read_back(text in "[^\0]{0,60}") {
        prop_assert_eq!(unquote(&quote(&text)).ok(), Some(text));
    }

    #[test]
    fn queries(text in "(limit|marker|prefix|delimiter|reverse|path|end_marker|&|=|%|[0-9a-f+/]|\\PC){0,40}") {
        let query = Query::parse(Some(&text));
        if let Ok(request) = listing::request_of_container(&query) {
            prop_assert!(request.limit <= listing::LIMIT_MAX);
        }
    }
}
