//! The S3 front end: the protocol of Amazon S3 over the store.
//!
//! A codec and a call: `s3s` routes, parses XML and verifies signatures; this crate translates buckets
//! and keys to containers and paths and the store's answers back. What `s3s` leaves to its user is here:
//! that what was signed is what is used (`guard`), bounded memory for any chunking (`chunked`), small
//! and harmless documents (`document`), claims verified before anything is committed (`checksum`).
//!
//! In front of the operations: browser forms become PUTs (`form`), browsers learn which sites may use a
//! bucket (`cors`), and buckets are shown as websites (`website`).
//!
//! Promises: a request speaks for a user only with a valid signature, any other for nobody; a body that is not what the
//! client said it is stores nothing; operations that are not built answer `NotImplemented`.
//! Does not: own sockets, decide permissions, keep data.
//!
//! Logs: `s3s` logs every error of a client at ERROR level, with parts of the request. A composition
//! root should filter it out (`s3s=off`); this crate logs each request itself, without its query, at
//! DEBUG, and failures of the server at WARN and ERROR.

mod access;
mod access_log;
mod acl;
mod answer;
mod api;
mod auth;
mod body;
mod bucket;
mod checksum;
mod chunked;
mod circumstances;
mod class;
mod completion;
mod composite;
mod condition;
mod copy;
mod cors;
mod date;
mod describe;
mod document;
mod encryption;
mod error;
mod escape;
mod form;
mod guard;
mod guards;
mod host;
mod lifecycle;
mod listing;
mod multipart;
mod names;
mod notification;
mod object;
mod object_attributes;
mod object_lock;
mod part;
mod payment;
mod query;
mod reading;
mod rename;
mod service;
mod setting;
mod tagging;
mod time;
mod unannounced;
mod unsupported;
mod verdict;
mod version_listing;
mod website;

pub use access_log::AccessLog;
pub use checksum::Etags;
pub use circumstances::Peer;
pub use service::{S3FrontEnd, S3Settings, service};
