//! The Swift front end: the OpenStack Object Storage API over the store.
//!
//! A codec and a call. What any dialect of the API needs lies at the top: paths, metadata, ranges,
//! conditions, listings, tokens. What plain Swift at `/v1` does with them lies in `plain`, what Pithos+ does
//! in `pithos`.
//!
//! Promises: a request speaks for a user only with a token that this server gave; a body that is not what
//! the client said it is stores nothing; bodies stream, whatever their size.
//! Does not: own sockets, decide permissions, quotas or versions, keep data.

mod answer;
mod auth;
mod body;
mod circumstances;
mod condition;
mod describe;
mod domain;
mod error;
#[cfg(test)]
mod hostile_tests;
mod info;
mod listing;
mod metadata;
mod pithos;
mod plain;
mod query;
mod range;
mod service;
mod target;
mod time;
mod unreadable;

pub use auth::token::TokenKey;
pub use body::{Body, BoxError};
pub use circumstances::Peer;
pub use service::{SwiftFrontEnd, SwiftSettings};
pub use unreadable::unreadable;
