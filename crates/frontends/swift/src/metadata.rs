//! User metadata: what clients write under `X-Account-Meta-`, `X-Container-Meta-` and `X-Object-Meta-`.
//!
//! It lies in namespace `user`, by the name in lower case without the prefix, where other protocols find
//! that of objects. Values of objects need not be text: those that are not lie in namespace `swift` too,
//! under `raw/<name>`, in base64.
//!
//! Promises: limits hold for what is stored, not only for what one request says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dolium_store::{Attributes, Error, ErrorKind, Reason};
use http::HeaderMap;

use crate::answer::set;
use crate::error::{Refusal, Result, of_store};

/// The namespace of user metadata.
pub(crate) const USER: &str = "user";
/// The namespace of what only this front end understands.
pub(crate) const SWIFT: &str = "swift";

/// The longest name, without its prefix.
pub(crate) const NAME_LEN_MAX: usize = 128;
/// The longest value.
pub(crate) const VALUE_LEN_MAX: usize = 256;
/// The most items.
pub(crate) const COUNT_MAX: usize = 90;
/// The most bytes of all names and values.
pub(crate) const SIZE_MAX: usize = 4096;
/// The longest value of any header.
pub(crate) const HEADER_LEN_MAX: usize = 8192;

/// What metadata belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Account,
    Container,
    Object,
}

impl Owner {
    /// What the names of its headers begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Account => "x-account-meta-",
            Self::Container => "x-container-meta-",
            Self::Object => "x-object-meta-",
        }
    }

    fn removal_prefix(self) -> &'static str {
        match self {
            Self::Account => "x-remove-account-meta-",
            Self::Container => "x-remove-container-meta-",
            Self::Object => "x-remove-object-meta-",
        }
    }
}

/// Metadata of one request: each name with its bytes; no bytes remove the item.
pub(crate) type Items = Vec<(String, Vec<u8>)>;

/// The metadata in the headers of a request.
pub(crate) fn of_headers(headers: &HeaderMap, owner: Owner) -> Result<Items> {
    for (name, value) in headers {
        if value.len() > HEADER_LEN_MAX {
            let name = name.as_str();
            return Err(Refusal::bad(format!(
                "Header value too long: {}",
                &name[..name.len().min(NAME_LEN_MAX)]
            )));
        }
    }
    let mut items = Items::new();
    for (name, value) in headers {
        let name = name.as_str();
        if let Some(name) = name.strip_prefix(owner.prefix()) {
            let value = value.as_bytes();
            if owner != Owner::Object && std::str::from_utf8(value).is_err() {
                return Err(Refusal::bad("Metadata must be valid UTF-8"));
            }
            items.push((name.to_owned(), value.to_vec()));
        } else if let Some(name) = name.strip_prefix(owner.removal_prefix())
            && owner != Owner::Object
            && !value.is_empty()
        {
            items.push((name.to_owned(), Vec::new()));
        }
    }
    let sizes = items
        .iter()
        .map(|(name, value)| (name.as_str(), value.len()));
    check(sizes).map_err(of_store)?;
    Ok(items)
}

/// Checks names and lengths against the limits.
fn check<'a>(items: impl Iterator<Item = (&'a str, usize)>) -> dolium_store::Result<()> {
    let refuse = |text: String| {
        let reason = Reason::MetadataTooLarge;
        Err(Error::because(ErrorKind::Invalid, reason, text))
    };
    let (mut count, mut size) = (0, 0);
    for (name, len) in items {
        if name.is_empty() {
            return refuse("Metadata name cannot be empty".to_owned());
        }
        if name.len() > NAME_LEN_MAX {
            return refuse(format!("Metadata name too long: {name}"));
        }
        if len > VALUE_LEN_MAX {
            return refuse(format!(
                "Metadata value longer than {VALUE_LEN_MAX}: {name}"
            ));
        }
        count += 1;
        size += name.len() + len;
    }
    if count > COUNT_MAX {
        return refuse(format!("Too many metadata items; max {COUNT_MAX}"));
    }
    if size > SIZE_MAX {
        return refuse(format!("Total metadata too large; max {SIZE_MAX}"));
    }
    Ok(())
}

