//! Names of blobs: a small alphabet that every service keeps byte for byte.
//!
//! Promises: a [`BlobName`] is safe as a relative path and as an object key, on any service, and
//! names order by their bytes. No segment starts with a dot, so drivers may hide files of their own.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The longest a name may be, in bytes: well under what any service or file system takes.
pub const MAX_NAME_LEN: usize = 200;

/// The most segments a name may have.
const SEGMENTS_MAX: usize = 4;

/// The name of a blob: one to four segments of `[a-z0-9._-]`, joined by `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(String);

impl BlobName {
    /// Parses a name.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        match fault_of(&text) {
            None => Ok(Self(text)),
            Some(why) => {
                let shown: String = text.chars().take(MAX_NAME_LEN).collect();
                Err(Error::new(
                    ErrorKind::Invalid,
                    "name",
                    format!("{shown:?} {why}"),
                ))
            }
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fault_of(text: &str) -> Option<&'static str> {
    if text.len() > MAX_NAME_LEN {
        return Some("is longer than 200 bytes");
    }
    if text.split('/').count() > SEGMENTS_MAX {
        return Some("has more than 4 segments");
    }
    text.split('/').find_map(|segment| {
        if segment.is_empty() {
            Some("has an empty segment")
        } else if segment.starts_with('.') {
            Some("has a segment that starts with a dot")
        } else if !segment.bytes().all(is_allowed) {
            Some("has a character outside a-z, 0-9, '.', '_', '-'")
        } else {
            None
        }
    })
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobName({})", self.0)
    }
}

impl FromStr for BlobName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_accepted() {
        let good = [
            "a",
            "0",
            "packs/ab/abcdef.0",
            "a/b/c/d",
            "a-b_c.d",
            "a..b",
            "-",
        ];
        for text in good {
            assert!(BlobName::new(text).is_ok(), "{text:?} is a name");
        }
        let long = "a".repeat(MAX_NAME_LEN + 1);
        let bad = [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            ".tmp/x",
            "a/.hidden",
            "A",
            "a b",
            "a\0",
            "é",
            "a/b/c/d/e",
            "a\\b",
            "a%2f",
            &long,
        ];
        for text in bad {
            assert!(BlobName::new(text).is_err(), "{text:?} is no name");
        }
        assert!(BlobName::new("a".repeat(MAX_NAME_LEN)).is_ok());
    }
}
