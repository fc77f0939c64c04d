//! What callers say of listings, and what they hear back.

use crate::names::Selector;
use crate::request::{Container, Version};

/// Which part of a container to list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Only paths that start with it.
    pub prefix: String,
    /// Fold paths at the first occurrence after the prefix.
    pub delimiter: Option<String>,
    /// Strictly after this path or common prefix.
    pub after: Option<String>,
    /// With `after`: strictly behind this version of that path; behind the null version that there is not
    /// come all of the path (version listings only).
    pub after_version: Option<Selector>,
    /// At most so many entries, common prefixes counted.
    pub limit: usize,
    /// Strictly before this path, or strictly after it when downwards.
    pub until: Option<String>,
    /// From the greatest path to the least, and among versions from the oldest to the newest; `after` then
    /// says what to be less than.
    pub downwards: bool,
    /// Where paths fold, only the object of exactly that path is an entry (not in version listings).
    pub one_level: bool,
}

/// One entry of a listing of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEntry {
    /// A container, and the array that its data go to.
    Container(Box<Container>, String),
    /// A common prefix.
    Prefix(String),
}

/// One entry of a listing.
#[expect(
    clippy::large_enum_variant,
    reason = "most entries of a page are versions; a box for each would cost more than the prefixes waste"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntry {
    /// An object or, in version listings, a version.
    Version(Version),
    /// A common prefix.
    Prefix(String),
}

/// One page of a listing, in byte order of the paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage {
    /// The entries.
    pub entries: Vec<ListEntry>,
    /// True when there is more behind the last entry.
    pub more: bool,
}
