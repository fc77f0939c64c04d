//! The store: every verb of the product.
//!
//! Front ends are codecs over this crate. It owns what must hold for all of them: permissions, quota,
//! versions, conditions, de-duplication, packing, the journal, collection and recovery.
//!
//! Promises: a write that returned `Ok` survives `kill -9` and the loss of as many providers as the
//! layout allows; memory per stream is bounded whatever the object's size.
//! Does not: speak a protocol, open a socket, know a provider's kind.

mod attributes;
mod digest;
mod error;
mod names;
mod request;

pub use attributes::{Attributes, Namespace};
pub use digest::{DigestSet, Digester, Digests};
pub use error::{Error, ErrorKind, Reason, Result, Status};
pub use names::{
    CONTAINER_NAME_LEN_MAX, ContainerName, Instant, ObjectPath, PATH_LEN_MAX, Selector, Serial,
};
pub use request::{
    Body, ByteRange, CompleteHook, CompleteRequest, Condition, Container, CopyRequest,
    DeleteRequest, Deleted, Description, EtagMatch, Finish, FinishHook, ListEntry, ListPage,
    ListRequest, Part, PutRequest, Reading, Source, Upload, Version, Versioning,
};
