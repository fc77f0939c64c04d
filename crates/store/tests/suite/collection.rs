//! Collection: frees what is not needed and nothing else.

use dolium_store::Unwatched;

use super::world::{World, noise};

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
