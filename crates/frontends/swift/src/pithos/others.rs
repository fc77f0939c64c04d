//! What somebody else than its owner sees of an account and of a container: what is shared with them.
//!
//! Promises: nothing is told where nothing is shared, not even whether there is something.

use dolium_store::{BrowseRequest, ListEntry, ListPage, ShownOnly};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::moment::iso;
use super::words::say;
use super::{Call, reply, sharing};
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
    let entries: Vec<Entry> = page(call, entries.collect());
    let frame = ("account", Some(name.as_str()), "container");
    Ok(listing::answer(format, HeaderMap::new(), frame, &entries))
}

/// The part of a short listing that a request asks for.
pub(super) fn page(call: &Call, entries: Vec<Entry>) -> Vec<Entry> {
    let marker = call.query.given("marker");
    let behind = |entry: &Entry| marker.is_none_or(|marker| entry.name() > marker);
    let limit = listing::limit(&call.query);
    entries.into_iter().filter(behind).take(limit).collect()
}

/// Answers HEAD or GET of a container; `entry` writes an object.
pub(super) async fn container(
    front: &Front,
    call: &Call,
    mut headers: HeaderMap,
    request: BrowseRequest,
    entry: impl Fn(&dolium_store::Version) -> Entry,
) -> Result<Response<Body>> {
    check(call)?;
    let name = call.container()?;
    let sees = front.store.sees_any(&call.caller, &name).await;
    if !sees.map_err(of_store)? {
        return Err(Fault::denied());
    }
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
    let names = sharing::names_of_metadata(versions).join(",");
    say(&mut headers, "x-container-object-meta", &names);
    let format = call.format(Format::Text);
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let page = front
        .store
        .list_shown(&call.caller, &name, request, ShownOnly::default());
    let page = page.await.map_err(of_store)?;
    listed(front, call, headers, page, entry).await
}

/// A page of objects as an answer, with how they are shared.
pub(super) async fn listed(
    front: &Front,
    call: &Call,
    headers: HeaderMap,
    page: ListPage,
    entry: impl Fn(&dolium_store::Version) -> Entry,
) -> Result<Response<Body>> {
    let name = call.container()?;
    let entries = page.entries.iter().map(|one| match one {
        ListEntry::Prefix(prefix) => Entry::Subdir(prefix.clone()),
        ListEntry::Version(version) => entry(version),
    });
    let mut entries: Vec<Entry> = entries.collect();
    let format = call.format(Format::Text);
    if format != Format::Text {
        sharing::tell_entries(front, call, &name, &mut entries).await?;
    }
    let frame = ("container", Some(name.as_str()), "object");
    Ok(listing::answer(format, headers, frame, &entries))
}
