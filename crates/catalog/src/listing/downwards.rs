//! The listing of live objects from the greatest path to the least, for protocols that offer it.
//!
//! As upwards, a sequence of seeks: what a common prefix hides is skipped by going on below the prefix.

use crate::listing::live::is_in;
use crate::listing::{BatchSize, ListItem, ListQuery, Listing, common_prefix, successor};
use crate::rows::{ContainerId, VersionSummary};
use crate::value::{Fields, Val, params};
use crate::{ReadTx, Result};

impl ReadTx<'_> {
    /// A page of live objects and common prefixes, in descending byte order.
    pub(super) fn list_live_downwards(
        &mut self,
        container: ContainerId,
        query: &ListQuery,
    ) -> Result<Listing<ListItem>> {
        let delimiter = query.delimiter.as_deref();
        let lowest = [
            query.prefix.as_slice(),
            query.until.as_deref().unwrap_or_default(),
        ];
        let lowest = lowest.into_iter().max().unwrap_or_default().to_vec();
        let mut below = match (query.after.clone(), successor(&query.prefix)) {
            (Some(after), Some(end)) => Some(after.min(end)),
            (after, end) => after.or(end),
        };
        let mut items: Vec<ListItem> = Vec::new();
        let mut batch = BatchSize::new(self.dialect(), delimiter.is_some(), query.limit);
        let mut within: Option<Vec<u8>> = None;
        if query.limit == 0 {
            return Ok(Listing { items, more: false });
        }
        loop {
            let rows = self.batch_below(container, &lowest, below.as_deref(), batch.rows)?;
            let (fetched, before) = (rows.len(), items.len());
            let complete = (fetched as i64) < batch.rows;
            let mut last = Vec::new();
            for row in rows {
                let outside = !row.path.starts_with(&query.prefix);
                let ended = query.until.as_ref().is_some_and(|until| row.path <= *until);
                if outside || ended || is_in(within.as_ref(), &row.path) {
                    continue;
                }
                if items.len() == query.limit {
                    return Ok(Listing { items, more: true });
                }
                last.clone_from(&row.path);
                within = common_prefix(&row.path, &query.prefix, delimiter).map(<[u8]>::to_vec);
                match &within {
                    None => items.push(ListItem::Object(Box::new(row))),
                    Some(prefix) if query.one_level => {
                        let ended = query.until.as_ref().is_some_and(|until| prefix <= until);
                        let exact = match ended {
                            true => None,
                            false => self.live_summary(container, prefix)?,
                        };
                        items.extend(exact.map(|row| ListItem::Object(Box::new(row))));
                    }
                    Some(prefix) => items.push(ListItem::Prefix(prefix.clone())),
                }
            }
            if complete {
                break;
            }
            batch.adapt(fetched, items.len() - before);
            below = Some(within.clone().unwrap_or(last));
        }
        Ok(Listing { items, more: false })
    }

    fn batch_below(
        &mut self,
        container: ContainerId,
        lowest: &[u8],
        below: Option<&[u8]>,
        limit: i64,
    ) -> Result<Vec<VersionSummary>> {
        // The cluster is spelled out, not a parameter: only so the partial index applies.
        match below {
            Some(below) => self.summaries(
                "path >= $2 AND path < $3 ORDER BY path DESC LIMIT $4",
                params![container, lowest.to_vec(), below.to_vec(), limit],
            ),
            None => self.summaries(
                "path >= $2 ORDER BY path DESC LIMIT $3",
                params![container, lowest.to_vec(), limit],
            ),
        }
    }

    fn live_summary(
        &mut self,
        container: ContainerId,
        path: &[u8],
    ) -> Result<Option<VersionSummary>> {
        let rows = self.summaries("path = $2", params![container, path.to_vec()])?;
        Ok(rows.into_iter().next())
    }

    fn summaries(&mut self, tail: &str, params: &[Val]) -> Result<Vec<VersionSummary>> {
        let columns = VersionSummary::COLUMNS;
        let select =
            format!("SELECT {columns} FROM version WHERE container_id = $1 AND cluster = 0");
        let rows = self.rows(&format!("{select} AND {tail}"), params)?;
        rows.into_iter()
            .map(|row| VersionSummary::from_fields(&mut Fields::new("version", row)))
            .collect()
    }
}
