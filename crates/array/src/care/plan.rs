//! What moving shards, or writing blobs again, would take: from the records alone, nobody is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::examine::geometry;
use super::relocate::{Move, RelocateOptions, moves};
use super::{Inventory, kinds_from};
use crate::membership::Membership;
use crate::placement::ranked;
use crate::shard::Geometry;
use crate::{Array, MemberId, Result, StoredBlob};

/// Blobs of a page of the inventory.
const PAGE: usize = 1000;

/// What one member would have to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberWork {
    /// Requests that read.
    pub gets: u64,
    /// Requests that write.
    pub puts: u64,
    /// Requests that delete.
    pub deletes: u64,
    /// Bytes that leave it.
    pub bytes_read: u64,
    /// Bytes that it takes.
    pub bytes_written: u64,
    /// Bytes that it is rid of.
    pub bytes_freed: u64,
}

/// What a relocation would do: from the records alone, nobody is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Blobs that are touched.
    pub blobs: u64,
    /// Shards that are moved or written.
    pub shards: u64,
    /// By member.
    pub members: BTreeMap<MemberId, MemberWork>,
}

impl Array {
    /// What [`Array::relocate`] would do.
    pub async fn plan_relocation(
        &self,
        inventory: &dyn Inventory,
        options: &RelocateOptions,
    ) -> Result<Plan> {
        let now = self.inner.now();
        let mut plan = Plan::default();
        for (kind, mut after) in kinds_from(options.resume.as_ref()) {
            loop {
                let page = inventory.page(kind, after.as_deref(), PAGE).await?;
                for blob in &page {
                    plan.add(&now, blob, &moves(&now, blob, options.rebalance));
                }
                if page.len() < PAGE {
                    break;
                }
                after = page.last().map(|blob| blob.id.name().to_owned());
            }
        }
        Ok(plan)
    }
}

impl Plan {
    fn add(&mut self, now: &Membership, blob: &StoredBlob, moves: &[Move]) {
        let len = geometry(blob).stored_len();
        self.blobs += u64::from(!moves.is_empty());
        for one in moves {
            self.shards += 1;
            if now.peer(one.from).is_some() {
                let from = self.members.entry(one.from).or_default();
                from.gets += 1;
                from.deletes += 1;
                from.bytes_read += len;
                from.bytes_freed += len;
            } else {
                let others = blob.placement.shards().iter().flatten();
                let sources = others.filter(|member| now.peer(**member).is_some());
                for source in sources.take(blob.layout.data().into()) {
                    let source = self.members.entry(*source).or_default();
                    source.gets += 1;
                    source.bytes_read += len;
                }
            }
            let to = self.members.entry(one.to).or_default();
            to.puts += 1;
            to.bytes_written += len;
        }
    }

    /// Adds what it takes to read blobs whole and to write them again in the array's layout.
    pub fn add_rewrite(&mut self, array: &Array, blob: &StoredBlob) {
        let now = array.inner.now();
        let old_len = geometry(blob).stored_len();
        self.blobs += 1;
        let placed = blob.placement.shards().iter().flatten();
        for (at, member) in placed.enumerate() {
            let work = self.members.entry(*member).or_default();
            if at < usize::from(blob.layout.data()) {
                work.gets += 1;
                work.bytes_read += old_len;
            }
            work.deletes += 1;
            work.bytes_freed += old_len;
        }
        let cut = Geometry {
            layout: now.layout,
            blob_len: blob.len,
        };
        let new_len = cut.stored_len();
        let ranks = ranked(&blob.id, now.keepers().map(|peer| peer.id()));
        for member in ranks.into_iter().take(now.layout.shards().into()) {
            self.shards += 1;
            let work = self.members.entry(member).or_default();
            work.puts += 1;
            work.bytes_written += new_len;
        }
    }
}
