//! Copies: COPY with a destination, or PUT with a source.
//!
//! A copy of all of one version moves no data. A copy of a range, or of an object that consists of others,
//! reads and stores what the client would have got.

use dolium_store::{Condition, CopyRequest, EtagMatch, Guards, Source, Version};
use http::{Method, Response};

use super::put::{condition, created, tagged};
use super::read::{Content, Shown, show};
use crate::answer::set;
use crate::body::Body;
use crate::condition::{Verdict, judge};
use crate::describe::{self, says_yes};
use crate::error::{Refusal, Result, of_store};
use crate::info::FILE_LEN_MAX;
use crate::metadata::{self, Owner};
use crate::plain::large::slo;
use crate::plain::{Call, source, symlink, version};
use crate::range::{Wanted, wanted};
use crate::service::Front;
use crate::target::{
    Target, account_name, container_name, object_in_header, object_path, quote, unquote,
};
use crate::time::last_modified;

/// Answers COPY: the same as a PUT on the destination from here.
pub(super) async fn answer(front: &Front, mut call: Call) -> Result<Response<Body>> {
    let Some(destination) = call.header("destination") else {
        return Err(Refusal::failed("Destination header required"));
    };
    let Some((container, object)) = object_in_header(destination) else {
        let text = "Destination header must be of the form <container name>/<object name>";
        return Err(Refusal::failed(text));
    };
    let account = match call.header("destination-account") {
        Some(account) => one_element(account, "Destination-Account")?,
        None => call.target.account.clone(),
    };
    let here = std::mem::replace(
        &mut call.target,
        Target {
            account,
            container: Some(container),
            object: Some(object),
        },
    );
    call.method = Method::PUT;
    call.headers.remove("x-copy-from-account");
    call.headers.remove("content-length");
    run(front, call, here).await
}

/// Answers PUT with `X-Copy-From`.
pub(super) async fn from(front: &Front, call: Call) -> Result<Response<Body>> {
    if call.content_length()?.is_some_and(|len| len > 0)
        || call.headers.contains_key("transfer-encoding")
    {
        return Err(Refusal::bad("Copy requests require a zero byte body"));
    }
    let header = call.header("x-copy-from").unwrap_or_default();
    let Some((container, object)) = object_in_header(header) else {
        let text = "X-Copy-From header must be of the form <container name>/<object name>";
        return Err(Refusal::failed(text));
    };
    let account = match call.header("x-copy-from-account") {
        Some(account) => one_element(account, "X-Copy-From-Account")?,
        None => call.target.account.clone(),
    };
    let from = Target {
        account,
        container: Some(container),
        object: Some(object),
    };
    run(front, call, from).await
}

fn one_element(account: &str, header: &str) -> Result<String> {
    let account = unquote(account)?;
    if account.is_empty() || account.contains('/') {
        return Err(Refusal::failed(format!("{header} names no account")));
    }
    Ok(account)
}

async fn run(front: &Front, call: Call, from: Target) -> Result<Response<Body>> {
    let from_container = container_name(
        account_name(&from.account)?,
        from.container.as_deref().unwrap_or_default(),
    )?;
    let from_path = object_path(from.object.as_deref().unwrap_or_default())?;
    let mut source = source(from_container, from_path);
    if let Some(version) = version::asked(&call.query)? {
        source.version = version;
    }
    let links = symlink::is_asked(&call);
    let shown = show(front, &call.caller, source, &call.query, links).await?;
    match judge(&call.headers, &shown.etag, shown.changed) {
        Verdict::Goes => {}
        Verdict::Unchanged => return Err(Refusal::of(http::StatusCode::NOT_MODIFIED)),
        Verdict::Fails => return Err(Refusal::of(http::StatusCode::PRECONDITION_FAILED)),
    }
    let (stored, source_changed) = match store(front, &call, shown).await? {
        Ok(stored) => stored,
        Err(refused) => return Ok(refused),
    };
    let mut response = created(&stored);
    let headers = response.headers_mut();
    let (container, object) = (
        from.container.unwrap_or_default(),
        from.object.unwrap_or_default(),
    );
    set(
        headers,
        "x-copied-from",
        quote(&format!("{container}/{object}")),
    );
    set(headers, "x-copied-from-account", quote(&from.account));
    set(headers, "x-copied-from-last-modified", source_changed);
    metadata::write(&stored.attributes, Owner::Object, headers);
    Ok(response)
}

