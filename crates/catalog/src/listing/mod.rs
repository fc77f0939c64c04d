//! Listings by prefix, delimiter and marker: a sequence of index seeks.
//!
//! Rows are fetched in batches. When a batch ends inside a common prefix, the next one starts behind
//! the prefix, so what it hides is never read; the batch size follows how much of the last one was
//! used.
//!
//! Promises: cost grows with what is returned, not with what is stored.

mod browse;
#[cfg(test)]
mod browse_tests;
mod downwards;
mod live;
#[cfg(test)]
mod plan_tests;
mod versions;
mod versions_downwards;

pub use browse::BrowseQuery;
pub use live::{ListItem, ListQuery};
pub use versions::{VersionItem, VersionListItem, VersionListQuery, VersionMarker};

use crate::engine::Dialect;

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// True when there is something behind the last one.
    pub more: bool,
}

/// Rows in one batch at most: bounds memory whatever the page size is.
const BATCH_ROWS_MAX: i64 = 1024;

/// How many rows the next statement fetches.
struct BatchSize {
    rows: i64,
    min: i64,
}

impl BatchSize {
    /// Without a delimiter every row is an item, so the first batch is the whole page.
    fn new(dialect: Dialect, delimited: bool, page: usize) -> Self {
        // A seek costs SQLite as much as reading a few rows; PostgreSQL, a round trip.
        let min = match dialect {
            Dialect::Sqlite => 4,
            Dialect::Postgres => 64,
        };
        let page = i64::try_from(page)
            .unwrap_or(BATCH_ROWS_MAX)
            .saturating_add(1);
        let rows = if delimited {
            min
        } else {
            page.clamp(min, BATCH_ROWS_MAX)
        };
        Self { rows, min }
    }

    /// Adapts to how many rows of the last batch were needed.
    fn adapt(&mut self, fetched: usize, used: usize) {
        self.rows = if used * 2 >= fetched {
            self.rows * 2
        } else {
            self.rows / 2
        };
        self.rows = self.rows.clamp(self.min, BATCH_ROWS_MAX);
    }
}

/// The common prefix that a path falls in: up to the first delimiter behind the listing's prefix.
fn common_prefix<'p>(path: &'p [u8], prefix: &[u8], delimiter: Option<&[u8]>) -> Option<&'p [u8]> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = path.get(prefix.len()..)?;
    let at = rest
        .windows(delimiter.len())
        .position(|window| window == delimiter)?;
    Some(&path[..prefix.len() + at + delimiter.len()])
}

/// The least key that is greater than every key with this prefix; `None` when there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// The least key that is greater than this one.
fn next_key(path: &[u8]) -> Vec<u8> {
    [path, &[0]].concat()
}

/// The least key a listing may return, given the marker it continues after. A marker that is a
/// common prefix stands for everything in it. `None` when nothing can follow.
fn start(prefix: &[u8], delimiter: Option<&[u8]>, after: Option<&[u8]>) -> Option<Vec<u8>> {
    let Some(after) = after.filter(|after| *after >= prefix) else {
        return Some(prefix.to_vec());
    };
    let within = if after.starts_with(prefix) {
        common_prefix(after, prefix, delimiter)
    } else {
        None
    };
    if within == Some(after) {
        successor(after)
    } else {
        Some(next_key(after))
    }
}

#[cfg(test)]
mod tests {
    use super::{common_prefix, start, successor};

    #[test]
    fn common_prefixes_end_at_the_first_delimiter_behind_the_prefix() {
        let check = |path: &str, prefix: &str, delimiter: &str, expect: Option<&str>| {
            let found = common_prefix(
                path.as_bytes(),
                prefix.as_bytes(),
                Some(delimiter.as_bytes()),
            );
            assert_eq!(
                found,
                expect.map(str::as_bytes),
                "{path} {prefix} {delimiter}"
            );
        };
        check("a/b/c", "", "/", Some("a/"));
        check("a/b/c", "a/", "/", Some("a/b/"));
        check("a/b/c", "a/b/", "/", None);
        check("a/b", "a", "/", Some("a/"));
        check("a--b--c", "", "--", Some("a--"));
        check("abc", "", "/", None);
        check("abc", "", "", None);
    }

    #[test]
    fn the_successor_passes_everything_with_the_prefix() {
        assert_eq!(successor(b"a/"), Some(b"a0".to_vec()));
        assert_eq!(successor(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn a_listing_starts_behind_its_marker() {
        let check = |prefix: &str, after: Option<&str>, expect: &[u8]| {
            let found = start(prefix.as_bytes(), Some(b"/"), after.map(str::as_bytes));
            assert_eq!(found.as_deref(), Some(expect), "{prefix} {after:?}");
        };
        check("p/", None, b"p/");
        check("p/", Some("a"), b"p/");
        check("p/", Some("p/x"), b"p/x\0");
        check("p/", Some("p/x/"), b"p/x0");
        check("p/", Some("p/x/y"), b"p/x/y\0");
        check("p/", Some("p/"), b"p/\0");
        check("p/", Some("q"), b"q\0");
    }
}
