//! Collection: frees what is not needed and nothing else.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dolium_catalog::Catalog;
use dolium_store::{ByteRange, DeleteRequest, Store, Unwatched};
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::world::{World, bucket, noise, parts, path, settings, source};

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_refers_to_is_freed() {
    let world = World::new().await;
    world.put("kept", noise(1, 5 << 20)).await;
    let kept = world.stored_bytes();
    world.put("gone", noise(2, 9 << 20)).await;
    world.delete("gone", None).await;
    let done = world.store.collect(&Unwatched).await.unwrap();
    assert!(done.blocks_removed >= 3, "{done:?}");
    let left = world.stored_bytes();
    assert!(
        left <= kept + kept / 10,
        "{left} bytes left of which {kept} are needed"
    );
    assert_eq!(world.get("kept").await.unwrap(), noise(1, 5 << 20));
    let again = world.store.collect(&Unwatched).await.unwrap();
    assert_eq!(again, Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn small_and_sparse_packs_are_rewritten() {
    let world = World::new().await;
    for n in 0..20u64 {
        world.put(&format!("{n}"), noise(n, 100_000)).await;
    }
    for n in 0..20u64 {
        if n % 2 == 0 {
            world.delete(&format!("{n}"), None).await;
        }
    }
    let done = world.store.collect(&Unwatched).await.unwrap();
    assert!(
        done.packs_removed >= 10 && done.bytes_rewritten > 900_000,
        "{done:?}"
    );
    for n in (1..20u64).step_by(2) {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 100_000));
    }
    let world = world.reopen().await;
    assert_eq!(world.get("19").await.unwrap(), noise(19, 100_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_cut_short_are_found_and_removed() {
    let world = World::new().await;
    world.put("kept", noise(1, 10_000)).await;
    // A pack that the catalog never heard of, as a kill between two steps leaves it.
    let name = "ab".repeat(16);
    let orphan = world.provider(1).join("packs/ab").join(format!("{name}.0"));
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"half a shard").unwrap();
    let done = world.store.collect(&Unwatched).await.unwrap();
    assert_eq!(done.orphans_removed, 1);
    assert!(!orphan.exists());
    assert_eq!(world.get("kept").await.unwrap(), noise(1, 10_000));
}

/// An operation of the catalog that waits in the middle of its transaction.
struct Gate {
    entered: Receiver<()>,
    open: Sender<()>,
    passed: JoinHandle<()>,
}

impl Gate {
    /// Submits one, behind all that was submitted before.
    async fn put_up(catalog: &Catalog) -> Self {
        let (enter, entered) = channel();
        let (open, opened) = channel();
        let (catalog, opened) = (catalog.clone(), Mutex::new(opened));
        let passed = tokio::spawn(async move {
            let op = catalog.write(move |_| {
                enter.send(()).unwrap();
                opened.lock().recv().unwrap();
                Ok::<_, dolium_catalog::Error>(())
            });
            op.await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        Self {
            entered,
            open,
            passed,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_reader_found_stays_though_its_removal_was_being_written() {
    let mut world = World::new().await;
    world.put("gone", noise(1, 9 << 20)).await;
    world.store.close().await.unwrap();
    let parts = parts(world.dir.path(), "catalog.sqlite");
    let catalog = parts.catalog.clone();
    world.store = Store::open(parts, settings()).await.unwrap();
    // The removal and the second gate come into one transaction.
    let first = Gate::put_up(&catalog).await;
    let (store, who) = (world.store.clone(), world.who.clone());
    let removal = tokio::spawn(async move {
        let request = DeleteRequest::default();
        store.delete(&who, &bucket(), &path("gone"), request).await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = Gate::put_up(&catalog).await;
    first.open.send(()).unwrap();
    second.entered.recv().unwrap();
    let gone = source("gone");
    let get = world.store.get(&world.who, &gone, ByteRange::Full);
    let reading = get.await.unwrap();
    second.open.send(()).unwrap();
    for gate in [first, second] {
        gate.passed.await.unwrap();
    }
    removal.await.unwrap().unwrap();
    world.store.collect(&Unwatched).await.unwrap();
    let pieces: Vec<_> = reading.body.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), noise(1, 9 << 20));
    // Nobody reads it any more.
    let done = world.store.collect(&Unwatched).await.unwrap();
    assert!(done.blocks_removed >= 3, "{done:?}");
}
