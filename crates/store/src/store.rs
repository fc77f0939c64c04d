//! The store itself: its parts put together, and what every verb begins with.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolium_array::MemberId;
use dolium_catalog::{BlobKind, BlobRow, BlobState, Catalog, Committed, ReadTx, WriteTx};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blobs::stored_blob;
use crate::block_cache::BlockCache;
use crate::care::Suspected;
use crate::journal::Journal;
use crate::lane::{Lane, read_permits};
use crate::packer::Packer;
use crate::place::Classes;
use crate::settings::{Durability, Keys, StoreParts, StoreSettings};
use crate::several::{Fence, Leases, Peers};
use crate::underway::Underway;
use crate::{Error, ErrorKind, Result, recover};

/// Every verb of the product. Clones share everything.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) catalog: Catalog,
    pub(crate) lanes: BTreeMap<String, Lane>,
    pub(crate) default_array: String,
    /// What clients call the arrays.
    pub(crate) classes: Classes,
    pub(crate) keys: Arc<Keys>,
    pub(crate) journal: Journal,
    pub(crate) settings: StoreSettings,
    /// Reads and writes under way, over all arrays.
    pub(crate) underway: Underway,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// What reads found bad.
    pub(crate) suspected: Suspected,
    /// Who works in the background.
    pub(crate) leases: Leases,
    /// The other servers on the catalog.
    pub(crate) peers: Peers,
}

impl Store {
    /// Opens the store and starts its background work.
    pub async fn open(parts: StoreParts, settings: StoreSettings) -> Result<Self> {
        let StoreParts {
            catalog,
            arrays,
            master_key,
        } = parts;
        let default = arrays
            .first()
            .ok_or_else(|| Error::new(ErrorKind::Invalid, "a store needs at least one array"))?;
        let default_array = default.name().to_owned();
        recover::refuse_unfinished(&catalog).await?;
        let classes = Classes::new(arrays.iter().map(|array| array.name()), &settings.classes);
        let keys = Arc::new(Keys::new(&master_key));
        let underway = Underway::beside(catalog.writing());
        let read_permits = read_permits();
        let read_ahead_permits = Arc::new(Semaphore::new(settings.read_ahead_blocks_max));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let leases = Leases::new(catalog.clone(), tasks.clone(), stop.clone());
        let peers = Peers::join(&catalog, &underway).await?;
        let block_cache = Arc::new(BlockCache::new(settings.block_cache_bytes_max));
        let journal_array = default.clone();
        let named = arrays
            .iter()
            .map(|array| (array.name().to_owned(), array.clone()));
        let named: Arc<[_]> = named.collect();
        let lanes = arrays.into_iter().map(|array| {
            let packer = Packer::new(
                array.clone(),
                keys.pack_index.clone(),
                settings.pack_len,
                settings.ingest_bytes_max,
                peers.clone(),
            );
            let lane = Lane {
                array: array.clone(),
                arrays: named.clone(),
                packer,
                underway: underway.clone(),
                catalog: catalog.clone(),
                keys: keys.clone(),
                read_ahead_permits: read_ahead_permits.clone(),
                read_permits: read_permits.clone(),
                block_cache: block_cache.clone(),
            };
            (array.name().to_owned(), lane)
        });
        let lanes = lanes.collect();
        let journal = Journal::open(
            catalog.clone(),
            journal_array,
            keys.journal.clone(),
            leases.clone(),
            &tasks,
            &stop,
        )
        .await?;
        let speaking = peers.clone();
        tasks.spawn(speaking.speak(catalog.clone(), underway.clone(), stop.clone()));
        let inner = Inner {
            catalog,
            lanes,
            default_array,
            classes,
            keys,
            journal,
            settings,
            underway,
            tasks,
            stop,
            suspected: Suspected::default(),
            leases,
            peers,
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        store.start_background();
        Ok(store)
    }

    /// Stops background work and waits until everything committed is in the journal.
    pub async fn close(&self) -> Result<()> {
        let flushed = self.inner.journal.flush().await;
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        flushed
    }

    /// The catalog, for components that keep their own rows there.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The leases of this server, for components that work in the background beside the store.
    pub fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    /// Waits until a change that some component committed is as durable as the settings promise.
    pub async fn settled<T>(&self, committed: Committed<T>) -> Result<T> {
        if let (Some(seq), Durability::Array) =
            (committed.journal_seq, self.inner.settings.durability)
        {
            self.inner.journal.wait(seq).await?;
        }
        Ok(committed.value)
    }

    /// Runs a transaction and waits for its durability.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        op: impl Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let committed = self.inner.catalog.write(op).await?;
        self.settled(committed).await
    }

