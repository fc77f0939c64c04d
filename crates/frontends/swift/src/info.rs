//! `/info`: what this server does, and its limits.
//!
//! Promises: a feature is named here only when all of it is there.

use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::{bare, document, refused, set};
use crate::body::Body;
use crate::error::Refusal;
use crate::listing::LIMIT_MAX;
use crate::metadata::{COUNT_MAX, HEADER_LEN_MAX, NAME_LEN_MAX, SIZE_MAX, VALUE_LEN_MAX};
use crate::plain::{
    CONTAINERS_MAX, DELETES_MAX, FAILURES_MAX, LINKS_MAX, MANIFEST_LEN_MAX, PARTS_MAX,
};
use crate::service::Front;

/// The largest object that one request may store, as Swift has it: 5 GiB and a little.
pub(crate) const FILE_LEN_MAX: u64 = 5_368_709_122;

/// Answers a request for `/info`.
pub(crate) fn answer(front: &Front, method: &Method) -> Response<Body> {
    match method.as_str() {
        "GET" | "HEAD" => {
            let text = info(front).to_string();
            let kind = "application/json; charset=UTF-8";
            document(StatusCode::OK, HeaderMap::new(), kind, text)
        }
        "OPTIONS" => {
            let mut headers = HeaderMap::new();
            set(&mut headers, "allow", "HEAD, GET, OPTIONS");
            bare(StatusCode::OK, headers)
        }
        _ => refused(Refusal::of(StatusCode::METHOD_NOT_ALLOWED), false, ""),
    }
}

fn info(front: &Front) -> Value {
    let policy = |(index, name): (usize, &String)| match index {
        0 => json!({ "name": name, "aliases": name, "default": true }),
        _ => json!({ "name": name, "aliases": name }),
    };
    let policies: Vec<Value> = front.arrays.iter().enumerate().map(policy).collect();
    let mut info = json!({
        "swift": {
            "version": env!("CARGO_PKG_VERSION"),
            "account_autocreate": false,
            "account_listing_limit": LIMIT_MAX,
            "allow_account_management": front.account_management,
            "allow_open_expired": true,
            "container_listing_limit": LIMIT_MAX,
            "extra_header_count": 0,
            "max_account_name_length": dolium_store::ACCOUNT_NAME_LEN_MAX,
            "max_container_name_length": dolium_store::CONTAINER_NAME_LEN_MAX,
            "max_file_size": FILE_LEN_MAX,
            "max_header_size": HEADER_LEN_MAX,
            "max_meta_count": COUNT_MAX,
            "max_meta_name_length": NAME_LEN_MAX,
            "max_meta_overall_size": SIZE_MAX,
            "max_meta_value_length": VALUE_LEN_MAX,
            "max_object_name_length": dolium_store::PATH_LEN_MAX,
            "policies": policies,
            "strict_cors_mode": true,
        },
        "tempauth": { "account_acls": true },
        "account_quotas": {},
        "container_quotas": {},
        "tempurl": {
            "methods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
            "incoming_remove_headers": ["x-timestamp", "x-open-expired"],
            "incoming_allow_headers": [],
            "outgoing_remove_headers": ["x-object-meta-*"],
            "outgoing_allow_headers": ["x-object-meta-public-*"],
            "allowed_digests": ["sha1", "sha256", "sha512"],
        },
        "bulk_delete": {
            "max_deletes_per_request": DELETES_MAX,
            "max_failed_deletes": FAILURES_MAX,
        },
        "bulk_upload": {
            "max_containers_per_extraction": CONTAINERS_MAX,
            "max_failed_extractions": FAILURES_MAX,
        },
        "etag_quoter": { "enable_by_default": false },
        "versioned_writes": { "allowed_flags": ["x-versions-location", "x-history-location"] },
        "formpost": { "allowed_digests": ["sha1", "sha256", "sha512"] },
        "object_versioning": {},
        // It has a listener of its own; logins are access keys there.
        "s3api": {
            "allow_multipart_uploads": true,
            "max_bucket_listing": 1000,
            "max_multi_delete_objects": 1000,
            "max_parts_listing": 1000,
            "max_upload_part_num": 10_000,
            "min_segment_size": 5_242_880,
            "s3_acl": true,
        },
        "staticweb": {},
        "symlink": { "symloop_max": LINKS_MAX, "static_links": true },
        "slo": {
            "max_manifest_segments": PARTS_MAX,
            "max_manifest_size": MANIFEST_LEN_MAX,
            "min_segment_size": 1,
            "yield_frequency": 10,
            "allow_async_delete": false,
        },
    });
    if let (false, Some(info)) = (front.storage_domains.is_empty(), info.as_object_mut()) {
        info.insert(
            "domain_remap".to_owned(),
            json!({ "default_reseller_prefix": "AUTH" }),
        );
    }
    info
}
