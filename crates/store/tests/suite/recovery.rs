//! Recovery: the catalog is lost, the providers and the key are not.

use dolium_store::{Selector, Unwatched, Versioning};

use super::world::{World, bucket, noise, source};

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_comes_back() {
    let world = World::new().await;
    world.put("plain", noise(1, 9 << 20)).await;
    world
        .store
        .set_versioning(&world.who, &bucket(), Versioning::On)
        .await
        .unwrap();
    let old = world.put("versioned", "old").await;
    world.put("versioned", "new").await;
    world.put("deleted", "x").await;
    world.delete("deleted", None).await;
    let (world, recovered) = world.recover().await;
    assert!(
        recovered.journal_entries >= 6 && recovered.incomplete == 0,
        "{recovered:?}"
    );
    assert_eq!(world.get("plain").await.unwrap(), noise(1, 9 << 20));
    assert_eq!(world.get("versioned").await.unwrap(), b"new");
    let mut older = source("versioned");
    older.version = Selector::Serial(old.serial);
    let bytes = world
        .read(&older, dolium_store::ByteRange::Full)
        .await
        .unwrap();
    assert_eq!(bytes, b"old");
    assert!(world.get("deleted").await.is_err());
    let container = world.store.container(&world.who, &bucket()).await.unwrap();
    assert_eq!(
        (container.objects, container.versioning),
        (2, Versioning::On)
    );
    // It goes on as before: new writes, collection, and another recovery.
    world.put("after", noise(4, 5000)).await;
    world.store.collect(&Unwatched).await.unwrap();
    assert_eq!(world.get("plain").await.unwrap(), noise(1, 9 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_provider_does_not_hinder_recovery() {
    let world = World::new().await;
    for n in 0..10u64 {
        world.put(&format!("{n}"), noise(n, 50_000)).await;
    }
    std::fs::remove_dir_all(world.provider(3)).unwrap();
    let (world, _) = world.recover().await;
    for n in 0..10u64 {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 50_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_catalog_is_refused() {
    let world = World::new().await;
    world.put("a", "1").await;
    world.store.close().await.unwrap();
    let copy = world.dir.path().join("copy.sqlite");
    std::fs::copy(world.dir.path().join("catalog.sqlite"), &copy).unwrap();
    let wal = world.dir.path().join("catalog.sqlite-wal");
    if wal.exists() {
        std::fs::copy(wal, world.dir.path().join("copy.sqlite-wal")).unwrap();
    }
    let world = world.reopen().await;
    world.put("a", "2").await;
    world.store.close().await.unwrap();
    let parts = super::world::parts(world.dir.path(), "copy.sqlite");
    let refused = dolium_store::Store::open(parts, super::world::settings()).await;
    let error = refused.err().expect("an old catalog must not be opened");
    assert_eq!(error.kind(), dolium_store::ErrorKind::Conflict);
}

/// A half rebuilt catalog lacks references: opened, its collection would free what is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_was_cut_short_is_not_opened() {
    let world = World::new().await;
    world.put("a", noise(1, 100_000)).await;
    world.store.close().await.unwrap();
    let parts = super::world::parts(world.dir.path(), "half.sqlite");
    let cut = std::sync::atomic::AtomicBool::new(false);
    let progress =
        |_: &dolium_store::Recovered| cut.store(true, std::sync::atomic::Ordering::SeqCst);
    // Dropped in the middle, as a kill would end it.
    let recovering = Box::pin(dolium_store::recover(&parts, &progress));
    let until_cut = async {
        while !cut.load(std::sync::atomic::Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    };
    let left = futures::future::select(recovering, Box::pin(until_cut)).await;
    assert!(
        matches!(left, futures::future::Either::Right(_)),
        "it was not cut short"
    );
    drop(left);
    let opened = dolium_store::Store::open(parts, super::world::settings()).await;
    let error = opened
        .err()
        .expect("a half rebuilt catalog must not be opened");
    assert_eq!(error.kind(), dolium_store::ErrorKind::Conflict);
    let (world, _) = world.recover().await;
    assert_eq!(world.get("a").await.unwrap(), noise(1, 100_000));
}

/// A pack that was being removed when a provider was away leaves one shard there. If that shard holds
/// the index, recovery must not take the pack's word for blocks that live elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn remnants_of_removed_packs_do_not_hide_living_blocks() {
    let world = World::new().await;
    for n in 0..8u64 {
        world.put(&format!("{n}"), noise(n, 200_000)).await;
    }
    for away in 1..=4 {
        // Compaction moves every block to a new pack, and cannot remove the old ones from one provider.
        let aside = world.dir.path().join("aside");
        std::fs::rename(world.provider(away), &aside).unwrap();
        world
            .put(
                &format!("more{away}"),
                noise(100 + u64::from(away), 200_000),
            )
            .await;
        world.store.collect(&Unwatched).await.unwrap();
        std::fs::rename(&aside, world.provider(away)).unwrap();
        assert!(world.store.heal().await.unwrap());
    }
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.incomplete, 0);
    for n in 0..8u64 {
        assert_eq!(
            world.get(&format!("{n}")).await.unwrap(),
            noise(n, 200_000),
            "{n}"
        );
    }
}
