//! De-duplication: the same bytes are kept once, zeros not at all.

use super::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_kept_once() {
    let world = World::new().await;
    let bytes = noise(1, 12 << 20);
    world.put("one", bytes.clone()).await;
    let before = world.stored_bytes();
    world.put("two", bytes.clone()).await;
    assert_eq!(world.stored_bytes(), before);
    world.delete("one", None).await;
    assert_eq!(world.get("two").await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn zeros_are_never_kept() {
    let world = World::new().await;
    world.put("zeros", vec![0u8; 20 << 20]).await;
    assert_eq!(world.stored_bytes(), 0);
    assert_eq!(world.get("zeros").await.unwrap(), vec![0u8; 20 << 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_writes_at_once_share_packs() {
    let world = World::new().await;
    let puts = (0..64u64).map(|n| {
        let (world, at) = (&world, format!("small/{n}"));
        async move { world.put(&at, noise(n, 4096)).await }
    });
    futures::future::join_all(puts).await;
    fn count(dir: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return 0;
        };
        entries
            .map(|entry| {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    count(&entry.path())
                } else {
                    1
                }
            })
            .sum()
    }
    let packs = count(&world.provider(1).join("packs"));
    assert!(packs < 32, "{packs} packs for 64 small objects");
}

/// Blocks that shrink fill no pack, yet they hold what others wait for: the open pack must go out.
#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_shrink_do_not_starve_each_other() {
    let world = World::new().await;
    let text = |n: usize| -> Vec<u8> {
        let lines = (0..).flat_map(|line: usize| format!("{n} {line} all is well\n").into_bytes());
        lines.take(24 << 20).collect()
    };
    let puts = (0..4).map(|n| {
        let (world, at) = (&world, format!("text/{n}"));
        async move { world.put(&at, text(n)).await }
    });
    let all = futures::future::join_all(puts);
    tokio::time::timeout(std::time::Duration::from_secs(60), all)
        .await
        .expect("nobody waits for ever");
    assert_eq!(world.get("text/3").await.unwrap(), text(3));
}
