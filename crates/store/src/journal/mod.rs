//! The journal: every change of the catalog, written into the array, so that the server can be lost.
//!
//! The catalog numbers changes and keeps them in its outbox. The shipper writes what is new as one
//! small batch, again and again: while a batch is being written, the next gathers (group commit).
//! Beside it the merger makes segments of small batches, and from time to time a snapshot of the catalog
//! that replaces all segments before it, so that recovery is bounded. Servers that share a catalog each ship
//! what their answers wait for (`mark` says why that is safe); one at a time merges.
//!
//! Promises: when `wait(n)` returns, entries up to `n` are durable in the array; batches of one server are
//! written in order. Refuses to open over an array that knows changes its catalog does not.
//! Does not: decide when an answer waits (`store`), or replay (`recover`).

mod batch;
mod mark;
mod merge;
mod ship;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use dolium_array::{Array, BlobKind, FoundBlob, StoredBlob};
use dolium_block::Subkey;
use dolium_catalog::Catalog;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use batch::{Batch, Chain, SnapshotPart, parse_batch_name, parse_snapshot_name};

use merge::Merger;
use ship::Shipper;

use crate::blobs::seen_blob;
use crate::recover::may_be_whole;
use crate::several::Leases;
use crate::{Error, ErrorKind, Result};

/// How long an answer waits for the journal before it becomes "try again": the change is committed,
/// but its promise of durability cannot be given yet.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Requests to settle that may wait.
const SETTLES_MAX: usize = 8;
/// Batches that the merger may be behind; then the shipper waits for it.
const UNMERGED_MAX: usize = 4096;
/// Blobs looked at by one listing call.
pub(crate) const FOUND_PAGE: usize = 1000;

/// A handle on the journal.
pub(crate) struct Journal {
    shipped: watch::Receiver<i64>,
    committed: watch::Receiver<i64>,
    settles: mpsc::Sender<Answer>,
}

/// Where it is told that all is on record.
type Answer = oneshot::Sender<Result<()>>;

/// What the shipper and the merger work with.
#[derive(Clone)]
struct Desk {
    catalog: Catalog,
    array: Arc<Array>,
    key: Subkey,
    leases: Leases,
}

/// What the shipper tells the merger.
enum Shipped {
    /// A batch is durable.
    Batch(StoredBlob),
    /// Somebody waits until all batches before are merged.
    Settle(Answer),
}

/// A point of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) seq: i64,
    pub(crate) chain: Chain,
}

impl Base {
    /// The key of `meta` that keeps it.
    pub(crate) const META: &str = "journal_base";
    /// Before the first entry.
    pub(crate) const START: Self = Self {
        seq: 0,
        chain: Chain::START,
    };

    pub(crate) fn encode(self) -> Vec<u8> {
        [&self.seq.to_be_bytes()[..], &self.chain.0].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let corrupt = || {
            Error::new(
                ErrorKind::Corrupt,
                "the catalog's journal base is malformed",
            )
        };
        let (seq, chain) = bytes.split_first_chunk::<8>().ok_or_else(corrupt)?;
        let chain = chain.try_into().map_err(|_| corrupt())?;
        Ok(Self {
            seq: i64::from_be_bytes(*seq),
            chain: Chain(chain),
        })
    }
}

impl Journal {
    /// Compares the array with the catalog and starts the shipper.
    pub(crate) async fn open(
        catalog: Catalog,
        array: Arc<Array>,
        key: Subkey,
        leases: Leases,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let base = catalog.read(|tx| mark::read(tx, Base::META)).await?;
        let committed = catalog.committed();
        let desk = Desk {
            catalog,
            array,
            key,
            leases,
        };
        let unmerged = desk.unknown_batches().await?;
        let (shipped, shipped_seen) = watch::channel(base.seq);
        let (settles, requests) = mpsc::channel(SETTLES_MAX);
        let (batches, batches_seen) = mpsc::channel(UNMERGED_MAX);
        let merger = Merger::new(desk.clone(), shipped_seen.clone(), base, unmerged);
        let shipper = Shipper::new(desk, shipped, base, batches);
        tasks.spawn(merger.run(batches_seen, stop.clone()));
        tasks.spawn(shipper.run(requests, stop.clone()));
        Ok(Self {
            shipped: shipped_seen,
            committed,
            settles,
        })
    }

