//! Links: objects that stand for another one, perhaps of another account.
//!
//! A link is an empty object that names its target in namespace `swift`. A static link also names the tag
//! that the target must have. Who reads a link reads the target, with the caller's own rights.

use dolium_store::{
    AccountName, Caller, Description, Error, ErrorKind, Opened, SERVICE_PREFIX, Source, Store,
    Version,
};
use http::{HeaderMap, StatusCode};

use super::{Call, source};
use crate::answer::set;
use crate::condition::unquoted;
use crate::error::{Refusal, Result, of_store};
use crate::metadata::SWIFT;
use crate::target::{
    ACCOUNT_PREFIX, account_name, container_name, object_in_header, object_path, quote, unquote,
};

/// How many links may lead to each other.
pub(crate) const LINKS_MAX: usize = 2;

const TARGET: &str = "symlink-target";
const ACCOUNT: &str = "symlink-account";
const ETAG: &str = "symlink-etag";
const BYTES: &str = "symlink-bytes";
const SLO_ETAG: &str = "symlink-slo-etag";
/// What a link itself is, when nobody says.
const LINK_TYPE: &str = "application/symlink";

/// Where a link leads.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The account, as paths spell it.
    account: String,
    /// Container and object.
    target: (String, String),
    etag: Option<String>,
}

impl Link {
    /// The link that a version of this account is.
    pub(super) fn of(version: &Version, account: Option<&AccountName>) -> Option<Self> {
        let attributes = &version.attributes;
        let target = object_in_header(attributes.get(SWIFT, TARGET)?)?;
        let account = match attributes.get(SWIFT, ACCOUNT) {
            Some(account) => account.to_owned(),
            None => spelt(account?),
        };
        Some(Self {
            account,
            target,
            etag: attributes.get(SWIFT, ETAG).map(str::to_owned),
        })
    }

    /// The path of the target.
    pub(super) fn location(&self) -> String {
        let (container, object) = &self.target;
        quote(&format!("/v1/{}/{container}/{object}", self.account))
    }

    fn source(&self) -> Result<Source> {
        let container = container_name(account_name(&self.account)?, &self.target.0)?;
        Ok(source(container, object_path(&self.target.1)?))
    }
}

/// An account's name as paths spell it.
pub(super) fn spelt(account: &AccountName) -> String {
    let name = account.as_str();
    match name.starts_with(SERVICE_PREFIX) {
        true => name.to_owned(),
        false => format!("{ACCOUNT_PREFIX}{name}"),
    }
}

/// The path of an object; `None` when its account is not known.
pub(super) fn location(source: &Source) -> Option<String> {
    let account = spelt(source.container.account()?);
    let (container, path) = (source.container.as_str(), source.path.as_str());
    Some(quote(&format!("/v1/{account}/{container}/{path}")))
}

/// What is at the end of links.
pub(super) struct Followed {
    pub(super) opened: Opened,
    /// What was opened.
    pub(super) source: Source,
    /// Its path, if a link led there.
    pub(super) location: Option<String>,
}

/// Opens an object, or what links lead to from there.
pub(super) async fn follow(store: &Store, caller: &Caller, first: &Source) -> Result<Followed> {
    let mut source = first.clone();
    let mut location: Option<String> = None;
    let mut wanted: Option<String> = None;
    for _ in 0..=LINKS_MAX {
        let located = |refusal: Refusal| match &location {
            Some(location) => at(refusal, location),
            None => refusal,
        };
        let opened = store.open_object(caller, &source).await;
        let opened = opened.map_err(|error| located(of_store(error)))?;
        let version = opened.version();
        if let Some(wanted) = wanted.filter(|wanted| wanted != etag_of(version)) {
            let text = mismatch(etag_of(version), &wanted);
            return Err(located(Refusal::text(StatusCode::CONFLICT, text)));
        }
        let Some(link) = Link::of(version, source.container.account()) else {
            return Ok(Followed {
                opened,
                source,
                location,
            });
        };
        source = link.source()?;
        location = Some(link.location());
        wanted = link.etag;
    }
    let text = format!("Too many levels of symbolic links, maximum allowed is {LINKS_MAX}");
    Err(Refusal::text(StatusCode::CONFLICT, text))
}

/// The tag that a link to this version names: of a static link, that of its own target.
fn etag_of(version: &Version) -> &str {
    let own = version.attributes.get(SWIFT, ETAG);
    own.unwrap_or(&version.etag)
}

fn at(mut refusal: Refusal, location: &str) -> Refusal {
    set(&mut refusal.headers, "content-location", location);
    refusal
}

fn mismatch(etag: &str, wanted: &str) -> String {
    format!("Object Etag '{etag}' does not match X-Symlink-Target-Etag header '{wanted}'")
}

/// As [`follow`], for parts of large objects.
pub(super) async fn follow_part(
    store: &Store,
    caller: &Caller,
    first: &Source,
) -> dolium_store::Result<Followed> {
    follow(store, caller, first).await.map_err(|refusal| {
        let kind = match refusal.status {
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::FORBIDDEN => ErrorKind::Denied,
            status if status.is_server_error() => ErrorKind::Unavailable,
            _ => ErrorKind::Conflict,
        };
        Error::new(kind, "a part of the object cannot be read")
    })
}

