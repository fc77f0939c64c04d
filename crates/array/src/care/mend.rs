//! mend: repairs the blobs that are named, those first that can lose the least.
//!
//! For what checks, scrubs, reads and cut-off writes found: nothing is listed, only what is named is asked for.
//!
//! Promises: those of repair; a blob with fewer good shards comes before one with more.
//! Does not: prepare members whose root vanished, which may be disks that are not mounted.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::repair::{Job, Silent};
use super::walk::Entry;
use super::{Inventory, Pass, Reporter, Summary};
use crate::array::Inner;
use crate::member::Traffic;
use crate::{Array, BlobId, ErrorKind, FoundBlob, FoundShard, MemberId, Result, StoredBlob};

/// Blobs to mend, each with the shards that somebody found bad.
pub type Wanted = BTreeMap<BlobId, BTreeSet<u8>>;

impl Array {
    /// Repairs the named blobs; the shards named with each are read and verified in any case.
    pub async fn mend(
        &self,
        inventory: &dyn Inventory,
        report: &dyn Reporter,
        wanted: &Wanted,
    ) -> Result<Summary> {
        let mut queue = Vec::with_capacity(wanted.len());
        for (id, doubtful) in wanted {
            if let Some(blob) = inventory.get(id).await? {
                queue.push((margin(&blob, doubtful), id, doubtful));
            }
        }
        queue.sort_unstable_by_key(|(margin, _, _)| *margin);
        let mut pass = Pass::new(report);
        for (_, id, doubtful) in queue {
            // It may have been deleted or repaired since it was queued.
            let Some(blob) = inventory.get(id).await? else {
                continue;
            };
            let (entry, silent) = self.inner.entry_of(&blob).await;
            let job = Job {
                inner: &self.inner,
                inventory,
                entry: &entry,
                silent: &silent,
            };
            let doubt = |index: u8| doubtful.contains(&index);
            let read = job.run(&blob, doubt, &mut pass).await?;
            tokio::time::sleep(report.pause(read)).await;
            if pass.done(id, read) {
                break;
            }
        }
        Ok(pass.finish())
    }
}

/// How many more shards may be lost, as far as is known.
fn margin(blob: &StoredBlob, doubtful: &BTreeSet<u8>) -> i32 {
    let shards = (0u8..).zip(blob.placement.shards());
    let good = shards.filter(|(index, member)| member.is_some() && !doubtful.contains(index));
    good.count() as i32 - i32::from(blob.layout.data())
}

impl Inner {
    /// One blob as its members know it, and who of them did not answer.
    async fn entry_of(&self, blob: &StoredBlob) -> (Entry, Silent) {
        let placed = (0u8..).zip(blob.placement.shards());
        let placed = placed.filter_map(|(index, member)| Some((index, (*member)?)));
        let heads = placed.map(|(index, member)| async move {
            (index, member, self.head_shard(blob, index, member).await)
        });
        let mut found = FoundBlob {
            id: blob.id.clone(),
            shards: Vec::new(),
        };
        let mut silent = Silent::new();
        for (index, member, outcome) in join_all(heads).await {
            match outcome {
                Ok(Some(len)) => found.shards.push(FoundShard {
                    index,
                    member,
                    len,
                    modified: None,
                }),
                Ok(None) => {}
                Err(why) => {
                    silent.insert(member, why);
                }
            }
        }
        let entry = Entry {
            recorded: Some(blob.clone()),
            found: Some(found),
        };
        (entry, silent)
    }

    /// The length of a shard at its member, nothing when it is not there, or why nobody knows.
    async fn head_shard(
        &self,
        blob: &StoredBlob,
        index: u8,
        member: MemberId,
    ) -> std::result::Result<Option<u64>, String> {
        // A shard of somebody who is no member any more is gone.
        let Some(peer) = self.peer(member) else {
            return Ok(None);
        };
        let name = blob
            .id
            .shard_name(index)
            .map_err(|error| error.to_string())?;
        let head = peer.member.provider.head(&name);
        let limit = self.timeouts.read;
        match peer.probe("head", limit, Traffic::None, head).await {
            Ok(info) => Ok(Some(info.len)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
