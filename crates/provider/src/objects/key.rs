//! Keys of objects: what S3 allows, but for what would be dangerous as a path.
//!
//! Promises: a key is never empty, never longer than 1,024 bytes, has no NUL, no segment `.` or `..`
//! (URLs and paths give those a meaning), and does not lie where unfinished writes are hidden. As a
//! path it is reversible: an empty segment is written `%`, and one of `%` alone gets one more.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The longest a key may be, in bytes; S3's own limit.
pub const KEY_LEN_MAX: usize = 1024;
/// The longest name in a directory that every file system takes.
const SEGMENT_LEN_MAX: usize = 255;
/// The folder of services with directories where unfinished writes lie; its presence marks a root
/// that was prepared. No key lies in it.
pub const RESERVED: &str = ".dolium-raid";

/// The key of an object.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Parses a key.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        match fault_of(&text) {
            None => Ok(Self(text)),
            Some(why) => {
                let shown: String = text.chars().take(80).collect();
                let why = format!("{shown:?} {why}");
                Err(Error::new(ErrorKind::Invalid, "key", why))
            }
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as a relative path without empty segments.
    pub(crate) fn to_path(&self) -> Result<String, Error> {
        let mut path = String::with_capacity(self.0.len() + 2);
        for (at, segment) in self.0.split('/').enumerate() {
            if at > 0 {
                path.push('/');
            }
            if segment.bytes().all(|byte| byte == b'%') {
                path.push('%');
            }
            path.push_str(segment);
            if segment.len() > SEGMENT_LEN_MAX {
                let why = format!("{self}: a name of more than {SEGMENT_LEN_MAX} bytes");
                return Err(Error::new(ErrorKind::Unsupported, "key", why));
            }
        }
        Ok(path)
    }

    /// The key that a relative path stands for; nothing when it is none of ours.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let mut key = String::with_capacity(path.len());
        for (at, segment) in path.split('/').enumerate() {
            if at > 0 {
                key.push('/');
            }
            if segment.is_empty() {
                return None;
            }
            let marks = segment.bytes().all(|byte| byte == b'%');
            key.push_str(if marks { &segment[1..] } else { segment });
        }
        Self::new(key).ok()
    }
}

fn fault_of(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > KEY_LEN_MAX {
        return Some("is longer than 1,024 bytes");
    }
    if text.contains('\0') {
        return Some("has a NUL byte");
    }
    let mut segments = text.split('/');
    if segments.clone().next() == Some(RESERVED) {
        return Some("begins with .dolium-raid, which is reserved");
    }
    if segments.any(|segment| segment == "." || segment == "..") {
        return Some("has a segment \".\" or \"..\"");
    }
    None
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({:?})", self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn what_is_dangerous_is_no_key() {
        let long = "k".repeat(KEY_LEN_MAX + 1);
        let bad = [
            "",
            "..",
            ".",
            "../x",
            "a/../b",
            "a/./b",
            "a/..",
            "a\0b",
            ".dolium-raid",
            ".dolium-raid/x",
            &long,
        ];
        for text in bad {
            assert!(ObjectKey::new(text).is_err(), "{text:?} is no key");
        }
        for text in [
            "a",
            "/a",
            "a//b",
            "a/",
            "é/ü",
            " a ",
            "..a",
            "a..",
            "x/.dolium-raid",
            "%",
            "a\\b",
        ] {
            assert!(ObjectKey::new(text).is_ok(), "{text:?} is a key");
        }
    }

    #[test]
    fn paths_have_no_empty_segments() {
        let cases = [
            ("a/b", "a/b"),
            ("/a", "%/a"),
            ("a//b", "a/%/b"),
            ("a/", "a/%"),
            ("%/%%", "%%/%%%"),
            ("100%", "100%"),
        ];
        for (key, path) in cases {
            let key = ObjectKey::new(key).unwrap();
            assert_eq!(key.to_path().unwrap(), path);
            assert_eq!(ObjectKey::from_path(path), Some(key));
        }
        for path in ["", "a//b", "../a", "a/..", ".dolium-raid/x"] {
            assert_eq!(ObjectKey::from_path(path), None);
        }
        let long = ObjectKey::new("x".repeat(SEGMENT_LEN_MAX + 1)).unwrap();
        assert_eq!(long.to_path().unwrap_err().kind(), ErrorKind::Unsupported);
    }

    proptest! {
        #[test]
        fn a_path_stays_below_its_root(text in "[a%./ é-]{1,12}") {
            if let Ok(key) = ObjectKey::new(text) {
                let path = key.to_path().unwrap();
                prop_assert!(path.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
                prop_assert_eq!(ObjectKey::from_path(&path), Some(key));
            }
        }
    }
}
