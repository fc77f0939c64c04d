//! The listing of all versions from the greatest path to the least, within a path from the oldest to the
//! newest, for protocols that offer it.
//!
//! As upwards, a sequence of seeks: what a common prefix hides is skipped by going on below the prefix.

use crate::listing::versions::in_last_prefix;
use crate::listing::{
    BatchSize, Listing, VersionItem, VersionListItem, VersionListQuery, VersionMarker,
    common_prefix, successor,
};
use crate::rows::{Cluster, ContainerId, VersionSummary};
use crate::value::{Fields, params};
use crate::{ReadTx, Result};

/// Where the next batch starts.
enum Cursor {
    /// At the oldest version of the greatest path that is less; of all paths when there is none.
    Below(Option<Vec<u8>>),
    /// At the version of this path that is newer than the serial.
    Newer(Vec<u8>, i64),
}

impl ReadTx<'_> {
    /// A page of all versions in a container, in the reverse of the usual order.
    pub(super) fn list_versions_downwards(
        &mut self,
        container: ContainerId,
        query: &VersionListQuery,
    ) -> Result<Listing<VersionListItem>> {
        let delimiter = query.delimiter.as_deref();
        let until = query.until.as_deref();
        let lowest = query.prefix.as_slice().max(until.unwrap_or_default());
        let mut items: Vec<VersionListItem> = Vec::new();
        let mut batch = BatchSize::new(self.dialect(), delimiter.is_some(), query.limit);
        let mut cursor = Some(first_cursor(query));
        while let (Some(at), true) = (cursor, query.limit > 0) {
            let rows = self.version_batch_downwards(container, &at, lowest, batch.rows)?;
            let (fetched, before) = (rows.len(), items.len());
            let complete = (fetched as i64) < batch.rows;
            let mut last = None;
            for row in rows {
                let outside = !row.path.starts_with(&query.prefix);
                let ended = until.is_some_and(|until| row.path.as_slice() <= until);
                if outside || ended || in_last_prefix(&items, &row.path) {
                    continue;
                }
                if items.len() == query.limit {
                    return Ok(Listing { items, more: true });
                }
                if let Some(prefix) = common_prefix(&row.path, &query.prefix, delimiter) {
                    items.push(VersionListItem::Prefix(prefix.to_vec()));
                    continue;
                }
                let latest = match row.cluster {
                    Cluster::Normal => true,
                    Cluster::Deleted => self.hides(container, &row.path, row.serial)?,
                    Cluster::History => false,
                };
                last = Some(Cursor::Newer(row.path.clone(), row.serial));
                items.push(VersionListItem::Version(Box::new(VersionItem {
                    version: row,
                    latest,
                })));
            }
            batch.adapt(fetched, items.len() - before);
            cursor = match (complete, at, items.last()) {
                (true, Cursor::Below(_), _) => None,
                (true, Cursor::Newer(path, _), _) => Some(Cursor::Below(Some(path))),
                (false, _, Some(VersionListItem::Prefix(prefix))) => {
                    Some(Cursor::Below(Some(prefix.clone())))
                }
                (false, ..) => last,
            };
        }
        Ok(Listing { items, more: false })
    }

    fn version_batch_downwards(
        &mut self,
        container: ContainerId,
        at: &Cursor,
        lowest: &[u8],
        limit: i64,
    ) -> Result<Vec<VersionSummary>> {
        let columns = VersionSummary::COLUMNS;
        let select = format!("SELECT {columns} FROM version WHERE container_id = $1");
        let lowest = lowest.to_vec();
        let rows = match at {
            Cursor::Newer(path, serial) => self.rows(
                &format!("{select} AND path = $2 AND serial > $3 ORDER BY serial LIMIT $4"),
                params![container, path.clone(), *serial, limit],
            ),
            Cursor::Below(Some(below)) => self.rows(
                &format!(
                    "{select} AND path >= $2 AND path < $3 ORDER BY path DESC, serial LIMIT $4"
                ),
                params![container, lowest, below.clone(), limit],
            ),
            Cursor::Below(None) => self.rows(
                &format!("{select} AND path >= $2 ORDER BY path DESC, serial LIMIT $3"),
                params![container, lowest, limit],
            ),
        }?;
        rows.into_iter()
            .map(|row| VersionSummary::from_fields(&mut Fields::new("version", row)))
            .collect()
    }
}

fn first_cursor(query: &VersionListQuery) -> Cursor {
    let end = successor(&query.prefix);
    match &query.after {
        Some(VersionMarker {
            path,
            serial: Some(serial),
        }) if path.starts_with(&query.prefix) => Cursor::Newer(path.clone(), *serial),
        Some(VersionMarker { path, .. }) => Cursor::Below(Some(match end {
            Some(end) => path.clone().min(end),
            None => path.clone(),
        })),
        None => Cursor::Below(end),
    }
}
