//! The store: every verb of the product.
//!
//! Front ends are codecs over this crate. It owns what must hold for all of them: permissions, quota,
//! versions, conditions, de-duplication, packing, the journal, collection and recovery.
//!
//! Promises: a write that returned `Ok` survives `kill -9` and the loss of as many providers as the
//! layout allows; memory per stream is bounded whatever the object's size.
//! Does not: speak a protocol, open a socket, know a provider's kind.

mod attributes;
mod background;
mod blobs;
mod block_cache;
mod blocking;
mod caller;
mod care;
mod clock;
mod collect;
mod composer;
mod condition;
mod digest;
mod envelope;
mod error;
mod expiry;
mod grid;
mod ingest;
mod intake;
mod journal;
mod lane;
mod lifecycle;
mod listing;
mod lock;
mod movement;
mod names;
mod packer;
mod permission;
mod place;
mod reader;
mod recover;
mod relink;
mod request;
mod reshaping;
mod rows;
mod settings;
mod several;
mod sharing;
mod standing;
mod store;
mod underway;
mod verbs;
mod visible;

pub use attributes::{Attributes, CHECKSUM, Namespace, OBJECT, OBJECT_ID, new_object_id};
pub use caller::{ANONYMOUS_ID, Caller, Pass};
pub use care::{Care, CareSettings, CareState};
pub use collect::{CollectReporter, Collected, Unwatched};
pub use digest::{DigestSet, Digester, Digests};
pub use dolium_access as access;
pub use dolium_block::{BlockId, Chunking};
pub use envelope::{CustomerKey, EncryptedBy, Encryption};
pub use error::{Error, ErrorKind, Reason, Result, Status};
pub use expiry::{EXPIRE, EXPIRE_AT};
pub use lifecycle::{
    Expiration, Filter, LifecycleDone, NEWER_VERSIONS_MAX, NoncurrentExpiration,
    NoncurrentTransition, RULE_ID_LEN_MAX, RULES_MAX, Rule, Transition, When, expiry_of,
};
pub use listing::{AccountEntry, ListEntry, ListPage, ListRequest};
pub use lock::{ContainerLock, LockDefault, LockMode, LockPeriod, Retention};
pub use movement::Moved;
pub use names::{
    ACCOUNT_NAME_LEN_MAX, AccountName, CONTAINER_NAME_LEN_MAX, ContainerName, Instant, ObjectPath,
    PATH_LEN_MAX, Selector, Serial,
};
pub use permission::ReadAction;
pub use place::STANDARD_CLASS;
pub use recover::{RecoverProgress, Recovered, recover};
pub use request::{
    AclRequest, Body, ByteRange, CompleteHook, CompleteRequest, Condition, Container, CopyRequest,
    DeleteRequest, Deleted, Description, EtagMatch, Finish, FinishHook, Guards, Part, PutRequest,
    Reading, RenameRequest, ShareEdit, Source, Upload, Version, Versioning,
};
pub use reshaping::{Left, Reshaped};
pub use settings::{Durability, StoreParts, StoreSettings, shard_key};
pub use several::{Fence, Held, Leases};
pub use standing::{AccountGrants, READERS, SERVICE_PREFIX, Standing, WRITERS};
pub use store::{Holdings, Store};
pub use verbs::{
    ARCHIVE, ARCHIVE_HISTORY, ARCHIVE_MODE, ARCHIVE_STACK, ARCHIVE_TO, ARCHIVED_DELETION,
    AccessSettings, Account, AccountEdit, AccountSettings, BrowseRequest, BrowseTest,
    CURRENT_BYTES, Cause, ChangeOf, ChangePage, ContainerEdit, ContainerOwner, ContainerPast,
    ContainerRequest, ContainerSettings, ContainerView, DescriptionEdit, EVENT, Followed, Hashmap,
    MapOutcome, ObjectChange, Opened, PART_NUMBER_MAX, Patch, PatchBytes, PathSharing, QUOTA,
    REQUEST_ID, Restored, SettingChange, Transfer, UploadEntry, opaque_tag,
};
pub use visible::ShownOnly;
