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
