//! The writer: one thread that turns waiting operations into transactions.
//!
//! Everything that waits when a transaction starts runs in it, each operation in a savepoint of its
//! own, so that one commit (one fsync) serves all and a failing operation undoes only itself.
//!
//! Promises: operations run in the order they were submitted; an answer leaves only after the commit
//! is durable; after a write error whose effect is not known, nothing is written any more.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{CommitError, Engine, Fault};
use crate::tx::WriteTx;
use crate::value::params;
use crate::{Error, ErrorKind, Result};

/// Operations that may wait, and run in one transaction: enough that a slow fsync is shared by all
/// clients of a busy server, few enough that the batch stays within tens of milliseconds.
pub(crate) const BATCH_OPS_MAX: usize = 256;
/// Attempts for one operation after its batch was lost.
const ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; it doubles each time (0.05 to 0.4 s).
const RETRY_PAUSE: Duration = Duration::from_millis(50);

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

/// Why a transaction was not committed.
enum Lost {
    /// It may run again.
    Retry(Error),
    /// It may or may not be there: it must not run again.
    Unknown(Error),
    /// Stop writing.
    Fatal(Error),
}

/// The writer's thread and all it owns.
pub(crate) struct Writer {
    engine: Box<dyn Engine>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    committed: watch::Sender<i64>,
    poisoned: Option<Error>,
}

impl Writer {
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        jobs: mpsc::Receiver<Box<dyn Job>>,
        committed: watch::Sender<i64>,
    ) -> Self {
        Self {
            engine,
            jobs,
            committed,
            poisoned: None,
        }
    }

    /// Serves until every sender is gone and everything submitted is answered.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_OPS_MAX {
                match self.jobs.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
            batch.retain(|job| !job.abandoned());
            if !batch.is_empty() {
                self.serve(batch);
            }
        }
    }

    fn serve(&mut self, mut batch: Vec<Box<dyn Job>>) {
        if let Some(error) = self.poisoned.clone() {
            return fail_all(batch, &error);
        }
        match self.attempt(&mut batch) {
            Ok(()) => batch.into_iter().for_each(Job::answer),
            Err(Lost::Retry(error)) => {
                tracing::warn!(%error, ops = batch.len(), "catalog batch lost, running it again");
                self.serve_one_by_one(batch);
            }
            Err(lost) => self.give_up(batch, lost),
        }
    }

    /// One transaction per operation. The first that cannot be committed at all fails the rest too:
    /// each would wait as long for the same reason.
    fn serve_one_by_one(&mut self, batch: Vec<Box<dyn Job>>) {
        let mut rest = batch.into_iter();
        while let Some(job) = rest.next() {
            let mut one = vec![job];
            match self.attempt_repeatedly(&mut one) {
                Ok(()) => one.into_iter().for_each(Job::answer),
                Err(lost) => {
                    one.extend(rest);
                    return self.give_up(one, lost);
                }
            }
        }
    }

    fn attempt_repeatedly(&mut self, one: &mut [Box<dyn Job>]) -> std::result::Result<(), Lost> {
        let mut pause = RETRY_PAUSE;
        for _ in 1..ATTEMPTS_MAX {
            match self.attempt(one) {
                Err(Lost::Retry(_)) => thread::sleep(pause),
                end => return end,
            }
            pause *= 2;
        }
        self.attempt(one)
    }

    fn give_up(&mut self, batch: Vec<Box<dyn Job>>, lost: Lost) {
        let error = match lost {
            Lost::Retry(error) | Lost::Unknown(error) => error,
            Lost::Fatal(error) => {
                tracing::error!(%error, "the catalog stops writing: its disk state is unknown");
                let context = format!("writing stopped after a failure: {error}");
                let poison = Error::new(ErrorKind::Unavailable, "write", context);
                self.poisoned = Some(poison.clone());
                poison
            }
        };
        fail_all(batch, &error);
    }

    /// Runs the batch in one transaction and commits it.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> std::result::Result<(), Lost> {
        // A fault of an earlier transaction says nothing about this one.
        self.engine.sql().take_fault();
        let result = self.attempt_once(batch);
        if result.is_err() {
            self.engine.rollback();
        }
        result
    }

    fn attempt_once(&mut self, batch: &mut [Box<dyn Job>]) -> std::result::Result<(), Lost> {
        let first_seq = self.engine.begin().map_err(|error| self.lost(error))?;
        let mut next_seq = first_seq;
        let mut last_seq = None;
        let alone = batch.len() == 1;
        for job in batch.iter_mut() {
            if let Some((seq, next)) = self.run_job(job.as_mut(), next_seq, alone)? {
                next_seq = next;
                last_seq = seq.or(last_seq);
            } else if alone {
                // Nothing else is in this transaction, so there is nothing to commit.
                self.engine.rollback();
                return Ok(());
            }
        }
        if next_seq != first_seq {
            let sql = "UPDATE counter SET value = $1 WHERE name = 'journal'";
            let result = self.engine.sql().execute(sql, params![next_seq]);
            result.map_err(|error| self.lost(error))?;
        }
        self.engine.commit().map_err(|error| match error {
            CommitError::Retry(error) => Lost::Retry(error),
            CommitError::Unknown(error) => Lost::Unknown(error),
            CommitError::Fatal(error) => Lost::Fatal(error),
        })?;
        if let Some(seq) = last_seq {
            self.committed.send_replace(seq);
        }
        Ok(())
    }

    /// Runs one operation in its savepoint (an operation alone needs none).
    fn run_job(
        &mut self,
        job: &mut dyn Job,
        next_seq: i64,
        alone: bool,
    ) -> std::result::Result<Option<(Option<i64>, i64)>, Lost> {
        if !alone {
            self.command("SAVEPOINT op")?;
        }
        let mut done = job.run(WriteTx::new(self.engine.sql(), next_seq));
        let fault = self.engine.sql().take_fault();
        if fault == Some(Fault::Transaction) {
            return Err(Lost::Retry(Error::unavailable(
                "write",
                "the transaction was lost",
            )));
        }
        if fault == Some(Fault::Fatal) {
            let error = Error::unavailable("write", "reading or writing the database failed");
            return Err(Lost::Fatal(error));
        }
        if fault.is_some() && done.take().is_some() {
            let context = "the operation went on after a statement had failed";
            job.fail(Error::new(ErrorKind::Unexpected, "write", context));
        }
        if !alone {
            if done.is_none() {
                self.command("ROLLBACK TO SAVEPOINT op")?;
            }
            self.command("RELEASE SAVEPOINT op")?;
        }
        Ok(done)
    }

    fn command(&mut self, sql: &str) -> std::result::Result<(), Lost> {
        let result = self.engine.sql().command(sql);
        result.map_err(|error| self.lost(error))
    }

    /// What a failure outside of any operation means for the transaction.
    fn lost(&mut self, error: Error) -> Lost {
        match self.engine.sql().take_fault() {
            Some(Fault::Fatal) => Lost::Fatal(error),
            _ => Lost::Retry(error),
        }
    }
}

