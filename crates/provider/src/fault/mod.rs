//! A provider that misbehaves on order: the stand-in for every way a storage service fails.
//!
//! Promises: without a plan it behaves as the provider inside; faults are decided by a seed.
//! Does not: serve in production; it remembers every name it met.

mod plan;

use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

pub use plan::{Fault, FaultHandle, FaultPlan};

use crate::{
    BlobInfo, BlobName, Capabilities, Error, ErrorKind, ListPage, Payload, Provider, Result, Status,
};
use plan::Dice;

/// A provider inside faults.
#[derive(Debug)]
pub struct FaultProvider {
    inner: Arc<dyn Provider>,
    handle: FaultHandle,
}

impl FaultProvider {
    /// Wraps `inner`; the handle breaks and mends it.
    pub fn new(inner: Arc<dyn Provider>, seed: u64) -> (Arc<Self>, FaultHandle) {
        let handle = FaultHandle::new(seed);
        (
            Arc::new(Self {
                inner,
                handle: handle.clone(),
            }),
            handle,
        )
    }

    /// Waits, hangs or fails as planned.
    async fn enter(&self, operation: &'static str, name: &str) -> Result<(FaultPlan, Dice)> {
        let dice = self.handle.dice(operation, name);
        let plan = self.handle.state().plan.clone();
        if self.strikes(dice, "hang", plan.hang_rate) {
            std::future::pending::<()>().await;
        }
        if !plan.latency.is_zero() {
            tokio::time::sleep(plan.latency).await;
        }
        if self.strikes(dice, "error", plan.error_rate) {
            return Err(injected(plan.error, operation, name));
        }
        Ok((plan, dice))
    }

    /// Rolls for a fault, and counts it when it comes.
    fn strikes(&self, dice: Dice, fault: &'static str, rate: f64) -> bool {
        let strikes = dice.hits(fault, rate);
        if strikes {
            self.handle.note(fault);
        }
        strikes
    }

    /// A copy with one bit flipped: the same bit for the same `what`.
    fn rotten(&self, what: &impl Hash, bytes: &[u8]) -> Vec<u8> {
        let mut rotten = bytes.to_vec();
        let bit = self.handle.fixed(what) as usize % (bytes.len() * 8);
        rotten[bit / 8] ^= 1 << (bit % 8);
        rotten
    }

    /// The answer to a change that took effect, unless it gets lost on its way.
    fn answer(
        &self,
        dice: Dice,
        plan: &FaultPlan,
        operation: &'static str,
        name: &BlobName,
    ) -> Result<()> {
        if self.strikes(dice, "answer", plan.lost_answer_rate) {
            return Err(injected(plan.error, operation, name.as_str()));
        }
        Ok(())
    }

    /// Remembers a change that stale listings must not show.
    async fn conceal(&self, name: &BlobName, deleted: bool) {
        if !self.handle.state().plan.stale_listing {
            return;
        }
        let before = if deleted {
            self.inner.head(name).await.ok()
        } else {
            None
        };
        let mut state = self.handle.state();
        if !deleted {
            state.unseen.insert(name.clone());
        } else if let Some(info) = before.filter(|info| !state.unseen.contains(&info.name)) {
            state.ghosts.insert(name.clone(), info);
        }
    }
}

fn injected(fault: Fault, operation: &'static str, name: &str) -> Error {
    let kind = match fault {
        Fault::Temporary => ErrorKind::Unavailable,
        Fault::Permanent => ErrorKind::Denied,
        Fault::RateLimited => ErrorKind::RateLimited,
        Fault::Internal => ErrorKind::Unexpected,
    };
    Error::new(kind, operation, format!("{name}: injected fault"))
}

#[async_trait]
impl Provider for FaultProvider {
    fn kind(&self) -> &'static str {
        "fault"
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn prepare(&self) -> Result<()> {
        self.enter("prepare", "").await?;
        self.inner.prepare().await
    }

    async fn put(&self, name: &BlobName, body: Payload) -> Result<()> {
        let (plan, dice) = self.enter("put", name.as_str()).await?;
        if plan.full {
            self.handle.note("full");
            let full = Error::new(
                ErrorKind::Unavailable,
                "put",
                format!("{name}: no space left"),
            );
            return Err(full.with_status(Status::Permanent));
        }
        if self.strikes(dice, "lost", plan.lost_write_rate) {
            return Ok(());
        }
        self.conceal(name, false).await;
        let rots = !body.is_empty() && self.strikes(dice, "rotten", plan.rotten_write_rate);
        let body = match rots {
            true => Payload::from(self.rotten(name, &body.to_bytes())),
            false => body,
        };
        self.inner.put(name, body).await?;
        self.answer(dice, &plan, "put", name)
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let (plan, dice) = self.enter("get", name.as_str()).await?;
        let bytes = self.inner.get(name, range.clone()).await?;
        if bytes.is_empty() || !self.strikes(dice, "rot", plan.rot_rate) {
            return Ok(bytes);
        }
        Ok(self.rotten(&(name, range), &bytes).into())
    }

