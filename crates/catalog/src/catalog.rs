//! The catalog as its callers hold it: open, write, read.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::Engine;
use crate::engine::postgres::PostgresConnection;
use crate::engine::sqlite::SqliteConnection;
use crate::migration;
use crate::reader::Readers;
use crate::tx::{ReadTx, WriteTx};
use crate::writer::{self, BATCH_OPS_MAX, Committed, Job, Operation, Writing, stopped};
use crate::{Error, Result};

/// What an administrator may tune.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// Connections that read at the same time.
    pub readers_max: usize,
}

impl Default for CatalogSettings {
    /// Four readers: SQLite reads are so short that more would only hold page caches.
    fn default() -> Self {
        Self { readers_max: 4 }
    }
}

/// A handle on the catalog; clones share one writer and one set of readers.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    /// Other processes may be at the same database.
    is_shared: bool,
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    committed: watch::Receiver<i64>,
    writing: Writing,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Catalog {
    /// Opens the SQLite file, creating or migrating it as needed.
    ///
    /// The caller makes sure that no other process serves the same file. Blocks until the catalog
    /// is usable.
    pub fn open_sqlite(path: impl AsRef<Path>, settings: CatalogSettings) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let readers = Readers::sqlite(path.clone(), settings.readers_max);
        Self::open(false, readers, move || {
            let mut connection = SqliteConnection::open_writer(&path)?;
            migration::migrate(&mut connection)?;
            let next_seq = first_transaction(&mut connection)?;
            Ok((Box::new(connection) as Box<dyn Engine>, next_seq - 1))
        })
    }

    /// Connects to the PostgreSQL database of the URL, creating or migrating the schema as needed.
    ///
    /// Several servers may share it. Blocks until the catalog is usable.
    pub fn open_postgres(url: &str, settings: CatalogSettings) -> Result<Self> {
        let readers = Readers::postgres(url, settings.readers_max)?;
        let mut connection = PostgresConnection::new(url)?;
        Self::open(true, readers, move || {
            connection.connect()?;
            migration::migrate(&mut connection)?;
            let next_seq = first_transaction(&mut connection)?;
            Ok((Box::new(connection) as Box<dyn Engine>, next_seq - 1))
        })
    }

    fn open<F>(is_shared: bool, readers: Readers, open: F) -> Result<Self>
    where
        F: FnOnce() -> Result<(Box<dyn Engine>, i64)> + Send + 'static,
    {
        let (jobs, waiting) = mpsc::channel(BATCH_OPS_MAX);
        let (committed_tx, committed) = watch::channel(0);
        let writing = Writing::default();
        let writer = writer::spawn(waiting, committed_tx, writing.clone(), open)?;
        let writer = Mutex::new(Some(writer));
        Ok(Self {
            inner: Arc::new(Inner {
                is_shared,
                jobs: Some(jobs),
                committed,
                writing,
                readers,
                writer,
            }),
        })
    }

    /// True when other servers may work on the same database: it is PostgreSQL's.
    pub fn is_shared(&self) -> bool {
        self.inner.is_shared
    }

    /// Runs `op` in a transaction and answers once it is durable.
    ///
    /// Operations commit in the order in which this was called. `op` may run more than once (its
    /// earlier run was undone), so it must have no effect but on the transaction. When it returns an
    /// error, all it did is undone; other operations are not affected. It must not go on after a
    /// call on the transaction failed.
    ///
    /// When the future is dropped before its turn, `op` does not run.
    pub async fn write<T, E, F>(&self, op: F) -> std::result::Result<Committed<T>, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Operation::new(op, answer));
        let jobs = self.inner.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        wait.await.unwrap_or_else(|_| Err(stopped().into()))
    }

    /// Runs `op` on one consistent state of everything committed so far.
    pub async fn read<T, E, F>(&self, op: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        self.inner.readers.read(op).await
    }

    /// The number of the last journal entry this process committed (at opening: of the last one
    /// there is). It changes after every commit that wrote one: what the journal shipper waits for.
    ///
    /// Commits of other servers on the same PostgreSQL are not announced here.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.inner.committed.clone()
    }

    /// Since when this process's transaction at work is being written.
    pub fn writing(&self) -> Writing {
        self.inner.writing.clone()
    }
}

/// Opens and drops one transaction: the catalog is usable, and this is where its journal stands.
fn first_transaction(engine: &mut dyn Engine) -> Result<i64> {
    let next_seq = engine.begin();
    engine.rollback();
    next_seq
}

impl Drop for Inner {
    /// Waits until everything submitted is committed, so that a closed catalog is a quiet file.
    fn drop(&mut self) {
        self.jobs = None;
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        // The last handle may have been owned by an operation, which is dropped on the writer's own
        // thread; that thread cannot wait for itself.
        if writer.thread().id() != thread::current().id() && writer.join().is_err() {
            tracing::error!("the catalog's writer died of a panic");
        }
    }
}
