//! Reshaping: what is stored follows the shape that an array now has.
//!
//! Members that are being emptied get rid of their shards, new members get their part, packs that are cut
//! otherwise than the array now says are written again, and the journal gets a new snapshot.
//!
//! Promises: readers and writers go on meanwhile; killed at any moment it goes on at the next start, since
//! the catalog tells what is left; bytes are removed after the record of their copy is durable.
//! Does not: decide what shape an array has.

use std::collections::BTreeMap;

use dolium_array::care::{Plan, Progress, RelocateOptions, Reporter, Summary};
use dolium_array::{Array, BlobKind, Coding, MemberId, Shape, StoredBlob};
use dolium_catalog::{BlobKind as RowKind, BlobRow, BlobState};
use serde::Serialize;

use crate::blobs::stored_blob;
use crate::care::{CARE, CatalogInventory, Unattended, UntilLost};
use crate::collect::{CollectReporter, Collected};
use crate::several::{Fence, Held};
use crate::store::Store;
use crate::{Error, Result};

/// Records looked at by one page.
const PAGE: i64 = 1000;
/// Packs that are written again before the next look.
const PACKS_TOGETHER: usize = 16;
/// What `meta` calls an array whose new members are to get their part.
const REBALANCE: &str = "rebalance/";

/// What is left to do in one array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Left {
    /// Shards that lie at members that are being emptied, or are none any more, by member.
    pub leaving: BTreeMap<MemberId, u64>,
    /// Their bytes.
    pub leaving_bytes: u64,
    /// Packs that are cut otherwise than the array now is.
    pub packs_cut_otherwise: u64,
    /// Their bytes, without redundancy.
    pub bytes_cut_otherwise: u64,
    /// Blobs of the journal that are.
    pub journal_cut_otherwise: u64,
    /// New members wait for their part.
    pub rebalance: bool,
}

impl Left {
    /// True when everything lies as the array's shape says.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reshaped {
    /// Shards that were moved.
    pub shards_moved: u64,
    /// Bytes that were read to move them.
    pub bytes_read: u64,
    /// Packs that were written again in the new layout.
    pub packs_rewritten: u64,
}

/// How far a pass is, in numbers that only grow.
struct Rewriting<'a> {
    reporter: &'a dyn Reporter,
    before: Progress,
}

impl CollectReporter for Rewriting<'_> {
    fn progress(&self, done: &Collected) {
        self.reporter.progress(&Progress {
            done_blobs: self.before.done_blobs + done.packs_removed,
            bytes: self.before.bytes + done.bytes_rewritten,
            ..self.before.clone()
        });
    }

    fn stop_requested(&self) -> bool {
        self.reporter.stop_requested()
    }
}

impl Store {
    /// Remembers that the members of an array are to share what it holds evenly.
    pub async fn request_rebalance(&self, array: &str) -> Result<()> {
        self.lane_named(array)?;
        self.note_rebalance(array, true).await
    }

    async fn note_rebalance(&self, array: &str, wanted: bool) -> Result<()> {
        let (key, value) = (format!("{REBALANCE}{array}"), [u8::from(wanted)]);
        let noted = self
            .inner
            .catalog
            .write(move |tx| tx.set_meta(&key, &value));
        noted.await.map(drop).map_err(Error::from)
    }

    /// What is left to do in an array. Looks at every record, so it is not for hot paths.
    pub async fn reshaping_left(&self, array: &str) -> Result<Left> {
        let shape = self.lane_named(array)?.array.shape();
        let key = format!("{REBALANCE}{array}");
        let wanted = self.look(move |tx| Ok(tx.meta(&key)?)).await?;
        let mut left = Left {
            rebalance: wanted.is_some_and(|value| value == [1]),
            ..Left::default()
        };
        let each = |row: &BlobRow| {
            // What is being removed need not move.
            if row.state == BlobState::Live {
                left.add(&shape, &stored_blob(row)?);
            }
            Ok(())
        };
        self.each_blob(array, each).await?;
        Ok(left)
    }

    /// What it would take to bring an array into a shape: requests and bytes, by member.
    pub async fn plan_reshaping(&self, array: &str, shape: Shape, rebalance: bool) -> Result<Plan> {
        let planned = self.lane_named(array)?.array.in_shape(shape)?;
        let inventory = CatalogInventory {
            catalog: self.inner.catalog.clone(),
            array: array.to_owned(),
            // Nothing is written.
            fence: Fence::default(),
        };
        let options = RelocateOptions {
            rebalance,
            ..RelocateOptions::default()
        };
        let mut plan = planned.plan_relocation(&inventory, &options).await?;
        let mut after: Option<String> = None;
        loop {
            let page = self
                .packs_cut_otherwise(&planned, after.take(), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(plan);
            };
            after = Some(last.name.clone());
            for row in &page {
                plan.add_rewrite(&planned, &stored_blob(row)?);
            }
        }
    }

    async fn packs_cut_otherwise(
        &self,
        array: &Array,
        after: Option<String>,
        limit: i64,
    ) -> Result<Vec<BlobRow>> {
        // Another code is no other shape: an upgrade does not make everything be written again.
        let (name, layouts) = (array.name().to_owned(), Coding::records(array.layout()));
        self.look(move |tx| {
            let from = after.as_deref();
            Ok(tx.blobs_cut_otherwise(&name, RowKind::Pack, &layouts, from, limit)?)
        })
        .await
    }

