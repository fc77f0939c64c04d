//! What is shared, between headers and the store: `X-Object-Sharing` and `X-Object-Public` in, those and
//! what a reader is told out.
//!
//! Does not: decide who may (the store does), or whom a name means.

use dolium_store::access::Sharing;
use dolium_store::{ContainerName, ObjectPath, PathSharing, ShareEdit, Version};
use http::HeaderMap;
use serde_json::json;

use super::Call;
use super::fault::{Fault, Result, of_store};
use super::listing::Entry;
use super::words::{Words, say};
use crate::service::Front;

/// What a request says is to be shared.
pub(super) fn edit(words: &Words) -> Result<ShareEdit> {
    let sharing = words
        .get("x-object-sharing")
        .map(Sharing::parse)
        .transpose();
    let sharing = sharing.map_err(|error| Fault::bad(error.to_string()))?;
    let public = match words.get("x-object-public") {
        None => None,
        Some(text) if text.is_empty() || text.eq_ignore_ascii_case("false") => Some(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Some(_) => return Err(Fault::bad("Bad X-Object-Public header value")),
    };
    Ok(ShareEdit { sharing, public })
}

/// The address of a public link.
fn address(base: &str, word: &str) -> String {
    format!("{base}/public/{word}")
}

/// Tells in headers how an object is shared; the caller reads it.
pub(super) async fn tell(
    front: &Front,
    call: &Call,
    (container, path): (&ContainerName, &ObjectPath),
    headers: &mut HeaderMap,
) -> Result<()> {
    let told = front.store.sharing_of(&call.caller, container, path).await;
    let told = told.map_err(of_store)?;
    if let Some(sharing) = told.sharing.filter(|sharing| !sharing.is_empty()) {
        say(headers, "x-object-sharing", &sharing.to_string());
        if let Some(by) = told.shared_by {
            let (account, container) = (call.account()?, container.as_str());
            let by = format!("{account}/{container}/{by}");
            say(headers, "x-object-shared-by", &by);
        }
    }
    if let Some(allowed) = told.allowed {
        say(headers, "x-object-allowed-to", allowed.name());
    }
    if let Some(word) = told.link {
        say(headers, "x-object-public", &address(&call.base, &word));
    }
    Ok(())
}

/// Adds to the entries of a listing how they are shared by themselves.
pub(super) async fn tell_entries(
    front: &Front,
    call: &Call,
    container: &ContainerName,
    entries: &mut [Entry],
) -> Result<()> {
    let names = entries.iter().filter_map(|entry| match entry {
        Entry::Item(name, _) => Some(name.clone()),
        Entry::Subdir(_) => None,
    });
    let names: Vec<String> = names.collect();
    let told = front
        .store
        .sharing_of_all(&call.caller, container, names)
        .await;
    let mut told = told.map_err(of_store)?.into_iter();
    for entry in entries {
        if let Entry::Item(_, fields) = entry
            && let Some(Some(one)) = told.next()
        {
            fields.extend(fields_of(&call.base, one));
        }
    }
    Ok(())
}

fn fields_of(base: &str, told: PathSharing) -> Vec<(&'static str, serde_json::Value)> {
    let mut fields = Vec::new();
    if let Some(sharing) = told.sharing {
        fields.push(("x_object_sharing", json!(sharing.to_string())));
    }
    if let Some(allowed) = told.allowed {
        fields.push(("x_object_allowed_to", json!(allowed.name())));
    }
    if let Some(word) = told.link {
        fields.push(("x_object_public", json!(address(base, &word))));
    }
    fields
}

/// The distinct names of metadata of some objects.
pub(super) fn names_of_metadata<'v>(versions: impl Iterator<Item = &'v Version>) -> Vec<String> {
    let names = versions.flat_map(|version| version.attributes.namespace(crate::metadata::USER));
    let mut names: Vec<String> = names
        .map(|(name, _)| super::metadata::shown(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(name: &str, value: &str) -> Result<ShareEdit> {
        let mut headers = HeaderMap::new();
        crate::answer::set(&mut headers, name, value);
        edit(&Words::of(&headers)?)
    }

    #[test]
    fn words_of_requests() {
        let public = |text| said("x-object-public", text).ok().map(|edit| edit.public);
        for (text, is) in [
            ("True", Some(true)),
            ("true", Some(true)),
            ("FALSE", Some(false)),
            ("", Some(false)),
        ] {
            assert_eq!(public(text), Some(is), "{text}");
        }
        assert_eq!(public("yes"), None);
        let sharing = |text| {
            let edit = said("x-object-sharing", text).ok()?;
            edit.sharing.map(|sharing| sharing.to_string())
        };
        assert_eq!(sharing("read=b,%CE%A0").as_deref(), Some("read=b,Π"));
        assert_eq!(sharing("").as_deref(), Some(""));
        assert_eq!(sharing("READ=a"), None);
        assert_eq!(said("x-other", "").unwrap(), ShareEdit::default());
        let bad = said("x-object-sharing", "read=").unwrap_err();
        assert_eq!(bad.status.as_u16(), 400);
    }

    proptest! {
        #[test]
        fn hostile_headers_are_faults(value in "[ -~]{0,60}") {
            for name in ["x-object-sharing", "x-object-public"] {
                if let Err(fault) = said(name, &value) {
                    prop_assert_eq!(fault.status.as_u16(), 400);
                }
            }
        }
    }
}
