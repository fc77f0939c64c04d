//! PUT of objects: data, hash maps, copies.

use dolium_store::{
    Description, DigestSet, Error, ErrorKind, Finish, MapOutcome, OBJECT, OBJECT_ID, PutRequest,
    Reason, Version, new_object_id,
};
use http::{Response, StatusCode};

use super::{copy, written};
use crate::body::{self, Body};
use crate::condition::unquoted;
use crate::info::FILE_LEN_MAX;
use crate::pithos::Call;
use crate::pithos::condition::{of_result, of_write};
use crate::pithos::fault::{Fault, Result, of_store};
use crate::pithos::hashmap::{self, DOCUMENT_LEN_MAX};
use crate::pithos::metadata::Said;
use crate::pithos::sharing;
use crate::service::Front;

/// Answers PUT.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    if call.words.given("x-move-from").is_some() || call.words.given("x-copy-from").is_some() {
        return copy::from(front, call).await;
    }
    let len = call.body_len()?;
    let said = Said::of(&call.words)?;
    let Some(content_type) = said.content_type.clone() else {
        return Err(Fault::length_required("Missing Content-Type header"));
    };
    let mut description = new_description(&said, content_type)?;
    description.guards.share = sharing::edit(&call.words)?;
    if call.says("hashmap") {
        return put_map(front, call, description).await;
    }
    let claimed = call.words.given("etag");
    let claimed = claimed.map(|tag| unquoted(tag.trim()).to_ascii_lowercase());
    let version = store(front, call, description, len, claimed).await?;
    Ok(written(StatusCode::CREATED, &version, true))
}

/// The description of a new object.
pub(super) fn new_description(said: &Said, content_type: String) -> Result<Description> {
    let mut attributes = said.of_new().map_err(of_store)?;
    attributes.set(OBJECT, OBJECT_ID, new_object_id());
    Ok(Description {
        content_type,
        attributes,
        ..Description::default()
    })
}

async fn store(
    front: &Front,
    call: Call,
    description: Description,
    len: Option<u64>,
    claimed: Option<String>,
) -> Result<Version> {
    let (container, path) = (call.container()?, call.path()?);
    let condition = of_write(&call.words);
    let put = data(body::incoming(call.body.open()), len, claimed);
    let stored = front
        .store
        .put(&call.caller, &container, &path, description, condition, put);
    of_result(&call.words, stored.await)
}

/// A body whose MD5 must be the claimed one, if one is claimed.
pub(super) fn data(
    body: dolium_store::Body,
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
        finish: Box::new(move |digests| {
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
        }),
    }
}

async fn put_map(front: &Front, call: Call, description: Description) -> Result<Response<Body>> {
    let (container, path) = (call.container()?, call.path()?);
    let _room = hashmap::room(call.words.number("content-length")).await?;
    let bytes = body::document(call.body.open(), DOCUMENT_LEN_MAX).await;
    let bytes = bytes.map_err(of_store)?.ok_or_else(|| {
        Fault::bad("The hash map is too long; put the object together by updates")
    })?;
    let document = hashmap::Document::parse(&bytes)?;
    drop(bytes);
    let condition = of_write(&call.words);
    let map = document.map.clone();
    let stored =
        front
            .store
            .put_hashmap(&call.caller, &container, &path, description, condition, map);
    match of_result(&call.words, stored.await)? {
        MapOutcome::Stored(version) => Ok(written(StatusCode::CREATED, &version, true)),
        MapOutcome::Missing(names) => Err(Fault::conflict_with(document.written(&names))),
    }
}
