//! The trait that every storage service is reduced to.

use std::fmt::Debug;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BlobName, Payload, Result};

/// What a listing or a `head` tells about a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// The blob's name.
    pub name: BlobName,
    /// Its length in bytes.
    pub len: u64,
    /// The service's tag of the content, where it has one.
    pub etag: Option<String>,
    /// When the blob was put, by the service's clock.
    pub modified: Option<SystemTime>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The blobs, ordered by the bytes of their names.
    pub blobs: Vec<BlobInfo>,
    /// True when another page follows the last of these.
    pub more: bool,
}

/// What a service can and cannot promise. Data for callers and for the contract suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Of several puts of one name at once, exactly one succeeds. Without it, a put looks first and
    /// writes then, and two at once may both succeed.
    pub atomic_put_if_absent: bool,
    /// A listing shows every put that was acknowledged before it began.
    pub consistent_list: bool,
    /// `etag` of a listing is the MD5 of the content.
    pub list_has_md5: bool,
    /// Blobs outlive this process.
    pub persistent: bool,
}

/// One storage service, reduced to immutable blobs.
///
/// Every method may be called from many tasks at once. An operation whose future is dropped may or
/// may not have happened, but never in part.
#[async_trait]
pub trait Provider: Debug + Send + Sync + 'static {
    /// The driver's name, as in settings: `directory`, `s3` …
    fn kind(&self) -> &'static str;

    /// What this service promises.
    fn capabilities(&self) -> Capabilities;

    /// Creates what must exist before the first put, such as the root directory. Idempotent. The
    /// only operation that creates a root: one that vanished may be a disk that is not mounted, and
    /// a fresh empty one in its place would hide that.
    async fn prepare(&self) -> Result<()>;

    /// Stores a blob under a free name; `AlreadyExists` when the name is taken. When it returns, the
    /// blob is durable.
    async fn put(&self, name: &BlobName, body: Payload) -> Result<()>;

    /// Returns exactly the bytes of `range`; `Invalid` when it passes the blob's end, `NotFound`
    /// when there is no such blob.
    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes>;

    /// Returns what is known of a blob.
    async fn head(&self, name: &BlobName) -> Result<BlobInfo>;

    /// Lists at most `limit` blobs whose name starts with `prefix` and orders strictly after
    /// `after`, over all segments.
    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage>;

    /// Removes a blob. Removing what is not there is success.
    async fn delete(&self, name: &BlobName) -> Result<()>;

    /// Removes several blobs, as [`delete`](Self::delete) does each. After an error some are left. A
    /// driver has its own where that costs less than one after the other.
    async fn delete_all(&self, names: &[BlobName]) -> Result<()> {
        for name in names {
            self.delete(name).await?;
        }
        Ok(())
    }
}
