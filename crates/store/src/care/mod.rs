//! Care of the array: check, scrub and repair, with the catalog as the list of what should be there.
//!
//! Promises: nothing is deleted that is a last good copy (the array's rule); collection and repair
//! exclude each other. Does not: free anything; see `collect`.

mod round;
mod tending;

pub(crate) use tending::Suspected;
pub use tending::{CareSettings, CareState};

use async_trait::async_trait;
use dolium_array::care::{
    CheckOptions, Cursor, Finding, Inventory, Progress, RepairOptions, Reporter, Summary,
};
use dolium_array::{Array, BlobId, BlobKind, Placement, StoredBlob};
use dolium_catalog::{BlobState, Catalog};

use crate::blobs::{row_kind, stored_blob};
use crate::several::{Fence, Held};
use crate::store::Store;
use crate::{Error, Result};

/// The lease of those who collect, check, scrub or repair: they exclude each other.
pub(crate) const CARE: &str = "care";

/// The catalog as the array's inventory.
pub(crate) struct CatalogInventory {
    pub(crate) catalog: Catalog,
    pub(crate) array: String,
    pub(crate) fence: Fence,
}

fn below(error: impl std::error::Error + Send + Sync + 'static) -> dolium_array::Error {
    let kind = dolium_array::ErrorKind::Unavailable;
    dolium_array::Error::new(kind, "inventory", error.to_string()).with_source(error)
}

#[async_trait]
impl Inventory for CatalogInventory {
    async fn page(
        &self,
        kind: BlobKind,
        after: Option<&str>,
        limit: usize,
    ) -> dolium_array::Result<Vec<StoredBlob>> {
        let (array, mut after) = (self.array.clone(), after.map(str::to_owned));
        let read = self.catalog.read(move |tx| {
            // Dying blobs are being removed: they are neither missing nor orphans worth a word. A page
            // short of `limit` says that it is the last, so it is filled up in their place.
            let mut page: Vec<StoredBlob> = Vec::new();
            loop {
                let room = limit - page.len();
                let rows = tx.blobs(&array, row_kind(kind), after.as_deref(), room as i64)?;
                let ended = rows.len() < room;
                after = rows.last().map(|row| row.name.clone()).or(after);
                let live = rows.iter().filter(|row| row.state == BlobState::Live);
                for row in live {
                    page.push(stored_blob(row)?);
                }
                if ended || page.len() == limit {
                    return Ok::<_, Error>(page);
                }
            }
        });
        read.await.map_err(below)
    }

    async fn set_placement(&self, id: &BlobId, placement: &Placement) -> dolium_array::Result<()> {
        let (array, kind) = (self.array.clone(), row_kind(id.kind()));
        let (name, bytes) = (id.name().to_owned(), placement.encode());
        let fence = self.fence.clone();
        let set = self.catalog.write(move |tx| {
            fence.check(tx)?;
            // A blob that was collected meanwhile needs no placement.
            let Some(row) = tx.blob(&array, kind, &name)? else {
                return Ok(());
            };
            tx.set_placement(&array, kind, &name, &row.layout, &bytes)
        });
        set.await.map(drop).map_err(below)
    }
}

/// A pass that also ends when another server has taken over.
pub(crate) struct UntilLost<'a> {
    pub(crate) held: &'a Held,
    pub(crate) reporter: &'a dyn Reporter,
}

impl Reporter for UntilLost<'_> {
    fn finding(&self, finding: &Finding) {
        self.reporter.finding(finding);
    }

    fn progress(&self, progress: &Progress) {
        self.reporter.progress(progress);
    }

    fn pause(&self, bytes: u64) -> std::time::Duration {
        self.reporter.pause(bytes)
    }

    fn stop_requested(&self) -> bool {
        self.held.is_lost() || self.reporter.stop_requested()
    }
}

/// A pass that nobody watches and that ends with the store.
pub(crate) struct Unattended<'a>(pub(crate) &'a Store);

impl Reporter for Unattended<'_> {
    fn finding(&self, finding: &Finding) {
        tracing::debug!(%finding, "found");
    }

    fn progress(&self, _progress: &Progress) {}

    fn stop_requested(&self) -> bool {
        self.0.inner.stop.is_cancelled()
    }
}

