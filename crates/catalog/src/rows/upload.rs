//! Multipart uploads that are not complete.

use crate::rows::{AccountId, ContainerId, PartRow, UserId};
use crate::table::record;
use crate::value::{Val, params};
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// An upload's row.
    pub struct UploadRow in "upload" {
        /// The container.
        container_id: ContainerId,
        /// The upload's name, unique in the container.
        upload_id: String,
        /// The path of the object it will become.
        path: Vec<u8>,
        /// The account that pays for its parts.
        account_id: AccountId,
        /// The user who started it.
        author: UserId,
        /// When it was started, in microseconds since the epoch.
        created: i64,
        /// Metadata of the object it will become, as JSON.
        meta: Vec<u8>,
    }
    key 2;
    journal 7;
}

/// Where a page of uploads starts: after all uploads of the path, or after one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadMarker {
    /// The path.
    pub path: Vec<u8>,
    /// The upload of that path; `None` is after all of them.
    pub upload_id: Option<String>,
}

impl ReadTx<'_> {
    /// One upload.
    pub fn upload(&mut self, container: ContainerId, upload_id: &str) -> Result<Option<UploadRow>> {
        let tail = "WHERE container_id = $1 AND upload_id = $2";
        self.one(tail, params![container, upload_id.to_owned()])
    }

    /// A page of a container's uploads whose paths start with `prefix`, ordered by path and id.
    pub fn uploads(
        &mut self,
        container: ContainerId,
        prefix: &[u8],
        after: Option<&UploadMarker>,
        limit: i64,
    ) -> Result<Vec<UploadRow>> {
        let mut rows: Vec<UploadRow> = Vec::new();
        let mut from = prefix.to_vec();
        if let Some(marker) = after {
            if let Some(upload_id) = marker.upload_id.clone().filter(|_| marker.path >= from) {
                let tail = "WHERE container_id = $1 AND path = $2 AND upload_id > $3 \
                            ORDER BY upload_id LIMIT $4";
                rows = self.many(tail, params![container, marker.path, upload_id, limit])?;
            }
            // The next path in byte order is the same one with a NUL byte behind it.
            from = from.max([&marker.path[..], &[0]].concat());
        }
        let rest = limit - rows.len() as i64;
        if rest > 0 {
            let tail = "WHERE container_id = $1 AND path >= $2 ORDER BY path, upload_id LIMIT $3";
            rows.extend(self.many::<UploadRow>(tail, params![container, from, rest])?);
        }
        // Paths with the prefix are consecutive, so those behind them are only at the end.
        rows.retain(|row| row.path.starts_with(prefix));
        Ok(rows)
    }

    /// A page of all uploads, in the order of container and id, for those that expire.
    pub fn all_uploads(
        &mut self,
        after: Option<(ContainerId, &str)>,
        limit: i64,
    ) -> Result<Vec<UploadRow>> {
        let (container, upload_id) = after.unwrap_or((ContainerId(i64::MIN), ""));
        let tail = "WHERE (container_id, upload_id) > ($1, $2) \
                    ORDER BY container_id, upload_id LIMIT $3";
        self.many(tail, params![container, upload_id.to_owned(), limit])
    }
}

impl WriteTx<'_> {
    /// Starts an upload.
    pub fn create_upload(&mut self, row: &UploadRow) -> Result<()> {
        if self.upload(row.container_id, &row.upload_id)?.is_some() {
            let context = format!("upload {}", row.upload_id);
            return Err(Error::already_exists("create_upload", context));
        }
        self.put_row(row)
    }

    /// Deletes an upload with its parts and returns the parts, so that the caller can drop their
    /// references.
    pub fn delete_upload(
        &mut self,
        container: ContainerId,
        upload_id: &str,
    ) -> Result<Vec<PartRow>> {
        let key: &[Val] = params![container, upload_id.to_owned()];
        let parts = self.parts(container, upload_id, None, i64::MAX)?;
        for part in &parts {
            self.delete_row::<PartRow>(params![container, part.upload_id, part.number])?;
        }
        if !self.delete_row::<UploadRow>(key)? {
            return Err(Error::not_found(
                "delete_upload",
                format!("upload {upload_id}"),
            ));
        }
        Ok(parts)
    }
}
