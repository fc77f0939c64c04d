//! Names that reach the store, parsed once at the edge.

use std::fmt;

use crate::{Error, ErrorKind, Reason, Result};

/// The longest object path, in bytes (S3's and Swift's limit).
pub const PATH_LEN_MAX: usize = 1024;
/// The longest container name, in bytes (Swift's limit; S3 front ends narrow it).
pub const CONTAINER_NAME_LEN_MAX: usize = 256;

/// A container's name: 1 to 256 bytes of UTF-8 without `/` and control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerName(String);

impl ContainerName {
    /// Parses a name.
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
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
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
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The present moment, by the system's clock.
    pub fn now() -> Self {
        crate::clock::now()
    }
}
