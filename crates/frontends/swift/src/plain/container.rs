//! Containers: made, listed, described, removed.

use std::sync::Arc;

use dolium_store::{
    ARCHIVE, ARCHIVE_HISTORY, ARCHIVE_MODE, ARCHIVE_STACK, ARCHIVE_TO, AccountName, Attributes,
    Container, ContainerEdit, ContainerName, ContainerSettings, ContainerView, Error, ErrorKind,
    Instant, ListEntry, Standing, Version, Versioning,
};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::account::KEYS;
use super::large::slo;
use super::{Call, METHODS, no_such_method, symlink, version};
use crate::answer::{bare, paged, set};
use crate::body::Body;
use crate::describe::{DEFAULT_TYPE, is_true};
use crate::error::{Refusal, Result, of_store};
use crate::listing;
use crate::listing::entry::Entry;
use crate::listing::format::{self, Format};
use crate::metadata::{self, Items, Owner, SWIFT};
use crate::service::Front;
use crate::target::{quote, unquote};
use crate::time::{iso, last_modified, timestamp};

/// The key of whether tags are written in quotes, on containers and accounts.
pub(super) const QUOTED_ETAGS: &str = "quoted-etags";
/// The key of when a container's settings changed last, in microseconds.
const MODIFIED: &str = "modified";

/// The headers that name a container for old versions, with what they make of deletions.
const ARCHIVES: [(&str, &str); 2] = [
    ("versions-location", ARCHIVE_STACK),
    ("history-location", ARCHIVE_HISTORY),
];

/// The metadata that are quotas, which the store keeps.
const QUOTAS: [(&str, &str); 2] = [
    ("quota-bytes", "Invalid bytes quota."),
    ("quota-count", "Invalid count quota."),
];

/// The key of what containers that are kept alike would recognise each other by.
const SYNC_KEY: &str = "sync-key";

/// When a container's settings changed last.
pub(super) fn modified(container: &Container) -> Instant {
    let text = container.attributes.get(SWIFT, MODIFIED);
    let at = text.and_then(|text| text.parse().ok()).map(Instant);
    at.unwrap_or(container.created)
}

/// Answers a request for a container.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET | Method::HEAD => read(front, call).await,
        Method::PUT => put(front, call).await,
        Method::POST => post(front, call).await,
        Method::DELETE => delete(front, call).await,
        _ => Err(no_such_method(METHODS)),
    }
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.target.container_name()?;
    let view = front.store.view_container(&call.caller, &name).await;
    let view = view.map_err(of_store)?;
    let headers = describe(&view);
    if version::are_listed(&call) && call.method == Method::GET {
        return version::list(front, &call, headers).await;
    }
    let format = Format::of(&call.query, &call.headers)?;
    let by_parameter = call.query.has("format");
    if call.method == Method::HEAD {
        return Ok(format::head(format, by_parameter, headers));
    }
    let request = listing::request_of_container(&call.query)?;
    let page = front.store.list(&call.caller, &name, request).await;
    let page = page.map_err(of_store)?;
    let account = call.target.account_name()?;
    let entry = |one| match one {
        ListEntry::Prefix(name) => Entry::Prefix(name),
        ListEntry::Version(version) => object_entry(&version, &name, &account),
    };
    let entries: Vec<Entry> = page.entries.into_iter().map(entry).collect();
    let frame = ("container", name.as_str(), "object");
    Ok(format::answer(
        format,
        by_parameter,
        headers,
        frame,
        &entries,
    ))
}

fn object_entry(version: &Version, container: &ContainerName, account: &AccountName) -> Entry {
    let mut fields = object_fields(version);
    let link = symlink::listed(version, account);
    if link.is_empty() {
        let (account, path) = (symlink::spelt(account), version.path.as_str());
        let at = format!("/v1/{account}/{}/{path}", container.as_str());
        fields.extend(version::listed(version, &quote(&at)));
    }
    fields.extend(link);
    Entry::Item(version.path.as_str().to_owned(), fields)
}

/// What listings say of an object, be it what is shown or an older version.
pub(super) fn object_fields(version: &Version) -> Vec<(&'static str, serde_json::Value)> {
    let content_type = match version.content_type.as_str() {
        "" => DEFAULT_TYPE,
        given => given,
    };
    let size = slo::size_of(version).unwrap_or(version.size);
    let mut fields = vec![
        ("hash", json!(version.etag)),
        ("bytes", json!(size)),
        ("content_type", json!(content_type)),
        ("last_modified", json!(iso(version.created))),
    ];
    if let Some(etag) = slo::etag_of(version) {
        fields.push(("slo_etag", json!(format!("\"{etag}\""))));
    }
    fields
}

