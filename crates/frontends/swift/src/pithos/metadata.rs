//! What clients say of accounts, containers and objects, between headers and attributes.
//!
//! User metadata lies in namespace `user` by its name in lower case, where S3 and plain Swift have it too;
//! shown, each word of the name begins with a capital.
//!
//! Promises: limits hold for what is stored, not only for what one request says.

use dolium_store::{Attributes, Error, ErrorKind, Reason};
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::fault::{Fault, Result};
use super::words::{Words, capitalised, say};
use crate::describe::{DLO, HTTP};
use crate::metadata::{SWIFT, USER, keep};
use crate::target::quote;

/// The most metadata headers of a request.
const HEADERS_MAX: usize = 90;
/// The longest name of a metadata header, in characters, with its prefix.
const NAME_LEN_MAX: usize = 128;
/// The longest value, in characters.
const VALUE_LEN_MAX: usize = 256;
/// The most items that one thing has.
const COUNT_MAX: usize = 32;

/// What metadata belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Account,
    Container,
    Object,
}

impl Owner {
    /// What the names of its headers begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Account => "x-account-meta-",
            Self::Container => "x-container-meta-",
            Self::Object => "x-object-meta-",
        }
    }
}

/// Metadata of one request, by names without the prefix; an empty value may remove an item.
pub(super) type Items = Vec<(String, String)>;

/// The metadata of a request.
pub(super) fn items(words: &Words, owner: Owner) -> Result<Items> {
    let prefix = owner.prefix();
    let mut items = Items::new();
    for (name, value) in words.below(prefix) {
        if prefix.len() + name.chars().count() > NAME_LEN_MAX {
            return Err(Fault::bad("Header name too large."));
        }
        if value.chars().count() > VALUE_LEN_MAX {
            return Err(Fault::bad("Header value too large."));
        }
        if name.is_empty() {
            return Err(Fault::bad("Metadata has no name."));
        }
        items.push((name.to_owned(), value.to_owned()));
    }
    if items.len() > HEADERS_MAX {
        return Err(Fault::bad("Too many headers."));
    }
    Ok(items)
}

/// What a request does to the metadata of an account or a container.
pub(super) fn change(
    attributes: &mut Attributes,
    items: &Items,
    update: bool,
) -> dolium_store::Result<()> {
    let before = attributes.namespace(USER).count();
    if !update {
        crate::metadata::clear(attributes, USER);
    }
    for (name, value) in items {
        if value.is_empty() {
            attributes.remove(USER, name);
        } else {
            keep(attributes, USER, name, value.as_bytes());
        }
    }
    check_count(attributes.namespace(USER).count(), before)
}

fn check_count(count: usize, before: usize) -> dolium_store::Result<()> {
    // What another protocol wrote may be more; it may still shrink.
    if count > COUNT_MAX && count > before {
        let context = format!("There may be at most {COUNT_MAX} items of metadata.");
        let reason = Reason::MetadataTooLarge;
        return Err(Error::because(ErrorKind::Invalid, reason, context));
    }
    Ok(())
}

/// Writes user metadata as headers.
pub(super) fn write(attributes: &Attributes, owner: Owner, headers: &mut HeaderMap) {
    for (name, value) in attributes.namespace(USER) {
        say(headers, &format!("{}{name}", owner.prefix()), value);
    }
}

/// The name of an item as it is shown, without its prefix.
pub(super) fn shown(name: &str) -> String {
    capitalised(name)
}

/// What a request says of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    items: Items,
    /// Representation headers, by name.
    http: Items,
    manifest: Option<String>,
    /// Its type, if one is named.
    pub(super) content_type: Option<String>,
}

/// The representation headers that belong to an object.
const KEPT: [&str; 2] = ["content-encoding", "content-disposition"];

impl Said {
    /// Reads the headers of a request.
    pub(super) fn of(words: &Words) -> Result<Self> {
        let mut http = Items::new();
        for name in KEPT {
            if let Some(value) = words.get(name) {
                if value.chars().count() > VALUE_LEN_MAX {
                    return Err(Fault::bad("Header value too large."));
                }
                http.push((name.to_owned(), value.to_owned()));
            }
        }
        let manifest = words.get("x-object-manifest").map(str::to_owned);
        if let Some(manifest) = manifest.as_deref().filter(|value| !value.is_empty()) {
            check_manifest(manifest)?;
        }
        let content_type = words.given("content-type").map(str::to_owned);
        if content_type
            .as_deref()
            .is_some_and(|kind| kind.chars().count() > VALUE_LEN_MAX)
        {
            return Err(Fault::bad("Content-Type too large."));
        }
        Ok(Self {
            items: items(words, Owner::Object)?,
            http,
            manifest,
            content_type,
        })
    }

