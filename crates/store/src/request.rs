//! What callers say to the store's verbs, and what they hear back.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;

use dolium_access::{Canned, Grant, Sharing};

use crate::attributes::{Attributes, Namespace};
use crate::digest::{DigestSet, Digests};
use crate::envelope::{CustomerKey, EncryptedBy, Encryption};
use crate::lock::Retention;
use crate::names::{ContainerName, Instant, ObjectPath, Selector, Serial};
use crate::{Error, Result};

/// The bytes of an object on their way in. An `Err` ends the write with nothing stored.
pub type Body = BoxStream<'static, Result<Bytes>>;

/// Versioning of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// Never switched on: a write replaces.
    Off,
    /// Every write adds a version; a delete adds a marker.
    On,
    /// Older versions stay; writes replace the null version.
    Suspended,
}

/// A container as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Stable number of the container.
    pub id: i64,
    /// Its name.
    pub name: ContainerName,
    /// The account that owns it.
    pub account_id: i64,
    /// When it was made.
    pub created: Instant,
    /// Its versioning.
    pub versioning: Versioning,
    /// Current objects in it.
    pub objects: u64,
    /// Bytes of the current objects.
    pub bytes: u64,
    /// Bytes of all versions.
    pub version_bytes: u64,
    /// Protocol-specific settings.
    pub attributes: Attributes,
}

/// One version as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The object's path.
    pub path: ObjectPath,
    /// Its serial.
    pub serial: Serial,
    /// True for the version that S3 calls `null`.
    pub null: bool,
    /// True for the version that its object shows.
    pub current: bool,
    /// True when this version says that the object was deleted.
    pub marker: bool,
    /// When it was written.
    pub created: Instant,
    /// Length in bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: String,
    /// The Merkle root over its blocks, where it is made of blocks that each begin at a multiple of the
    /// container's block length.
    pub root: Option<Box<[u8; 32]>>,
    /// Its media type; empty when the client gave none.
    pub content_type: String,
    /// The user that wrote it.
    pub author: i64,
    /// Until when it cannot be deleted.
    pub retention: Option<Retention>,
    /// Whether it is under legal hold.
    pub hold: bool,
    /// What it is encrypted with, beside all that is.
    pub encrypted: Option<EncryptedBy>,
    /// When it ends by itself and by which rule, as far as the verb that answered looked.
    pub expiry: Option<(Instant, String)>,
    /// The array that keeps its content, or will once it has been moved there.
    pub array: Box<str>,
    /// What clients said of it.
    pub attributes: Attributes,
}

/// An entity tag or any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtagMatch {
    /// `*`: whatever exists.
    Any,
    /// One of these tags, without quotes.
    OneOf(Vec<String>),
}

/// What must hold of the version addressed; checked inside the committing transaction for writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// If-Match.
    pub if_match: Option<EtagMatch>,
    /// If-None-Match.
    pub if_none_match: Option<EtagMatch>,
    /// If-Modified-Since (reads and copy sources).
    pub if_modified_since: Option<Instant>,
    /// If-Unmodified-Since (reads and copy sources).
    pub if_unmodified_since: Option<Instant>,
    /// The size must be this (deletions).
    pub if_size: Option<u64>,
    /// It must have been written in this second (deletions).
    pub if_modified_at: Option<Instant>,
    /// Tags are compared with the Merkle root, in hexadecimal, where there is one.
    pub by_root: bool,
}

/// What a finished body adds to the version, decided by the front end.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// The entity tag, without quotes.
    pub etag: String,
    /// Checksums to keep, base64 by lower-case algorithm: written to namespace `checksum`.
    pub checksums: Vec<(String, String)>,
}

/// Called once after the last byte of a body and before anything is committed: compares digests with
/// what the client claimed (in headers or trailers) and names the ETag. An `Err` stores nothing.
pub type FinishHook = Box<dyn FnOnce(&Digests) -> Result<Finish> + Send>;

/// A write of one object or part.
pub struct PutRequest {
    /// The bytes.
    pub body: Body,
    /// The announced length, when the client announced one; a body of another length is refused.
    pub len: Option<u64>,
    /// The most the body may have.
    pub len_max: u64,
    /// Which digests the hook needs.
    pub digests: DigestSet,
    /// What to encrypt it with; `None` is the container's default. For a part, the client's key if the
    /// upload was begun with one.
    pub encryption: Option<Encryption>,
    /// Checks and tags the finished body.
    pub finish: FinishHook,
}

/// An access list as a request states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclRequest {
    /// By the name of a canned one.
    Canned(Canned),
    /// Grant by grant; the owner stays who it is.
    Grants(Vec<Grant>),
    /// A whole list; its owner must be the one there is.
    Whole {
        /// Canonical id of the owner.
        owner: String,
        /// The grants.
        grants: Vec<Grant>,
    },
}

/// What guards a new version: who may reach it, and until when it cannot be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// Its access list; `None` is private.
    pub acl: Option<AclRequest>,
    /// Its retention; `None` is the container's default.
    pub retention: Option<Retention>,
    /// Its legal hold.
    pub hold: bool,
    /// What is shared of its path from now on.
    pub share: ShareEdit,
}

