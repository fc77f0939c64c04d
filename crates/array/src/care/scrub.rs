//! scrub: reads and verifies every byte of every shard.

use futures::future::join_all;

use super::examine::geometry;
use super::{Cursor, Finding, Inventory, Pass, Reporter, Summary, kinds_from};
use crate::array::Inner;
use crate::{Array, MemberId, Result, StoredBlob};

/// Blobs of a page of the inventory.
const PAGE: usize = 256;

impl Array {
    /// Reads and verifies all shards, all of one blob at a time.
    pub async fn scrub(
        &self,
        inventory: &dyn Inventory,
        report: &dyn Reporter,
        resume: Option<Cursor>,
    ) -> Result<Summary> {
        let mut pass = Pass::new(report);
        'kinds: for (kind, mut after) in kinds_from(resume.as_ref()) {
            loop {
                let page = inventory.page(kind, after.as_deref(), PAGE).await?;
                let last = page.len() < PAGE;
                after = page.last().map(|blob| blob.id.name().to_owned());
                for blob in &page {
                    self.inner.scrub_blob(inventory, blob, &mut pass).await?;
                    let stored = geometry(blob).stored_len() * blob.placement.placed() as u64;
                    tokio::time::sleep(report.pause(stored)).await;
                    if pass.done(&blob.id, stored) {
                        break 'kinds;
                    }
                }
                if last {
                    break;
                }
            }
        }
        Ok(pass.finish())
    }
}

impl Inner {
    async fn scrub_blob(
        &self,
        inventory: &dyn Inventory,
        blob: &StoredBlob,
        pass: &mut Pass<'_>,
    ) -> Result<()> {
        let shards = (0..blob.layout.shards()).map(|index| self.scrub_shard(blob, index));
        let findings: Vec<Finding> = join_all(shards).await.into_iter().flatten().collect();
        // A blob that was deleted meanwhile is not damaged.
        if findings.is_empty() || inventory.get(&blob.id).await?.is_none() {
            return Ok(());
        }
        let silent = |finding: &&Finding| matches!(finding, Finding::Unreachable { .. });
        let unknown = findings.iter().filter(silent).count();
        let bad = findings.len() - unknown;
        for finding in &findings {
            pass.find(finding);
        }
        if usize::from(blob.layout.shards()) - bad < usize::from(blob.layout.data()) {
            pass.find(&Finding::Lost {
                id: blob.id.clone(),
            });
        }
        Ok(())
    }

    async fn scrub_shard(&self, blob: &StoredBlob, index: u8) -> Option<Finding> {
        let member: Option<MemberId> = blob.placement.get(index);
        let Some((member, peer)) = member.and_then(|id| Some((id, self.peer(id)?))) else {
            return Some(self.missing(blob, index, member));
        };
        let error = self.examine(blob, index, &peer, false).await.err()?;
        Some(self.verdict(blob, index, member, &error))
    }
}
