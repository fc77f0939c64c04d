//! Collection: what nothing refers to is freed.
//!
//! A block that has had no reference for the configured age leaves the catalog first; its bytes go
//! later, when its pack is dropped (nothing in it lives) or compacted (less than half of it lives, or
//! it is small). Blobs that the catalog never heard of (writes cut short) are removed once old enough.
//!
//! Promises: killed at any moment it leaves too much, never too little; readers that looked up a
//! moved block look again; what cannot be read or removed now is passed over, not a reason to stop.
//! Does not: touch a blob younger than the configured age, or a pack that a running write has blocks
//! in: until it commits, the catalog knows only part of what that pack is needed for. Of other servers it
//! knows when their oldest write began, and spares what is younger.

mod compact;

use std::collections::{BTreeMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use dolium_array::{BlobKind, FoundBlob, StoredBlob};
use dolium_block::{BlockId, Node, PackId};
use dolium_catalog::{BlobKind as RowKind, BlobState, ReleasedRow, WriteTx};

use crate::blobs::{seen_blob, stored_blob, youngest};
use crate::care::CARE;
use crate::clock::now;
use crate::lane::Lane;
use crate::reader::load_node_whole;
use crate::recover::may_have_missed_packs;
use crate::several::Held;
use crate::store::Store;
use crate::{Error, Result};

/// Rows handled by one transaction.
const PAGE: i64 = 500;

/// What a collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Collected {
    /// Blocks that left the catalog.
    pub blocks_removed: u64,
    /// Packs dropped or compacted away.
    pub packs_removed: u64,
    /// Bytes of those packs.
    pub bytes_removed: u64,
    /// Bytes written again by compaction.
    pub bytes_rewritten: u64,
    /// Blobs removed that the catalog did not know.
    pub orphans_removed: u64,
}

/// Hears of a collection's progress and may stop it; what is done stays done.
pub trait CollectReporter: Send + Sync {
    /// Progress so far.
    fn progress(&self, done: &Collected);
    /// True to stop after the present step.
    fn stop_requested(&self) -> bool {
        false
    }
}

impl Store {
    /// Frees what nothing refers to.
    pub async fn collect(&self, reporter: &dyn CollectReporter) -> Result<Collected> {
        let held = self.inner.leases.take(CARE).await?;
        self.collect_under(&held, reporter).await
    }

    /// Frees what nothing refers to, under the lease of care.
    pub(crate) async fn collect_under(
        &self,
        held: &Held,
        reporter: &dyn CollectReporter,
    ) -> Result<Collected> {
        let mut collection = self.collection(held, reporter).await?;
        collection.release_nodes().await?;
        collection.remove_garbage().await?;
        for lane in self.inner.lanes.values() {
            collection.finish_dying(lane).await?;
            collection.compact(lane).await?;
            collection.remove_orphans(lane).await?;
        }
        Ok(collection.done)
    }

    async fn collection<'a>(
        &'a self,
        held: &'a Held,
        reporter: &'a dyn CollectReporter,
    ) -> Result<Collection<'a>> {
        Ok(Collection {
            store: self,
            held,
            others: self.inner.peers.spare(&self.inner.catalog).await?,
            reporter,
            done: Collected::default(),
        })
    }
}

struct Collection<'a> {
    store: &'a Store,
    held: &'a Held,
    /// What was written or became garbage from this instant on, other servers may need.
    others: Option<i64>,
    reporter: &'a dyn CollectReporter,
    done: Collected,
}

