//! check, scrub and repair: everything is found, named and mended, and nothing good is deleted.

mod moving;
mod vandermonde;
mod world;

use std::sync::atomic::AtomicU64;

use dolium_array::care::{CheckOptions, Finding, Inventory, RepairOptions};
use dolium_array::{BlobKind, MemberId, Payload, Placement};
use dolium_provider::{Fault, FaultPlan, Provider};

use crate::rig::{bytes, pack};
use world::{Catalog, Report, World};

const BLOBS: usize = 40;

#[tokio::test]
async fn a_sound_array_is_clean_and_repair_changes_nothing() {
    let world = World::new("erasure:3+1", 5, BLOBS).await;
    world.assert_sound().await;
    let puts = world.rig.calls("put") + world.rig.calls("delete");
    for verify in [false, true] {
        let summary = world.repair(verify).await;
        assert_eq!(
            (summary.repaired, summary.progress.done_blobs),
            (0, BLOBS as u64)
        );
    }
    assert_eq!(world.rig.calls("put") + world.rig.calls("delete"), puts);
}

#[tokio::test]
async fn a_wiped_member_is_found_and_rebuilt_then_another() {
    for layout in ["erasure:3+1", "erasure:4+2", "mirror:2"] {
        let members: dolium_array::Layout = layout.parse().unwrap();
        let world = World::new(layout, members.shards().into(), BLOBS).await;
        for member in [0, 1].map(MemberId) {
            world.rig.wipe(member).await;
            let (summary, findings) = world.check().await;
            assert_eq!(summary.count("missing"), BLOBS as u64, "{layout}");
            assert!(findings.iter().all(
                |finding| matches!(finding, Finding::Missing { member: Some(m), .. } if *m == member)
            ));
            let repaired = world.repair(false).await;
            assert_eq!(repaired.repaired, BLOBS as u64);
            world.assert_sound().await;
        }
    }
}

#[tokio::test]
async fn rot_is_blamed_by_scrub_and_mended_by_repair() {
    let world = World::new("erasure:3+1", 4, BLOBS).await;
    let liar = MemberId(2);
    let flip = |mut bytes: Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] ^= 0x10;
        Some(bytes)
    };
    world.rig.tamper(liar, flip).await;
    assert!(world.check().await.0.clean(), "check reads no data");
    world.assert_reads().await;
    let report = Report::default();
    let summary = world
        .rig
        .array
        .scrub(&world.catalog, &report, None)
        .await
        .unwrap();
    assert_eq!(summary.count("damaged"), BLOBS as u64);
    for finding in report.findings.into_inner().unwrap() {
        assert!(matches!(&finding, Finding::Damaged { member, .. } if *member == liar));
        assert!(finding.to_string().contains("p2"), "{finding}");
    }
    assert_eq!(world.repair(true).await.repaired, BLOBS as u64);
    world.assert_sound().await;
}

#[tokio::test]
async fn suspects_are_mended_without_reading_everything() {
    let world = World::new("erasure:3+1", 4, BLOBS).await;
    let blob = world.catalog.get(&pack(11)).await.unwrap().unwrap();
    let liar = blob.placement.get(0).unwrap();
    let mut suspects = world.rig.array.suspects();
    world
        .rig
        .tamper(liar, |mut bytes| {
            bytes.iter_mut().for_each(|b| *b ^= 1);
            Some(bytes)
        })
        .await;
    world.rig.array.read(&blob, 0..100).await.unwrap();
    let options = RepairOptions {
        suspects: vec![suspects.recv().await.unwrap()],
        ..Default::default()
    };
    let report = Report::default();
    let summary = world
        .rig
        .array
        .repair(&world.catalog, &report, &options)
        .await
        .unwrap();
    assert_eq!((summary.repaired, summary.count("damaged")), (1, 1));
}

#[tokio::test]
async fn wrong_lengths_and_orphans_are_told_apart() {
    let world = World::new("mirror:2", 2, 10).await;
    world
        .rig
        .tamper(MemberId(1), |bytes| Some(bytes[..bytes.len() - 1].to_vec()))
        .await;
    world
        .rig
        .array
        .put(&pack(99), Payload::from(vec![1; 10]))
        .await
        .unwrap();
    let strange = dolium_provider::BlobName::new("packs/zz/readme").unwrap();
    world.rig.memory[0]
        .put(&strange, Payload::from(vec![1]))
        .await
        .unwrap();
    let (summary, _) = world.check().await;
    assert_eq!(summary.count("wrong_length"), 10);
    assert_eq!(summary.count("orphan"), 3);
    let young = CheckOptions::default();
    let summary = world
        .rig
        .array
        .check(&world.catalog, &Report::default(), young)
        .await
        .unwrap();
    assert_eq!(summary.count("orphan"), 0, "a put under way is no orphan");
    assert_eq!(world.repair(false).await.repaired, 10);
    assert!(world.check().await.0.clean());
    world.assert_reads().await;
}

#[tokio::test]
async fn silence_is_not_loss_and_nothing_is_moved_for_it() {
    let world = World::new("erasure:3+1", 5, BLOBS).await;
    world
        .rig
        .break_member(MemberId(3), FaultPlan::failing(Fault::Permanent));
    let (summary, findings) = world.check().await;
    assert_eq!(
        (summary.count("unreachable"), findings.len()),
        (1, 1),
        "{findings:?}"
    );
    assert!(!summary.clean());
    assert_eq!(world.repair(false).await.repaired, 0);
    world.rig.mend();
    world.assert_sound().await;
}