fn describe(view: &ContainerView) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let container = &view.container;
    let mut say = |name: &str, value: String| set(&mut headers, name, value);
    say("x-container-object-count", container.objects.to_string());
    say(
        "x-container-bytes-used",
        container.version_bytes.to_string(),
    );
    say("x-timestamp", timestamp(container.created));
    say("last-modified", last_modified(modified(container)));
    say("x-storage-policy", view.array.clone());
    say("accept-ranges", "bytes".to_owned());
    version::describe(container, &mut headers);
    if let Some(to) = container.attributes.get(ARCHIVE, ARCHIVE_TO) {
        let mode = container.attributes.get(ARCHIVE, ARCHIVE_MODE);
        for (word, _) in ARCHIVES.iter().filter(|(_, of)| Some(*of) == mode) {
            set(&mut headers, &format!("x-{word}"), quote(to));
        }
    }
    let mut shown = container.attributes.clone();
    if view.standing < Standing::Owner {
        KEYS.iter()
            .for_each(|key| shown.remove(metadata::USER, key));
    } else {
        if let Some(key) = container.attributes.get(SWIFT, SYNC_KEY) {
            set(&mut headers, "x-container-sync-key", key);
        }
        for (name, list) in [
            ("x-container-read", &view.settings.readers),
            ("x-container-write", &view.settings.writers),
        ] {
            if let Some(list) = list {
                set(&mut headers, name, list);
            }
        }
    }
    metadata::write(&shown, Owner::Container, &mut headers);
    headers
}

async fn put(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.target.container_name()?;
    let edit = edit(&call)?;
    let array = policy(front, &call)?;
    let made = front
        .store
        .put_container(&call.caller, &name, array, edit)
        .await;
    Ok(match made.map_err(of_store)? {
        true => bare(StatusCode::CREATED, HeaderMap::new()),
        false => paged(StatusCode::ACCEPTED, HeaderMap::new()),
    })
}

/// The array that a storage policy is.
fn policy(front: &Front, call: &Call) -> Result<Option<String>> {
    let Some(asked) = call
        .header("x-storage-policy")
        .filter(|name| !name.is_empty())
    else {
        return Ok(None);
    };
    let found = front
        .arrays
        .iter()
        .find(|array| array.eq_ignore_ascii_case(asked));
    let refuse = || Refusal::bad(format!("Invalid X-Storage-Policy '{asked}'"));
    found.cloned().map(Some).ok_or_else(refuse)
}

async fn post(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.target.container_name()?;
    let edit = edit(&call)?;
    let changed = front
        .store
        .change_container(&call.caller, &name, edit)
        .await;
    changed.map_err(of_store)?;
    Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
}

async fn delete(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.target.container_name()?;
    let deleted = front.store.delete_container(&call.caller, &name).await;
    deleted.map_err(of_store)?;
    Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
}

/// What a request makes of a list of grantees: nothing, or another list.
fn list(call: &Call, word: &str) -> Option<String> {
    let removal = format!("x-remove-container-{word}");
    if call
        .headers
        .get(&removal)
        .is_some_and(|value| !value.is_empty())
    {
        return Some(String::new());
    }
    call.header(&format!("x-container-{word}"))
        .map(str::to_owned)
}

/// The quotas that metadata are: for each that is named, its number, or its end.
fn quotas(items: &Items) -> Result<[Option<Option<u64>>; 2]> {
    let mut found = [None, None];
    for (slot, (name, refusal)) in found.iter_mut().zip(QUOTAS) {
        let Some((_, value)) = items.iter().find(|(item, _)| item == name) else {
            continue;
        };
        let text = std::str::from_utf8(value).unwrap_or("?");
        *slot = Some(match text {
            "" => None,
            text => Some(text.parse().map_err(|_| Refusal::bad(refusal))?),
        });
    }
    Ok(found)
}

/// Keeps a setting of this front end; an empty one is none.
pub(super) fn put_setting(attributes: &mut Attributes, key: &str, value: &str) {
    match value {
        "" => attributes.remove(SWIFT, key),
        value => attributes.set(SWIFT, key, value),
    }
}