impl Collection<'_> {
    fn report(&self) -> bool {
        self.reporter.progress(&self.done);
        !self.reporter.stop_requested() && !self.held.is_lost()
    }

    /// Runs a transaction of this collection.
    async fn write<T: Send + 'static>(
        &self,
        op: impl Fn(&mut WriteTx<'_>) -> dolium_catalog::Result<T> + Send + 'static,
    ) -> Result<T> {
        let fence = self.held.fence();
        let done = self.store.inner.catalog.write(move |tx| {
            fence.check(tx)?;
            op(tx)
        });
        Ok(done.await.map_err(Error::from)?.value)
    }

    /// Whether writes of other servers may need a pack that was recorded at an instant.
    fn others_may_need(&self, created: i64) -> bool {
        self.others.is_some_and(|others| created >= others)
    }

    /// Drops what the children of released nodes are referred to by.
    async fn release_nodes(&mut self) -> Result<()> {
        loop {
            let page = self.store.look(|tx| Ok(tx.released(PAGE)?)).await?;
            if page.is_empty() || !self.report() {
                return Ok(());
            }
            let mut released = 0;
            for row in page {
                let node = row.block_id;
                match self.release_node(row).await {
                    Ok(()) => released += 1,
                    // Its children stay until it can be read again: too much, not too little.
                    Err(error) => tracing::warn!(%node, %error, "a list node cannot be released"),
                }
            }
            if released == 0 {
                return Ok(());
            }
        }
    }

    async fn release_node(&self, row: ReleasedRow) -> Result<()> {
        let lane = self.store.lane_named(&row.array_name)?;
        let node: Node = load_node_whole(lane, row.block_id).await?;
        let children = node.references();
        self.write(move |tx| {
            for _ in 0..row.times {
                tx.drop_refs(&row.holder(), &children, now().0)?;
            }
            tx.finish_release(&row)
        })
        .await
    }

    async fn remove_garbage(&mut self) -> Result<()> {
        let age = self.store.inner.settings.garbage_age_min.as_micros() as i64;
        let before = self.store.inner.underway.spare(now().0.saturating_sub(age));
        let before = self.others.map_or(before, |others| others.min(before));
        // Who uploaded a block may name it for as long as the block would wait.
        self.write(move |tx| tx.forget_uploaded_before(before))
            .await?;
        loop {
            let page = self
                .store
                .look(move |tx| Ok(tx.garbage(before, PAGE)?))
                .await?;
            if page.is_empty() || !self.report() {
                return Ok(());
            }
            let mut found: BTreeMap<String, Vec<BlockId>> = BTreeMap::new();
            for row in page {
                found.entry(row.array_name).or_default().push(row.id);
            }
            let removed = self.write(move |tx| {
                let mut removed = 0;
                for (array, ids) in &found {
                    removed += tx.remove_garbage(array, ids, before)?;
                }
                Ok(removed)
            });
            let removed = removed.await?;
            self.done.blocks_removed += removed;
            if removed == 0 {
                return Ok(());
            }
        }
    }

    /// Finishes what an earlier collection was killed in.
    pub(super) async fn finish_dying(&mut self, lane: &Lane) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let (array, from) = (lane.array.name().to_owned(), after.take());
            let page = self
                .store
                .look(move |tx| Ok(tx.blobs(&array, RowKind::Pack, from.as_deref(), PAGE)?));
            let page = page.await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.name.clone());
            for row in page.iter().filter(|row| row.state == BlobState::Dying) {
                self.drop_pack(lane, &stored_blob(row)?).await?;
            }
        }
    }

    /// Removes a pack in which nothing lives: marked first, then its bytes, then its record.
    async fn drop_pack(&mut self, lane: &Lane, blob: &StoredBlob) -> Result<()> {
        let (array, name) = (lane.array.name().to_owned(), blob.id.name().to_owned());
        let pack: PackId = name.parse()?;
        // Asked before the catalog is: a write that ended before has committed what it needs.
        if lane.packer.in_use(&pack) {
            return Ok(());
        }
        let marked = self.write({
            let (array, name) = (array.clone(), name.clone());
            move |tx| {
                let lives = tx.pack_live(pack)?.blocks > 0;
                if !lives {
                    tx.set_blob_state(&array, RowKind::Pack, &name, BlobState::Dying)?;
                }
                Ok(!lives)
            }
        });
        if !marked.await? {
            return Ok(());
        }
        if let Err(error) = lane.array.delete(blob).await {
            tracing::warn!(pack = %blob.id, %error, "a dead pack could not be removed everywhere");
            return Ok(());
        }
        self.write(move |tx| tx.delete_blob(&array, RowKind::Pack, &name))
            .await?;
        self.done.packs_removed += 1;
        self.done.bytes_removed += blob.len;
        Ok(())
    }

    /// Removes old packs that no record names: their writes were cut short.
    async fn remove_orphans(&mut self, lane: &Lane) -> Result<()> {
        if self.store.look(may_have_missed_packs).await? {
            tracing::warn!(
                "packs that the catalog does not know are kept: the recovery that made it could not \
                 read all of them. Recover again while every provider answers"
            );
            return Ok(());
        }
        let mut after: Option<String> = None;
        loop {
            let page = lane
                .array
                .found(BlobKind::Pack, after.as_deref(), PAGE as usize)
                .await?;
            let array = lane.array.name().to_owned();
            // Asked before the catalog is: a write that ended before has committed what it needs.
            let in_use = |found: &FoundBlob| {
                let pack = found.id.name().parse::<PackId>();
                pack.is_ok_and(|pack| lane.packer.in_use(&pack))
            };
            let idle: Vec<&FoundBlob> = page.blobs.iter().filter(|found| !in_use(found)).collect();
            let names: Vec<String> = idle
                .iter()
                .map(|found| found.id.name().to_owned())
                .collect();
            let known = self.store.look(move |tx| {
                let mut known = HashSet::new();
                for name in names {
                    if tx.blob(&array, RowKind::Pack, &name)?.is_some() {
                        known.insert(name);
                    }
                }
                Ok(known)
            });
            let known = known.await?;
            for found in idle
                .into_iter()
                .filter(|found| !known.contains(found.id.name()))
            {
                if self.is_old(youngest(found)) {
                    let blob = seen_blob(found, lane.array.layout());
                    match lane.array.delete(&blob).await {
                        Ok(()) => self.done.orphans_removed += 1,
                        Err(error) => {
                            tracing::warn!(pack = %found.id, %error, "an orphan could not be removed");
                        }
                    }
                }
            }
            match (page.more && self.report(), page.blobs.last()) {
                (true, Some(last)) => after = Some(last.id.name().to_owned()),
                _ => return Ok(()),
            }
        }
    }

    /// True when a blob was put long enough ago that its write cannot be running. A blob of unknown
    /// age is young.
    fn is_old(&self, modified: Option<SystemTime>) -> bool {
        let age_min = self.store.inner.settings.orphan_age_min;
        let age = modified.and_then(|modified| modified.elapsed().ok());
        let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        // For the writes of other servers the age counts from when the oldest of them began: so much may
        // a provider's clock differ from theirs.
        let spared =
            since.is_none_or(|since| self.others_may_need((since + age_min).as_micros() as i64));
        !spared && age.is_some_and(|age| age >= age_min)
    }
}

/// A collection that nobody watches.
pub struct Unwatched;

impl CollectReporter for Unwatched {
    fn progress(&self, _done: &Collected) {}
}
