//! The listing that looks back and looks closer: as of a moment, and only what a test lets through.
//!
//! Unlike in the other listings, a path that ends with the delimiter is an object of its own, beside the
//! common prefix of what lies below it.
//!
//! Promises: as of now it reads what [`ReadTx::list_live`] reads; as of a moment, the versions from there
//! to here of what it returns. What the test holds back is read, so its cost is the caller's to bound.

use crate::listing::live::is_in;
use crate::listing::versions::Cursor;
use crate::listing::{
    BATCH_ROWS_MAX, BatchSize, ListItem, Listing, common_prefix, next_key, start, successor,
};
use crate::rows::{Cluster, ContainerId, VersionSummary};
use crate::{ReadTx, Result};

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrowseQuery {
    /// Only paths that start with this.
    pub prefix: Vec<u8>,
    /// Only paths greater than this; when it is a common prefix, only paths behind all of it.
    pub after: Option<Vec<u8>>,
    /// Folds paths that contain this behind the prefix, and go on, into one common prefix.
    pub delimiter: Option<Vec<u8>>,
    /// Items to return at most.
    pub limit: usize,
    /// Common prefixes are left out.
    pub objects_only: bool,
    /// As of just before this moment, in microseconds since the epoch; `None` is now.
    pub before: Option<i64>,
}

/// What the caller wants to see.
type Test<'a> = &'a mut dyn FnMut(&VersionSummary) -> bool;

/// A batch of what is visible, and where the next one starts.
struct Batch {
    rows: Vec<VersionSummary>,
    fetched: usize,
    next: Option<Cursor>,
}

impl ReadTx<'_> {
    /// A page of a container's objects and common prefixes, in byte order.
    pub fn browse(
        &mut self,
        container: ContainerId,
        query: &BrowseQuery,
        mut test: Option<Test<'_>>,
    ) -> Result<Listing<ListItem>> {
        let delimiter = query.delimiter.as_deref();
        let mut items: Vec<ListItem> = Vec::new();
        let mut batch = BatchSize::new(self.dialect(), delimiter.is_some(), query.limit);
        if test.is_some() {
            batch.rows = BATCH_ROWS_MAX;
        }
        let first = start(&query.prefix, delimiter, query.after.as_deref());
        let mut at = first.map(Cursor::Path);
        let mut within: Option<Vec<u8>> = None;
        while let (Some(cursor), true) = (at, query.limit > 0) {
            let visible = self.visible(container, &cursor, query, batch.rows)?;
            let before = items.len();
            for row in visible.rows {
                let hidden = |test: &mut Test<'_>| !test(&row);
                if is_in(within.as_ref(), &row.path) || test.as_mut().is_some_and(hidden) {
                    continue;
                }
                if items.len() == query.limit {
                    return Ok(Listing { items, more: true });
                }
                within = common_prefix(&row.path, &query.prefix, delimiter)
                    .filter(|prefix| *prefix != row.path)
                    .map(<[u8]>::to_vec);
                match &within {
                    None => items.push(ListItem::Object(Box::new(row))),
                    Some(_) if query.objects_only => {}
                    Some(prefix) => items.push(ListItem::Prefix(prefix.clone())),
                }
            }
            if test.is_none() {
                batch.adapt(visible.fetched, items.len() - before);
            }
            at = match (visible.next, &within) {
                (Some(Cursor::Path(path)), Some(prefix)) if path.starts_with(prefix) => {
                    successor(prefix).map(Cursor::Path)
                }
                (Some(Cursor::Version(path, _)), Some(prefix)) if path.starts_with(prefix) => {
                    successor(prefix).map(Cursor::Path)
                }
                (next, _) => next,
            };
        }
        Ok(Listing { items, more: false })
    }

    fn visible(
        &mut self,
        container: ContainerId,
        cursor: &Cursor,
        query: &BrowseQuery,
        limit: i64,
    ) -> Result<Batch> {
        let (Cursor::Path(from), None) = (cursor, query.before) else {
            return self.visible_before(container, cursor, query, limit);
        };
        let rows = self.live_batch(container, from, &query.prefix, limit)?;
        let complete = (rows.len() as i64) < limit;
        let last = rows.last().filter(|_| !complete);
        Ok(Batch {
            fetched: rows.len(),
            next: last.map(|row| Cursor::Path(next_key(&row.path))),
            rows,
        })
    }

    fn visible_before(
        &mut self,
        container: ContainerId,
        cursor: &Cursor,
        query: &BrowseQuery,
        limit: i64,
    ) -> Result<Batch> {
        let moment = query.before.unwrap_or(i64::MAX);
        let rows = self.version_batch(container, cursor, &query.prefix, limit)?;
        let fetched = rows.len();
        let complete = (fetched as i64) < limit;
        let last = rows.last().map(|row| (row.path.clone(), row.serial));
        // The path whose newest version of that time was found, whatever it is.
        let mut known: Option<Vec<u8>> = None;
        let mut visible = Vec::with_capacity(fetched);
        for row in rows {
            if row.created >= moment || known.as_ref() == Some(&row.path) {
                continue;
            }
            known = Some(row.path.clone());
            if row.cluster != Cluster::Deleted {
                visible.push(row);
            }
        }
        let next = match (complete, cursor, last) {
            (true, Cursor::Version(path, _), _) => Some(Cursor::Path(next_key(path))),
            (true, Cursor::Path(_), _) | (false, _, None) => None,
            (false, _, Some((path, _))) if known.as_ref() == Some(&path) => {
                Some(Cursor::Path(next_key(&path)))
            }
            (false, _, Some((path, serial))) => Some(Cursor::Version(path, serial)),
        };
        Ok(Batch {
            rows: visible,
            fetched,
            next,
        })
    }
}