/// Whether tags are to be written in quotes: as a word, and none to forget what was said.
pub(super) fn etags(call: &Call, header: &str) -> Option<String> {
    let value = call.header(header)?;
    let word = match value {
        "" => "",
        yes if is_true(yes.as_bytes()) => "yes",
        _ => "no",
    };
    Some(word.to_owned())
}

/// What a request makes of the container for old versions: nothing, another one, or none.
fn archive(call: &Call) -> Result<Option<Option<(String, &'static str)>>> {
    let mut found = None;
    for (word, mode) in ARCHIVES {
        let removal = call.header(&format!("x-remove-{word}")).unwrap_or_default();
        match call.header(&format!("x-{word}")) {
            Some("") => found = found.or(Some(None)),
            None if !removal.is_empty() => found = found.or(Some(None)),
            None => {}
            Some(name) => {
                let name = unquote(name)?;
                let name = name
                    .strip_prefix('/')
                    .unwrap_or(&name)
                    .trim_end_matches('/');
                if name.is_empty() || name.contains('/') {
                    return Err(Refusal::failed(
                        "The container for versions is no container",
                    ));
                }
                if matches!(found, Some(Some(_))) {
                    return Err(Refusal::bad("Only one way to keep versions can be chosen"));
                }
                found = Some(Some((name.to_owned(), mode)));
            }
        }
    }
    Ok(found)
}

/// Switches versioning on or off again; a container keeps old versions in one way only.
fn enable_versions(
    settings: &mut ContainerSettings,
    asked: Option<bool>,
) -> dolium_store::Result<()> {
    match (asked, settings.versioning) {
        (Some(true), _) => settings.versioning = Versioning::On,
        (Some(false), Versioning::On) => settings.versioning = Versioning::Suspended,
        _ => {}
    }
    let archived = settings.attributes.get(ARCHIVE, ARCHIVE_TO).is_some();
    if archived && settings.versioning == Versioning::On {
        let context = "A container cannot keep versions both by itself and in another container";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    Ok(())
}

/// What a request changes.
fn edit(call: &Call) -> Result<ContainerEdit> {
    let items = metadata::of_headers(&call.headers, Owner::Container)?;
    let [bytes, objects] = quotas(&items)?;
    let (readers, writers) = (list(call, "read"), list(call, "write"));
    if call
        .header("x-container-sync-to")
        .is_some_and(|to| !to.is_empty())
    {
        return Err(Refusal::unsupported("Containers are not synced to others"));
    }
    let versions = call.header("x-versions-enabled");
    let versions = versions.map(|word| is_true(word.as_bytes()));
    let archive = archive(call)?;
    let sync_key = call.header("x-container-sync-key").map(str::to_owned);
    let etags = etags(call, "x-container-rfc-compliant-etags");
    let now = Instant::now();
    Ok(Arc::new(move |settings, standing| {
        let owns = standing >= Standing::Owner;
        let mut items = items.clone();
        if !owns {
            items.retain(|(name, _)| !KEYS.contains(&name.as_str()));
        }
        metadata::merge(&mut settings.attributes, &items)?;
        settings.attributes.set(SWIFT, MODIFIED, now.0.to_string());
        if let Some(key) = sync_key.as_deref().filter(|_| owns) {
            put_setting(&mut settings.attributes, SYNC_KEY, key);
        }
        if let Some(etags) = &etags {
            put_setting(&mut settings.attributes, QUOTED_ETAGS, etags);
        }
        if let Some(archive) = &archive {
            settings.attributes.clear(ARCHIVE);
            if let Some((to, mode)) = archive {
                settings.attributes.set(ARCHIVE, ARCHIVE_TO, to.clone());
                settings.attributes.set(ARCHIVE, ARCHIVE_MODE, *mode);
            }
        }
        enable_versions(settings, versions)?;
        if let Some(bytes) = bytes {
            settings.quota_bytes = bytes;
        }
        if let Some(objects) = objects {
            settings.quota_objects = objects;
        }
        if let Some(readers) = readers.clone().filter(|_| owns) {
            settings.readers = Some(readers);
        }
        if let Some(writers) = writers.clone().filter(|_| owns) {
            settings.writers = Some(writers);
        }
        Ok(())
    }))
}
