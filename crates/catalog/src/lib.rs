//! The catalog: the index of what the array holds, on SQLite or PostgreSQL.
//!
//! One relational schema and one set of statements serve both. Operations are synchronous closures
//! over a transaction, so rules read like plain code; the writer commits many of them at once.
//!
//! Promises: an answered write is durable; operations commit in the order they were submitted; each
//! change of a journaled table is in the journal, in commit order.
//! Does not: know what a block list, a policy or a permission means (`store` and `identity` do).

mod catalog;
mod engine;
mod error;
mod journal;
mod listing;
mod migration;
mod reader;
mod rows;
mod schema;
mod table;
mod tx;
mod value;
mod writer;

pub use catalog::{Catalog, CatalogSettings};
pub use error::{Error, ErrorKind, Result, Status};
pub use journal::{Change, Entry, Op, OutboxEntry, journaled_tables};
pub use listing::{
    BrowseQuery, ListItem, ListQuery, Listing, VersionItem, VersionListItem, VersionListQuery,
    VersionMarker,
};
pub use rows::{
    AccessKeyRow, AccountAttributesRow, AccountId, AccountRow, AccountUsage, AddedRefs, ArrayUsage,
    BlobKind, BlobRow, BlobState, BlobTotals, BlockRow, BucketRow, ChangeKind, ChangeRow, Cluster,
    ContainerId, ContainerRow, ContainerState, DeliveryRow, EventRow, ExpiryRow, GroupMemberRow,
    Groups, Holder, LeaseRow, LoginRow, MovementRow, NewContainer, PackUsage, PartRow,
    PastSettingsRow, PublicLinkRow, ReleasedRow, Role, ServerRow, SettingsKind, ShareRow,
    TokenRevocationRow, UploadMarker, UploadRow, UploadedBlockRow, UserId, UserRow, VersionRow,
    VersionSummary, Versioning, member_grantee,
};
pub use table::{Column, TableDef};
pub use tx::{ReadTx, WriteTx};
pub use value::{ColumnType, Val};
pub use writer::{Committed, Writing};
