//! One storage service: the [`Provider`] trait, its drivers, injected faults and the contract suite.
//!
//! A provider keeps immutable blobs under opaque names and needs to do nothing else, so that almost
//! any storage service will do. What services differ in is data ([`Capabilities`]), not code paths
//! of the caller.
//!
//! Promises: a blob is visible whole or not at all; `put` never overwrites; a successful `put` is
//! durable as far as the service can promise it; errors say what to do next ([`Status`]).
//! Does not: encrypt, verify, or spread blobs. That is the business of the floors above.

mod api;
mod buffers;
pub mod contract;
mod directory;
mod error;
mod fault;
mod memory;
mod name;
pub mod objects;
mod payload;
mod probe;
mod range;
mod remote;
mod settings;
mod swift;

pub use api::{BlobInfo, Capabilities, ListPage, Provider};
pub use buffers::Buffers;
pub use directory::DirectoryProvider;
pub use error::{Error, ErrorKind, Result, Status};
pub use fault::{Fault, FaultHandle, FaultPlan, FaultProvider};
pub use memory::MemoryProvider;
pub use name::{BlobName, MAX_NAME_LEN};
pub use payload::Payload;
pub use probe::{Probe, probe};
pub use remote::RemoteProvider;
pub use settings::{ProviderSettings, open};
pub use swift::SwiftProvider;
