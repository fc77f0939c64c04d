//! What a request does, in the words of access logs: `REST.GET.OBJECT`.

use http::Method;

use crate::query::Query;

/// Parameters that name what of a bucket or object is meant, with its word.
const RESOURCES: [(&str, &str); 27] = [
    ("accelerate", "ACCELERATE"),
    ("acl", "ACL"),
    ("attributes", "OBJECT_ATTRIBUTES"),
    ("cors", "CORS"),
    ("delete", "MULTI_OBJECT_DELETE"),
    ("encryption", "ENCRYPTION"),
    ("legal-hold", "OBJECT_LEGAL_HOLD"),
    ("lifecycle", "LIFECYCLE"),
    ("location", "LOCATION"),
    ("logging", "LOGGING_STATUS"),
    ("notification", "NOTIFICATION"),
    ("object-lock", "OBJECT_LOCK_CONFIGURATION"),
    ("ownershipControls", "OWNERSHIP_CONTROLS"),
    ("policy", "BUCKETPOLICY"),
    ("policyStatus", "POLICY_STATUS"),
    ("publicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("replication", "REPLICATION"),
    ("requestPayment", "REQUEST_PAYMENT"),
    ("restore", "RESTORE"),
    ("retention", "OBJECT_RETENTION"),
    ("tagging", "TAGGING"),
    ("torrent", "TORRENT"),
    ("uploadId", "UPLOAD"),
    ("uploads", "UPLOADS"),
    ("versioning", "VERSIONING"),
    ("versions", "BUCKETVERSIONS"),
    ("website", "WEBSITE"),
];

/// The word for a request.
pub(super) fn name(method: &Method, query: &Query, has_key: bool, copies: bool) -> String {
    let is_part = query.has("partNumber") && query.has("uploadId");
    let resource = RESOURCES.iter().find(|(name, _)| query.has(name));
    let resource = match resource {
        _ if is_part => "PART",
        Some((_, word)) => word,
        None if has_key => "OBJECT",
        None => "BUCKET",
    };
    let verb = match method.as_str() {
        "PUT" if copies => "COPY",
        verb @ ("GET" | "HEAD" | "PUT" | "POST" | "DELETE" | "OPTIONS") => verb,
        _ => "OTHER",
    };
    let tagging = resource == "TAGGING" && has_key;
    let resource = if tagging { "OBJECT_TAGGING" } else { resource };
    format!("REST.{verb}.{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (method, query, has_key, copies, word) in [
            (Method::GET, "", true, false, "REST.GET.OBJECT"),
            (Method::GET, "list-type=2", false, false, "REST.GET.BUCKET"),
            (Method::PUT, "", true, true, "REST.COPY.OBJECT"),
            (
                Method::PUT,
                "partNumber=1&uploadId=x",
                true,
                false,
                "REST.PUT.PART",
            ),
            (
                Method::PUT,
                "partNumber=1&uploadId=x",
                true,
                true,
                "REST.COPY.PART",
            ),
            (Method::POST, "uploads", true, false, "REST.POST.UPLOADS"),
            (Method::POST, "uploadId=x", true, false, "REST.POST.UPLOAD"),
            (
                Method::POST,
                "delete",
                false,
                false,
                "REST.POST.MULTI_OBJECT_DELETE",
            ),
            (
                Method::GET,
                "tagging",
                true,
                false,
                "REST.GET.OBJECT_TAGGING",
            ),
            (Method::GET, "policy", false, false, "REST.GET.BUCKETPOLICY"),
            (Method::TRACE, "", false, false, "REST.OTHER.BUCKET"),
        ] {
            let found = name(&method, &Query::parse(Some(query)), has_key, copies);
            assert_eq!(found, word);
        }
    }
}