    /// One pass over what is left in an array. Members that are being emptied are looked at even when the
    /// records say that they are empty: a kill may have left shards there that were moved. Asks nobody when
    /// there are none and nothing is left.
    pub async fn reshape(&self, array: &str, reporter: &dyn Reporter) -> Result<Reshaped> {
        let mut done = Reshaped::default();
        let left = self.reshaping_left(array).await?;
        let drains = !self.lane_named(array)?.array.shape().draining.is_empty();
        if left.is_nothing() && !drains {
            return Ok(done);
        }
        let held = self.inner.leases.take(CARE).await?;
        let reporter = &UntilLost {
            held: &held,
            reporter,
        };
        self.finish_dying(&held, self.lane_named(array)?).await?;
        if left.packs_cut_otherwise > 0 {
            done.packs_rewritten = self.rewrite(&held, array, reporter).await?;
        }
        if left.journal_cut_otherwise > 0 {
            // A snapshot replaces what lies before it: there must be a point after all of that.
            let marked = self.inner.catalog.write(|tx| {
                tx.mark_journal();
                Ok::<_, Error>(())
            });
            marked.await?;
        }
        self.inner.journal.settle().await?;
        if !left.leaving.is_empty() || left.rebalance || drains {
            let summary = self
                .relocate(&held, array, left.rebalance, reporter)
                .await?;
            done.shards_moved = summary.repaired;
            done.bytes_read = summary.progress.bytes;
            // Members that did not answer get their part with the next pass.
            if left.rebalance && !summary.stopped && summary.count("unreachable") == 0 {
                self.note_rebalance(array, false).await?;
            }
        }
        held.end().await;
        Ok(done)
    }

    async fn relocate(
        &self,
        held: &Held,
        array: &str,
        rebalance: bool,
        reporter: &dyn Reporter,
    ) -> Result<Summary> {
        let options = RelocateOptions {
            rebalance,
            ..RelocateOptions::default()
        };
        let inventory = self.inventory(array, held);
        let lane = self.lane_named(array)?;
        Ok(lane.array.relocate(&inventory, reporter, &options).await?)
    }

    /// Writes packs again that are cut otherwise than the array now is, some at a time.
    async fn rewrite(&self, held: &Held, array: &str, reporter: &dyn Reporter) -> Result<u64> {
        let lane = self.lane_named(array)?;
        let (mut rewritten, mut before) = (0, Progress::default());
        let mut after: Option<String> = None;
        loop {
            let limit = PACKS_TOGETHER as i64;
            let packs = self
                .packs_cut_otherwise(&lane.array, after.take(), limit)
                .await?;
            let Some(last) = packs.last() else {
                return Ok(rewritten);
            };
            after = Some(last.name.clone());
            let rewriting = Rewriting {
                reporter,
                before: before.clone(),
            };
            let done = self.rewrite_packs(held, lane, &packs, &rewriting).await?;
            rewritten += done.packs_removed;
            before.done_blobs += done.packs_removed;
            before.bytes += done.bytes_rewritten;
            reporter.progress(&before);
            if reporter.stop_requested() {
                return Ok(rewritten);
            }
        }
    }

    /// One pass over all arrays in which something is left.
    pub(crate) async fn reshape_all(&self) -> Result<Reshaped> {
        let mut total = Reshaped::default();
        let names: Vec<String> = self.inner.lanes.keys().cloned().collect();
        for array in names {
            if self.reshaping_left(&array).await?.is_nothing() {
                continue;
            }
            let done = self.reshape(&array, &Unattended(self)).await?;
            total.shards_moved += done.shards_moved;
            total.bytes_read += done.bytes_read;
            total.packs_rewritten += done.packs_rewritten;
        }
        Ok(total)
    }

    /// Brings shards from the local disk to members that are back, in every array.
    pub async fn deliver(&self) -> Result<()> {
        for (name, lane) in &self.inner.lanes {
            if !lane.array.can_deliver() {
                continue;
            }
            let held = self.inner.leases.take(CARE).await?;
            let done = lane.array.deliver(&self.inventory(name, &held)).await;
            held.end().await;
            let done = done?;
            if done.shards > 0 {
                let (shards, bytes, waiting) = (done.shards, done.bytes, done.waiting);
                tracing::info!(
                    array = name,
                    shards,
                    bytes,
                    waiting,
                    "kept shards were delivered"
                );
            }
        }
        Ok(())
    }

    /// The catalog as an array's inventory, for who holds the lease of care.
    pub(crate) fn inventory(&self, array: &str, held: &Held) -> CatalogInventory {
        CatalogInventory {
            catalog: self.inner.catalog.clone(),
            array: array.to_owned(),
            fence: held.fence(),
        }
    }
}

impl Left {
    fn add(&mut self, shape: &Shape, blob: &StoredBlob) {
        let keeps = |id: MemberId| {
            let is_member = shape.members.iter().any(|member| member.id == id);
            is_member && !shape.draining.contains(&id)
        };
        for member in blob.placement.shards().iter().flatten() {
            if !keeps(*member) {
                *self.leaving.entry(*member).or_default() += 1;
                self.leaving_bytes += blob.shard_len();
            }
        }
        if blob.layout != shape.layout {
            if blob.id.kind() == BlobKind::Pack {
                self.packs_cut_otherwise += 1;
                self.bytes_cut_otherwise += blob.len;
            } else {
                self.journal_cut_otherwise += 1;
            }
        }
    }
}
