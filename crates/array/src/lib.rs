//! Several providers as one: blobs cut into shards, written with a quorum, read while some fail.
//!
//! A blob is cut into `k` data shards and `m` parity shards, one for each of `k + m` providers, so
//! that any `m` of them may fail, lie or vanish. Mirrors are the case `k = 1`.
//!
//! Promises: a blob that [`Array::put`] acknowledged is durable on at least `k` providers; a byte
//! that [`Array::read`] returns is a byte that was put; a healthy read of a few KiB is one request
//! to one provider; who failed or lied is named in errors, logs and [`Array::status`].
//! Does not: encrypt (callers give sealed bytes), know what blobs mean, or remember them: what is
//! stored where is kept by the caller, and given back as a [`StoredBlob`].

mod array;
pub mod care;
mod chunks;
mod coding;
mod delete;
mod error;
mod found;
mod id;
mod kept;
mod layout;
mod member;
mod membership;
mod placement;
mod read;
mod settings;
mod shard;
mod siblings;
mod spool;
mod write;

pub use array::{Array, Suspect};
pub use coding::Coding;
pub use dolium_provider::Payload;
pub use error::{Error, ErrorKind, Result, Status};
pub use found::{FoundBlob, FoundPage, FoundShard, StrangeBlob, Unreachable};
pub use id::{BlobId, BlobKind, MemberId};
pub use layout::Layout;
pub use member::{Member, MemberState, MemberStatus};
pub use membership::Shape;
pub use placement::{Placement, StoredBlob};
pub use settings::{ArraySettings, Timeouts};
pub use spool::{SpoolSettings, SpoolStatus};
