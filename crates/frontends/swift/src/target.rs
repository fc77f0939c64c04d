//! What a path addresses: an account, a container in it, an object in that.
//!
//! Promises: names are decoded once and then opaque: `a/../b` and `//` are names like any other.

use dolium_store::{AccountName, CONTAINER_NAME_LEN_MAX, ContainerName, ObjectPath, PATH_LEN_MAX};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{Refusal, Result, of_store};

/// What stands as itself in a path: what RFC 3986 leaves unreserved, and the slash.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The prefix of accounts that belong to users.
pub(crate) const ACCOUNT_PREFIX: &str = "AUTH_";

/// A text as it stands in a URL.
pub(crate) fn quote(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A text from a URL or a header: decoded, and text.
pub(crate) fn unquote(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(bad_text()),
    }
}

pub(crate) fn bad_text() -> Refusal {
    let text = "Invalid UTF8 or contains NULL";
    Refusal::text(StatusCode::PRECONDITION_FAILED, text)
}

/// What a request addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The account as the path spells it, with its prefix.
    pub(crate) account: String,
    /// The container.
    pub(crate) container: Option<String>,
    /// The object.
    pub(crate) object: Option<String>,
}

impl Target {
    /// Parses the part of a path behind its version, which begins with a slash or is empty.
    pub(crate) fn parse(rest: &str) -> Result<Self> {
        let Some(rest) = rest.strip_prefix('/').filter(|rest| !rest.is_empty()) else {
            return Err(Refusal::text(StatusCode::PRECONDITION_FAILED, "Bad URL"));
        };
        let decoded = unquote(rest)?;
        let mut parts = decoded.splitn(3, '/');
        let account = parts.next().unwrap_or_default().to_owned();
        let container = parts.next().map(str::to_owned);
        let object = parts.next().map(str::to_owned);
        let container_is_empty = container.as_deref() == Some("");
        if account.is_empty() || (container_is_empty && object.is_some()) {
            return Err(Refusal::of(StatusCode::NOT_FOUND));
        }
        Ok(Self {
            account,
            container: container.filter(|name| !name.is_empty()),
            object: object.filter(|name| !name.is_empty()),
        })
    }

    /// The account's name in the catalog.
    pub(crate) fn account_name(&self) -> Result<AccountName> {
        account_name(&self.account)
    }

    /// The container's name in the catalog.
    pub(crate) fn container_name(&self) -> Result<ContainerName> {
        let container = self.container.as_deref().unwrap_or_default();
        container_name(self.account_name()?, container)
    }

    /// The object's path in the catalog.
    pub(crate) fn object_path(&self) -> Result<ObjectPath> {
        object_path(self.object.as_deref().unwrap_or_default())
    }

    /// Whether the catalog could have such an account: its name has one of the prefixes.
    pub(crate) fn has_prefix(&self) -> bool {
        self.account.starts_with(ACCOUNT_PREFIX)
            || self.account.starts_with(dolium_store::SERVICE_PREFIX)
    }
}

/// The name in the catalog of an account as paths spell it.
pub(crate) fn account_name(spelt: &str) -> Result<AccountName> {
    let name = spelt.strip_prefix(ACCOUNT_PREFIX).unwrap_or(spelt);
    AccountName::new(name).map_err(|_| Refusal::of(StatusCode::NOT_FOUND))
}

fn too_long(text: String) -> Refusal {
    let kind = HeaderValue::from_static("text/html; charset=UTF-8");
    Refusal::bad(text).with(CONTENT_TYPE, kind)
}

/// A container of an account.
pub(crate) fn container_name(account: AccountName, name: &str) -> Result<ContainerName> {
    if name.len() > CONTAINER_NAME_LEN_MAX {
        let len = name.len();
        let text = format!("Container name length of {len} longer than {CONTAINER_NAME_LEN_MAX}");
        return Err(too_long(text));
    }
    ContainerName::in_account(account, name).map_err(of_store)
}

/// A path of an object.
pub(crate) fn object_path(path: &str) -> Result<ObjectPath> {
    if path.len() > PATH_LEN_MAX {
        let text = format!(
            "Object name length of {} longer than {PATH_LEN_MAX}",
            path.len()
        );
        return Err(too_long(text));
    }
    ObjectPath::new(path).map_err(of_store)
}

/// The container and object that a header names: `[/]container/object`, encoded.
pub(crate) fn object_in_header(text: &str) -> Option<(String, String)> {
    object_in_path(&unquote(text).ok()?)
}

/// The container and object of `[/]container/object`, as it is.
pub(crate) fn object_in_path(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix('/').unwrap_or(text);
    let (container, object) = rest.split_once('/')?;
    (!container.is_empty() && !object.is_empty()).then(|| (container.to_owned(), object.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let parse = |path: &str| {
            let target = Target::parse(path).ok()?;
            Some((target.account, target.container, target.object))
        };
        let some = |text: &str| Some(text.to_owned());
        let found = |a: &str, c, o| Some((a.to_owned(), c, o));
        assert_eq!(parse("/AUTH_a"), found("AUTH_a", None, None));
        assert_eq!(parse("/a/"), found("a", None, None));
        assert_eq!(parse("/a/c/"), found("a", some("c"), None));
        assert_eq!(
            parse("/a/c//o/../p"),
            found("a", some("c"), some("/o/../p"))
        );
        assert_eq!(parse("/a/%63%2Fo%25"), found("a", some("c"), some("o%")));
        for bad in ["", "/", "//c/o", "/a//o", "/a/%ff", "/a/%00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers() {
        let found = |text| object_in_header(text).map(|(c, o)| format!("{c}|{o}"));
        assert_eq!(found("/c/o%20p/q").as_deref(), Some("c|o p/q"));
        assert_eq!(found("c/o").as_deref(), Some("c|o"));
        for bad in ["", "c", "/c", "//o", "c/"] {
            assert_eq!(found(bad), None, "{bad}");
        }
    }
}
