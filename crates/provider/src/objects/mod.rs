//! One storage service as a keeper of ordinary objects: readable keys, contents that may change.
//!
//! [`Provider`](crate::Provider) keeps small immutable blobs under names of ours. This is its sibling
//! for people's own objects, as other tools of the service see them: streamed whole, overwritten,
//! listed in the order of bytes with what the service knows of their content.
//!
//! Promises: an object is visible whole or not at all, the old one until the new one is complete; a
//! stream that fails leaves nothing behind but what is hidden and swept later; memory is bounded by a
//! part for each object under way, whatever its size; traversal cannot leave the root.
//! Does not: encrypt; compare services (the floor above does); keep metadata.

mod dal;
mod directory;
mod incoming;
mod key;
mod outgoing;
mod s3;
mod tag;
mod tree;
mod webdav;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use crate::swift::SwiftObjects;
use crate::{Error, ErrorKind, ProviderSettings, Result};

pub use dal::RemoteObjects;
pub use directory::DirectoryObjects;
pub(crate) use incoming::object_of;
pub(crate) use outgoing::Outgoing;
pub(crate) use s3::content_type;

pub use key::{KEY_LEN_MAX, ObjectKey, RESERVED};
pub use s3::{PART_LEN_MIN, S3Objects, part_len};
pub use tag::{ContentDigest, ContentTag, Digests};
pub use webdav::WebdavObjects;

/// The bytes of an object on their way. An error ends it, and what it was written to is undone.
pub type ObjectBody = BoxStream<'static, std::io::Result<Bytes>>;

/// What a listing, or a question for one object, tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The object's key.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub len: u64,
    /// What the service says of its content.
    pub tag: ContentTag,
    /// When it was written, by the service's clock.
    pub modified: Option<SystemTime>,
}

/// Who may read an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectAccess {
    /// Its owner.
    Private,
    /// Everybody.
    PublicRead,
}

/// What a service can do. Data for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAbilities {
    /// Listings carry checksums of contents, at least of most.
    pub listed_checksums: bool,
    /// Single objects can be made readable by all.
    pub access: bool,
    /// The root is a directory: one that is missing may be a disk that is not mounted.
    pub rooted: bool,
}

/// One storage service that keeps objects.
///
/// Every method may be called from many tasks at once.
#[async_trait]
pub trait ObjectService: Debug + Send + Sync + 'static {
    /// The driver's name, as in settings.
    fn kind(&self) -> &'static str;

    /// Where the objects are, for people. Holds no secret.
    fn place(&self) -> String;

    /// What this service can do.
    fn abilities(&self) -> ObjectAbilities;

    /// Whether the bucket, container or root is there.
    async fn ready(&self) -> Result<bool>;

    /// Creates the bucket, container or root. Idempotent.
    async fn create(&self) -> Result<()>;

    /// Writes an object from a stream, in place of one that may be there. `len` is the stream's
    /// length where that is known; a stream of another length is refused. Returns what the service
    /// says of the content that it took.
    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag>;

    /// Returns an object's bytes from `from` to its end.
    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody>;

    /// Returns what is known of an object.
    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo>;

    /// All objects whose keys begin with `prefix`, in the order of the bytes of their keys. What has
    /// no key of ours is left out.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>>;

    /// Removes an object. Removing what is not there is success.
    async fn remove(&self, key: &ObjectKey) -> Result<()>;

    /// Changes who may read an object; `Unsupported` where that cannot be said of one.
    async fn set_access(&self, key: &ObjectKey, access: ObjectAccess) -> Result<()>;
}

/// Makes the object service that settings describe. Nothing is contacted yet.
pub fn open_objects(settings: &ProviderSettings) -> Result<Arc<dyn ObjectService>> {
    settings.check_names()?;
    let options = &settings.options;
    match settings.kind.as_str() {
        "directory" => {
            let path = options.get("path").map(String::as_str).unwrap_or_default();
            Ok(Arc::new(DirectoryObjects::new(path)))
        }
        "memory" => {
            let why = "kind \"memory\" keeps nothing from one command to the next";
            Err(Error::new(ErrorKind::Invalid, "provider settings", why))
        }
        "s3" => Ok(Arc::new(S3Objects::open(options)?)),
        "swift" => Ok(Arc::new(SwiftObjects::open(options)?)),
        "webdav" => Ok(Arc::new(WebdavObjects::open(options)?)),
        kind => Ok(Arc::new(RemoteObjects::open(kind, options)?)),
    }
}

/// The refusal of a service whose access is not of single objects.
pub(crate) fn no_access(why: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "acl",
        format!("not supported: {why}"),
    )
}

/// The error of a stream that ended early or late, or was given up.
pub(crate) fn bad_stream(key: &ObjectKey, source: std::io::Error) -> Error {
    let why = format!("{key}: the source failed: {source}");
    Error::new(ErrorKind::Unexpected, "put", why).with_source(source)
}

/// Refuses a stream of another length than was said.
pub(crate) fn whole(key: &ObjectKey, said: Option<u64>, came: u64) -> Result<()> {
    match said {
        Some(said) if said != came => {
            let why = format!("{key}: {came} bytes came instead of {said}");
            Err(Error::new(ErrorKind::Conflict, "put", why))
        }
        _ => Ok(()),
    }
}
