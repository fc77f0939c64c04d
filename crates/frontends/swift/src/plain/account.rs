//! Accounts: listed, described, and by who owns all of them made and removed.
//!
//! A storage policy is an array. Quotas of an account are kept by the store, which also says who sets them.

use std::sync::Arc;

use dolium_store::{
    Account, AccountEdit, AccountEntry, AccountGrants, AccountSettings, Error, ErrorKind, QUOTA,
    Reason, Standing,
};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::container::{QUOTED_ETAGS, etags, put_setting};
use super::{Call, METHODS, no_such_method};
use crate::answer::{bare, set};
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::listing;
use crate::listing::entry::Entry;
use crate::listing::format::{self, Format};
use crate::metadata::{self, HEADER_LEN_MAX, Owner};
use crate::service::Front;
use crate::time::{iso, timestamp};

/// The header of what an account grants as a whole.
const GRANTS: &str = "x-account-access-control";
/// Metadata that only owners see.
pub(super) const KEYS: [&str; 2] = ["temp-url-key", "temp-url-key-2"];

/// Answers a request for an account.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::GET | Method::HEAD => read(front, call).await,
        Method::PUT | Method::DELETE if !front.account_management => {
            Err(no_such_method("GET, HEAD, POST, OPTIONS"))
        }
        Method::PUT => put(front, call).await,
        Method::POST => post(front, call).await,
        Method::DELETE => {
            let name = call.target.account_name()?;
            let deleted = front.store.delete_account(&call.caller, &name);
            deleted.await.map_err(of_store)?;
            Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
        }
        _ => Err(no_such_method(METHODS)),
    }
}

async fn read(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.target.account_name()?;
    let account = front
        .store
        .account(&call.caller, &name)
        .await
        .map_err(of_store)?;
    let headers = describe(front, &account);
    let format = Format::of(&call.query, &call.headers)?;
    let by_parameter = call.query.has("format");
    if call.method == Method::HEAD {
        return Ok(format::head(format, by_parameter, headers));
    }
    let request = listing::request(&call.query)?;
    let page = front.store.list_account(&call.caller, &name, request).await;
    let entries: Vec<Entry> = page.map_err(of_store)?.into_iter().map(entry).collect();
    let frame = ("account", call.target.account.as_str(), "container");
    Ok(format::answer(
        format,
        by_parameter,
        headers,
        frame,
        &entries,
    ))
}

fn entry(entry: AccountEntry) -> Entry {
    match entry {
        AccountEntry::Prefix(name) => Entry::Prefix(name),
        AccountEntry::Container(container, array) => {
            let modified = super::container::modified(&container);
            let fields = vec![
                ("count", json!(container.objects)),
                ("bytes", json!(container.version_bytes)),
                ("last_modified", json!(iso(modified))),
                ("storage_policy", json!(array)),
            ];
            Entry::Item(container.name.as_str().to_owned(), fields)
        }
    }
}

fn describe(front: &Front, account: &Account) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let (mut containers, mut objects, mut bytes) = (0, 0, 0);
    for usage in &account.usage {
        containers += usage.containers;
        objects += usage.objects;
        bytes += usage.version_bytes;
    }
    let mut say = |name: &str, value: String| set(&mut headers, name, value);
    say("x-account-container-count", containers.to_string());
    say("x-account-object-count", objects.to_string());
    say("x-account-bytes-used", bytes.to_string());
    say("x-timestamp", timestamp(account.created));
    for usage in &account.usage {
        let begin = format!("x-account-storage-policy-{}", usage.array);
        say(
            &format!("{begin}-container-count"),
            usage.containers.to_string(),
        );
        say(&format!("{begin}-object-count"), usage.objects.to_string());
        say(
            &format!("{begin}-bytes-used"),
            usage.version_bytes.to_string(),
        );
    }
    say("accept-ranges", "bytes".to_owned());
    let settings = &account.settings;
    for quota in Quota::all(front) {
        if let Some(value) = quota.get(settings) {
            say(&quota.header, value);
        }
    }
    let mut shown = settings.attributes.clone();
    if account.standing < Standing::Owner {
        KEYS.iter()
            .for_each(|key| shown.remove(metadata::USER, key));
    } else if !settings.grants.is_empty() {
        set(&mut headers, GRANTS, write_grants(&settings.grants));
    }
    metadata::write(&shown, Owner::Account, &mut headers);
    headers
}

fn write_grants(grants: &AccountGrants) -> String {
    serde_json::to_string(grants).unwrap_or_default()
}

async fn put(front: &Front, call: Call) -> Result<Response<Body>> {
    let edit = edit(front, &call)?;
    let name = call.target.account_name()?;
    let made = front.store.put_account(&call.caller, &name, edit).await;
    let status = match made.map_err(of_store)? {
        true => StatusCode::CREATED,
        false => StatusCode::ACCEPTED,
    };
    Ok(bare(status, HeaderMap::new()))
}

async fn post(front: &Front, call: Call) -> Result<Response<Body>> {
    let edit = edit(front, &call)?;
    let name = call.target.account_name()?;
    let changed = front.store.change_account(&call.caller, &name, edit).await;
    changed.map_err(of_store)?;
    Ok(bare(StatusCode::NO_CONTENT, HeaderMap::new()))
}

