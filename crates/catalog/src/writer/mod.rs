//! The writer: one thread that turns waiting operations into transactions.
//!
//! Everything that waits when a transaction starts runs in it, each operation in a savepoint of its
//! own, so that one commit (one fsync) serves all and a failing operation undoes only itself.
//!
//! Promises: operations run in the order they were submitted; an answer leaves only after the commit
//! is durable; after a write error whose effect is not known, nothing is written any more.

mod job;
#[cfg(test)]
mod tests;
mod writing;

pub use job::Committed;
pub(crate) use job::{Job, Operation, panicked, stopped};
pub use writing::Writing;

use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

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
    writing: Writing,
    poisoned: Option<Error>,
}

impl Writer {
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        jobs: mpsc::Receiver<Box<dyn Job>>,
        committed: watch::Sender<i64>,
        writing: Writing,
    ) -> Self {
        Self {
            engine,
            jobs,
            committed,
            writing,
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
        self.writing.begin();
        let result = self.attempt_once(batch);
        if result.is_err() {
            self.engine.rollback();
        }
        self.writing.end();
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
    writing: Writing,
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
                Writer::new(engine, jobs, committed, writing).run();
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
