//! Blobs: what lies in an array under a name of its own. Rebuilt from listings, not journaled.

use crate::table::record;
use crate::value::{integer_enum, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_enum! {
    /// What a blob is.
    BlobKind {
        /// Sealed blocks.
        Pack = 0,
        /// Journal entries.
        Journal = 1,
        /// A snapshot of the catalog.
        Snapshot = 2,
    }
}

integer_enum! {
    /// Whether a blob is needed.
    BlobState {
        /// It is.
        Live = 0,
        /// Nothing refers to it; its bytes are being removed.
        Dying = 1,
    }
}

record! {
    /// A blob's row.
    pub struct BlobRow in "blob" {
        /// The array.
        array_name: String,
        /// What it is.
        kind: BlobKind,
        /// Its name in the array.
        name: String,
        /// Its length in bytes.
        len: i64,
        /// The layout and code that it was written with, such as `erasure:3+1/cauchy`, as `array` writes it.
        layout: String,
        /// Which provider has which shard, as `array` encodes it.
        placement: Vec<u8>,
        /// Whether it is needed.
        state: BlobState,
        /// When it was written, in microseconds since the epoch.
        created: i64,
    }
    key 3;
}

/// Sums over the blobs of an array and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobTotals {
    /// How many.
    pub count: i64,
    /// Their bytes, before the layout's redundancy.
    pub bytes: i64,
    /// How many of them are dying.
    pub dying: i64,
}

const KEY: &str = "WHERE array_name = $1 AND kind = $2 AND name = $3";

impl ReadTx<'_> {
    /// One blob.
    pub fn blob(&mut self, array: &str, kind: BlobKind, name: &str) -> Result<Option<BlobRow>> {
        self.one(KEY, params![array.to_owned(), kind, name.to_owned()])
    }

    /// A page of an array's blobs of one kind, in the order of their names.
    pub fn blobs(
        &mut self,
        array: &str,
        kind: BlobKind,
        after_name: Option<&str>,
        limit: i64,
    ) -> Result<Vec<BlobRow>> {
        let after = after_name.unwrap_or_default().to_owned();
        let tail = "WHERE array_name = $1 AND kind = $2 AND name > $3 ORDER BY name LIMIT $4";
        self.many(tail, params![array.to_owned(), kind, after, limit])
    }

    /// A page of an array's live blobs of one kind whose layout is recorded as none of `layouts`, in the order of
    /// their names.
    pub fn blobs_cut_otherwise(
        &mut self,
        array: &str,
        kind: BlobKind,
        layouts: &[String; 2],
        after_name: Option<&str>,
        limit: i64,
    ) -> Result<Vec<BlobRow>> {
        let after = after_name.unwrap_or_default().to_owned();
        let tail = "WHERE array_name = $1 AND kind = $2 AND name > $3 AND layout NOT IN ($4, $5) \
                    AND state = 0 ORDER BY name LIMIT $6";
        let [one, other] = layouts.clone();
        let key = params![array.to_owned(), kind, after, one, other, limit];
        self.many(tail, key)
    }

    /// Sums over an array's blobs of one kind. Reads them all.
    pub fn blob_totals(&mut self, array: &str, kind: BlobKind) -> Result<BlobTotals> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(len), 0) AS BIGINT), \
                   CAST(COALESCE(SUM(state), 0) AS BIGINT) \
                   FROM blob WHERE array_name = $1 AND kind = $2";
        let [count, bytes, dying] = self
            .integers(sql, params![array.to_owned(), kind])?
            .unwrap_or_default();
        Ok(BlobTotals {
            count,
            bytes,
            dying,
        })
    }
}

impl WriteTx<'_> {
    /// Notes a blob that was written; its key must be new.
    pub fn insert_blob(&mut self, row: &BlobRow) -> Result<()> {
        if self.blob(&row.array_name, row.kind, &row.name)?.is_some() {
            return Err(Error::already_exists(
                "insert_blob",
                format!("blob {}", row.name),
            ));
        }
        self.put_row(row)
    }

    /// Replaces where a blob's shards lie.
    pub fn set_placement(
        &mut self,
        array: &str,
        kind: BlobKind,
        name: &str,
        layout: &str,
        placement: &[u8],
    ) -> Result<()> {
        let sql = format!("UPDATE blob SET layout = $4, placement = $5 {KEY}");
        let key = params![array.to_owned(), kind, name.to_owned()];
        let values = params![layout.to_owned(), placement.to_vec()];
        let changed = self.execute(&sql, &[key, values].concat())?;
        found(changed, "set_placement", name)
    }

    /// Marks a blob as needed or dying.
    pub fn set_blob_state(
        &mut self,
        array: &str,
        kind: BlobKind,
        name: &str,
        state: BlobState,
    ) -> Result<()> {
        let sql = format!("UPDATE blob SET state = $4 {KEY}");
        let params = params![array.to_owned(), kind, name.to_owned(), state];
        found(self.execute(&sql, params)?, "set_blob_state", name)
    }

    /// Forgets a blob, and says whether it was known.
    pub fn delete_blob(&mut self, array: &str, kind: BlobKind, name: &str) -> Result<bool> {
        self.delete_row::<BlobRow>(params![array.to_owned(), kind, name.to_owned()])
    }
}

fn found(changed: u64, operation: &'static str, name: &str) -> Result<()> {
    if changed == 0 {
        Err(Error::not_found(operation, format!("blob {name}")))
    } else {
        Ok(())
    }
}