    async fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        self.enter("head", name.as_str()).await?;
        self.inner.head(name).await
    }

    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        let (plan, _) = self.enter("list", prefix).await?;
        let mut page = self.inner.list(prefix, after, limit).await?;
        if !plan.stale_listing {
            return Ok(page);
        }
        self.handle.note("stale");
        let state = self.handle.state();
        let last = page
            .blobs
            .last()
            .filter(|_| page.more)
            .map(|info| info.name.clone());
        page.blobs.retain(|info| !state.unseen.contains(&info.name));
        page.blobs.extend(state.ghosts.values().filter_map(|ghost| {
            let shown = ghost.name.as_str().starts_with(prefix)
                && after.is_none_or(|after| ghost.name > *after)
                && last.as_ref().is_none_or(|last| ghost.name <= *last);
            shown.then(|| ghost.clone())
        }));
        page.blobs.sort_by(|a, b| a.name.cmp(&b.name));
        page.more |= page.blobs.len() > limit;
        page.blobs.truncate(limit);
        Ok(page)
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        let (plan, dice) = self.enter("delete", name.as_str()).await?;
        self.conceal(name, true).await;
        self.inner.delete(name).await?;
        self.answer(dice, &plan, "delete", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryProvider;

    fn name(text: &str) -> BlobName {
        BlobName::new(text).unwrap()
    }

    fn faulty(seed: u64) -> (Arc<FaultProvider>, FaultHandle) {
        FaultProvider::new(Arc::new(MemoryProvider::new()), seed)
    }

    #[tokio::test]
    async fn a_seed_repeats_its_faults() {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let (provider, handle) = faulty(7);
            handle.set(FaultPlan {
                error_rate: 0.5,
                ..FaultPlan::default()
            });
            let mut run = Vec::new();
            for n in 0..64 {
                let put = provider
                    .put(&name(&format!("b{n}")), Payload::from(vec![1]))
                    .await;
                run.push(put.is_ok());
            }
            runs.push(run);
        }
        assert_eq!(runs[0], runs[1]);
        assert!(runs[0].contains(&true) && runs[0].contains(&false));
    }

    #[tokio::test]
    async fn plans_switch_at_run_time() {
        let (provider, handle) = faulty(1);
        let blob = name("a");
        handle.set(FaultPlan {
            lost_write_rate: 1.0,
            ..FaultPlan::default()
        });
        provider
            .put(&blob, Payload::from(vec![1, 2]))
            .await
            .unwrap();
        assert_eq!(
            provider.head(&blob).await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
        handle.set(FaultPlan {
            full: true,
            ..FaultPlan::default()
        });
        assert!(
            provider
                .put(&blob, Payload::from(vec![1, 2]))
                .await
                .is_err()
        );
        handle.mend();
        provider
            .put(&blob, Payload::from(vec![1, 2]))
            .await
            .unwrap();
        handle.set(FaultPlan::rotting());
        assert_ne!(provider.get(&blob, 0..2).await.unwrap()[..], [1, 2]);
        handle.set(FaultPlan {
            stale_listing: true,
            ..FaultPlan::default()
        });
        provider
            .put(&name("b"), Payload::from(vec![3]))
            .await
            .unwrap();
        provider.delete(&blob).await.unwrap();
        let stale = provider.list("", None, 10).await.unwrap();
        assert_eq!(
            stale
                .blobs
                .iter()
                .map(|b| b.name.as_str())
                .collect::<Vec<_>>(),
            ["a"]
        );
        handle.mend();
        let fresh = provider.list("", None, 10).await.unwrap();
        assert_eq!(
            fresh
                .blobs
                .iter()
                .map(|b| b.name.as_str())
                .collect::<Vec<_>>(),
            ["b"]
        );
    }

    #[tokio::test]
    async fn answers_get_lost_and_rot_stays() {
        let (provider, handle) = faulty(3);
        handle.set(FaultPlan {
            lost_answer_rate: 1.0,
            error: Fault::Internal,
            ..FaultPlan::default()
        });
        let put = provider.put(&name("a"), Payload::from(vec![1, 2])).await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::Unexpected);
        assert_eq!(provider.get(&name("a"), 0..2).await.unwrap()[..], [1, 2]);
        assert!(provider.delete(&name("a")).await.is_err());
        assert!(provider.head(&name("a")).await.is_err());
        handle.set(FaultPlan {
            rotten_write_rate: 1.0,
            ..FaultPlan::default()
        });
        provider
            .put(&name("b"), Payload::from(vec![0; 9]))
            .await
            .unwrap();
        handle.mend();
        let kept = provider.get(&name("b"), 0..9).await.unwrap();
        assert_eq!(kept.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        assert_eq!(handle.met()["answer"], 2);
        assert_eq!(handle.met()["rotten"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_is_a_hang() {
        let (provider, handle) = faulty(1);
        handle.set(FaultPlan::hanging());
        let wait = std::time::Duration::from_secs(3600);
        assert!(
            tokio::time::timeout(wait, provider.list("", None, 1))
                .await
                .is_err()
        );
    }
}