/// Which care is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Care {
    /// Compare listings with the catalog; no downloads.
    Check,
    /// Read and verify every byte.
    Scrub {
        /// Where to go on.
        resume: Option<Cursor>,
    },
    /// Rebuild what is missing or of the wrong length.
    Repair {
        /// Where to go on.
        resume: Option<Cursor>,
        /// Verify every byte first, and rebuild what is damaged too.
        verify: bool,
    },
}

impl Store {
    /// Cares for one array.
    pub async fn care(&self, array: &str, care: Care, reporter: &dyn Reporter) -> Result<Summary> {
        let held = self.inner.leases.take(CARE).await?;
        self.care_under(&held, array, care, reporter).await
    }

    /// Cares for one array, under the lease of that.
    pub(crate) async fn care_under(
        &self,
        held: &Held,
        array: &str,
        care: Care,
        reporter: &dyn Reporter,
    ) -> Result<Summary> {
        // Journal batches are on record only once they are merged. When that cannot be written, care
        // is all the more wanted: it says what is missing, and a repair brings providers back.
        if let Err(error) = self.inner.journal.settle().await {
            tracing::warn!(%error, "the journal could not be merged before the care of an array");
        }
        let array: &Array = &self.lane_named(array)?.array;
        let inventory = self.inventory(array.name(), held);
        let reporter = &UntilLost { held, reporter };
        let orphan_age_min = self.inner.settings.orphan_age_min;
        Ok(match care {
            Care::Check => {
                array
                    .check(&inventory, reporter, CheckOptions { orphan_age_min })
                    .await?
            }
            Care::Scrub { resume } => array.scrub(&inventory, reporter, resume).await?,
            Care::Repair { resume, verify } => {
                let options = RepairOptions {
                    resume,
                    verify,
                    suspects: Vec::new(),
                };
                array.repair(&inventory, reporter, &options).await?
            }
        })
    }

    /// Rebuilds shards that are missing or were found bad, in every array. Says whether all blobs are complete
    /// now.
    pub async fn heal(&self) -> Result<bool> {
        let held = self.inner.leases.take(CARE).await?;
        let tended = self.tend_under(&held).await;
        held.end().await;
        tended?;
        let mut complete = true;
        for array in self.arrays() {
            complete &= self.holdings(array.name()).await?.incomplete_blobs == 0;
        }
        Ok(complete)
    }

    /// The names of the arrays, the default one first.
    pub fn arrays(&self) -> Vec<&Array> {
        let default = &self.inner.default_array;
        let mut lanes: Vec<_> = self.inner.lanes.iter().collect();
        lanes.sort_by_key(|(name, _)| *name != default);
        lanes
            .into_iter()
            .map(|(_, lane)| lane.array.as_ref())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use dolium_catalog::{BlobKind as RowKind, BlobRow, CatalogSettings};

    use super::*;

    /// A page that is short ends a walk, so dying blobs must not make one short.
    #[tokio::test]
    async fn dying_blobs_do_not_end_a_walk() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("catalog.sqlite");
        let catalog = Catalog::open_sqlite(file, CatalogSettings::default()).unwrap();
        let fill = catalog.write(|tx| {
            for n in 0..30u32 {
                tx.insert_blob(&BlobRow {
                    array_name: "default".to_owned(),
                    kind: RowKind::Pack,
                    name: format!("{n:032x}"),
                    len: 1,
                    layout: "mirror:1".to_owned(),
                    placement: Placement::new(vec![None]).encode(),
                    state: if n % 3 == 1 {
                        BlobState::Dying
                    } else {
                        BlobState::Live
                    },
                    created: 0,
                })?;
            }
            Ok::<_, dolium_catalog::Error>(())
        });
        fill.await.unwrap();
        let inventory = CatalogInventory {
            catalog,
            array: "default".to_owned(),
            fence: Fence::default(),
        };
        let first = inventory.page(BlobKind::Pack, None, 10).await.unwrap();
        assert_eq!(first.len(), 10);
        let after = first.last().map(|blob| blob.id.name().to_owned());
        let rest = inventory
            .page(BlobKind::Pack, after.as_deref(), 11)
            .await
            .unwrap();
        assert_eq!(rest.len(), 10);
    }
}