    /// Waits until the entry `seq` is durable in the array.
    pub(crate) async fn wait(&self, seq: i64) -> Result<()> {
        let mut shipped = self.shipped.clone();
        let waited = tokio::time::timeout(WAIT_MAX, shipped.wait_for(|shipped| *shipped >= seq));
        match waited.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::Unavailable,
                "the server is shutting down",
            )),
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                "the change is committed here but the array does not take its journal entry; \
                 see `dolium status`",
            )),
        }
    }

    /// Waits until everything committed so far is durable in the array.
    pub(crate) async fn flush(&self) -> Result<()> {
        let newest = *self.committed.borrow();
        self.wait(newest).await
    }

    /// Merges all batches into segments, so that everything the journal needs is on record.
    pub(crate) async fn settle(&self) -> Result<()> {
        let stopped = || Error::new(ErrorKind::Unavailable, "the server is shutting down");
        let (answer, wait) = oneshot::channel();
        self.settles.send(answer).await.map_err(|_| stopped())?;
        wait.await.map_err(|_| stopped())?
    }

    /// Number of the last entry that is durable in the array.
    pub(crate) fn shipped(&self) -> i64 {
        *self.shipped.borrow()
    }
}

impl Desk {
    /// Journal blobs that the catalog has no record of: batches not yet merged. One that is newer than
    /// the catalog means that the catalog is an old copy; going on would fork history.
    async fn unknown_batches(&self) -> Result<Vec<StoredBlob>> {
        let Self { array, key, .. } = self;
        let mut unknown = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = array
                .found(BlobKind::Journal, after.as_deref(), FOUND_PAGE)
                .await?;
            // Asked after the listing: another server may just have committed what a batch in it holds.
            let newest = self.catalog.read(|tx| tx.next_seq()).await;
            let newest = newest.map_err(Error::from)? - 1;
            for found in &page.blobs {
                let name = found.id.name();
                if parse_batch_name(name).is_some_and(|(_, last)| last > newest) {
                    refuse_newer(array, key, found, page.unreachable.len()).await?;
                } else if !self.is_on_record(name).await? {
                    unknown.push(seen_blob(found, array.layout()));
                }
            }
            match (page.more, page.blobs.last()) {
                (true, Some(last)) => after = Some(last.id.name().to_owned()),
                _ => return Ok(unknown),
            }
        }
    }

    /// Whether the catalog knows a journal blob.
    async fn is_on_record(&self, name: &str) -> Result<bool> {
        let (array, name) = (self.array.name().to_owned(), name.to_owned());
        let row = self
            .catalog
            .read(move |tx| tx.blob(&array, dolium_catalog::BlobKind::Journal, &name));
        Ok(row.await.map_err(Error::from)?.is_some())
    }
}

/// Refuses to go on when a batch beyond the catalog is real. Any provider can list such a name; only
/// who has the key can write what it names.
async fn refuse_newer(array: &Array, key: &Subkey, found: &FoundBlob, silent: usize) -> Result<()> {
    let read = async {
        let blob = array.inspect(found).await?;
        Batch::open(key, &array.read(&blob, 0..blob.len).await?)
    };
    match read.await {
        Err(error) if !may_be_whole(array, found, silent).await => {
            tracing::warn!(blob = %found.id, %error, "a journal batch that was never whole, or forged");
            Ok(())
        }
        _ => Err(Error::new(
            ErrorKind::Conflict,
            "the array holds newer changes than this catalog: the catalog is an old copy; \
             rebuild it with `dolium recover`",
        )),
    }
}
