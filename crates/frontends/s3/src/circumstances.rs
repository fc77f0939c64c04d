//! The circumstances of a request, as the condition keys of policies name them.
//!
//! Promises: a key is only set from what was signed or from the connection itself, never from a header
//! that a proxy or client may add freely (`aws:Referer` and `aws:UserAgent` excepted, which say what a
//! client says of itself).
//! Does not: know what the caller is; `dolium_store::Caller` adds that.

use std::net::IpAddr;

use dolium_store::access::Context;
use http::{HeaderMap, Uri, header};

use crate::escape;
use crate::query::Query;
use crate::tagging::parse_header;
use crate::time;

/// The other end of the connection that a request came by. A listener puts it among the extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether the way is encrypted.
    pub secure: bool,
}

/// Headers that are condition keys under `s3:` by their own name.
const HEADERS: [&str; 15] = [
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "if-match",
    "if-none-match",
];
/// Headers that are condition keys by another name.
const RENAMED: [(&str, &str); 3] = [
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    (
        "x-amz-object-lock-retain-until-date",
        "s3:object-lock-retain-until-date",
    ),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
];
/// Query parameters that are condition keys.
const PARAMETERS: [(&str, &str); 4] = [
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:VersionId"),
];

/// The circumstances that headers, address and connection tell.
pub(crate) fn gather(headers: &HeaderMap, uri: &Uri, peer: Option<Peer>) -> Context {
    let mut context = Context::new();
    connection(&mut context, peer);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for name in HEADERS {
        if let Some(value) = text(name) {
            context.set(&format!("s3:{name}"), value);
        }
    }
    for (name, key) in RENAMED {
        if let Some(value) = text(name) {
            context.set(key, value);
        }
    }
    // As the copy reads it: an escape must not hide what is copied.
    if let Some(source) = text("x-amz-copy-source") {
        let (source, _) = source.split_once("?versionId=").unwrap_or((source, ""));
        let source = escape::decode_lossy(source);
        context.set("s3:x-amz-copy-source", source.trim_start_matches('/'));
    }
    if let Some(agent) = text(header::USER_AGENT.as_str()) {
        context.set("aws:UserAgent", agent);
    }
    if let Some(referer) = text(header::REFERER.as_str()) {
        context.set("aws:Referer", referer);
    }
    let query = Query::parse(uri.query());
    for (name, key) in PARAMETERS {
        if let Some(value) = query.only(name) {
            context.set(key, value);
        }
    }
    authentication(&mut context, headers, &query);
    // A header that does not parse is refused later, by the operation.
    let tags = text("x-amz-tagging").map(parse_header);
    if let Some(Ok(tags)) = tags {
        requested_tags(&mut context, tags.iter());
    }
    context
}

/// The tags that a request wants to set.
pub(crate) fn requested_tags<'a>(
    context: &mut Context,
    tags: impl Iterator<Item = (&'a String, &'a String)>,
) {
    for (name, value) in tags {
        context.set(&format!("s3:RequestObjectTag/{name}"), value.clone());
        context.add("s3:RequestObjectTagKeys", name.clone());
    }
}

fn connection(context: &mut Context, peer: Option<Peer>) {
    let secure = peer.is_some_and(|peer| peer.secure);
    context.set("aws:SecureTransport", secure.to_string());
    if let Some(peer) = peer {
        // An IPv4 client of a listener for both is one of IPv4.
        context.set("aws:SourceIp", peer.address.to_canonical().to_string());
    }
    let now = time::now_seconds();
    context.set("aws:EpochTime", now.to_string());
    context.set("aws:CurrentTime", time::iso(now));
}

fn authentication(context: &mut Context, headers: &HeaderMap, query: &Query) {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (kind, version) = match authorization {
        Some(value) if value.starts_with("AWS4") => ("REST-HEADER", "AWS4-HMAC-SHA256"),
        Some(_) => ("REST-HEADER", "AWS"),
        None if query.has("X-Amz-Signature") => ("REST-QUERY-STRING", "AWS4-HMAC-SHA256"),
        None if query.has("Signature") => ("REST-QUERY-STRING", "AWS"),
        None => return,
    };
    context.set("s3:authType", kind);
    context.set("s3:signatureversion", version);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_policies_see() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-tagging", "a=b&c=d%20e"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=k"),
            ("x-forwarded-for", "10.0.0.1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let uri = "/b?prefix=x%2Fy&list-type=2".parse().unwrap();
        let peer = Peer {
            address: "::ffff:192.0.2.7".parse().unwrap(),
            secure: true,
        };
        let context = gather(&headers, &uri, Some(peer));
        let get = |key: &str| context.get(key).map(|values| values.join(","));
        for (key, value) in [
            ("s3:x-amz-acl", "public-read"),
            ("s3:prefix", "x/y"),
            ("s3:RequestObjectTag/c", "d e"),
            ("s3:RequestObjectTagKeys", "a,c"),
            ("s3:object-lock-mode", "GOVERNANCE"),
            ("s3:authType", "REST-HEADER"),
            ("aws:SourceIp", "192.0.2.7"),
            ("aws:SecureTransport", "true"),
        ] {
            assert_eq!(get(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(get("s3:delimiter"), None);
    }
}
