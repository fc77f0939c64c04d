//! PUT of objects.
//!
//! Promises: what cannot succeed is refused before its body is read.

use dolium_store::{
    Condition, DigestSet, Digests, Error, ErrorKind, EtagMatch, Finish, PutRequest, Reason, Version,
};
use http::{HeaderMap, Response, StatusCode};

use crate::answer::{bare, set};
use crate::body::{self, Body, Bytestream};
use crate::condition::unquoted;
use crate::describe;
use crate::error::{Refusal, Result, of_store};
use crate::info::FILE_LEN_MAX;
use crate::plain::large::slo;
use crate::plain::{Call, symlink, version};
use crate::service::Front;
use crate::time::{last_modified, timestamp};

use super::copy;

/// Answers PUT.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    if call.query.get("multipart-manifest") == Some("put") {
        return slo::put(front, call).await;
    }
    if call.headers.contains_key("x-copy-from") {
        return copy::from(front, call).await;
    }
    if version::asked(&call.query)?.is_some() {
        return version::restore(front, call).await;
    }
    let version = store(front, call).await?;
    Ok(created(&version))
}

/// Stores the body of a request as an object.
pub(in crate::plain) async fn store(front: &Front, call: Call) -> Result<Version> {
    let container = call.target.container_name()?;
    let path = call.target.object_path()?;
    let len = announced(&call)?;
    let condition = condition(&call)?;
    let mut description = describe::of_put(&call.headers, path.as_str())?;
    symlink::of_put(&front.store, &call, &mut description).await?;
    let claimed = call
        .header("etag")
        .map(|tag| unquoted(tag.trim()).to_ascii_lowercase());
    let put = tagged(body::incoming(call.body.open()), len, claimed);
    let stored = front
        .store
        .put(&call.caller, &container, &path, description, condition, put);
    stored.await.map_err(of_store)
}

/// A body whose MD5 becomes the object's tag, which must be the claimed one if one is claimed.
pub(in crate::plain) fn tagged(
    body: Bytestream,
    len: Option<u64>,
    claimed: Option<String>,
) -> PutRequest {
    PutRequest {
        body,
        len,
        len_max: FILE_LEN_MAX,
        digests: DigestSet {
            md5: true,
            ..DigestSet::default()
        },
        encryption: None,
        finish: Box::new(move |digests| finish(digests, claimed)),
    }
}

/// Names the tag, if the body is what the client said it is.
fn finish(digests: &Digests, claimed: Option<String>) -> dolium_store::Result<Finish> {
    let etag = digests.md5.map(hex::encode).unwrap_or_default();
    if claimed.is_some_and(|claimed| claimed != etag) {
        let context = "the body is not what its tag says";
        let reason = Reason::DigestMismatch;
        return Err(Error::because(ErrorKind::Invalid, reason, context));
    }
    Ok(Finish {
        etag,
        checksums: Vec::new(),
    })
}

/// The answer to an object that was stored.
pub(in crate::plain) fn created(version: &Version) -> Response<Body> {
    let mut headers = HeaderMap::new();
    set(&mut headers, "etag", &version.etag);
    set(
        &mut headers,
        "last-modified",
        last_modified(version.created),
    );
    set(&mut headers, "x-timestamp", timestamp(version.created));
    version::mark(version, &mut headers);
    bare(StatusCode::CREATED, headers)
}

/// The length of the body, as far as it is known; refused when it cannot be right.
fn announced(call: &Call) -> Result<Option<u64>> {
    if let Some(coding) = call.header("transfer-encoding") {
        if !coding.trim().eq_ignore_ascii_case("chunked") {
            return Err(Refusal::of(StatusCode::NOT_IMPLEMENTED));
        }
        return Ok(None);
    }
    let Some(len) = call.content_length()? else {
        let text = "Missing Content-Length header.";
        return Err(Refusal::text(StatusCode::LENGTH_REQUIRED, text));
    };
    if len > FILE_LEN_MAX {
        let text = "Your request is too large.";
        return Err(Refusal::text(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(Some(len))
}

/// The only condition of a write that Swift has: that nothing is there yet.
pub(in crate::plain) fn condition(call: &Call) -> Result<Condition> {
    let mut condition = Condition::default();
    match call.header("if-none-match").map(str::trim) {
        None => {}
        Some("*") => condition.if_none_match = Some(EtagMatch::Any),
        Some(_) => return Err(Refusal::bad("If-None-Match only supports *")),
    }
    Ok(condition)
}