    /// The attributes of a new object: empty values are values.
    pub(super) fn of_new(&self) -> dolium_store::Result<Attributes> {
        let mut attributes = Attributes::default();
        for (name, value) in &self.items {
            attributes.set(USER, name.clone(), value.clone());
        }
        self.lay_rest(&mut attributes);
        check_count(count(&attributes), 0)?;
        Ok(attributes)
    }

    /// Replaces all that a POST without `update` replaces.
    pub(super) fn replace(&self, attributes: &mut Attributes) -> dolium_store::Result<()> {
        let before = count(attributes);
        crate::metadata::clear(attributes, USER);
        KEPT.iter().for_each(|name| attributes.remove(HTTP, name));
        attributes.remove(SWIFT, DLO);
        for (name, value) in &self.items {
            attributes.set(USER, name.clone(), value.clone());
        }
        self.lay_rest(attributes);
        check_count(count(attributes), before)
    }

    /// Lays what is said over what is there; empty values remove.
    pub(super) fn merge(&self, attributes: &mut Attributes) -> dolium_store::Result<()> {
        let before = count(attributes);
        for (name, value) in &self.items {
            if value.is_empty() {
                attributes.remove(USER, name);
            } else {
                keep(attributes, USER, name, value.as_bytes());
            }
        }
        self.lay_rest(attributes);
        check_count(count(attributes), before)
    }

    fn lay_rest(&self, attributes: &mut Attributes) {
        for (name, value) in &self.http {
            if value.is_empty() {
                attributes.remove(HTTP, name);
            } else {
                keep(attributes, HTTP, name, value.as_bytes());
            }
        }
        match self.manifest.as_deref() {
            None => {}
            Some("") => attributes.remove(SWIFT, DLO),
            Some(manifest) => attributes.set(SWIFT, DLO, quote(manifest)),
        }
    }
}

fn count(attributes: &Attributes) -> usize {
    let kept = KEPT
        .iter()
        .filter(|name| attributes.get(HTTP, name).is_some());
    let manifest = attributes.get(SWIFT, DLO).is_some();
    attributes.namespace(USER).count() + kept.count() + usize::from(manifest)
}

fn check_manifest(value: &str) -> Result<()> {
    let good = value
        .split_once('/')
        .is_some_and(|(container, prefix)| !container.is_empty() && !prefix.is_empty());
    if good {
        Ok(())
    } else {
        Err(Fault::bad("Invalid X-Object-Manifest header"))
    }
}

/// The manifest of an object, decoded.
pub(super) fn manifest(attributes: &Attributes) -> Option<String> {
    let kept = attributes.get(SWIFT, DLO)?;
    Some(percent_decode_str(kept).decode_utf8_lossy().into_owned())
}

/// Writes what is said of an object as headers, but for its disposition.
pub(super) fn write_object(attributes: &Attributes, headers: &mut HeaderMap) {
    write(attributes, Owner::Object, headers);
    if let Some(encoding) = attributes.get(HTTP, "content-encoding") {
        say(headers, "content-encoding", encoding);
    }
    if let Some(manifest) = manifest(attributes) {
        say(headers, "x-object-manifest", &manifest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Result<Said> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            crate::answer::set(&mut headers, name, value);
        }
        Said::of(&Words::of(&headers)?)
    }

    #[test]
    fn limits() {
        let name = |len: usize| format!("x-object-meta-{}", "k".repeat(len));
        assert!(said(&[(&name(114), "v")]).is_ok());
        assert!(said(&[(&name(115), "v")]).is_err());
        assert!(said(&[(&name(1), &"v".repeat(256))]).is_ok());
        assert!(said(&[(&name(1), &"v".repeat(257))]).is_err());
        assert!(said(&[("content-type", &"v".repeat(257))]).is_err());
        assert!(said(&[("x-object-manifest", "c")]).is_err());
        let many: Vec<(String, &str)> = (1..34).map(|n| (name(n), "v")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        assert!(said(&many).unwrap().of_new().is_err());
        assert!(said(&many[1..]).unwrap().of_new().is_ok());
    }

    #[test]
    fn replacing_and_merging() {
        let mut attributes = said(&[
            ("x-object-meta-a", "1"),
            ("x-object-meta-b", ""),
            ("content-encoding", "gzip"),
            ("x-object-manifest", "c/%CE%A0"),
        ])
        .unwrap()
        .of_new()
        .unwrap();
        assert_eq!(attributes.get(USER, "b"), Some(""));
        assert_eq!(manifest(&attributes).as_deref(), Some("c/Π"));
        let update = [("x-object-meta-a", ""), ("content-encoding", "")];
        said(&update).unwrap().merge(&mut attributes).unwrap();
        assert_eq!(attributes.get(USER, "a"), None);
        assert_eq!(attributes.get(HTTP, "content-encoding"), None);
        said(&[]).unwrap().replace(&mut attributes).unwrap();
        assert_eq!(attributes, Attributes::default());
    }
}
