//! A server that is upgraded: what builds before the Cauchy code stored stays as it is, and lives beside what is new.

mod shards;

use std::collections::BTreeSet;

use dolium_array::Shape;
use dolium_catalog::{BlobKind, BlobRow};
use dolium_store::{Care, Reshaped, Store};

use super::tending::files;
use super::world::{Quiet, World, noise, parts, settings};

const OLD: &str = "erasure:3+1";
const NEW: &str = "erasure:3+1/cauchy";
const OBJECTS: u64 = 6;

/// The longest have more than one chunk in each shard.
fn body(n: u64) -> Vec<u8> {
    noise(n, 50_000 + 70_000 * n as usize)
}

/// A world that an older build filled, opened by this one.
async fn upgraded() -> World {
    let mut world = World::new().await;
    world.fill(0..OBJECTS).await;
    // The journal is merged: batches and segments are there.
    assert!(world.care(Care::Check).await);
    world.store.close().await.unwrap();
    let providers = [1, 2, 3, 4].map(|n| world.provider(n));
    assert!(shards::rewrite(&providers) > OBJECTS as usize);
    let parts = parts(world.dir.path(), "catalog.sqlite");
    let recorded = parts.catalog.write(|tx| {
        for kind in [BlobKind::Pack, BlobKind::Journal, BlobKind::Snapshot] {
            for row in tx.blobs("default", kind, None, 1000)? {
                assert_eq!(row.layout, NEW);
                tx.set_placement("default", kind, &row.name, OLD, &row.placement)?;
            }
        }
        Ok::<_, dolium_catalog::Error>(())
    });
    recorded.await.unwrap();
    world.store = Store::open(parts, settings()).await.unwrap();
    world
}

impl World {
    async fn fill(&self, objects: std::ops::Range<u64>) {
        for n in objects {
            self.put(&format!("{n}"), body(n)).await;
        }
    }

    /// True when a pass finds nothing.
    async fn care(&self, care: Care) -> bool {
        let done = self.store.care("default", care, &Quiet).await.unwrap();
        done.clean()
    }

    async fn packs(&self) -> Vec<BlobRow> {
        let rows = self
            .store
            .catalog()
            .read(|tx| tx.blobs("default", BlobKind::Pack, None, 1000));
        rows.await.unwrap()
    }

    async fn pack_layouts(&self) -> BTreeSet<String> {
        let packs = self.packs().await;
        packs.into_iter().map(|row| row.layout).collect()
    }

    async fn assert_reads(&self, objects: std::ops::Range<u64>) {
        for n in objects {
            assert!(self.get(&format!("{n}")).await.unwrap() == body(n), "{n}");
        }
    }

    /// Takes all packs from a provider.
    fn empty(&self, provider: u16) {
        let lost = files(&self.provider(provider).join("packs"));
        assert!(!lost.is_empty());
        lost.iter()
            .for_each(|file| std::fs::remove_file(file).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_reads_everything_and_writes_nothing_again() {
    let world = upgraded().await;
    assert!(world.care(Care::Check).await);
    assert!(world.care(Care::Scrub { resume: None }).await);
    let left = world.store.reshaping_left("default").await.unwrap();
    assert!(left.is_nothing(), "{left:?}");
    let done = world.store.reshape("default", &Quiet).await.unwrap();
    assert_eq!(done, Reshaped::default());
    let shape = world.store.arrays()[0].shape();
    let plan = world.store.plan_reshaping("default", shape, false).await;
    assert_eq!(plan.unwrap().blobs, 0);
    assert_eq!(world.pack_layouts().await, [OLD.to_owned()].into());
    world.assert_reads(0..OBJECTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_packs_outlive_each_provider() {
    let mut world = upgraded().await;
    world.fill(OBJECTS..2 * OBJECTS).await;
    let both: BTreeSet<String> = [OLD, NEW].map(str::to_owned).into();
    for provider in 1..=4 {
        world.empty(provider);
        // Nothing that was opened before is remembered.
        world = world.reopen().await;
        world.assert_reads(0..2 * OBJECTS).await;
        let repair = Care::Repair {
            resume: None,
            verify: false,
        };
        assert!(!world.care(repair).await, "shards were missing");
        assert!(world.care(Care::Scrub { resume: None }).await);
        assert_eq!(world.pack_layouts().await, both);
    }
    assert!(world.care(Care::Check).await);
    let left = world.store.reshaping_left("default").await.unwrap();
    assert!(left.is_nothing(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_learns_from_the_headers_which_code_made_what() {
    let world = upgraded().await;
    world.fill(OBJECTS..2 * OBJECTS).await;
    let before = world.packs().await;
    let (world, recovered) = world.recover().await;
    assert_eq!((recovered.incomplete, recovered.packs_unreadable), (0, 0));
    let texts = |rows: Vec<BlobRow>| -> Vec<_> {
        let texts = rows.into_iter().map(|row| (row.name, row.layout));
        texts.collect()
    };
    assert_eq!(texts(world.packs().await), texts(before));
    world.empty(2);
    let world = world.reopen().await;
    world.assert_reads(0..2 * OBJECTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_layout_writes_old_and_new_packs_again() {
    let world = upgraded().await;
    world.fill(OBJECTS..2 * OBJECTS).await;
    let array = world.store.arrays()[0];
    let shape = Shape {
        layout: "erasure:2+2".parse().unwrap(),
        ..array.shape()
    };
    array.reshape(shape).unwrap();
    let left = world.store.reshaping_left("default").await.unwrap();
    assert_eq!(left.packs_cut_otherwise, world.packs().await.len() as u64);
    for _ in 0..3 {
        world.store.reshape("default", &Quiet).await.unwrap();
    }
    let left = world.store.reshaping_left("default").await.unwrap();
    assert!(left.is_nothing(), "{left:?}");
    let new = "erasure:2+2/cauchy".to_owned();
    assert_eq!(world.pack_layouts().await, [new].into());
    world.assert_reads(0..2 * OBJECTS).await;
}
