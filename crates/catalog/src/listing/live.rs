//! The listing of live objects.

use crate::listing::{BatchSize, Listing, common_prefix, next_key, start, successor};
use crate::rows::{ContainerId, VersionSummary};
use crate::value::{Fields, params};
use crate::{ReadTx, Result};

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Only paths that start with this.
    pub prefix: Vec<u8>,
    /// Only paths greater than this; when it is a common prefix, only paths behind all of it.
    pub after: Option<Vec<u8>>,
    /// Folds paths that contain this behind the prefix into one common prefix.
    pub delimiter: Option<Vec<u8>>,
    /// Items to return at most.
    pub limit: usize,
    /// Only paths less than this; upwards. Downwards, only paths greater than this.
    pub until: Option<Vec<u8>>,
    /// From the greatest to the least; `after` is then what paths must be less than.
    pub downwards: bool,
    /// A common prefix stands for the object of exactly that path, and for nothing without one.
    pub one_level: bool,
}

/// An item of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListItem {
    /// A live object.
    Object(Box<VersionSummary>),
    /// A common prefix.
    Prefix(Vec<u8>),
}

impl ListItem {
    /// What to continue after.
    pub fn marker(&self) -> &[u8] {
        match self {
            Self::Object(object) => &object.path,
            Self::Prefix(prefix) => prefix,
        }
    }
}

impl ReadTx<'_> {
    /// A page of a container's live objects and common prefixes, in byte order.
    pub fn list_live(
        &mut self,
        container: ContainerId,
        query: &ListQuery,
    ) -> Result<Listing<ListItem>> {
        if query.downwards {
            return self.list_live_downwards(container, query);
        }
        let delimiter = query.delimiter.as_deref();
        let until = query.until.as_deref();
        let mut items: Vec<ListItem> = Vec::new();
        let mut batch = BatchSize::new(self.dialect(), delimiter.is_some(), query.limit);
        let mut from = start(&query.prefix, delimiter, query.after.as_deref());
        // The common prefix that the last row was in.
        let mut within: Option<Vec<u8>> = None;
        while let (Some(lower), true) = (&from, query.limit > 0) {
            let rows = self.live_batch(container, lower, &query.prefix, batch.rows)?;
            let (fetched, before) = (rows.len(), items.len());
            let complete = (fetched as i64) < batch.rows;
            let mut last = Vec::new();
            for row in rows {
                if until.is_some_and(|until| row.path.as_slice() >= until) {
                    return Ok(Listing { items, more: false });
                }
                if is_in(within.as_ref(), &row.path) {
                    continue;
                }
                if items.len() == query.limit {
                    return Ok(Listing { items, more: true });
                }
                last.clone_from(&row.path);
                within = common_prefix(&row.path, &query.prefix, delimiter).map(<[u8]>::to_vec);
                match &within {
                    None => items.push(ListItem::Object(Box::new(row))),
                    // The path that is the prefix comes before all that begin with it.
                    Some(prefix) if query.one_level => {
                        if *prefix == row.path {
                            items.push(ListItem::Object(Box::new(row)));
                        }
                    }
                    Some(prefix) => items.push(ListItem::Prefix(prefix.clone())),
                }
            }
            if complete {
                break;
            }
            batch.adapt(fetched, items.len() - before);
            from = match &within {
                Some(prefix) => successor(prefix),
                None => Some(next_key(&last)),
            };
        }
        Ok(Listing { items, more: false })
    }

    /// The live objects from this path on that begin with a prefix, in byte order.
    pub fn live_from(
        &mut self,
        container: ContainerId,
        from: &[u8],
        prefix: &[u8],
        limit: i64,
    ) -> Result<Vec<VersionSummary>> {
        self.live_batch(container, from, prefix, limit)
    }

    pub(super) fn live_batch(
        &mut self,
        container: ContainerId,
        from: &[u8],
        prefix: &[u8],
        limit: i64,
    ) -> Result<Vec<VersionSummary>> {
        // The cluster is spelled out, not a parameter: only so the partial index applies.
        let columns = VersionSummary::COLUMNS;
        let select = format!("SELECT {columns} FROM version WHERE container_id = $1");
        let rows = match successor(prefix) {
            Some(upper) => self.rows(
                &format!(
                    "{select} AND cluster = 0 AND path >= $2 AND path < $3 ORDER BY path LIMIT $4"
                ),
                params![container, from.to_vec(), upper, limit],
            ),
            None => self.rows(
                &format!("{select} AND cluster = 0 AND path >= $2 ORDER BY path LIMIT $3"),
                params![container, from.to_vec(), limit],
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

/// Whether a path lies in a common prefix.
pub(super) fn is_in(prefix: Option<&Vec<u8>>, path: &[u8]) -> bool {
    prefix.is_some_and(|prefix| path.starts_with(prefix))
}
