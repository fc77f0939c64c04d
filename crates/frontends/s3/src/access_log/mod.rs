//! Server access logs: a line for every request to a bucket that asks for it, kept as objects of another.
//!
//! A request is witnessed when it comes and written down when the last byte of its answer is gone. Lines
//! gather in memory, by source and target, and become objects of the target's owner every few minutes, when
//! a megabyte is there, and at the end.
//!
//! Promises: memory is bounded, lines beyond it are counted and lost; no request waits for its line; what a
//! client sent cannot begin a new line or a new field.
//! Does not: promise every line, as S3 does not. A server that is killed loses those in memory.

mod configuration;
mod entry;
mod operation;
mod piles;
mod witness;
mod writer;

pub(crate) use configuration::{get, put};
pub(crate) use witness::{Requester, Witness};
pub use writer::AccessLog;