fn fail_all(batch: Vec<Box<dyn Job>>, error: &Error) {
    for mut job in batch {
        job.fail(error.clone());
        job.answer();
    }
}

/// Runs `open` on a new thread that then serves the engine it returns, and waits until it is open.
pub(crate) fn spawn<F>(
    jobs: mpsc::Receiver<Box<dyn Job>>,
    committed: watch::Sender<i64>,
    open: F,
) -> Result<thread::JoinHandle<()>>
where
    F: FnOnce() -> Result<(Box<dyn Engine>, i64)> + Send + 'static,
{
    let (opened, wait) = std::sync::mpsc::sync_channel(1);
    let body = move || match open() {
        Ok((engine, last_seq)) => {
            committed.send_replace(last_seq);
            if opened.send(Ok(())).is_ok() {
                Writer::new(engine, jobs, committed).run();
            }
        }
        // The receiver waits for exactly this message.
        Err(error) => drop(opened.send(Err(error))),
    };
    let handle = thread::Builder::new()
        .name("catalog-writer".into())
        .spawn(body);
    let handle = handle.map_err(|error| {
        Error::unavailable("open", "the writer's thread did not start").with_source(error)
    })?;
    wait.recv()
        .unwrap_or_else(|_| Err(Error::unavailable("open", "the writer's thread died")))?;
    Ok(handle)
}

#[cfg(test)]
mod tests;
