//! A start: the configuration and the roster come together, and new providers are numbered and claimed.
//!
//! Of servers that start at the same time over one catalog, one does it, under a lease; the others wait and
//! find it done. Killed at any point it leaves a state from which the next start goes on: until the roster is
//! saved nothing but identity records is written, and the same configuration numbers providers the same way.
//!
//! Promises: a start that changes nothing waits for nobody; a provider is never claimed for two repositories.
//! Does not: make users (`cli/serve`), which one transaction does for itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use dolium_array::Array;
use dolium_block::MasterKey;
use dolium_catalog::Catalog;
use dolium_store::{Fence, Held, Leases};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identity::claim;
use super::{Document, LEASE, load, reconcile, save};
use crate::compose::open_arrays;
use crate::config::Config;
use crate::data_dir::DataDir;

/// How long a start waits for another before it says so.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// The roster that this server follows, and its arrays, all of whose providers are claimed.
pub(crate) async fn agree(
    config: &Config,
    dir: &DataDir,
    catalog: &Catalog,
    key: &MasterKey,
) -> Result<(Document, Vec<Arc<Array>>)> {
    let start = Start {
        config,
        dir,
        catalog,
        key,
    };
    let known = load(catalog).await?;
    if start.reconciled(&known)? == known {
        // Nothing is saved then, so there is no lease to ask for.
        return start.follow(&known, Fence::default()).await;
    }
    let leases = Leases::new(
        catalog.clone(),
        TaskTracker::new(),
        CancellationToken::new(),
    );
    let held = take(&leases).await?;
    let agreed = tokio::select! {
        agreed = start.follow_newest(held.fence()) => agreed,
        () = held.lost() => Err(anyhow!("another server took over preparing the providers; start this one again")),
    };
    held.end().await;
    agreed
}

/// Waits for the right to change the roster.
async fn take(leases: &Leases) -> Result<Held> {
    let mut taking = std::pin::pin!(leases.take(LEASE));
    let held = match tokio::time::timeout(QUIET_MAX, &mut taking).await {
        Ok(held) => held,
        Err(_) => {
            tracing::info!("another server prepares the providers; waiting for it");
            taking.await
        }
    };
    held.map_err(anyhow::Error::from)
}

struct Start<'a> {
    config: &'a Config,
    dir: &'a DataDir,
    catalog: &'a Catalog,
    key: &'a MasterKey,
}

impl Start<'_> {
    fn reconciled(&self, known: &Document) -> Result<Document> {
        let mut document = known.clone();
        reconcile(&mut document, self.config)?;
        Ok(document)
    }

    /// The same with what the catalog has now: whoever had the lease before may have done it all.
    async fn follow_newest(&self, fence: Fence) -> Result<(Document, Vec<Arc<Array>>)> {
        let known = load(self.catalog).await?;
        self.follow(&known, fence).await
    }

    async fn follow(&self, known: &Document, fence: Fence) -> Result<(Document, Vec<Arc<Array>>)> {
        let mut document = known.clone();
        for note in reconcile(&mut document, self.config)? {
            tracing::warn!("{note}");
        }
        let arrays = open_arrays(self.config, &document, self.key, Some(self.dir))?;
        for array in &arrays {
            let (now, before) = (
                &document.arrays[array.name()],
                known.arrays.get(array.name()),
            );
            claim(array, now, before, self.key).await?;
        }
        if document != *known {
            save(self.catalog, known.epoch, &document, fence).await?;
        }
        Ok((document, arrays))
    }
}
