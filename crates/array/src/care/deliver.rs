//! deliver: brings shards from the local disk to the members that did not take them.
//!
//! Promises: a shard leaves the disk only when it is durable at a member and recorded, or when nobody needs
//! it any more; killed anywhere it may be run again.
//! Does not: verify what it delivers, which has its checksums; wait for members that are away.

use std::sync::Arc;
use std::time::Duration;

use dolium_provider::Payload;
use serde::Serialize;

use super::Inventory;
use crate::member::{Peer, Traffic};
use crate::placement::ranked;
use crate::spool::{Kept, Spool};
use crate::{Array, MemberId, Result, StoredBlob};

/// A write of this age has been recorded, or never will be.
const UNRECORDED_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long a member that was left alone may take to say that it is back.
const KNOCK_MAX: Duration = Duration::from_secs(5);
/// Kept shards looked at in one go.
const PAGE: usize = 256;

/// What a delivery did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delivered {
    /// Shards that are at a member now.
    pub shards: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards that nobody needs any more.
    pub dropped: u64,
    /// Shards that go on waiting.
    pub waiting: u64,
}

impl Array {
    /// Asks members that were left alone, and whose time has come, whether they are back. True when one is.
    pub async fn knock(&self) -> bool {
        let now = self.inner.now();
        let away = now.peers.iter().filter(|peer| peer.is_due());
        let knocks = away.map(|peer| async move {
            let list = peer
                .member
                .provider
                .list(crate::BlobKind::Snapshot.folder(), None, 1);
            let answer = peer.call("list", KNOCK_MAX, Traffic::None, list).await;
            let back = answer.is_ok();
            if back {
                tracing::info!(provider = peer.name(), "provider is back");
            }
            back
        });
        let answers = futures::future::join_all(knocks).await;
        answers.into_iter().any(|back| back)
    }

    /// True when something waits on the local disk whose member answers, or is to keep nothing more.
    pub fn can_deliver(&self) -> bool {
        let now = self.inner.now();
        let waits_in_vain = |member: &MemberId| {
            let peer = now.peer(*member).filter(|_| now.keeps(*member));
            peer.is_some_and(|peer| !peer.is_available())
        };
        let spool = self.inner.spool.as_ref();
        spool.is_some_and(|spool| !spool.members().iter().all(waits_in_vain))
    }

    /// Delivers what waits on the local disk to members that answer.
    pub async fn deliver(&self, inventory: &dyn Inventory) -> Result<Delivered> {
        let mut done = Delivered::default();
        let Some(spool) = &self.inner.spool else {
            return Ok(done);
        };
        let mut after: Option<Kept> = None;
        loop {
            let page = spool.page(after.as_ref(), PAGE);
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            for kept in &page {
                match inventory.get(&kept.id).await? {
                    None => self.unrecorded(spool, kept, &mut done).await?,
                    Some(blob) if blob.placement.get(kept.index).is_some() => {
                        spool.drop(kept).await?;
                        done.dropped += 1;
                    }
                    Some(blob) => {
                        if let Err(error) =
                            self.bring(spool, inventory, kept, blob, &mut done).await
                        {
                            done.waiting += 1;
                            tracing::debug!(blob = %kept.id, %error, "a shard goes on waiting");
                        }
                    }
                }
            }
        }
    }

    /// A blob that is not recorded: its write has not committed, or it was collected.
    async fn unrecorded(&self, spool: &Spool, kept: &Kept, done: &mut Delivered) -> Result<()> {
        if spool.age(kept).is_some_and(|age| age >= UNRECORDED_MAX) {
            spool.drop(kept).await?;
            done.dropped += 1;
        } else {
            done.waiting += 1;
        }
        Ok(())
    }

    async fn bring(
        &self,
        spool: &Spool,
        inventory: &dyn Inventory,
        kept: &Kept,
        blob: StoredBlob,
        done: &mut Delivered,
    ) -> Result<()> {
        let Some(peer) = self.taker(&blob, kept.member) else {
            done.waiting += 1;
            return Ok(());
        };
        let shard = Payload::from(spool.read_all(kept).await?);
        let len = shard.len();
        self.inner
            .replace_shard(&kept.id, kept.index, &peer, shard)
            .await?;
        let mut placement = blob.placement;
        placement.set(kept.index, Some(peer.id()));
        inventory.set_placement(&kept.id, &placement).await?;
        spool.drop(kept).await?;
        done.shards += 1;
        done.bytes += len;
        Ok(())
    }

    /// Who takes a shard: the member that was to have it, or another when that one is to keep nothing more.
    fn taker(&self, blob: &StoredBlob, member: MemberId) -> Option<Arc<Peer>> {
        let now = self.inner.now();
        let used = blob.placement.shards();
        let free = |member: &MemberId| !used.contains(&Some(*member));
        let home = now
            .peer(member)
            .filter(|_| now.keeps(member) && free(&member));
        if let Some(home) = home {
            return home.is_available().then(|| Arc::clone(home));
        }
        let others = now.keepers().filter(|peer| peer.is_available());
        let others = others.map(|peer| peer.id()).filter(free);
        let best = ranked(&blob.id, others).into_iter().next()?;
        now.peer(best).cloned()
    }
}
