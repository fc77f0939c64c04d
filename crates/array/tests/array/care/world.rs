//! A small array with a catalog of what lies in it, for checks and repairs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dolium_array::care::{
    CheckOptions, Finding, Inventory, Progress, RepairOptions, Reporter, Summary,
};
use dolium_array::{BlobId, BlobKind, Payload, Placement, Result, StoredBlob};

use crate::rig::{Rig, bytes, pack};

#[derive(Default)]
pub(super) struct Catalog(pub(super) Mutex<BTreeMap<BlobId, StoredBlob>>);

#[async_trait]
impl Inventory for Catalog {
    async fn page(
        &self,
        kind: BlobKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredBlob>> {
        let blobs = self.0.lock().unwrap();
        let wanted = blobs.values().filter(|blob| {
            blob.id.kind() == kind && after.is_none_or(|after| blob.id.name() > after)
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn set_placement(&self, id: &BlobId, placement: &Placement) -> Result<()> {
        self.0.lock().unwrap().get_mut(id).unwrap().placement = placement.clone();
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Report {
    pub(super) findings: Mutex<Vec<Finding>>,
    /// Stops after so many questions; 0 never stops.
    pub(super) stop_after: AtomicU64,
    pub(super) asked: AtomicU64,
}

impl Reporter for Report {
    fn finding(&self, finding: &Finding) {
        self.findings.lock().unwrap().push(finding.clone());
    }

    fn progress(&self, _: &Progress) {}

    fn stop_requested(&self) -> bool {
        let stop = self.stop_after.load(Ordering::Relaxed);
        self.asked.fetch_add(1, Ordering::Relaxed) + 1 == stop
    }
}

pub(super) struct World {
    pub(super) rig: Rig,
    pub(super) catalog: Catalog,
    pub(super) bodies: BTreeMap<BlobId, Vec<u8>>,
}

impl World {
    pub(super) async fn new(layout: &str, members: usize, blobs: usize) -> Self {
        let mut world = Self::around(Rig::new(layout, members));
        for n in 0..blobs {
            let id = match n % 5 {
                0 => BlobId::new(BlobKind::Journal, format!("{n:016x}")).unwrap(),
                _ => pack(n),
            };
            world.put(id, n * 7_001).await;
        }
        world
    }

    /// A world of nothing yet.
    pub(super) fn around(rig: Rig) -> Self {
        Self {
            rig,
            catalog: Catalog::default(),
            bodies: BTreeMap::new(),
        }
    }

    pub(super) async fn put(&mut self, id: BlobId, len: usize) -> StoredBlob {
        let body = bytes(len, len as u64 + 1);
        let blob = self
            .rig
            .array
            .put(&id, Payload::from(body.clone()))
            .await
            .unwrap();
        self.catalog
            .0
            .lock()
            .unwrap()
            .insert(id.clone(), blob.clone());
        self.bodies.insert(id, body);
        blob
    }

    pub(super) async fn check(&self) -> (Summary, Vec<Finding>) {
        let report = Report::default();
        let options = CheckOptions {
            orphan_age_min: Duration::ZERO,
        };
        let summary = self
            .rig
            .array
            .check(&self.catalog, &report, options)
            .await
            .unwrap();
        (summary, report.findings.into_inner().unwrap())
    }

    pub(super) async fn scrub(&self) -> Summary {
        self.rig
            .array
            .scrub(&self.catalog, &Report::default(), None)
            .await
            .unwrap()
    }

    pub(super) async fn repair(&self, verify: bool) -> Summary {
        let options = RepairOptions {
            verify,
            ..RepairOptions::default()
        };
        self.rig
            .array
            .repair(&self.catalog, &Report::default(), &options)
            .await
            .unwrap()
    }

    pub(super) async fn assert_reads(&self) {
        let blobs: Vec<StoredBlob> = self.catalog.0.lock().unwrap().values().cloned().collect();
        for blob in blobs {
            let got = self.rig.array.read(&blob, 0..blob.len).await.unwrap();
            assert!(got[..] == self.bodies[&blob.id], "{} differs", blob.id);
        }
    }

    pub(super) async fn assert_sound(&self) {
        let (summary, findings) = self.check().await;
        assert_eq!(findings, [], "check is not clean");
        assert!(summary.clean());
        assert_eq!(
            self.scrub().await.findings,
            BTreeMap::new(),
            "scrub is not clean"
        );
        self.assert_reads().await;
    }
}
