//! What a path addresses: the top, an account, a container, an object, or a public word.
//!
//! Promises: a path is decoded once and as a whole, so `/a/x%2Fy` is the object `y` of the container `x`;
//! names are then opaque.

use dolium_store::{AccountName, CONTAINER_NAME_LEN_MAX, ContainerName, ObjectPath, PATH_LEN_MAX};
use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::fault::{Fault, Result, of_store};

/// Where accounts begin.
pub(super) const STORAGE: &str = "/pithos/object-store/v1";
/// Where public words are: the second is the one that a Pithos+ server has.
const PUBLIC: [&str; 2] = ["/public/", "/pithos/public/"];

/// What kind of thing a path addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The top.
    Top,
    /// An account and what is in it.
    Storage(Target),
    /// A public word.
    Public(String),
}

/// An account, or what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The account.
    pub(super) account: String,
    /// The container.
    pub(super) container: Option<String>,
    /// The object.
    pub(super) object: Option<String>,
}

/// A text from a path, decoded.
pub(super) fn unquote(text: &str) -> Result<String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(Fault::bad("The path is no text")),
    }
}

/// Parses a path.
pub(super) fn parse(path: &str) -> Result<Level> {
    for begin in PUBLIC {
        if let Some(word) = path.strip_prefix(begin) {
            let word = unquote(word)?;
            return Ok(Level::Public(word.trim_end_matches('/').to_owned()));
        }
    }
    let rest = path
        .strip_prefix(STORAGE)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| Fault::bad("API endpoint not found"))?;
    if rest.is_empty() {
        return Ok(Level::Top);
    }
    let decoded = unquote(rest)?;
    let mut parts = decoded.splitn(3, '/');
    let mut next = || parts.next().map(str::to_owned);
    let (account, container, object) = (next().unwrap_or_default(), next(), next());
    if account.is_empty() || (container.as_deref() == Some("") && object.is_some()) {
        return Err(Fault::of(StatusCode::FORBIDDEN, "Not allowed"));
    }
    let given = |name: Option<String>| name.filter(|name| !name.is_empty());
    Ok(Level::Storage(Target {
        account,
        container: given(container),
        object: given(object),
    }))
}

/// The account of a name. What cannot be one is nobody's.
pub(super) fn account_name(name: &str) -> Result<AccountName> {
    AccountName::new(name).map_err(|_| Fault::of(StatusCode::FORBIDDEN, "Not allowed"))
}

/// A container of an account.
pub(super) fn container_name(account: AccountName, name: &str) -> Result<ContainerName> {
    if name.len() > CONTAINER_NAME_LEN_MAX {
        return Err(Fault::bad("Container name too large."));
    }
    ContainerName::in_account(account, name).map_err(of_store)
}

/// A path of an object.
pub(super) fn object_path(path: &str) -> Result<ObjectPath> {
    if path.len() > PATH_LEN_MAX {
        return Err(Fault::bad("Object name too large."));
    }
    ObjectPath::new(path).map_err(of_store)
}

/// The container and the object that a header names: `/container/object`, decoded already.
pub(super) fn object_in_header(text: &str) -> Result<(String, String)> {
    let parsed = text
        .strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
        .filter(|(container, object)| !container.is_empty() && !object.is_empty());
    let (container, object) = parsed.ok_or_else(|| Fault::bad("Invalid location of an object"))?;
    Ok((container.to_owned(), object.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(path: &str) -> Option<(String, Option<String>, Option<String>)> {
        match parse(&format!("{STORAGE}{path}")).ok()? {
            Level::Storage(target) => Some((target.account, target.container, target.object)),
            _ => None,
        }
    }

    #[test]
    fn paths() {
        let some = |text: &str| Some(text.to_owned());
        let found = |a: &str, c, o| Some((a.to_owned(), c, o));
        assert_eq!(storage("/a"), found("a", None, None));
        assert_eq!(storage("/a/"), found("a", None, None));
        assert_eq!(storage("/a/c/"), found("a", some("c"), None));
        assert_eq!(storage("/a/c/o/"), found("a", some("c"), some("o/")));
        assert_eq!(storage("/a/c//o "), found("a", some("c"), some("/o ")));
        assert_eq!(storage("/a/x%2Fy"), found("a", some("x"), some("y")));
        for bad in ["", "//c/o", "/a//o", "/a/%ff", "/a/%00"] {
            assert_eq!(storage(bad), None, "{bad}");
        }
        assert_eq!(parse("/pithos/object-store/v1/").unwrap(), Level::Top);
        for path in ["/public/abc", "/pithos/public/abc/"] {
            assert_eq!(parse(path).unwrap(), Level::Public("abc".to_owned()));
        }
        assert!(parse("/pithos/other").is_err());
    }

    #[test]
    fn headers() {
        let found = |text| object_in_header(text).ok();
        assert_eq!(found("/c/o/p"), Some(("c".to_owned(), "o/p".to_owned())));
        for bad in ["", "c/o", "/c", "/c/", "//o"] {
            assert_eq!(found(bad), None, "{bad}");
        }
    }
}
