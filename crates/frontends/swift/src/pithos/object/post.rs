//! POST of objects: new words, new bytes within, and forms.

use std::sync::Arc;

use dolium_store::{Condition, Description, Patch, PatchBytes, Source};
use http::{HeaderMap, Response, StatusCode};

use super::copy::own_account;
use super::put::{data, new_description};
use super::read::selector;
use super::written;
use crate::body::{self, Body};
use crate::pithos::block::BYTES;
use crate::pithos::condition::{of_result, of_write};
use crate::pithos::fault::{Fault, Result};
use crate::pithos::format::Format;
use crate::pithos::metadata::Said;
use crate::pithos::range::place;
use crate::pithos::target::{account_name, container_name, object_in_header, object_path};
use crate::pithos::words::whole_number;
use crate::pithos::{Call, form, reply, sharing};
use crate::service::Front;

/// Answers POST.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let kind = call.words.get("content-type").unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return upload(front, call).await;
    }
    if kind == BYTES || call.words.has("x-source-object") {
        return patch(front, call).await;
    }
    let (container, path) = (call.container()?, call.path()?);
    let edit = edit(&call)?;
    let condition = of_write(&call.words);
    let revised = front
        .store
        .revise(&call.caller, &container, &path, condition, edit);
    match of_result(&call.words, revised.await)? {
        Some(version) => Ok(written(StatusCode::ACCEPTED, &version, false)),
        None => {
            let headers = HeaderMap::new();
            Ok(reply::empty(StatusCode::ACCEPTED, Format::Json, headers))
        }
    }
}

/// What a POST makes of the words of an object. Its type stays.
fn edit(call: &Call) -> Result<dolium_store::DescriptionEdit> {
    let said = Said::of(&call.words)?;
    let share = sharing::edit(&call.words)?;
    let update = call.says("update");
    Ok(Arc::new(move |description: &mut Description| {
        description.guards.share = share.clone();
        match update {
            true => said.merge(&mut description.attributes),
            false => said.replace(&mut description.attributes),
        }
    }))
}

async fn patch(front: &Front, call: Call) -> Result<Response<Body>> {
    let (container, path) = (call.container()?, call.path()?);
    let Some(range) = call.words.get("content-range") else {
        return Err(Fault::bad("Missing Content-Range header"));
    };
    let place = place(range)?;
    let truncate = match call.words.get("x-object-bytes") {
        None => None,
        Some(text) => {
            let bad = || Fault::bad("Bad X-Object-Bytes header");
            Some(whole_number(text).ok_or_else(bad)?)
        }
    };
    let edit = edit(&call)?;
    let condition = of_write(&call.words);
    let bytes = match call.words.get("x-source-object") {
        Some(source) => PatchBytes::Object(Box::new(source_of(&call, source)?)),
        None => {
            let len = call.body_len()?;
            let wrong = len.is_some() && place.len.is_some() && len != place.len;
            if wrong {
                return Err(Fault::bad("Content-Length is not that of Content-Range"));
            }
            PatchBytes::Body(body::incoming(call.body.open()), len)
        }
    };
    let patch = Patch {
        offset: place.offset,
        len: place.len,
        total: place.total,
        truncate,
        bytes,
    };
    let patched = front
        .store
        .patch(&call.caller, &container, &path, condition, edit, patch);
    let version = of_result(&call.words, patched.await)?;
    Ok(written(StatusCode::NO_CONTENT, &version, true))
}

fn source_of(call: &Call, source: &str) -> Result<Source> {
    let (container, path) = object_in_header(source)?;
    let account = match call.words.given("x-source-account") {
        Some(account) => account.to_owned(),
        None => own_account(call),
    };
    Ok(Source {
        container: container_name(account_name(&account)?, &container)?,
        path: object_path(&path)?,
        version: selector(call.words.get("x-source-version"))?,
        condition: Condition::default(),
        key: None,
    })
}

/// Stores the file of a form.
async fn upload(front: &Front, call: Call) -> Result<Response<Body>> {
    let (container, path) = (call.container()?, call.path()?);
    let kind = call.words.get("content-type").unwrap_or_default();
    let boundary = form::boundary(kind).ok_or_else(|| Fault::bad("The form has no boundary"))?;
    let condition = of_write(&call.words);
    let file = form::file(body::incoming(call.body.open()), &boundary).await?;
    let kind = file.content_type.unwrap_or_else(|| BYTES.to_owned());
    let description = new_description(&Said::default(), kind)?;
    let put = data(file.body, None, None);
    let stored = front
        .store
        .put(&call.caller, &container, &path, description, condition, put);
    let version = of_result(&call.words, stored.await)?;
    let mut response = written(StatusCode::CREATED, &version, true);
    let headers = std::mem::take(response.headers_mut());
    let md5 = version.etag.clone();
    Ok(crate::answer::document(
        StatusCode::CREATED,
        headers,
        "text/plain; charset=UTF-8",
        md5,
    ))
}
