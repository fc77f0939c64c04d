//! The journal: every change of a journaled table, in commit order.
//!
//! An operation's changes are one [`Entry`], kept in the outbox until the journal shipper has it in
//! the array. Recovery applies entries to an empty catalog.

mod entry;
mod outbox;
mod recovery;

pub use entry::{Change, Entry, Op};
pub use outbox::OutboxEntry;
pub use recovery::journaled_tables;
