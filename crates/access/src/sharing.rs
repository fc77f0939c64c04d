//! Sharing of one path, as Pithos writes it: who reads and who writes the object and, while it is a
//! directory, what is below it.
//!
//! `read=ada,home:friends; write=*`: either part, with commas between grantees. A grantee is an account's
//! name, `account!user` for who only belongs to an account, `account:group`, or `*` for every user. Who
//! writes also reads.
//!
//! Which path's sharing governs a path is decided by [`governs`]: the path's own and those of what lies
//! above it, the closest first; nothing is merged.
//!
//! Promises: a text that parses is written back in one spelling; hostile text costs no more than it is
//! long.
//! Does not: know who is in a group or what is a directory.

use std::collections::BTreeSet;
use std::fmt;

/// Who stands for every user.
pub const EVERY_USER: &str = "*";
/// The most grantees of one path: what a header can hold comfortably, and what one request may look up.
pub const GRANTEES_MAX: usize = 256;
/// The longest name of a grantee, in characters (Pithos' limit).
pub const GRANTEE_LEN_MAX: usize = 256;

/// Why a text is no sharing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharingError {
    /// A part begins with neither word.
    #[error("Bad X-Object-Sharing header value: missing prefix")]
    MissingPrefix,
    /// A part names nobody.
    #[error("Bad X-Object-Sharing header value: invalid length")]
    Empty,
    /// A name is too long or has a character that names do not have.
    #[error("Bad X-Object-Sharing header value: a name is too long or malformed")]
    BadName,
    /// More names than [`GRANTEES_MAX`].
    #[error("Bad X-Object-Sharing header value: more than {GRANTEES_MAX} names")]
    TooMany,
}

/// What a share lets its grantee do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// Read.
    Read,
    /// Read and write.
    Write,
}

impl Share {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Who reads and who writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    readers: BTreeSet<String>,
    writers: BTreeSet<String>,
}

impl Sharing {
    /// Parses a text as clients send it; an empty one shares with nobody.
    pub fn parse(text: &str) -> Result<Self, SharingError> {
        let text: String = text.chars().filter(|c| *c != ' ').collect();
        let mut sharing = Self::default();
        if text.is_empty() {
            return Ok(sharing);
        }
        for part in text.split(';') {
            if let Some(names) = part.strip_prefix("read=") {
                sharing.readers = names_of(names)?;
            } else if let Some(names) = part.strip_prefix("write=") {
                sharing.writers = names_of(names)?;
            } else {
                return Err(SharingError::MissingPrefix);
            }
        }
        sharing.settled()
    }

    /// From single grants.
    pub fn of_grants(
        grants: impl IntoIterator<Item = (String, Share)>,
    ) -> Result<Self, SharingError> {
        let mut sharing = Self::default();
        for (name, share) in grants {
            match share {
                Share::Read => sharing.readers.insert(name),
                Share::Write => sharing.writers.insert(name),
            };
        }
        sharing.settled()
    }

    /// Every grantee with what it may do.
    pub fn grants(&self) -> impl Iterator<Item = (&str, Share)> {
        let readers = self.readers.iter().map(|name| (name.as_str(), Share::Read));
        let writers = self
            .writers
            .iter()
            .map(|name| (name.as_str(), Share::Write));
        readers.chain(writers)
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty() && self.writers.is_empty()
    }

    /// Whether every user is meant, to read or to write.
    pub fn is_with_everybody(&self) -> bool {
        self.readers.contains(EVERY_USER) || self.writers.contains(EVERY_USER)
    }

    /// One spelling: every user swallows a list, and who writes is not named as a reader too.
    fn settled(mut self) -> Result<Self, SharingError> {
        for list in [&mut self.readers, &mut self.writers] {
            if list.contains(EVERY_USER) {
                list.retain(|name| name == EVERY_USER);
            }
        }
        self.readers.retain(|name| !self.writers.contains(name));
        if self.readers.len() + self.writers.len() > GRANTEES_MAX {
            return Err(SharingError::TooMany);
        }
        Ok(self)
    }
}

fn names_of(text: &str) -> Result<BTreeSet<String>, SharingError> {
    let mut names = BTreeSet::new();
    for name in text.split(',').filter(|name| !name.is_empty()) {
        if name.chars().count() > GRANTEE_LEN_MAX || name.chars().any(char::is_control) {
            return Err(SharingError::BadName);
        }
        names.insert(name.to_owned());
    }
    if names.is_empty() {
        return Err(SharingError::Empty);
    }
    Ok(names)
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.join(",")
        };
        match (self.readers.is_empty(), self.writers.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => write!(f, "read={}", list(&self.readers)),
            (true, false) => write!(f, "write={}", list(&self.writers)),
            (false, false) => write!(
                f,
                "read={}; write={}",
                list(&self.readers),
                list(&self.writers)
            ),
        }
    }
}

