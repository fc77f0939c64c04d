//! Sub-resources: which of them a method may be used on.
//!
//! Promises: a request that names a sub-resource is about it or is refused; it never falls through to the
//! bucket or object itself.
//! Does not: know what any of them means.

use http::Method;

use crate::query::Query;

/// A sub-resource with the methods that it has on buckets and on objects.
struct Known(&'static str, &'static [Method], &'static [Method]);

const NONE: &[Method] = &[];
const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const GET_PUT: &[Method] = &[Method::GET, Method::PUT];
const ALL: &[Method] = &[Method::GET, Method::PUT, Method::DELETE];
const UPLOAD: &[Method] = &[Method::GET, Method::PUT, Method::POST, Method::DELETE];
const READ_PART: &[Method] = &[Method::GET, Method::HEAD, Method::PUT];

/// All that S3 has.
const KNOWN: [Known; 34] = [
    Known("accelerate", GET_PUT, NONE),
    Known("acl", GET_PUT, GET_PUT),
    Known("analytics", ALL, NONE),
    Known("attributes", NONE, GET),
    Known("cors", ALL, NONE),
    Known("delete", POST, NONE),
    Known("encryption", ALL, NONE),
    Known("intelligent-tiering", ALL, NONE),
    Known("inventory", ALL, NONE),
    Known("legal-hold", NONE, GET_PUT),
    Known("lifecycle", ALL, NONE),
    Known("location", GET, NONE),
    Known("logging", GET_PUT, NONE),
    Known("metrics", ALL, NONE),
    Known("notification", GET_PUT, NONE),
    Known("object-lock", GET_PUT, NONE),
    Known("ownershipControls", ALL, NONE),
    Known("partNumber", NONE, READ_PART),
    Known("policy", ALL, NONE),
    Known("policyStatus", GET, NONE),
    Known("publicAccessBlock", ALL, NONE),
    Known("renameObject", NONE, &[Method::PUT]),
    Known("replication", ALL, NONE),
    Known("requestPayment", GET_PUT, NONE),
    Known("restore", NONE, POST),
    Known("retention", NONE, GET_PUT),
    Known("select", NONE, POST),
    Known("tagging", ALL, ALL),
    Known("torrent", NONE, GET),
    Known("uploadId", NONE, UPLOAD),
    Known("uploads", GET, POST),
    Known("versioning", GET_PUT, NONE),
    Known("versions", GET, NONE),
    Known("website", ALL, NONE),
];

/// Whether a method may be used on every sub-resource that a query names.
pub(super) fn fits(method: &Method, is_bucket: bool, query: &Query) -> bool {
    let named = KNOWN.iter().filter(|known| query.has(known.0));
    let each = named.into_iter().all(|Known(_, on_bucket, on_object)| {
        let methods = if is_bucket { on_bucket } else { on_object };
        methods.contains(method)
    });
    // A part is written with its number and its upload, or not at all.
    let whole = method != Method::PUT || query.has("partNumber") == query.has("uploadId");
    each && whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_meant() {
        let cases = [
            ("DELETE", true, "", true),
            ("DELETE", true, "policy", true),
            ("DELETE", true, "versioning", false),
            ("DELETE", true, "acl=", false),
            ("DELETE", false, "versionId=null", true),
            ("DELETE", false, "tagging&versionId=null", true),
            ("DELETE", false, "uploadId=x", true),
            ("DELETE", false, "acl", false),
            ("DELETE", false, "retention", false),
            ("PUT", false, "partNumber=1&uploadId=x", true),
            ("PUT", false, "partNumber=1", false),
            ("PUT", false, "uploadId=x", false),
            ("PUT", false, "torrent", false),
            ("GET", false, "partNumber=1", true),
            ("GET", true, "list-type=2&prefix=acl", true),
            ("HEAD", true, "acl", false),
            ("POST", true, "delete", true),
            ("POST", false, "uploads", true),
        ];
        for (method, is_bucket, query, fit) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = fits(&method, is_bucket, &Query::parse(Some(query)));
            assert_eq!(found, fit, "{method} {query}");
        }
    }
}
