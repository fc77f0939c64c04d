//! What names a member, a kind of blob, a blob, and a shard at a provider.
//!
//! Promises: the name of a shard tells kind, blob and index, and parses back to nothing else. The
//! listings of providers come in the order of blob names, as long as no name of a kind is the
//! beginning of another that goes on with `-`; names of one length cannot be.

use std::fmt;

use dolium_provider::BlobName;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The number by which a repository knows a provider, whatever its place in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub u16);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a blob is for. Decides its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobKind {
    /// A pack of sealed blocks.
    Pack,
    /// A batch of journal entries.
    Journal,
    /// A snapshot of the catalog.
    Snapshot,
}

impl BlobKind {
    /// All kinds, in the order of checks.
    pub const ALL: [Self; 3] = [Self::Pack, Self::Journal, Self::Snapshot];

    /// The folder at providers.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Pack => "packs/",
            Self::Journal => "journal/",
            Self::Snapshot => "snapshots/",
        }
    }

    /// Packs are many: they are spread over folders by the first two characters.
    fn subfolder(self, name: &str) -> Option<&str> {
        (self == Self::Pack).then(|| &name[..name.len().min(2)])
    }
}

/// The longest name of a blob.
const NAME_LEN_MAX: usize = 64;

/// The name of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BlobId {
    kind: BlobKind,
    name: String,
}

impl BlobId {
    /// A checked id: the name is 1 to 64 of `a-z`, `0-9` and `-`.
    pub fn new(kind: BlobKind, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.bytes().all(plain) {
            let shown: String = name.chars().take(NAME_LEN_MAX).collect();
            let why = format!("{shown:?} is not 1 to {NAME_LEN_MAX} of a-z, 0-9, '-'");
            return Err(Error::new(ErrorKind::Invalid, "blob id", why));
        }
        Ok(Self { kind, name })
    }

    /// What the blob is for.
    pub fn kind(&self) -> BlobKind {
        self.kind
    }

    /// Its name among its kind.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The provider's name of shard `index`.
    pub(crate) fn shard_name(&self, index: u8) -> Result<BlobName> {
        self.provider_name(&index.to_string())
    }

    /// A name that orders after all shards of this blob.
    pub(crate) fn after_shards(&self) -> Result<BlobName> {
        self.provider_name("z")
    }

    fn provider_name(&self, suffix: &str) -> Result<BlobName> {
        let folder = self.kind.folder();
        let name = &self.name;
        let text = match self.kind.subfolder(name) {
            Some(sub) => format!("{folder}{sub}/{name}.{suffix}"),
            None => format!("{folder}{name}.{suffix}"),
        };
        let invalid = |source: dolium_provider::Error| {
            Error::new(ErrorKind::Invalid, "blob id", text.clone()).with_source(source)
        };
        BlobName::new(text.clone()).map_err(invalid)
    }

    /// The blob and index of a provider's name; nothing when it is not the name of a shard.
    pub(crate) fn parse_shard(kind: BlobKind, name: &BlobName) -> Option<(Self, u8)> {
        let (stem, index) = name.as_str().rsplit_once('.')?;
        let (_, text) = stem.rsplit_once('/')?;
        let id = Self::new(kind, text).ok()?;
        let index: u8 = index.parse().ok()?;
        // One name for each shard: no leading zeros, no other folder.
        (id.shard_name(index).ok()? == *name).then_some((id, index))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.folder(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_names_parse_back() {
        for (kind, text, want) in [
            (BlobKind::Pack, "abcd", "packs/ab/abcd.7"),
            (BlobKind::Pack, "a", "packs/a/a.7"),
            (BlobKind::Journal, "000-1", "journal/000-1.7"),
            (BlobKind::Snapshot, "s", "snapshots/s.7"),
        ] {
            let id = BlobId::new(kind, text).unwrap();
            let name = id.shard_name(7).unwrap();
            assert_eq!(name.as_str(), want);
            assert_eq!(BlobId::parse_shard(kind, &name), Some((id, 7)));
        }
    }

    #[test]
    fn other_names_are_no_shards() {
        for text in [
            "packs/ab/abcd.07",
            "packs/xx/abcd.7",
            "packs/abcd.7",
            "packs/ab/abcd",
            "packs/ab/abcd.256",
            "packs/ab/abcd.z",
            "journal/abcd.7",
            "packs/ab/ab_d.7",
        ] {
            let name = BlobName::new(text).unwrap();
            assert_eq!(BlobId::parse_shard(BlobKind::Pack, &name), None, "{text}");
        }
    }
}