/// Whether the sharing of one path can govern another: the path itself, or one that it lies below, with
/// or without the slash at its end. Of several the longest does.
pub fn governs(shared: &[u8], path: &[u8]) -> bool {
    if shared.is_empty() || !path.starts_with(shared) {
        return false;
    }
    shared.len() == path.len() || shared.ends_with(b"/") || path[shared.len()] == b'/'
}

/// What all paths begin with that lie below a shared one.
pub fn below(shared: &[u8]) -> Vec<u8> {
    let mut prefix = shared.to_vec();
    if !prefix.ends_with(b"/") {
        prefix.push(b'/');
    }
    prefix
}

/// Whether a media type is that of a directory, which passes its sharing on.
pub fn is_directory(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/directory", "application/folder"]
        .iter()
        .any(|one| essence.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelt(text: &str) -> Result<String, SharingError> {
        Sharing::parse(text).map(|sharing| sharing.to_string())
    }

    #[test]
    fn one_spelling() {
        for (given, kept) in [
            ("", ""),
            ("  ", ""),
            ("read=b,a", "read=a,b"),
            ("read=a, b ,a;write= c", "read=a,b; write=c"),
            ("write=a;read=a,b", "read=b; write=a"),
            ("write=a;read=a", "write=a"),
            ("read=x,*,y", "read=*"),
            ("write=*;read=*", "write=*"),
            ("read=Ada", "read=Ada"),
            ("read=a;read=b", "read=b"),
            ("read=,a,", "read=a"),
        ] {
            assert_eq!(spelt(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn what_is_none() {
        for (given, error) in [
            ("READ=a", SharingError::MissingPrefix),
            ("read=a;", SharingError::MissingPrefix),
            ("a", SharingError::MissingPrefix),
            ("read=", SharingError::Empty),
            ("read=,", SharingError::Empty),
            ("read=a;write=", SharingError::Empty),
            ("read=a\u{1}", SharingError::BadName),
        ] {
            assert_eq!(Sharing::parse(given), Err(error), "{given}");
        }
        let long = format!("read={}", "x".repeat(GRANTEE_LEN_MAX + 1));
        assert_eq!(Sharing::parse(&long), Err(SharingError::BadName));
        let many: Vec<String> = (0..=GRANTEES_MAX).map(|n| n.to_string()).collect();
        let many = format!("read={}", many.join(","));
        assert_eq!(Sharing::parse(&many), Err(SharingError::TooMany));
    }

    #[test]
    fn directories() {
        for (text, is) in [
            ("application/directory", true),
            ("Application/Folder; charset=UTF-8", true),
            ("application/directory;x", true),
            ("application/directories", false),
            ("text/plain;application/directory", false),
            ("", false),
        ] {
            assert_eq!(is_directory(text), is, "{text}");
        }
    }

    /// As the reference finds them: every level of the path, with and without a slash.
    fn candidates(path: &str) -> Vec<String> {
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let mut found = vec![path.to_owned()];
        for n in 1..=parts.len() {
            let level = parts[..n].join("/");
            if level != path {
                found.push(format!("{level}/"));
            }
            found.push(level);
        }
        found
    }

    proptest! {
        #[test]
        fn governed_as_by_the_reference(shared in "[ab/]{0,6}", path in "[ab/]{1,8}") {
            let by_reference = candidates(&path).contains(&shared) && !shared.is_empty();
            let ours = governs(shared.as_bytes(), path.as_bytes());
            // Where slashes follow each other at the end of the path, ours has more levels.
            if path.ends_with("//") {
                prop_assert!(ours || !by_reference);
            } else {
                prop_assert_eq!(ours, by_reference, "{} {}", shared, path);
            }
        }

        #[test]
        fn hostile_text_is_refused_or_has_one_spelling(text in ".{0,60}") {
            if let Ok(sharing) = Sharing::parse(&text) {
                let again = Sharing::parse(&sharing.to_string());
                prop_assert_eq!(again, Ok(sharing));
            }
        }

        #[test]
        fn texts_of_the_grammar(text in "(read=|write=|READ=|;|,|\\*|a|B|c:d| ){0,12}") {
            if let Ok(sharing) = Sharing::parse(&text) {
                let again = Sharing::parse(&sharing.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&sharing));
                let grants = sharing.grants().map(|(name, share)| (name.to_owned(), share));
                prop_assert_eq!(Sharing::of_grants(grants), Ok(sharing));
            }
        }
    }
}
