//! Names that reach the store, parsed once at the edge.

use std::fmt;
use std::sync::Arc;

use crate::{Error, ErrorKind, Reason, Result};

/// The longest object path, in bytes (S3's and Swift's limit).
pub const PATH_LEN_MAX: usize = 1024;
/// The longest container name, in bytes (Swift's limit; S3 front ends narrow it).
pub const CONTAINER_NAME_LEN_MAX: usize = 256;

/// The longest account name, in bytes (Swift's limit).
pub const ACCOUNT_NAME_LEN_MAX: usize = 256;

/// An account's name: 1 to 256 bytes of UTF-8 without `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Parses a name.
    pub fn new(name: &str) -> Result<Self> {
        if name.is_empty() || name.len() > ACCOUNT_NAME_LEN_MAX || name.contains('/') {
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadName,
                "an account name is 1 to 256 bytes without '/'",
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A container's name: 1 to 256 bytes of UTF-8 without `/` and, among all containers, without control
/// characters.
///
/// A name by itself is one among all containers, as S3 has them: not every container has such a name. A
/// name with an account is one among the containers of that account, as Swift has them: every
/// container has one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerName {
    name: String,
    account: Option<AccountName>,
}

impl ContainerName {
    /// Parses a name among the containers of an account.
    pub fn in_account(account: AccountName, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > CONTAINER_NAME_LEN_MAX || name.contains('/') {
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadName,
                "a container name is 1 to 256 bytes without '/'",
            ));
        }
        let account = Some(account);
        Ok(Self { name, account })
    }

    /// Parses a name among all containers.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let bad = name.is_empty()
            || name.len() > CONTAINER_NAME_LEN_MAX
            || name.chars().any(|c| c == '/' || c.is_control());
        if bad {
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadName,
                "a container name is 1 to 256 bytes without '/' and control characters",
            ));
        }
        let account = None;
        Ok(Self { name, account })
    }

    /// The name of a container as the catalog has it, however that came about.
    pub(crate) fn of_catalog(name: String) -> Self {
        let account = None;
        Self { name, account }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The account whose containers the name is among.
    pub fn account(&self) -> Option<&AccountName> {
        self.account.as_ref()
    }
}

/// An object's path: 1 to 1,024 bytes of UTF-8, opaque, never normalised: `a/../b` is a name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectPath(String);

impl ObjectPath {
    /// Parses a path.
    pub fn new(path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        if path.is_empty() || path.len() > PATH_LEN_MAX {
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadName,
                "an object path is 1 to 1024 bytes long",
            ));
        }
        Ok(Self(path))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

text_name!(AccountName);
text_name!(ContainerName);
text_name!(ObjectPath);

/// The serial number of a version, increasing within its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(pub i64);

/// Which version of an object is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The newest.
    Current,
    /// The one with this serial.
    Serial(Serial),
    /// The one written while versioning was off or suspended (S3's `null`).
    Null,
}

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The present moment, by the system's clock.
    pub fn now() -> Self {
        crate::clock::now()
    }
}
