//! Accounts.

use std::sync::Arc;

use dolium_store::{
    Account, AccountEntry, AccountName, Container, ContainerPast, Error, ErrorKind, Instant,
    ListRequest, Standing,
};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::condition::judge_dates;
use super::container::{MODIFIED, policy};
use super::fault::{Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::metadata::{self, Owner};
use super::moment::{date, iso, second, until};
use super::words::say;
use super::{Call, groups, others, reply};
use crate::body::Body;
use crate::metadata::SWIFT;
use crate::service::Front;

/// The most containers that an account has, all of which its last change is looked for in.
const CONTAINERS_MAX: usize = 10_000;

/// Answers a request for an account.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::POST => post(front, call).await,
        _ => read(front, call).await,
    }
}

/// A container with the moment of its last change.
struct Listed {
    container: Container,
    changed: Instant,
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.account()?;
    let account = front.store.account(&call.caller, &name).await;
    let account = match account {
        Ok(account) if account.standing >= Standing::Owner => account,
        Err(error) if error.kind() != ErrorKind::Denied => return Err(of_store(error)),
        _ => return others::account(front, &call).await,
    };
    let format = call.format(Format::Text);
    let all = containers(front, &call, &name).await?;
    let changed = all.iter().map(|listed| listed.changed).max();
    let changed = changed.max(said_at(&account)).unwrap_or(account.created);
    judge_dates(&call.words, changed)?;
    let mut headers = HeaderMap::new();
    say(&mut headers, "last-modified", &date(changed));
    let quota = account.settings.quota_bytes.unwrap_or(0);
    say(&mut headers, "x-account-policy-quota", &quota.to_string());
    let entries = match until(&call.query) {
        None => of_now(&account, all, &mut headers),
        Some(at) => of_then(front, &call, &name, (at, all), &mut headers).await?,
    };
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let entries = others::showing(front, &call, &name, entries).await?;
    let marker = call.query.given("marker").unwrap_or_default();
    let limit = listing::limit(&call.query);
    let page: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| marker.is_empty() || entry.name() > marker)
        .take(limit)
        .collect();
    let frame = ("account", Some(name.as_str()), "container");
    Ok(listing::answer(format, headers, frame, &page))
}

/// All containers of an account, in the order of their names.
async fn containers(front: &Front, call: &Call, name: &AccountName) -> Result<Vec<Listed>> {
    let request = ListRequest {
        limit: CONTAINERS_MAX,
        ..ListRequest::default()
    };
    let page = front.store.list_account(&call.caller, name, request).await;
    let containers: Vec<Container> = page
        .map_err(of_store)?
        .into_iter()
        .filter_map(|entry| match entry {
            AccountEntry::Container(container, _) => Some(*container),
            AccountEntry::Prefix(_) => None,
        })
        .collect();
    let ids = containers.iter().map(|container| container.id).collect();
    let changed = front.store.changed_at(ids).await.map_err(of_store)?;
    let listed = containers.into_iter().zip(changed);
    Ok(listed
        .map(|(container, changed)| Listed {
            changed: super::container::modified(&container).max(changed.unwrap_or_default()),
            container,
        })
        .collect())
}

/// When the account last said something of itself.
fn said_at(account: &Account) -> Option<Instant> {
    let text = account.settings.attributes.get(SWIFT, MODIFIED)?;
    text.parse().ok().map(Instant)
}

fn of_now(account: &Account, all: Vec<Listed>, headers: &mut HeaderMap) -> Vec<Entry> {
    metadata::write(&account.settings.attributes, Owner::Account, headers);
    groups::write(&account.settings.groups, headers);
    let bytes: u64 = all.iter().map(|listed| listed.container.bytes).sum();
    say(headers, "x-account-container-count", &all.len().to_string());
    say(headers, "x-account-bytes-used", &bytes.to_string());
    let owner = account.name.as_str();
    let entry = |listed: Listed| {
        let container = listed.container;
        let fields = vec![
            ("count", json!(container.objects)),
            ("bytes", json!(container.bytes)),
            ("last_modified", json!(iso(listed.changed))),
            ("x_container_policy", policy(&container, owner)),
        ];
        Entry::Item(container.name.as_str().to_owned(), fields)
    };
    all.into_iter().map(entry).collect()
}

async fn of_then(
    front: &Front,
    call: &Call,
    name: &AccountName,
    (at, all): (Instant, Vec<Listed>),
    headers: &mut HeaderMap,
) -> Result<Vec<Entry>> {
    let found = front.store.account_at(&call.caller, name, at).await;
    let (attributes, past) = found.map_err(of_store)?;
    metadata::write(&attributes, Owner::Account, headers);
    let changed = past.values().map(|past| past.changed).max();
    let stamp = changed.map_or(second(at), second);
    say(
        headers,
        "x-account-until-timestamp",
        &date(Instant(stamp * 1_000_000)),
    );
    say(
        headers,
        "x-account-container-count",
        &past.len().to_string(),
    );
    let bytes: Option<u64> = past.values().map(|past| past.bytes).sum();
    if let Some(bytes) = bytes {
        say(headers, "x-account-bytes-used", &bytes.to_string());
    }
    let entry = |listed: Listed| {
        let container = listed.container;
        let past: &ContainerPast = past.get(container.name.as_str())?;
        let fields = vec![
            (
                "count",
                past.objects.map_or(Value::Null, |count| json!(count)),
            ),
            (
                "bytes",
                past.bytes.map_or(Value::Null, |bytes| json!(bytes)),
            ),
            ("last_modified", json!(iso(listed.changed))),
            ("x_container_policy", policy(&container, name.as_str())),
            ("x_container_until_timestamp", json!(iso(past.changed))),
        ];
        Some(Entry::Item(container.name.as_str().to_owned(), fields))
    };
    Ok(all.into_iter().filter_map(entry).collect())
}

async fn post(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.account()?;
    let asked = groups::of(&call.words);
    let items = metadata::items(&call.words, Owner::Account)?;
    let update = call.says("update");
    let now = Instant::now();
    let edit = Arc::new(
        move |settings: &mut dolium_store::AccountSettings, standing| {
            if standing < Standing::Owner {
                return Err(Error::new(
                    ErrorKind::Denied,
                    "only owners describe an account",
                ));
            }
            metadata::change(&mut settings.attributes, &items, update)?;
            groups::change(&mut settings.groups, &asked, update);
            settings.attributes.set(SWIFT, MODIFIED, now.0.to_string());
            Ok(())
        },
    );
    let changed = front.store.change_account(&call.caller, &name, edit).await;
    changed.map_err(of_store)?;
    let format = call.format(Format::Json);
    Ok(reply::empty(StatusCode::ACCEPTED, format, HeaderMap::new()))
}
