//! The seam between the statements and the two databases that run them.
//!
//! Statements are written once, with `$1` parameters. An [`Engine`] is one connection that may
//! write; [`Sql`] is what a transaction sees of it.
//!
//! Promises: a statement that failed in a way that spoils its transaction leaves a [`Fault`], so that
//! the writer need not trust an operation to hand the error on.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::Result;
use crate::value::Val;

/// How many prepared statements a connection keeps. The crate has about 150 different ones.
pub(crate) const STATEMENTS_MAX: usize = 256;

/// Which database runs the statements, where it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// What a failed statement did to its transaction, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Only the statement failed: undoing the operation is enough.
    Statement,
    /// The transaction is lost; running it again may work.
    Transaction,
    /// What is on disk is no longer known: stop writing.
    Fatal,
}

/// Runs statements inside the transaction that is open.
pub(crate) trait Sql {
    /// Which database this is.
    fn dialect(&self) -> Dialect;
    /// Runs a statement that returns rows.
    fn query(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>>;
    /// Runs a statement that changes rows, and says how many.
    fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64>;
    /// Runs statements without parameters, such as `SAVEPOINT`.
    fn command(&mut self, sql: &str) -> Result<()>;
    /// Takes the worst fault since the last call.
    fn take_fault(&mut self) -> Option<Fault>;
}

/// How a commit ended, when it did not succeed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was committed; the transaction may run again.
    Retry(crate::Error),
    /// It is not known whether it was committed: neither answer success nor run it again.
    Unknown(crate::Error),
    /// Stop writing.
    Fatal(crate::Error),
}

/// A connection that may write.
pub(crate) trait Engine: Send {
    /// Opens a transaction (connecting first if need be), locks the journal's counter and returns
    /// the sequence number that the next journal entry takes.
    fn begin(&mut self) -> Result<i64>;
    /// Makes the open transaction durable.
    fn commit(&mut self) -> std::result::Result<(), CommitError>;
    /// Drops the open transaction, if any.
    fn rollback(&mut self);
    /// The open transaction.
    fn sql(&mut self) -> &mut dyn Sql;
}
