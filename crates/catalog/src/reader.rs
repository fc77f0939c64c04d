//! Readers: the connections that reading operations run on.
//!
//! SQLite reads take microseconds, less than handing them to another thread costs, so they run
//! inline on the caller's. PostgreSQL reads wait for the network and run on a few threads.
//!
//! Promises: an operation reads one snapshot; the number of connections is bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::Sql;
use crate::engine::postgres::PostgresConnection;
use crate::engine::sqlite::SqliteConnection;
use crate::tx::ReadTx;
use crate::writer::{panicked, stopped};
use crate::{Error, Result};

/// Reads that may wait for a PostgreSQL reader before callers wait to submit theirs.
const READS_WAITING_MAX: usize = 256;

/// A read of any type, ready to run on a reader thread.
type ReadJob = Box<dyn FnOnce(&mut PostgresConnection) + Send>;

/// The readers of a catalog.
pub(crate) enum Readers {
    /// Connections to lend out.
    Sqlite(SqliteReaders),
    /// Threads with a connection each.
    Postgres(mpsc::Sender<ReadJob>),
}

/// A bounded set of SQLite connections, opened as they are first needed.
pub(crate) struct SqliteReaders {
    path: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(crate) fn sqlite(path: PathBuf, count: usize) -> Self {
        let permits = Semaphore::new(count.max(1));
        Self::Sqlite(SqliteReaders {
            path,
            permits,
            idle: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn postgres(url: &str, count: usize) -> Result<Self> {
        let (jobs, waiting) = mpsc::channel::<ReadJob>(READS_WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count.max(1) {
            let mut connection = PostgresConnection::new(url)?;
            let waiting = Arc::clone(&waiting);
            let body = move || {
                loop {
                    // Whoever holds the lock waits for a job; the others wait for the lock.
                    let job = waiting.lock().blocking_recv();
                    let Some(job) = job else { return };
                    job(&mut connection);
                }
            };
            let spawned = thread::Builder::new()
                .name("catalog-reader".into())
                .spawn(body);
            spawned.map_err(|error| {
                Error::unavailable("open", "a reader's thread did not start").with_source(error)
            })?;
        }
        Ok(Self::Postgres(jobs))
    }

    pub(crate) async fn read<T, E, F>(&self, op: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        match self {
            Self::Sqlite(readers) => readers.read(op).await,
            Self::Postgres(jobs) => {
                let (answer, wait) = oneshot::channel();
                let job: ReadJob = Box::new(move |connection| {
                    // A caller that went away needs no answer.
                    drop(answer.send(read_postgres(connection, op)));
                });
                jobs.send(job).await.map_err(|_| stopped())?;
                wait.await.unwrap_or_else(|_| Err(stopped().into()))
            }
        }
    }
}

fn read_postgres<T, E, F>(connection: &mut PostgresConnection, op: F) -> std::result::Result<T, E>
where
    E: From<Error>,
    F: FnOnce(&mut ReadTx<'_>) -> std::result::Result<T, E>,
{
    connection.begin_read()?;
    let result = catch_unwind(AssertUnwindSafe(|| op(&mut ReadTx::new(connection))));
    // Nothing was written, so how the transaction ends is of no interest; a connection that broke is
    // replaced by the next read.
    drop(connection.command("ROLLBACK"));
    result.unwrap_or_else(|panic| Err(panicked("read", panic.as_ref()).into()))
}

impl SqliteReaders {
    async fn read<T, E, F>(&self, op: F) -> std::result::Result<T, E>
    where
        E: From<Error>,
        F: FnOnce(&mut ReadTx<'_>) -> std::result::Result<T, E>,
    {
        let permit = self.permits.acquire().await.map_err(|_| stopped())?;
        let mut connection = self.take()?;
        connection.command("BEGIN")?;
        let result = catch_unwind(AssertUnwindSafe(|| op(&mut ReadTx::new(&mut connection))));
        if connection.command("ROLLBACK").is_ok() {
            self.idle.lock().push(connection);
        }
        drop(permit);
        result.unwrap_or_else(|panic| Err(panicked("read", panic.as_ref()).into()))
    }

    fn take(&self) -> Result<SqliteConnection> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| SqliteConnection::open_reader(&self.path), Ok)
    }
}