#[tokio::test]
async fn more_damage_than_parity_is_lost_and_no_good_shard_is_deleted() {
    let world = World::new("erasure:3+1", 4, BLOBS).await;
    let rot = |mut bytes: Vec<u8>| {
        bytes.iter_mut().skip(70).for_each(|byte| *byte ^= 1);
        Some(bytes)
    };
    world.rig.tamper(MemberId(0), rot).await;
    world.rig.wipe(MemberId(1)).await;
    let before = (
        world.rig.stored(MemberId(2)).await,
        world.rig.stored(MemberId(3)).await,
    );
    let damaged = world.rig.stored(MemberId(0)).await;
    for verify in [false, true] {
        let summary = world.repair(verify).await;
        assert!(summary.count("lost") >= BLOBS as u64 - 2, "{summary:?}");
    }
    let after = (
        world.rig.stored(MemberId(2)).await,
        world.rig.stored(MemberId(3)).await,
    );
    assert!(before == after);
    for shard in damaged.iter().filter(|(_, bytes)| bytes.len() > 100) {
        assert!(
            world.rig.stored(MemberId(0)).await.contains(shard),
            "{} is gone",
            shard.0
        );
    }
}

#[tokio::test]
async fn a_gap_of_a_degraded_put_is_filled_and_a_late_shard_taken() {
    let mut world = World::new("erasure:3+1", 4, 0).await;
    world.rig.break_member(
        MemberId(2),
        FaultPlan {
            full: true,
            ..FaultPlan::default()
        },
    );
    let blob = world.put(pack(1), 100_000).await;
    assert!(!blob.placement.is_complete());
    world.rig.mend();
    assert_eq!(world.check().await.0.count("missing"), 1);
    assert_eq!(world.repair(false).await.repaired, 1);
    world.assert_sound().await;
    // A shard that came after the put had given up on it.
    let mut late = world.catalog.get(&pack(1)).await.unwrap().unwrap();
    let mut shards = late.placement.shards().to_vec();
    shards[1] = None;
    late.placement = Placement::new(shards);
    world.catalog.0.lock().unwrap().insert(pack(1), late);
    let puts = world.rig.calls("put");
    world.repair(false).await;
    assert_eq!(world.rig.calls("put"), puts, "it was there already");
    world.assert_sound().await;
}

#[tokio::test]
async fn passes_stop_anywhere_and_go_on() {
    let world = World::new("erasure:2+1", 3, BLOBS).await;
    world.rig.wipe(MemberId(0)).await;
    let (mut resume, mut rounds, mut repaired) = (None, 0, 0);
    loop {
        let report = Report {
            stop_after: AtomicU64::new(7),
            ..Report::default()
        };
        let options = RepairOptions {
            resume,
            ..RepairOptions::default()
        };
        let summary = world
            .rig
            .array
            .repair(&world.catalog, &report, &options)
            .await
            .unwrap();
        (rounds, repaired) = (rounds + 1, repaired + summary.repaired);
        resume = summary.progress.cursor;
        if !summary.stopped {
            break;
        }
    }
    assert_eq!((rounds, repaired), (BLOBS / 7 + 1, BLOBS as u64));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_directory_that_was_removed_is_prepared_and_filled_again() {
    let dir = tempfile::tempdir().unwrap();
    let member = |n: u16| {
        let root = dir.path().join(format!("p{n}"));
        let provider = std::sync::Arc::new(dolium_provider::DirectoryProvider::new(root));
        dolium_array::Member {
            id: MemberId(n),
            name: format!("p{n}"),
            provider,
        }
    };
    let layout = "erasure:3+1".parse().unwrap();
    let members = (0..4).map(member).collect();
    let settings = dolium_array::ArraySettings::new("t", layout, members, [1; 32]);
    let array = dolium_array::Array::new(settings).unwrap();
    assert!(
        array
            .prepare()
            .await
            .iter()
            .all(|(_, prepared)| prepared.is_ok())
    );
    let catalog = Catalog::default();
    let body = bytes(500_000, 1);
    for n in 0..5 {
        let blob = array
            .put(&pack(n), Payload::from(body.clone()))
            .await
            .unwrap();
        catalog.0.lock().unwrap().insert(pack(n), blob);
    }
    for gone in [1, 3] {
        std::fs::remove_dir_all(dir.path().join(format!("p{gone}"))).unwrap();
        let check = async || {
            array
                .check(&catalog, &Report::default(), CheckOptions::default())
                .await
                .unwrap()
        };
        assert_eq!(check().await.count("unreachable"), 1);
        let options = RepairOptions::default();
        let repair = array
            .repair(&catalog, &Report::default(), &options)
            .await
            .unwrap();
        assert_eq!(repair.repaired, 5);
        assert!(check().await.clean());
    }
    for blob in catalog.page(BlobKind::Pack, None, 10).await.unwrap() {
        assert!(array.read(&blob, 0..blob.len).await.unwrap()[..] == body[..]);
    }
}
