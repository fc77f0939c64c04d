//! Parts of multipart uploads.

use crate::rows::ContainerId;
use crate::table::record;
use crate::value::params;
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// A part's row.
    pub struct PartRow in "part" {
        /// The container.
        container_id: ContainerId,
        /// The upload it is part of.
        upload_id: String,
        /// Its number in the upload.
        number: i64,
        /// Its length in bytes.
        size: i64,
        /// Its entity tag, without quotes.
        etag: String,
        /// Its checksums, as JSON.
        checksums: Vec<u8>,
        /// When it was made, in microseconds since the epoch.
        created: i64,
        /// Its encoded block list.
        list: Vec<u8>,
    }
    key 3;
    journal 8;
}

impl ReadTx<'_> {
    /// One part.
    pub fn part(
        &mut self,
        container: ContainerId,
        upload_id: &str,
        number: i64,
    ) -> Result<Option<PartRow>> {
        let tail = "WHERE container_id = $1 AND upload_id = $2 AND number = $3";
        self.one(tail, params![container, upload_id.to_owned(), number])
    }

    /// A page of an upload's parts in the order of their numbers.
    pub fn parts(
        &mut self,
        container: ContainerId,
        upload_id: &str,
        after_number: Option<i64>,
        limit: i64,
    ) -> Result<Vec<PartRow>> {
        let after = after_number.unwrap_or(i64::MIN);
        let tail = "WHERE container_id = $1 AND upload_id = $2 AND number > $3 \
                    ORDER BY number LIMIT $4";
        self.many(tail, params![container, upload_id.to_owned(), after, limit])
    }
}

impl WriteTx<'_> {
    /// Stores a part, and returns the one it replaced, so that the caller can drop its references.
    pub fn put_part(&mut self, row: &PartRow) -> Result<Option<PartRow>> {
        if self.upload(row.container_id, &row.upload_id)?.is_none() {
            return Err(Error::not_found(
                "put_part",
                format!("upload {}", row.upload_id),
            ));
        }
        let old = self.part(row.container_id, &row.upload_id, row.number)?;
        self.put_row(row)?;
        Ok(old)
    }
}