/// A change of what is shared of a path. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareEdit {
    /// With whom it is shared; an empty one is with nobody.
    pub sharing: Option<Sharing>,
    /// Whether it has a public link.
    pub public: Option<bool>,
}

/// What the new version carries beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Media type.
    pub content_type: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Guards.
    pub guards: Guards,
    /// The storage class asked for; `None` is the container's array.
    pub class: Option<String>,
}

/// An object addressed for reading or copying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its container.
    pub container: ContainerName,
    /// Its path.
    pub path: ObjectPath,
    /// Which version.
    pub version: Selector,
    /// What must hold of it.
    pub condition: Condition,
    /// The client's own key, when it was encrypted with one.
    pub key: Option<CustomerKey>,
}

/// A server-side copy. No data moves.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// From where.
    pub source: Source,
    /// To which container.
    pub container: ContainerName,
    /// To which path.
    pub path: ObjectPath,
    /// What must hold of the destination.
    pub condition: Condition,
    /// Replaces the source's description; `None` keeps it.
    pub replace: Option<Description>,
    /// Replaces the source's tags; `None` keeps them.
    pub tags: Option<Namespace>,
    /// Guards of the copy; those of the source are never copied.
    pub guards: Guards,
    /// The storage class of the copy; `None` is the array of its container. Until its blocks have been moved there,
    /// they stay where the source's are.
    pub class: Option<String>,
    /// What the copy is encrypted with; `None` is the container's default.
    pub encryption: Option<Encryption>,
    /// Refused when source and destination are the same object and nothing is replaced.
    pub refuse_copy_onto_itself: bool,
}

/// A new name for an object in its container. No data moves.
#[derive(Clone, Debug)]
pub struct RenameRequest {
    /// The object, as it is now.
    pub source: Source,
    /// Its new path.
    pub path: ObjectPath,
    /// What must hold of what is there.
    pub condition: Condition,
}

/// An object opened for reading. The stream checks every block and fails rather than lie.
pub struct Reading {
    /// The version that is read.
    pub version: Version,
    /// The bytes that the stream gives.
    pub range: Range<u64>,
    /// The bytes; dropped to stop reading.
    pub body: BoxStream<'static, Result<Bytes>>,
}

/// Which bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// All of it.
    Full,
    /// From the first offset to the last inclusive, or to the end (`bytes=a-` and `bytes=a-b`).
    From {
        /// First byte.
        first: u64,
        /// Last byte, inclusive.
        last: Option<u64>,
    },
    /// The last so many bytes (`bytes=-n`).
    Last(u64),
}

/// A deletion.
#[derive(Clone, Debug, Default)]
pub struct DeleteRequest {
    /// `None`: what DELETE without a version does under the container's versioning; `Some`: that
    /// version, for good.
    pub version: Option<Selector>,
    /// What must hold of the version addressed.
    pub condition: Condition,
    /// Go past a governance retention, if the caller may.
    pub bypass_governance: bool,
    /// Leave the path with nothing that it shows: no older version takes the place of one that is removed,
    /// and where versioning is suspended no marker is written. The null version, where there is none, is
    /// then what the path shows.
    pub leaves_gap: bool,
}

/// What a deletion did. Deleting what does not exist is no error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The delete marker that was written.
    pub marker: Option<(Serial, bool)>,
    /// The version that is gone for good, and whether it was itself a marker.
    pub removed: Option<(Serial, bool)>,
    /// There was nothing that could be deleted; a note of the deletion may have been made all the same.
    pub absent: bool,
}

/// A multipart upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its opaque id.
    pub id: String,
    /// The object it will become.
    pub path: ObjectPath,
    /// What the object will carry.
    pub description: Description,
    /// The user that began it.
    pub author: i64,
    /// When it was begun.
    pub created: Instant,
    /// The array that keeps its parts.
    pub array: Box<str>,
}

impl Upload {
    /// What the object it becomes is encrypted with, beside all that is.
    pub fn encrypted(&self) -> Option<EncryptedBy> {
        crate::envelope::encrypted_by(&self.description.attributes)
    }
}

/// One part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u32,
    /// Length in bytes.
    pub size: u64,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Checksums, base64 by lower-case algorithm.
    pub checksums: Vec<(String, String)>,
    /// When it was stored.
    pub created: Instant,
}

/// Called inside the completing transaction with the parts named, in order: checks them and names
/// the object's ETag and checksums. May run more than once.
pub type CompleteHook = std::sync::Arc<dyn Fn(&[Part]) -> Result<Finish> + Send + Sync>;

/// A completion of an upload.
pub struct CompleteRequest {
    /// The part numbers with the ETags the client holds, in the client's order.
    pub parts: Vec<(u32, String)>,
    /// The least a part other than the last may have, in bytes.
    pub part_len_min: u64,
    /// What must hold of the destination.
    pub condition: Condition,
    /// Names the ETag.
    pub finish: CompleteHook,
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
