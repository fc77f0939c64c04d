//! Containers: described, listed, made, changed, emptied, purged, removed.

use std::sync::Arc;

use dolium_store::{
    CURRENT_BYTES, Chunking, Container, ContainerEdit, ContainerSettings, ContainerView, Error,
    ErrorKind, Instant, QUOTA, ShownOnly, Standing, Versioning,
};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::condition::judge_dates;
use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::metadata::{self, Owner};
use super::moment::{date, until};
use super::words::{Words, say, whole_number};
use super::{Call, block, changes, listed, others, reply};
use crate::body::Body;
use crate::metadata::SWIFT;
use crate::service::Front;

/// The key, in namespace `swift`, of when settings changed last, in microseconds.
pub(super) const MODIFIED: &str = "modified";
/// The namespace of what only this dialect understands.
pub(super) const PITHOS: &str = "pithos";
/// Its key for the source of a container's quota.
const PROJECT: &str = "project";
/// The header of the length of blocks, also of a container to be made.
const BLOCK_SIZE: &str = "x-container-block-size";
/// The most objects that a listing of an earlier moment counts for its headers.
const COUNTED_IN_LISTINGS: u64 = 1000;
/// What policies begin with.
const POLICY: &str = "x-container-policy-";

/// Answers a request for a container.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET if call.says("changes") => changes::answer(front, call).await,
        Method::GET | Method::HEAD if call.says("block") => block::read(front, call).await,
        Method::GET | Method::HEAD => read(front, call).await,
        Method::PUT => put(front, call).await,
        Method::POST if call.says("restore") => changes::restore(front, call).await,
        Method::POST => post(front, call).await,
        _ => delete(front, call).await,
    }
}

/// When a container's settings changed last.
pub(super) fn modified(container: &Container) -> Instant {
    let text = container.attributes.get(SWIFT, MODIFIED);
    let at = text.and_then(|text| text.parse().ok()).map(Instant);
    at.unwrap_or(container.created)
}

fn quota_of(container: &Container) -> &str {
    container
        .attributes
        .get(QUOTA, CURRENT_BYTES)
        .unwrap_or("0")
}

fn versioning_of(container: &Container) -> &'static str {
    match container.versioning {
        Versioning::On => "auto",
        Versioning::Off | Versioning::Suspended => "none",
    }
}

fn project_of<'a>(container: &'a Container, account: &'a str) -> &'a str {
    container.attributes.get(PITHOS, PROJECT).unwrap_or(account)
}

/// The policy of a container as listings show it.
pub(super) fn policy(container: &Container, account: &str) -> Value {
    json!({
        "quota": quota_of(container),
        "versioning": versioning_of(container),
        "project": project_of(container, account),
    })
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let view = front.store.view_container(&call.caller, &name).await;
    let view = match view {
        Ok(view) => view,
        Err(error) if error.kind() != ErrorKind::Denied => return Err(of_store(error)),
        Err(_) => return others::container(front, &call).await,
    };
    let format = call.format(Format::Text);
    let changed = front.store.changed_at(vec![view.container.id]).await;
    let changed = changed.map_err(of_store)?.into_iter().flatten().next();
    let changed = modified(&view.container).max(changed.unwrap_or_default());
    let mut headers = HeaderMap::new();
    describe(front, &call, &view, &mut headers).await?;
    say(&mut headers, "last-modified", &date(changed));
    judge_dates(&call.words, changed)?;
    if call.method == Method::HEAD {
        return Ok(reply::empty(StatusCode::NO_CONTENT, format, headers));
    }
    let request = listed::request(&call.query);
    let only = others::only(&call);
    let page = match only == ShownOnly::default() {
        true => front.store.browse(&call.caller, &name, request).await,
        false => {
            front
                .store
                .list_shown(&call.caller, &name, request, only)
                .await
        }
    };
    let page = page.map_err(of_store)?;
    listed::answer(front, &call, headers, view.container.id, page).await
}

async fn describe(
    front: &Front,
    call: &Call,
    view: &ContainerView,
    headers: &mut HeaderMap,
) -> Result<()> {
    let (name, container) = (call.container()?, &view.container);
    let at = until(&call.query);
    say(headers, BLOCK_SIZE, &view.block_len.to_string());
    say(headers, "x-container-block-hash", "sha256");
    let names = front.store.names_of_metadata(&call.caller, &name, at);
    let names: Vec<String> = names.await.map_err(of_store)?;
    let mut names: Vec<String> = names.iter().map(|name| metadata::shown(name)).collect();
    names.sort();
    say(headers, "x-container-object-meta", &names.join(","));
    if view.standing < Standing::Owner {
        return Ok(());
    }
    let account = &call.target.account;
    say(headers, "x-container-policy-quota", quota_of(container));
    say(
        headers,
        "x-container-policy-versioning",
        versioning_of(container),
    );
    say(
        headers,
        "x-container-policy-project",
        project_of(container, account),
    );
    // A listing costs what it shows, and not what it would take to count what it does not.
    let counted = if call.method == Method::HEAD {
        u64::MAX
    } else {
        COUNTED_IN_LISTINGS
    };
    let Some(at) = at else {
        metadata::write(&container.attributes, Owner::Container, headers);
        say(
            headers,
            "x-container-object-count",
            &container.objects.to_string(),
        );
        say(
            headers,
            "x-container-bytes-used",
            &container.bytes.to_string(),
        );
        return Ok(());
    };
    let past = front
        .store
        .container_at(&call.caller, &name, at, counted)
        .await;
    let past = past.map_err(of_store)?;
    metadata::write(&past.attributes, Owner::Container, headers);
    let counts = [
        ("x-container-object-count", past.objects),
        ("x-container-bytes-used", past.bytes),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            say(headers, name, &count.to_string());
        }
    }
    say(headers, "x-container-until-timestamp", &date(past.changed));
    Ok(())
}

