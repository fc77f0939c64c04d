//! Several storage services that keep the same objects, each under its own readable key.
//!
//! No server, no catalog, no encryption: what one service has is all of every object, and any tool of
//! that service can read it. What services disagree on is found from their listings.
//!
//! Promises: an object is read from its source once, whatever the number of services; memory is
//! bounded; a service that fails or hangs does not keep the others from finishing, and its failure is
//! told; nothing is overwritten by a guess, and repair deletes nothing.
//! Does not: remember anything. What is true is what the services list.

mod access;
mod agreement;
mod array;
mod error;
mod feed;
mod get;
mod listing;
mod naming;
mod probe;
mod put;
mod remove;
mod repair;
mod verify;

pub use agreement::{Agreement, Copy, Deviation, Judgement, Remedy, judge};
pub use array::{Layout, Raid, Service, ServiceSettings};
pub use error::{Error, ErrorKind, Result, Status};
pub use feed::{Outcome, Watch};
pub use get::{Got, Sink};
pub use listing::{Row, Rows};
pub use probe::{Probe, ServiceState, Step};
pub use put::Stored;
pub use remove::Emptied;
pub use repair::{Mended, Mending};

pub use dolium_provider::objects::{ObjectAccess, ObjectInfo, ObjectKey};
