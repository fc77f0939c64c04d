//! RenameObject: an object gets another name in its bucket, in one step.
//!
//! AWS has it for directory buckets only; here every bucket does it, since no data moves. `s3s` does not
//! know the operation, so it is a route of its own: `PUT /bucket/new?renameObject` with
//! `x-amz-rename-source: old`.
//! Promises: the object is never seen under both names or none.
//! Does not: rename across buckets.

use dolium_store::{Condition, RenameRequest, Source, Store};
use http::{Extensions, HeaderMap, Method, Uri};
use s3s::dto::{ETagCondition, Timestamp, TimestampFormat};
use s3s::route::S3Route;
use s3s::{Body, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::auth::{caller, enter};
use crate::circumstances::{self, Peer};
use crate::condition::condition;
use crate::copy::copy_error;
use crate::error::refuse;
use crate::escape;
use crate::host::Domains;
use crate::names::{container, path, selector};
use crate::query::Query;

/// The parameter that names the operation.
const PARAMETER: &str = "renameObject";
const SOURCE: &str = "x-amz-rename-source";

/// Serves RenameObject.
pub(crate) struct Rename {
    pub(crate) store: Store,
    pub(crate) domains: Domains,
}

#[async_trait::async_trait]
impl S3Route for Rename {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        method == Method::PUT && Query::parse(uri.query()).has(PARAMETER)
    }

    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        let signed = request.credentials.is_some();
        let peer = request.extensions.get::<Peer>().copied();
        let circumstances = circumstances::gather(&request.headers, &request.uri, peer);
        enter(signed, circumstances, &mut request.extensions)
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let caller = caller(&request)?;
        let headers = &request.headers;
        let (bucket, key) = self.target(headers, &request.uri)?;
        let container = container(&bucket)?;
        let rename = RenameRequest {
            source: Source {
                container: container.clone(),
                path: path(&source_key(headers, &bucket)?)?,
                version: selector(None)?,
                condition: conditions(headers, "x-amz-rename-source-")?,
                key: None,
            },
            path: path(&key)?,
            condition: conditions(headers, "")?,
        };
        let done = self.store.rename(&caller, rename).await;
        done.map_err(copy_error)?;
        Ok(S3Response::new(Body::empty()))
    }
}

impl Rename {
    /// Bucket and key that the address names.
    fn target(&self, headers: &HeaderMap, uri: &Uri) -> S3Result<(String, String)> {
        let path = escape::decode_lossy(uri.path());
        let path = path.strip_prefix('/').unwrap_or(&path);
        let host = headers.get(http::header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
        let named = match host.and_then(|host| self.domains.bucket(host)) {
            Some(bucket) => Some((bucket, path.to_owned())),
            None => path
                .split_once('/')
                .map(|(bucket, key)| (bucket.to_owned(), key.to_owned())),
        };
        named.filter(|(_, key)| !key.is_empty()).ok_or_else(|| {
            let message = "The specified method is not allowed against this resource.";
            refuse(S3ErrorCode::MethodNotAllowed, message)
        })
    }
}

/// The key that is renamed: `key`, `/bucket/key` or `bucket/key`, percent-encoded.
fn source_key(headers: &HeaderMap, bucket: &str) -> S3Result<String> {
    let text = headers.get(SOURCE).and_then(|value| value.to_str().ok());
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
        refuse(
            S3ErrorCode::InvalidArgument,
            "x-amz-rename-source must name the object to rename",
        )
    })?;
    let text = escape::decode_lossy(text);
    let within = text.strip_prefix(&format!("/{bucket}/"));
    let within = within.or_else(|| text.strip_prefix(&format!("{bucket}/")));
    Ok(within.unwrap_or(&text).to_owned())
}

/// The four conditions, on the source or on what is in the way.
fn conditions(headers: &HeaderMap, beginning: &str) -> S3Result<Condition> {
    let text = |end: &str| {
        let value = headers.get(format!("{beginning}{end}"));
        value.and_then(|value| value.to_str().ok())
    };
    let invalid = |name: &str| {
        refuse(
            S3ErrorCode::InvalidArgument,
            format!("invalid {beginning}{name}"),
        )
    };
    let tag = |name: &'static str| -> S3Result<Option<ETagCondition>> {
        let parsed = text(name).map(|text| ETagCondition::parse_http_header(text.as_bytes()));
        parsed.transpose().map_err(|_| invalid(name))
    };
    let date = |name: &'static str| -> S3Result<Option<Timestamp>> {
        let parsed = text(name).map(|text| Timestamp::parse(TimestampFormat::HttpDate, text));
        parsed.transpose().map_err(|_| invalid(name))
    };
    Ok(condition(
        tag("if-match")?,
        tag("if-none-match")?,
        date("if-modified-since")?,
        date("if-unmodified-since")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        for (text, key) in [
            ("a/b", "a/b"),
            ("/bucket/a%20b", "a b"),
            ("bucket/c", "c"),
            ("/d", "/d"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(SOURCE, text.parse().unwrap());
            assert_eq!(source_key(&headers, "bucket").unwrap(), key, "{text}");
        }
        assert!(source_key(&HeaderMap::new(), "bucket").is_err());
    }
}
