//! Rows: one file per noun, with the struct of its rows and the functions over them.
//!
//! Promises: a function that changes rows leaves every derived number right (counters of containers,
//! references of blocks).
//! Does not: check permissions, quotas or conditions; `store` does, in the same transaction.

mod access_key;
mod account;
mod account_attributes;
mod blob;
mod block;
mod block_list;
mod block_ref;
mod change_log;
mod container;
mod container_state;
mod delivery;
mod event;
mod expiry;
mod group_member;
mod id_list;
mod lease;
mod login;
mod meta;
mod movement;
mod part;
mod past_settings;
mod public_link;
mod server;
mod share;
mod token_revocation;
mod upload;
mod uploaded_block;
mod user;
mod version;

#[cfg(test)]
mod model_tests;

pub use access_key::AccessKeyRow;
pub use account::{AccountId, AccountRow, AccountUsage, ArrayUsage};
pub use account_attributes::AccountAttributesRow;
pub use blob::{BlobKind, BlobRow, BlobState, BlobTotals};
pub use block::{BlockRow, PackUsage};
pub use block_ref::{AddedRefs, Holder, ReleasedRow};
pub use change_log::{ChangeKind, ChangeRow};
pub use container::{BucketRow, ContainerId, ContainerRow, NewContainer, Versioning};
pub use container_state::ContainerState;
pub use delivery::DeliveryRow;
pub use event::EventRow;
pub use expiry::ExpiryRow;
pub use group_member::{GroupMemberRow, Groups};
pub use lease::LeaseRow;
pub use login::{LoginRow, Role};
pub use movement::MovementRow;
pub use part::PartRow;
pub use past_settings::{PastSettingsRow, SettingsKind};
pub use public_link::PublicLinkRow;
pub use server::ServerRow;
pub use share::{ShareRow, member_grantee};
pub use token_revocation::TokenRevocationRow;
pub use upload::{UploadMarker, UploadRow};
pub use uploaded_block::UploadedBlockRow;
pub use user::{UserId, UserRow};
pub use version::{Cluster, VersionRow, VersionSummary};