/// Merges items into what an account or a container has. What only shrinks is always allowed.
pub(crate) fn merge(attributes: &mut Attributes, items: &Items) -> dolium_store::Result<()> {
    let mut grows = false;
    for (name, value) in items {
        if value.is_empty() {
            attributes.remove(USER, name);
        } else {
            grows = true;
            attributes.set(USER, name.clone(), String::from_utf8_lossy(value));
        }
    }
    if grows {
        check(
            attributes
                .namespace(USER)
                .map(|(name, value)| (name, value.len())),
        )?;
    }
    Ok(())
}

/// Keeps a value that need not be text.
pub(crate) fn keep(attributes: &mut Attributes, namespace: &str, name: &str, value: &[u8]) {
    attributes.set(namespace, name, String::from_utf8_lossy(value));
    let raw = format!("raw/{namespace}/{name}");
    match std::str::from_utf8(value) {
        Ok(_) => attributes.remove(SWIFT, &raw),
        Err(_) => attributes.set(SWIFT, raw, STANDARD.encode(value)),
    }
}

/// A value as it was kept.
pub(crate) fn kept(attributes: &Attributes, namespace: &str, name: &str) -> Option<Vec<u8>> {
    let text = attributes.get(namespace, name)?;
    let raw = attributes.get(SWIFT, &format!("raw/{namespace}/{name}"));
    let raw = raw.and_then(|raw| STANDARD.decode(raw).ok());
    // Another protocol may have changed the text: then the bytes are not those of it any more.
    let raw = raw.filter(|raw| String::from_utf8_lossy(raw) == text);
    Some(raw.unwrap_or_else(|| text.as_bytes().to_vec()))
}

/// Removes all user metadata.
pub(crate) fn clear(attributes: &mut Attributes, namespace: &str) {
    let names: Vec<String> = attributes
        .namespace(namespace)
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in names {
        attributes.remove(SWIFT, &format!("raw/{namespace}/{name}"));
    }
    attributes.clear(namespace);
}

/// Writes user metadata as headers.
pub(crate) fn write(attributes: &Attributes, owner: Owner, headers: &mut HeaderMap) {
    for (name, _) in attributes.namespace(USER) {
        if let Some(value) = kept(attributes, USER, name) {
            set(headers, &format!("{}{name}", owner.prefix()), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            set(&mut headers, name, value);
        }
        headers
    }

    #[test]
    fn limits() {
        let of = |name: &str, value: &[u8]| of_headers(&headers(&[(name, value)]), Owner::Object);
        let name = |len: usize| format!("x-object-meta-{}", "k".repeat(len));
        assert!(of(&name(128), b"v").is_ok());
        assert!(of(&name(129), b"v").is_err());
        assert!(of(&name(0), b"v").is_err());
        assert!(of("x-object-meta-k", &[b'v'; 256]).is_ok());
        assert!(of("x-object-meta-k", &[b'v'; 257]).is_err());
        assert!(of("other", &[b'v'; 8193]).is_err());
        assert!(of("x-object-meta-k", b"\xff").is_ok());
        let account = headers(&[("x-account-meta-k", b"\xff")]);
        assert!(of_headers(&account, Owner::Account).is_err());
    }

    #[test]
    fn merging() {
        let mut attributes = Attributes::default();
        let item = |n: usize| (format!("k{n}"), b"v".to_vec());
        assert!(merge(&mut attributes, &(0..90).map(item).collect()).is_ok());
        assert!(merge(&mut attributes.clone(), &vec![item(90)]).is_err());
        let removal = vec![("k1".to_owned(), Vec::new())];
        assert!(merge(&mut attributes, &removal).is_ok());
        assert_eq!(attributes.namespace(USER).count(), 89);
    }

    #[test]
    fn bytes_come_back() {
        let mut attributes = Attributes::default();
        keep(&mut attributes, USER, "k", b"a\xffb");
        assert_eq!(
            kept(&attributes, USER, "k").as_deref(),
            Some(&b"a\xffb"[..])
        );
        attributes.set(USER, "k", "other");
        assert_eq!(kept(&attributes, USER, "k").as_deref(), Some(&b"other"[..]));
        clear(&mut attributes, USER);
        assert_eq!(attributes, Attributes::default());
    }
}