/// A quota of an account.
struct Quota {
    header: String,
    /// The key in the store's namespace of quotas; `None` is the one in bytes over all.
    key: Option<String>,
}

impl Quota {
    fn all(front: &Front) -> Vec<Self> {
        let quota = |header: &str, key: Option<String>| Self {
            header: header.to_owned(),
            key,
        };
        let mut all = vec![
            quota("x-account-quota-bytes", None),
            quota("x-account-quota-count", Some("objects".to_owned())),
        ];
        for array in &front.arrays {
            for (word, unit) in [("bytes", "bytes"), ("count", "objects")] {
                let header = format!("x-account-quota-{word}-policy-{array}");
                all.push(quota(&header, Some(format!("{unit}/{array}"))));
            }
        }
        all
    }

    fn get(&self, settings: &AccountSettings) -> Option<String> {
        match &self.key {
            None => settings.quota_bytes.map(|bytes| bytes.to_string()),
            Some(key) => settings.attributes.get(QUOTA, key).map(str::to_owned),
        }
    }

    fn set(&self, settings: &mut AccountSettings, value: Option<u64>) {
        match (&self.key, value) {
            (None, value) => settings.quota_bytes = value,
            (Some(key), Some(value)) => {
                settings
                    .attributes
                    .set(QUOTA, key.clone(), value.to_string());
            }
            (Some(key), None) => settings.attributes.remove(QUOTA, key),
        }
    }

    /// What headers make of it: nothing, its end, or a number.
    fn asked(&self, headers: &HeaderMap) -> Result<Option<Option<u64>>> {
        let removal = self.header.replacen("x-", "x-remove-", 1);
        if headers.get(&removal).is_some_and(|value| !value.is_empty()) {
            return Ok(Some(None));
        }
        let Some(value) = headers.get(&self.header) else {
            return Ok(None);
        };
        if value.is_empty() {
            return Ok(Some(None));
        }
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        let refuse = || Refusal::bad("Invalid bytes quota.");
        number.map(|number| Some(Some(number))).ok_or_else(refuse)
    }
}

/// The name under which old clients know the quota in bytes.
const OLD_QUOTA: &str = "quota-bytes";

/// What a request changes.
fn edit(front: &Front, call: &Call) -> Result<AccountEdit> {
    let mut items = metadata::of_headers(&call.headers, Owner::Account)?;
    let mut quotas = Vec::new();
    for quota in Quota::all(front) {
        if let Some(asked) = quota.asked(&call.headers)? {
            quotas.push((quota, asked));
        }
    }
    if let Some(at) = items.iter().position(|(name, _)| name == OLD_QUOTA) {
        let (_, value) = items.remove(at);
        let value = std::str::from_utf8(&value).unwrap_or("?");
        let number = match value {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| Refusal::bad("Invalid bytes quota."))?,
            ),
        };
        if let Some(quota) = Quota::all(front).into_iter().next() {
            quotas.push((quota, number));
        }
    }
    let grants = grants_of(call)?;
    let etags = etags(call, "x-account-rfc-compliant-etags");
    Ok(Arc::new(move |settings, standing| {
        if !quotas.is_empty() && standing < Standing::Reseller {
            let context = "the quotas of an account are not its owners' to set";
            return Err(Error::new(ErrorKind::Denied, context));
        }
        for (quota, value) in &quotas {
            quota.set(settings, *value);
        }
        metadata::merge(&mut settings.attributes, &items)?;
        if let Some(etags) = &etags {
            put_setting(&mut settings.attributes, QUOTED_ETAGS, etags);
        }
        if let Some(grants) = &grants {
            settings.grants = grants.clone();
        }
        Ok(())
    }))
}

fn grants_of(call: &Call) -> Result<Option<AccountGrants>> {
    let Some(value) = call.headers.get(GRANTS) else {
        return Ok(None);
    };
    if value.is_empty() {
        return Ok(Some(AccountGrants::default()));
    }
    let refuse = |why: String| {
        let text = format!("X-Account-Access-Control invalid: {why}");
        of_store(Error::because(
            ErrorKind::Invalid,
            Reason::BadGrantees,
            text,
        ))
    };
    if value.len() > HEADER_LEN_MAX {
        return Err(refuse("it is too long".to_owned()));
    }
    let parsed = serde_json::from_slice(value.as_bytes());
    parsed.map(Some).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Option<AccountGrants> {
        serde_json::from_slice(bytes).ok()
    }

    #[test]
    fn grants() {
        let some = parse(br#"{"admin": ["a:b"], "read-only": []}"#).unwrap();
        assert_eq!(write_grants(&some), r#"{"admin":["a:b"]}"#);
        for bad in [
            r#"{"owner": []}"#,
            r#"{"admin": "a"}"#,
            r#"{"admin": [1]}"#,
            "[",
            "null",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_grant_what_they_say_or_nothing(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                "(\\{|\\}|\\[|\\]|:|,|\"admin\"|\"read-only\"|\"read-write\"|\"a:b\"){0,20}".prop_map(String::into_bytes),
            ],
        ) {
            if let Some(grants) = parse(&bytes) {
                prop_assert_eq!(parse(write_grants(&grants).as_bytes()), Some(grants));
            }
        }
    }
}
