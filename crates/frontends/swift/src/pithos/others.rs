//! What somebody else than its owner sees of an account and of a container: what is shared with them.
//!
//! Promises: nothing is told where nothing is shared, not even whether there is something.

use std::collections::HashSet;

use dolium_store::{AccountName, BrowseRequest, ListEntry, ShownOnly};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::condition::judge_dates;
use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::moment::{date, iso};
use super::words::say;
use super::{Call, listed, reply, sharing};
use crate::body::Body;
use crate::service::Front;

/// Objects whose metadata the head of a container names.
const NAMED_MAX: usize = 1000;

/// What of an owner's things a request asks for.
pub(super) fn only(call: &Call) -> ShownOnly {
    ShownOnly {
        shared: call.says("shared"),
        public: call.says("public"),
    }
}

/// Refuses what only owners ask for.
fn check(call: &Call) -> Result<()> {
    if call.says("public") || super::moment::until(&call.query).is_some() {
        return Err(Fault::denied());
    }
    Ok(())
}

/// Answers HEAD or GET of an account.
pub(super) async fn account(front: &Front, call: &Call) -> Result<Response<Body>> {
    check(call)?;
    let name = call.account()?;
    let found = front.store.shared_containers(&call.caller, &name).await;
    let found = found.map_err(of_store)?;
    let format = call.format(Format::Text);
    if call.method == Method::HEAD {
        return Ok(reply::empty(
            StatusCode::NO_CONTENT,
            format,
            HeaderMap::new(),
        ));
    }
    let entries = found.iter().map(|one| {
        let fields = vec![("last_modified", json!(iso(one.created)))];
        Entry::Item(one.name.as_str().to_owned(), fields)
    });
    let marker = call.query.given("marker");
    let behind = |entry: &Entry| marker.is_none_or(|marker| entry.name() > marker);
    let entries: Vec<Entry> = entries
        .filter(behind)
        .take(listing::limit(&call.query))
        .collect();
    let frame = ("account", Some(name.as_str()), "container");
    Ok(listing::answer(format, HeaderMap::new(), frame, &entries))
}

/// Of an owner's containers those that a request asks for, by what is in them.
pub(super) async fn showing(
    front: &Front,
    call: &Call,
    account: &AccountName,
    entries: Vec<Entry>,
) -> Result<Vec<Entry>> {
    let only = only(call);
    if only == ShownOnly::default() {
        return Ok(entries);
    }
    let found = front.store.containers_showing(&call.caller, account, only);
    let found = found.await.map_err(of_store)?;
    let names: HashSet<&str> = found.iter().map(|one| one.name.as_str()).collect();
    let shows = |entry: &Entry| names.contains(entry.name());
    Ok(entries.into_iter().filter(shows).collect())
}

/// Answers HEAD or GET of a container.
pub(super) async fn container(front: &Front, call: &Call) -> Result<Response<Body>> {
    check(call)?;
    let name = call.container()?;
    let sees = front.store.sees_any(&call.caller, &name).await;
    let view = front.store.peek_container(&call.caller, &name).await;
    let (true, Some(view)) = (sees.map_err(of_store)?, view.map_err(of_store)?) else {
        return Err(Fault::denied());
    };
    let all = BrowseRequest {
        limit: NAMED_MAX,
        ..BrowseRequest::default()
    };
    let seen = front
        .store
        .list_shown(&call.caller, &name, all, ShownOnly::default());
    let seen = seen.await.map_err(of_store)?;
    let versions = seen.entries.iter().filter_map(|entry| match entry {
        ListEntry::Version(version) => Some(version),
        ListEntry::Prefix(_) => None,
    });
    let changed = versions.clone().map(|version| version.created).max();
    let changed = changed.unwrap_or(view.container.created);
    judge_dates(&call.words, changed)?;
    let mut headers = HeaderMap::new();
    let names = sharing::names_of_metadata(versions).join(",");
    for (name, value) in [
        ("x-container-block-size", &*view.block_len.to_string()),
        ("x-container-block-hash", "sha256"),
        ("x-container-object-meta", &names),
        ("last-modified", &date(changed)),
    ] {
        say(&mut headers, name, value);
    }
    if call.method == Method::HEAD {
        let format = call.format(Format::Text);
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let request = listed::request(&call.query);
    let page = front
        .store
        .list_shown(&call.caller, &name, request, ShownOnly::default());
    let page = page.await.map_err(of_store)?;
    listed::answer(front, call, headers, view.container.id, page).await
}