    /// Runs a transaction of background work, unless that has gone to another server.
    pub(crate) async fn commit_under<T: Send + 'static>(
        &self,
        fence: Fence,
        op: impl Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.commit(move |tx| {
            fence.check(tx)?;
            op(tx)
        })
        .await
    }

    /// Runs a read.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.catalog.read(op).await
    }

    /// The way to an array.
    pub(crate) fn lane_named(&self, array: &str) -> Result<&Lane> {
        self.inner.lanes.get(array).ok_or_else(|| {
            let context = format!("the array {array} is not configured");
            Error::new(ErrorKind::Unavailable, context)
        })
    }
}

/// What an array holds, for status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Packs on record.
    pub packs: i64,
    /// Their bytes, without redundancy.
    pub pack_bytes: i64,
    /// Blobs that lack shards.
    pub incomplete_blobs: u64,
    /// The most shards that one blob lacks.
    pub shards_missing_max: usize,
    /// The least that a blob was cut to lose: blobs may be of another layout than the array now has.
    pub parity_min: Option<u8>,
    /// Shards and their bytes, by the member that keeps them.
    pub members: BTreeMap<MemberId, (u64, u64)>,
}

/// Records read at a time when all are looked at.
const RECORDS_PAGE: i64 = 1000;

impl Store {
    /// Waits until everything committed so far is durable in the array.
    pub async fn flush(&self) -> Result<()> {
        self.inner.journal.flush().await
    }

    /// Changes that are committed and not yet durable in the array.
    pub async fn journal_behind(&self) -> Result<i64> {
        let next = self.look(|tx| Ok(tx.next_seq()?)).await?;
        Ok((next - 1 - self.inner.journal.shipped()).max(0))
    }

    /// Number of the last journal entry that is durable in the array.
    pub fn journal_shipped(&self) -> i64 {
        self.inner.journal.shipped()
    }

    /// Counts what an array holds. Looks at every blob record, so it is not for hot paths.
    pub async fn holdings(&self, array: &str) -> Result<Holdings> {
        let mut held = Holdings::default();
        let each = |row: &BlobRow| {
            let blob = stored_blob(row)?;
            let placement = &blob.placement;
            for member in placement.shards().iter().flatten() {
                let (shards, bytes) = held.members.entry(*member).or_default();
                *shards += 1;
                *bytes += blob.shard_len();
            }
            // What is being removed lacks nothing.
            if row.state == BlobState::Live {
                let missing = placement.shards().len() - placement.placed();
                held.incomplete_blobs += u64::from(missing > 0);
                held.shards_missing_max = held.shards_missing_max.max(missing);
                let parity = blob.layout.parity();
                held.parity_min = Some(held.parity_min.map_or(parity, |least| least.min(parity)));
            }
            if row.kind == BlobKind::Pack {
                held.packs += 1;
                held.pack_bytes += row.len;
            }
            Ok(())
        };
        self.each_blob(array, each).await?;
        Ok(held)
    }

    /// Shows every record of an array, page by page.
    pub(crate) async fn each_blob(
        &self,
        array: &str,
        mut see: impl FnMut(&BlobRow) -> Result<()>,
    ) -> Result<()> {
        for kind in [BlobKind::Pack, BlobKind::Journal, BlobKind::Snapshot] {
            let mut after: Option<String> = None;
            loop {
                let (array, from) = (array.to_owned(), after.take());
                let page = self
                    .look(move |tx| Ok(tx.blobs(&array, kind, from.as_deref(), RECORDS_PAGE)?));
                let page = page.await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                page.iter().try_for_each(&mut see)?;
            }
        }
        Ok(())
    }
}
