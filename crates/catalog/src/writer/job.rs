//! An operation on its way through the writer, and its answer.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::tx::WriteTx;
use crate::{Error, ErrorKind};

/// The result of an operation that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed<T> {
    /// What the operation returned.
    pub value: T,
    /// The number of the journal entry it wrote; `None` when it changed nothing that is journaled.
    pub journal_seq: Option<i64>,
}

/// A submitted operation whose types are hidden.
pub(crate) trait Job: Send {
    /// True when nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Runs the operation and keeps its result. Returns the journal entry's number (if one was
    /// written) and the next one; `None` when the operation must be undone.
    fn run(&mut self, tx: WriteTx<'_>) -> Option<(Option<i64>, i64)>;
    /// Replaces the kept result: the operation was undone although it may have succeeded.
    fn fail(&mut self, error: Error);
    /// Sends the kept result.
    fn answer(self: Box<Self>);
}

/// The [`Job`] of an operation.
pub(crate) struct Operation<T, E, F> {
    op: F,
    result: Option<std::result::Result<Committed<T>, E>>,
    answer: oneshot::Sender<std::result::Result<Committed<T>, E>>,
}

impl<T, E, F> Operation<T, E, F> {
    pub(crate) fn new(
        op: F,
        answer: oneshot::Sender<std::result::Result<Committed<T>, E>>,
    ) -> Self {
        Self {
            op,
            result: None,
            answer,
        }
    }
}

impl<T, E, F> Job for Operation<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&mut WriteTx<'_>) -> std::result::Result<T, E> + Send,
{
    fn abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, mut tx: WriteTx<'_>) -> Option<(Option<i64>, i64)> {
        // The savepoint is undone after a panic, so no half-made state is seen by anyone.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let value = (self.op)(&mut tx)?;
            let (journal_seq, next_seq) = tx.finish()?;
            Ok::<_, E>((Committed { value, journal_seq }, next_seq))
        }));
        match outcome {
            Ok(Ok((committed, next_seq))) => {
                let journal_seq = committed.journal_seq;
                self.result = Some(Ok(committed));
                Some((journal_seq, next_seq))
            }
            Ok(Err(error)) => {
                self.result = Some(Err(error));
                None
            }
            Err(panic) => {
                self.fail(panicked("write", panic.as_ref()));
                None
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let stopped = || Err(stopped().into());
        // A caller that went away needs no answer.
        drop(self.answer.send(self.result.unwrap_or_else(stopped)));
    }
}

/// The error of an operation that panicked.
pub(crate) fn panicked(operation: &'static str, panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a catalog operation panicked");
    Error::new(
        ErrorKind::Unexpected,
        operation,
        format!("the operation panicked: {text}"),
    )
}

/// The error of an operation that came after the catalog was closed.
pub(crate) fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "write", "the catalog is closed")
}