/// Makes the copy; gives it, and when its source was changed; or a report of what is wrong with a manifest.
async fn store(
    front: &Front,
    call: &Call,
    shown: Shown,
) -> Result<std::result::Result<(Version, String), Response<Body>>> {
    let container = call.target.container_name()?;
    let path = call.target.object_path()?;
    let source = shown.source.clone();
    let range = match wanted(call.header("range"), shown.size) {
        Wanted::Whole => match slo::show::number(call)? {
            Some(number) => slo::show::range_of(&shown, number),
            None => None,
        },
        Wanted::Parts(parts) => match parts.as_slice() {
            [part] => Some(part.clone()),
            _ => return Err(Refusal::bad("A copy has one range")),
        },
        Wanted::Unsatisfiable => {
            return Err(Refusal::of(http::StatusCode::RANGE_NOT_SATISFIABLE));
        }
    };
    let len = range
        .as_ref()
        .map_or(shown.size, |range| range.end - range.start);
    if len > FILE_LEN_MAX {
        return Err(Refusal::of(http::StatusCode::PAYLOAD_TOO_LARGE));
    }
    let fresh = says_yes(&call.headers, "x-fresh-metadata");
    let changed = last_modified(shown.changed);
    let opened = front
        .store
        .head(&call.caller, &source)
        .await
        .map_err(of_store)?;
    let mut description = describe::of_copy(&call.headers, &opened, fresh, path.as_str())?;
    if symlink::is_asked(call) {
        symlink::of_copy(call, &mut description)?;
    } else {
        symlink::forget(&mut description);
    }
    let is_manifest = slo::etag_of(&opened).is_some();
    if is_manifest && !matches!(shown.content, Content::Assembled(_)) {
        // Its parts are looked for again, where the copy will look for them.
        let opened = front.store.open_object(&call.caller, &source).await;
        let bytes = slo::show::raw(&opened.map_err(of_store)?).await?;
        let stored = slo::put_bytes(front, call, &bytes, description).await?;
        return Ok(stored.map(|version| (version, changed)));
    }
    if matches!(shown.content, Content::Single(_)) && range.is_none() {
        describe::keep_prefix(&opened, &call.headers, fresh, &mut description);
    }
    let condition = condition_of(call)?;
    if let (Content::Single(_), None) = (&shown.content, &range) {
        let request = CopyRequest {
            source: Source {
                condition: Condition {
                    // Its words were read already: they and the bytes must be of one version.
                    if_match: Some(EtagMatch::OneOf(vec![opened.etag.clone()])),
                    ..Condition::default()
                },
                ..source
            },
            container,
            path,
            condition,
            replace: Some(description),
            tags: None,
            guards: Guards::default(),
            class: None,
            encryption: None,
            refuse_copy_onto_itself: false,
        };
        let copied = front.store.copy(&call.caller, request).await;
        return Ok(Ok((copied.map_err(of_store)?, changed)));
    }
    let bytes = shown.read(range.unwrap_or(0..shown.size)).await?;
    let put = tagged(bytes, Some(len), None);
    let stored = front
        .store
        .put(&call.caller, &container, &path, description, condition, put);
    Ok(Ok((stored.await.map_err(of_store)?, changed)))
}

/// Conditions of a copy are about its source, but for that one which only a write has.
fn condition_of(call: &Call) -> Result<Condition> {
    if call.header("if-none-match").map(str::trim) == Some("*") {
        return condition(call);
    }
    Ok(Condition::default())
}
