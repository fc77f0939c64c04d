//! Arrays care for themselves: what is lost, rots or lies wrong is found and put right without anybody asking.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dolium_store::{Care, CareSettings};

use super::world::{Quiet, World, noise};

/// Everything is due at every round.
const ALWAYS: CareSettings = CareSettings {
    check_every: Duration::from_micros(1),
    scrub_every: Duration::from_micros(1),
    scrub_bytes_per_day: 0,
    bytes_per_second: 0,
};
const NEVER: CareSettings = CareSettings {
    check_every: Duration::ZERO,
    scrub_every: Duration::ZERO,
    ..ALWAYS
};

/// Every file below a folder.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

async fn filled(care: CareSettings) -> World {
    let world = World::new().await.with_care(care).await;
    for n in 0..12u64 {
        world.put(&format!("{n}"), noise(n, 150_000)).await;
    }
    world
}

async fn assert_well(world: &World) {
    for care in [Care::Check, Care::Scrub { resume: None }] {
        let done = world.store.care("default", care, &Quiet).await.unwrap();
        assert!(done.clean(), "{done:?}");
    }
    for n in 0..12u64 {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 150_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_shards_are_found_by_a_check_and_rebuilt() {
    let world = filled(ALWAYS).await;
    world.store.heal().await.unwrap();
    let lost = files(&world.provider(2).join("packs"));
    assert!(!lost.is_empty());
    lost.iter()
        .for_each(|file| std::fs::remove_file(file).unwrap());
    world.store.heal().await.unwrap();
    let state = world.store.care_state("default").await.unwrap();
    assert!(
        state.mended >= lost.len() as u64 && state.checked > 0,
        "{state:?}"
    );
    assert_eq!(state.check_findings, lost.len() as u64);
    assert_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_is_found_by_a_scrub_within_its_budget() {
    let world = filled(CareSettings {
        scrub_bytes_per_day: 100_000,
        check_every: Duration::ZERO,
        ..ALWAYS
    })
    .await;
    for file in files(&world.provider(3).join("packs")) {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 4;
        std::fs::write(&file, bytes).unwrap();
    }
    // The first round notes when scrubs begin to count, the second begins one.
    world.store.heal().await.unwrap();
    world.store.heal().await.unwrap();
    let state = world.store.care_state("default").await.unwrap();
    assert!(
        state.scrub_cursor.is_some(),
        "the budget ends it before its end: {state:?}"
    );
    assert!(
        (100_000..3_000_000).contains(&state.scrub_day_bytes),
        "{state:?}"
    );
    world.store.heal().await.unwrap();
    let again = world.store.care_state("default").await.unwrap();
    assert_eq!(
        again.scrub_day_bytes, state.scrub_day_bytes,
        "the day's budget is spent"
    );
    let world = world.with_care(ALWAYS).await;
    for _ in 0..3 {
        world.store.heal().await.unwrap();
    }
    let state = world.store.care_state("default").await.unwrap();
    assert!(state.scrubbed > 0 && state.mended > 0, "{state:?}");
    assert_well(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_read_finds_bad_is_mended() {
    let world = filled(NEVER).await;
    for file in files(&world.provider(1).join("packs")) {
        std::fs::remove_file(file).unwrap();
    }
    for n in 0..12u64 {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 150_000));
    }
    let mended = async || world.store.care_state("default").await.unwrap().mended;
    for _ in 0..50 {
        world.store.heal().await.unwrap();
        if mended().await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(mended().await > 0, "nobody mended what reads had found");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_due_when_nothing_is_wanted() {
    let world = filled(NEVER).await;
    let lost = files(&world.provider(2).join("packs"));
    lost.iter()
        .for_each(|file| std::fs::remove_file(file).unwrap());
    world.store.heal().await.unwrap();
    let state = world.store.care_state("default").await.unwrap();
    assert_eq!((state.checked, state.scrubbed, state.mended), (0, 0, 0));
}
