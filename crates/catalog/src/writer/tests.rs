//! The writer over an engine that fails when told to: what is acknowledged is committed, what is not
//! is not half there, and an unknown state stops everything.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::{BATCH_OPS_MAX, Committed, Job, Operation, Writer, Writing};
use crate::engine::sqlite::SqliteConnection;
use crate::engine::{CommitError, Dialect, Engine, Fault, Sql};
use crate::value::Val;
use crate::{Error, ErrorKind, Result, WriteTx, migration};

/// What the next commit does.
#[derive(Clone, Copy)]
enum Fate {
    Commit,
    Retry,
    Unknown,
    Fatal,
}

/// SQLite whose commits and statements fail on request.
struct FailingEngine {
    inner: SqliteConnection,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    fault: Option<Fault>,
}

impl Sql for FailingEngine {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
    fn query(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        if sql.contains("FROM account") && params == [Val::Text("serialization".into())] {
            self.fault = Some(Fault::Transaction);
            return Err(Error::unavailable("query", "serialization failure"));
        }
        self.inner.query(sql, params)
    }
    fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        self.inner.execute(sql, params)
    }
    fn command(&mut self, sql: &str) -> Result<()> {
        self.inner.command(sql)
    }
    fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take().max(self.inner.take_fault())
    }
}

impl Engine for FailingEngine {
    fn begin(&mut self) -> Result<i64> {
        self.inner.begin()
    }
    fn commit(&mut self) -> std::result::Result<(), CommitError> {
        let error = || Error::unavailable("commit", "as the test asked");
        match self.fates.lock().pop_front().unwrap_or(Fate::Commit) {
            Fate::Commit => self.inner.commit(),
            Fate::Retry => Err(CommitError::Retry(error())),
            Fate::Unknown => Err(CommitError::Unknown(error())),
            Fate::Fatal => Err(CommitError::Fatal(error())),
        }
    }
    fn rollback(&mut self) {
        self.inner.rollback();
    }
    fn sql(&mut self) -> &mut dyn Sql {
        self
    }
}

type Answer = std::result::Result<Committed<i64>, Error>;

/// Submits operations that make accounts of these names as one batch, and returns the answers and
/// the accounts that exist afterwards.
fn batch(names: &'static [&'static str], fates: &[Fate]) -> (Vec<Answer>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut inner = SqliteConnection::open_writer(&dir.path().join("catalog")).unwrap();
    migration::migrate(&mut inner).unwrap();
    let fates = Arc::new(Mutex::new(fates.iter().copied().collect()));
    let engine = FailingEngine {
        inner,
        fates,
        fault: None,
    };
    let (jobs, waiting) = mpsc::channel::<Box<dyn Job>>(names.len());
    let mut answers = Vec::new();
    for &name in names {
        let (answer, wait) = oneshot::channel();
        let op = move |tx: &mut WriteTx<'_>| Ok(tx.create_account(name, None, 1)?.id.0);
        jobs.try_send(Box::new(Operation::new(op, answer)))
            .ok()
            .unwrap();
        answers.push(wait);
    }
    drop(jobs);
    let committed = watch::Sender::new(0);
    Writer::new(Box::new(engine), waiting, committed, Writing::default()).run();
    let answers = answers
        .into_iter()
        .map(|mut wait| wait.try_recv().unwrap())
        .collect();

    let mut after = SqliteConnection::open_reader(&dir.path().join("catalog")).unwrap();
    let rows = after
        .query("SELECT name FROM account ORDER BY id", &[])
        .unwrap();
    let names = rows.into_iter().flatten().map(|val| match val {
        Val::Text(name) => name,
        other => panic!("{other:?}"),
    });
    (answers, names.collect())
}

fn outcome(answer: &Answer) -> std::result::Result<(i64, Option<i64>), ErrorKind> {
    answer
        .as_ref()
        .map(|done| (done.value, done.journal_seq))
        .map_err(Error::kind)
}

fn check(
    names: &'static [&'static str],
    fates: &[Fate],
    expect: &[std::result::Result<(i64, Option<i64>), ErrorKind>],
    exist: &[&str],
) {
    let (answers, found) = batch(names, fates);
    assert_eq!(answers.iter().map(outcome).collect::<Vec<_>>(), expect);
    assert_eq!(found, exist);
}

#[test]
fn a_failing_operation_undoes_only_itself() {
    check(
        &["a", "a", "b"],
        &[],
        &[
            Ok((1, Some(1))),
            Err(ErrorKind::AlreadyExists),
            Ok((2, Some(2))),
        ],
        &["a", "b"],
    );
}

#[test]
fn a_lost_batch_runs_again_one_by_one() {
    let expect = [Ok((1, Some(1))), Ok((2, Some(2)))];
    check(&["a", "b"], &[Fate::Retry], &expect, &["a", "b"]);
    check(
        &["a", "b"],
        &[Fate::Retry, Fate::Retry, Fate::Commit, Fate::Retry],
        &expect,
        &["a", "b"],
    );
}

#[test]
fn attempts_are_bounded_and_what_failed_is_not_there() {
    let expect = [Err(ErrorKind::Unavailable), Err(ErrorKind::Unavailable)];
    check(&["a", "b"], &[Fate::Retry; 6], &expect, &[]);
}

#[test]
fn an_unknown_commit_is_neither_acknowledged_nor_run_again() {
    check(
        &["a"],
        &[Fate::Unknown],
        &[Err(ErrorKind::Unavailable)],
        &[],
    );
}

#[test]
fn a_fatal_commit_stops_all_later_writes() {
    // One more than a batch holds: the last comes in a batch of its own, after the poison.
    let names: &[&str] = &["a"; BATCH_OPS_MAX + 1];
    let (answers, found) = batch(names, &[Fate::Fatal, Fate::Commit]);
    assert!(
        answers
            .iter()
            .all(|answer| outcome(answer) == Err(ErrorKind::Unavailable))
    );
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn an_operation_that_keeps_losing_its_transaction_fails_the_rest_of_its_batch() {
    let (answers, found) = batch(&["a", "serialization", "b"], &[]);
    let outcomes: Vec<_> = answers.iter().map(outcome).collect();
    let lost = Err(ErrorKind::Unavailable);
    assert_eq!(outcomes, [Ok((1, Some(1))), lost, lost]);
    assert_eq!(found, ["a"]);
}