/// What a request says of a policy.
#[derive(Clone, Debug, Default)]
struct Policy {
    /// `Some(None)` is the default.
    quota: Option<Option<u64>>,
    versioning: Option<Option<bool>>,
    project: Option<Option<String>>,
}

impl Policy {
    fn of(words: &Words) -> Result<Self> {
        let mut policy = Self::default();
        for (key, value) in words.below(POLICY) {
            let value = Some(value.trim()).filter(|value| !value.is_empty());
            let bad = || Fault::bad("Bad policy header");
            match key {
                "quota" => {
                    let number = value.map(|value| whole_number(value).ok_or_else(bad));
                    policy.quota = Some(number.transpose()?.filter(|quota| *quota > 0));
                }
                "versioning" => {
                    policy.versioning = Some(match value {
                        None => None,
                        Some("auto") => Some(true),
                        Some("none") => Some(false),
                        Some(_) => return Err(bad()),
                    });
                }
                "project" => policy.project = Some(value.map(str::to_owned)),
                _ => return Err(bad()),
            }
        }
        Ok(policy)
    }

    fn is_said(&self) -> bool {
        self.quota.is_some() || self.versioning.is_some() || self.project.is_some()
    }

    /// With the defaults for whatever is not said.
    fn complete(self) -> Self {
        Self {
            quota: self.quota.or(Some(None)),
            versioning: self.versioning.or(Some(None)),
            project: self.project.or(Some(None)),
        }
    }

    fn lay(&self, settings: &mut ContainerSettings) {
        let attributes = &mut settings.attributes;
        match self.quota {
            None => {}
            Some(None) => attributes.remove(QUOTA, CURRENT_BYTES),
            Some(Some(quota)) => {
                let quota = quota.min(i64::MAX as u64);
                attributes.set(QUOTA, CURRENT_BYTES, quota.to_string());
            }
        }
        match &self.project {
            None => {}
            Some(None) => attributes.remove(PITHOS, PROJECT),
            Some(Some(project)) => attributes.set(PITHOS, PROJECT, project.clone()),
        }
        if let Some(on) = self.versioning {
            settings.versioning = match (on.unwrap_or(true), settings.versioning) {
                (true, _) => Versioning::On,
                (false, Versioning::Off) => Versioning::Off,
                // What was kept while it was on stays until it is purged.
                (false, _) => Versioning::Suspended,
            };
        }
    }
}

/// What a request changes.
fn edit(words: &Words, update: bool, is_new: bool) -> Result<ContainerEdit> {
    let items = metadata::items(words, Owner::Container)?;
    let said = Policy::of(words)?;
    let policy = match is_new || (!update && said.is_said()) {
        true => said.complete(),
        false => said,
    };
    let now = Instant::now();
    Ok(Arc::new(move |settings, standing| {
        if standing < Standing::Owner {
            let context = "only owners make and change containers";
            return Err(Error::new(ErrorKind::Denied, context));
        }
        metadata::change(&mut settings.attributes, &items, update)?;
        policy.lay(settings);
        settings.attributes.set(SWIFT, MODIFIED, now.0.to_string());
        Ok(())
    }))
}

async fn put(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let chunking = match call.words.given(BLOCK_SIZE) {
        None => front.pithos_chunking,
        Some(len) => {
            let len = whole_number(len).and_then(|len| u32::try_from(len).ok());
            let chunking = len.and_then(|len| Chunking::fixed(len).ok());
            chunking.ok_or_else(|| Fault::bad("Bad X-Container-Block-Size header"))?
        }
    };
    let there = front.store.peek_container(&call.caller, &name).await;
    let is_new = there.map_err(of_store)?.is_none();
    let edit = edit(&call.words, true, is_new)?;
    let made = front
        .store
        .put_container_cut(&call.caller, &name, None, chunking, edit);
    let status = match made.await.map_err(of_store)? {
        true => StatusCode::CREATED,
        false => StatusCode::ACCEPTED,
    };
    let format = call.format(Format::Json);
    Ok(reply::empty(status, format, HeaderMap::new()))
}

async fn post(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let update = call.says("update");
    let edit = edit(&call.words, update, false)?;
    let format = call.format(Format::Json);
    let says_nothing = update
        && call.words.below(Owner::Container.prefix()).next().is_none()
        && call.words.below(POLICY).next().is_none();
    let uploads = block::is_upload(&call);
    if !(uploads && says_nothing) {
        let changed = front
            .store
            .change_container(&call.caller, &name, edit)
            .await;
        changed.map_err(of_store)?;
    }
    if uploads {
        return block::upload(front, call).await;
    }
    Ok(reply::empty(StatusCode::ACCEPTED, format, HeaderMap::new()))
}

async fn delete(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let (store, caller) = (&front.store, &call.caller);
    let done = if let Some(at) = until(&call.query) {
        store.purge_container(caller, &name, at).await
    } else if call.query.given("delimiter").is_some() {
        store.empty_container(caller, &name).await
    } else {
        store.delete_container_with_history(caller, &name).await
    };
    done.map_err(of_store)?;
    let format = call.format(Format::Json);
    Ok(reply::empty(
        StatusCode::NO_CONTENT,
        format,
        HeaderMap::new(),
    ))
}