/// Whether a request is about links themselves.
pub(super) fn is_asked(call: &Call) -> bool {
    call.query.get("symlink") == Some("get")
}

/// Makes a link of a new object, if its request says so.
pub(super) async fn of_put(
    store: &Store,
    call: &Call,
    description: &mut Description,
) -> Result<()> {
    let Some(header) = call.header("x-symlink-target") else {
        return Ok(());
    };
    if call.content_length()? != Some(0) {
        return Err(Refusal::bad("Symlink requests require a zero byte body"));
    }
    let form = "X-Symlink-Target header must be of the form <container name>/<object name>";
    let refused = || Refusal::failed(form);
    let target = Some(header).filter(|text| !text.starts_with('/'));
    let target = target.and_then(object_in_header).ok_or_else(refused)?;
    let attributes = &mut description.attributes;
    attributes.set(SWIFT, TARGET, quote(&format!("{}/{}", target.0, target.1)));
    let account = account(call)?;
    if let Some(account) = &account {
        attributes.set(SWIFT, ACCOUNT, account.clone());
    }
    let link = Link {
        account: account.unwrap_or_else(|| call.target.account.clone()),
        target,
        etag: call
            .header("x-symlink-target-etag")
            .map(|tag| unquoted(tag.trim()).to_owned()),
    };
    let own = (
        call.target.container.as_deref(),
        call.target.object.as_deref(),
    );
    let same = own == (Some(&link.target.0), Some(&link.target.1));
    if same && link.account == call.target.account {
        return Err(Refusal::bad("Symlink cannot target itself"));
    }
    let typed = call.headers.contains_key("content-type");
    if !typed {
        description.content_type = LINK_TYPE.to_owned();
    }
    let Some(etag) = link.etag.clone().filter(|etag| !etag.is_empty()) else {
        return Ok(());
    };
    let version = match store
        .head(&call.caller, &link.source()?)
        .await
        .map_err(of_store)
    {
        Ok(version) => version,
        Err(refusal) if refusal.is_not_found() => {
            let text = "X-Symlink-Target does not exist";
            return Err(Refusal::text(StatusCode::CONFLICT, text));
        }
        Err(refusal) => return Err(refusal),
    };
    if etag_of(&version) != etag {
        let text = mismatch(etag_of(&version), &etag);
        return Err(Refusal::text(StatusCode::CONFLICT, text));
    }
    let attributes = &mut description.attributes;
    attributes.set(SWIFT, ETAG, etag);
    let size = super::large::slo::size_of(&version).unwrap_or(version.size);
    attributes.set(SWIFT, BYTES, size.to_string());
    if let Some(etag) = super::large::slo::etag_of(&version) {
        attributes.set(SWIFT, SLO_ETAG, etag);
    }
    if !typed {
        description.content_type = version.content_type;
    }
    Ok(())
}

fn account(call: &Call) -> Result<Option<String>> {
    let Some(account) = call.header("x-symlink-target-account") else {
        return Ok(None);
    };
    let account = unquote(account)?;
    if account.is_empty() || account.contains('/') {
        return Err(Refusal::failed("X-Symlink-Target-Account names no account"));
    }
    Ok(Some(account))
}

/// Leads a copy of a link into another account, if its request says so.
pub(super) fn of_copy(call: &Call, description: &mut Description) -> Result<()> {
    if description.attributes.get(SWIFT, TARGET).is_some()
        && let Some(account) = account(call)?
    {
        description.attributes.set(SWIFT, ACCOUNT, account);
    }
    Ok(())
}

/// Forgets that a description is that of a link.
pub(super) fn forget(description: &mut Description) {
    for key in [TARGET, ACCOUNT, ETAG, BYTES, SLO_ETAG] {
        description.attributes.remove(SWIFT, key);
    }
}

/// What a link says of itself.
pub(super) fn describe(version: &Version, headers: &mut HeaderMap) {
    let attributes = &version.attributes;
    for (key, name) in [
        (TARGET, "x-symlink-target"),
        (ACCOUNT, "x-symlink-target-account"),
        (ETAG, "x-symlink-target-etag"),
        (BYTES, "x-symlink-target-bytes"),
    ] {
        if let Some(value) = attributes.get(SWIFT, key) {
            set(headers, name, value);
        }
    }
}

/// What listings say of a link.
pub(super) fn listed(
    version: &Version,
    account: &AccountName,
) -> Vec<(&'static str, serde_json::Value)> {
    let Some(link) = Link::of(version, Some(account)) else {
        return Vec::new();
    };
    let mut fields = vec![("symlink_path", link.location().into())];
    let attributes = &version.attributes;
    if let Some(etag) = link.etag {
        fields.push(("symlink_etag", etag.into()));
    }
    if let Some(bytes) = attributes
        .get(SWIFT, BYTES)
        .and_then(|text| text.parse::<u64>().ok())
    {
        fields.push(("symlink_bytes", bytes.into()));
    }
    if let Some(etag) = attributes.get(SWIFT, SLO_ETAG) {
        fields.push(("slo_etag", format!("\"{etag}\"").into()));
    }
    fields
}
