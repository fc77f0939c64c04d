//! The listing of all versions: by path upwards, within a path from the newest to the oldest; or the other
//! way round (see `versions_downwards`).

use crate::listing::{BatchSize, Listing, common_prefix, next_key, start, successor};
use crate::rows::{Cluster, ContainerId, VersionSummary};
use crate::value::{Fields, Val, params};
use crate::{ReadTx, Result};

/// Where a page of versions starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionMarker {
    /// After this path; when it is a common prefix, behind all of it.
    pub path: Vec<u8>,
    /// After this version of the path; `None` is after all of them.
    pub serial: Option<i64>,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionListQuery {
    /// Only paths that start with this.
    pub prefix: Vec<u8>,
    /// Where the page starts.
    pub after: Option<VersionMarker>,
    /// Folds paths that contain this behind the prefix into one common prefix.
    pub delimiter: Option<Vec<u8>>,
    /// Items to return at most.
    pub limit: usize,
    /// Only paths less than this; upwards. Downwards, only paths greater than this.
    pub until: Option<Vec<u8>>,
    /// From the greatest path to the least, and within a path from the oldest version to the newest.
    pub downwards: bool,
}

/// A version in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionItem {
    /// The version.
    pub version: VersionSummary,
    /// True for what its path shows: the live version, or the deletion marker that hides the path.
    pub latest: bool,
}

/// An item of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionListItem {
    /// A version or a deletion marker.
    Version(Box<VersionItem>),
    /// A common prefix.
    Prefix(Vec<u8>),
}

/// Where the next batch starts.
pub(super) enum Cursor {
    /// At the newest version of the first path that is not less.
    Path(Vec<u8>),
    /// At the version of this path that is older than the serial.
    Version(Vec<u8>, i64),
}

impl ReadTx<'_> {
    /// A page of all versions in a container.
    pub fn list_versions(
        &mut self,
        container: ContainerId,
        query: &VersionListQuery,
    ) -> Result<Listing<VersionListItem>> {
        if query.downwards {
            return self.list_versions_downwards(container, query);
        }
        let delimiter = query.delimiter.as_deref();
        let mut items = Vec::new();
        let mut batch = BatchSize::new(self.dialect(), delimiter.is_some(), query.limit);
        let mut cursor = first_cursor(query);
        while let (Some(at), true) = (cursor, query.limit > 0) {
            let rows = self.version_batch(container, &at, &query.prefix, batch.rows)?;
            let (fetched, before) = (rows.len(), items.len());
            let complete = (fetched as i64) < batch.rows;
            // Rows older than the cursor's serial are never the newest of their path.
            let mut path = if let Cursor::Version(path, _) = &at {
                Some(path.clone())
            } else {
                None
            };
            let mut last = None;
            for row in rows {
                if query.until.as_ref().is_some_and(|until| row.path >= *until) {
                    return Ok(Listing { items, more: false });
                }
                if in_last_prefix(&items, &row.path) {
                    continue;
                }
                if items.len() == query.limit {
                    return Ok(Listing { items, more: true });
                }
                if let Some(prefix) = common_prefix(&row.path, &query.prefix, delimiter) {
                    items.push(VersionListItem::Prefix(prefix.to_vec()));
                    continue;
                }
                let newest = path.as_ref() != Some(&row.path);
                let latest = match row.cluster {
                    Cluster::Normal => true,
                    Cluster::Deleted if newest => self.hides(container, &row.path, row.serial)?,
                    Cluster::Deleted | Cluster::History => false,
                };
                path = Some(row.path.clone());
                last = Some(Cursor::Version(row.path.clone(), row.serial));
                items.push(VersionListItem::Version(Box::new(VersionItem {
                    version: row,
                    latest,
                })));
            }
            if complete && matches!(at, Cursor::Path(_)) {
                break;
            }
            batch.adapt(fetched, items.len() - before);
            cursor = match items.last() {
                Some(VersionListItem::Prefix(prefix)) => successor(prefix).map(Cursor::Path),
                _ if complete => at.following(),
                _ => last,
            };
        }
        Ok(Listing { items, more: false })
    }

    pub(super) fn version_batch(
        &mut self,
        container: ContainerId,
        at: &Cursor,
        prefix: &[u8],
        limit: i64,
    ) -> Result<Vec<VersionSummary>> {
        let columns = VersionSummary::COLUMNS;
        let select = format!("SELECT {columns} FROM version WHERE container_id = $1");
        let query = |tx: &mut Self, tail: &str, params: &[Val]| {
            tx.rows(&format!("{select} AND {tail}"), params)
        };
        let rows = match (at, successor(prefix)) {
            (Cursor::Version(path, serial), _) => query(
                self,
                "path = $2 AND serial < $3 ORDER BY serial DESC LIMIT $4",
                params![container, *path, *serial, limit],
            ),
            (Cursor::Path(from), Some(upper)) => query(
                self,
                "path >= $2 AND path < $3 ORDER BY path, serial DESC LIMIT $4",
                params![container, *from, upper, limit],
            ),
            (Cursor::Path(from), None) => query(
                self,
                "path >= $2 ORDER BY path, serial DESC LIMIT $3",
                params![container, *from, limit],
            ),
        }?;
        rows.into_iter()
            .map(|row| VersionSummary::from_fields(&mut Fields::new("version", row)))
            // A prefix of 0xff bytes has no upper bound, so rows behind it may come along.
            .filter(|row| {
                row.as_ref()
                    .map_or(true, |row| row.path.starts_with(prefix))
            })
            .collect()
    }
}

impl Cursor {
    /// Where to go on when all that is left of a path was read; `None` at the end.
    fn following(&self) -> Option<Self> {
        match self {
            Self::Path(_) => None,
            Self::Version(path, _) => Some(Self::Path(next_key(path))),
        }
    }
}

fn first_cursor(query: &VersionListQuery) -> Option<Cursor> {
    let after = query.after.as_ref();
    if let Some(VersionMarker {
        path,
        serial: Some(serial),
    }) = after
        && path.starts_with(&query.prefix)
    {
        return Some(Cursor::Version(path.clone(), *serial));
    }
    let after = after.map(|marker| marker.path.as_slice());
    start(&query.prefix, query.delimiter.as_deref(), after).map(Cursor::Path)
}

pub(super) fn in_last_prefix(items: &[VersionListItem], path: &[u8]) -> bool {
    matches!(items.last(), Some(VersionListItem::Prefix(prefix)) if path.starts_with(prefix))
}
