//! Members come and go: shards follow, blobs stay whole at every step, and nothing is left behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dolium_array::care::{Delivered, RelocateOptions, Summary};
use dolium_array::{BlobKind, Member, MemberId, Shape, SpoolSettings};
use dolium_provider::{FaultPlan, FaultProvider, MemoryProvider, Provider};

use super::world::{Report, World};
use crate::rig::{Rig, pack};

const BLOBS: usize = 40;

impl World {
    pub(super) async fn relocate(&self, rebalance: bool) -> Summary {
        let options = RelocateOptions {
            rebalance,
            ..RelocateOptions::default()
        };
        self.rig
            .array
            .relocate(&self.catalog, &Report::default(), &options)
            .await
            .unwrap()
    }

    pub(super) fn drain(&self, members: &[u16]) {
        let draining: BTreeSet<MemberId> = members.iter().copied().map(MemberId).collect();
        let shape = Shape {
            draining,
            ..self.rig.array.shape()
        };
        self.rig.array.reshape(shape).unwrap();
    }

    /// Adds an empty member; its memory, and its faults.
    fn add(&mut self) -> MemberId {
        let memory = Arc::new(MemoryProvider::new());
        let number = self.rig.memory.len() as u16;
        let inner = Arc::clone(&memory) as Arc<dyn Provider>;
        let (provider, handle) = FaultProvider::new(inner, u64::from(number));
        self.rig.memory.push(memory);
        self.rig.faults.push(handle);
        let mut shape = self.rig.array.shape();
        shape.members.push(Member {
            id: MemberId(number),
            name: format!("p{number}"),
            provider,
        });
        self.rig.array.reshape(shape).unwrap();
        MemberId(number)
    }

    fn shards_at(&self, member: MemberId) -> usize {
        let blobs = self.catalog.0.lock().unwrap();
        let at = |blob: &&dolium_array::StoredBlob| blob.placement.shards().contains(&Some(member));
        blobs.values().filter(at).count()
    }
}

#[tokio::test]
async fn a_drained_member_ends_empty_and_gets_nothing_new() {
    for layout in ["erasure:3+1", "mirror:2"] {
        let mut world = World::new(layout, 6, BLOBS).await;
        let leaving = MemberId(2);
        let before = world.shards_at(leaving);
        assert!(before > 0);
        world.drain(&[2]);
        let blob = world.put(pack(900), 9_000).await;
        assert!(!blob.placement.shards().contains(&Some(leaving)));
        world.assert_reads().await;
        let summary = world.relocate(false).await;
        assert_eq!(summary.repaired, before as u64, "only what must move");
        assert_eq!(world.shards_at(leaving), 0);
        assert!(
            world.rig.stored(leaving).await.is_empty(),
            "{layout}: bytes are left"
        );
        world.assert_sound().await;
        assert_eq!(world.relocate(false).await.repaired, 0);
    }
}

#[tokio::test]
async fn a_dead_member_is_drained_from_the_others_with_k_reads_a_shard() {
    let world = World::new("erasure:3+1", 5, BLOBS).await;
    let dead = MemberId(1);
    let lost = world.shards_at(dead) as u64;
    world
        .rig
        .break_member(dead, FaultPlan::failing(dolium_provider::Fault::Permanent));
    world.drain(&[1]);
    let read = world.relocate(false).await.progress.bytes;
    assert_eq!(world.shards_at(dead), 0);
    world.assert_reads().await;
    // The rest of the array is whole without it.
    let mut shape = world.rig.array.shape();
    shape.members.retain(|member| member.id != dead);
    shape.draining.clear();
    world.rig.array.reshape(shape).unwrap();
    world.assert_sound().await;
    let blobs = world.catalog.0.lock().unwrap();
    let longest: u64 = blobs.values().map(|blob| blob.len).max().unwrap();
    assert!(
        lost > 0 && read <= 3 * lost * (longest / 3 + 4096),
        "{read} bytes for {lost} shards"
    );
}

#[tokio::test]
async fn a_new_member_gets_its_part_and_little_else_moves() {
    let mut world = World::new("mirror:2", 4, 100).await;
    let new = world.add();
    assert_eq!(
        world.relocate(false).await.repaired,
        0,
        "nobody asked for it"
    );
    let moved = world.relocate(true).await.repaired;
    let part = world.shards_at(new);
    assert_eq!(moved, part as u64, "shards move to the new member only");
    assert!(
        (20..=60).contains(&part),
        "{part} of 200 shards for one of five"
    );
    world.assert_sound().await;
    assert_eq!(world.relocate(true).await.repaired, 0);
    let first = world.put(pack(901), 10).await;
    assert_eq!(first.placement.placed(), 2);
}

#[tokio::test]
async fn stopped_anywhere_it_goes_on_and_leaves_nothing_twice() {
    for stop_after in [1, 2, 5, 9] {
        let world = World::new("erasure:3+1", 6, BLOBS).await;
        world.drain(&[0, 3]);
        let report = Report::default();
        report.stop_after.store(stop_after, Ordering::Relaxed);
        let options = RelocateOptions::default();
        let cut = world.rig.array.relocate(&world.catalog, &report, &options);
        assert!(cut.await.unwrap().stopped);
        world.assert_reads().await;
        world.relocate(false).await;
        for member in [0, 3].map(MemberId) {
            assert!(world.rig.stored(member).await.is_empty());
        }
        world.assert_sound().await;
    }
}

/// Killed between the record and the removal of the old shard, and between the copy and the record.
#[tokio::test]
async fn what_a_crash_left_twice_is_removed() {
    for recorded in [true, false] {
        let world = World::new("erasure:3+1", 6, BLOBS).await;
        let before = world.catalog.0.lock().unwrap().clone();
        let shards = world.rig.stored(MemberId(4)).await;
        world.drain(&[4]);
        world.relocate(false).await;
        for (name, bytes) in shards {
            let put = world.rig.memory[4].put(&name, dolium_array::Payload::from(bytes));
            put.await.unwrap();
        }
        if !recorded {
            *world.catalog.0.lock().unwrap() = before;
        }
        world.relocate(false).await;
        assert!(world.rig.stored(MemberId(4)).await.is_empty());
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn the_plan_is_what_then_happens() {
    let world = World::new("erasure:3+1", 6, BLOBS).await;
    world.drain(&[5]);
    let options = RelocateOptions::default();
    let plan = world
        .rig
        .array
        .plan_relocation(&world.catalog, &options)
        .await
        .unwrap();
    let calls = world.rig.calls("put");
    let done = world.relocate(false).await;
    assert_eq!(
        (plan.shards, plan.members[&MemberId(5)].gets),
        (done.repaired, done.repaired)
    );
    assert_eq!(plan.members[&MemberId(5)].bytes_read, done.progress.bytes);
    let puts: u64 = plan.members.values().map(|work| work.puts).sum();
    assert_eq!(world.rig.calls("put") - calls, puts);
}

#[test]
fn too_few_members_are_refused() {
    let rig = Rig::new("erasure:3+1", 4);
    let shape = Shape {
        draining: BTreeSet::from([MemberId(0)]),
        ..rig.array.shape()
    };
    assert!(rig.array.reshape(shape).is_err());
    assert!(
        rig.array.shape().draining.is_empty(),
        "a refused shape changes nothing"
    );
}

fn with_spool(dir: &std::path::Path, bytes_max: u64) -> World {
    let rig = Rig::with("erasure:3+1", 4, |settings| {
        settings.spool = Some(SpoolSettings {
            dir: dir.to_owned(),
            bytes_max,
        });
    });
    World::around(rig)
}

impl World {
    async fn deliver(&self) -> Delivered {
        self.rig.array.deliver(&self.catalog).await.unwrap()
    }
}

#[tokio::test]
async fn what_a_member_did_not_take_waits_is_read_and_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = with_spool(dir.path(), 1 << 30);
    world.rig.break_member(
        MemberId(1),
        FaultPlan::failing(dolium_provider::Fault::Temporary),
    );
    for n in 0..12 {
        let blob = world.put(pack(n), 5_000 * (n + 1)).await;
        assert_eq!(blob.placement.placed(), 3);
    }
    let status = world.rig.array.spool_status();
    assert_eq!(status.shards, 12);
    assert_eq!(world.deliver().await.shards, 0, "it is still away");
    // One more is lost: only the kept shards make the data whole.
    world.rig.break_member(
        MemberId(2),
        FaultPlan::failing(dolium_provider::Fault::Temporary),
    );
    world.assert_reads().await;
    world.rig.mend();
    // A listing lets the member back in.
    world.check().await;
    let done = world.deliver().await;
    assert_eq!(
        (done.shards, done.bytes, done.waiting),
        (12, status.bytes, 0)
    );
    assert_eq!(world.rig.array.spool_status().shards, 0);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_full_spool_leaves_the_rest_to_repair_and_the_journal_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = with_spool(dir.path(), 10_000);
    world.rig.break_member(
        MemberId(1),
        FaultPlan::failing(dolium_provider::Fault::Temporary),
    );
    world
        .put(
            dolium_array::BlobId::new(BlobKind::Journal, "1").unwrap(),
            100,
        )
        .await;
    assert_eq!(world.rig.array.spool_status().shards, 0);
    for n in 0..5 {
        world.put(pack(n), 12_000).await;
    }
    let status = world.rig.array.spool_status();
    assert!(
        status.shards == 2 && status.refused == 3 && status.bytes <= 10_000,
        "{status:?}"
    );
    world.rig.mend();
    // A listing lets the member back in.
    world.check().await;
    world.deliver().await;
    assert_eq!(world.repair(false).await.repaired, 4);
    world.assert_sound().await;
}

#[tokio::test]
async fn kept_shards_of_deleted_and_repaired_blobs_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = with_spool(dir.path(), 1 << 30);
    world.rig.break_member(
        MemberId(1),
        FaultPlan::failing(dolium_provider::Fault::Temporary),
    );
    let gone = world.put(pack(1), 12_000).await;
    world.put(pack(2), 12_000).await;
    world.catalog.0.lock().unwrap().remove(&gone.id);
    world.bodies.remove(&gone.id);
    world.rig.array.delete(&gone).await.unwrap();
    world.rig.mend();
    assert_eq!(world.repair(false).await.repaired, 1);
    let done = world.deliver().await;
    // A blob that nobody has recorded may still be on its way there.
    assert_eq!((done.shards, done.dropped, done.waiting), (0, 1, 1));
    world.assert_sound().await;
}

/// What can lose the least is mended first, whatever the order of names.
#[tokio::test]
async fn mending_begins_where_the_least_may_be_lost() {
    let mut world = World::new("erasure:4+2", 6, 0).await;
    let mut wanted = dolium_array::care::Wanted::new();
    let lost = [1, 2, 0, 2, 1];
    for (n, count) in lost.into_iter().enumerate() {
        let blob = world.put(pack(n), 50_000).await;
        for index in 0..count {
            let member = blob.placement.get(index).unwrap();
            let name = format!("packs/{}/{}.{index}", &blob.id.name()[..2], blob.id.name());
            let memory = &world.rig.memory[usize::from(member.0)];
            memory
                .delete(&dolium_provider::BlobName::new(name).unwrap())
                .await
                .unwrap();
        }
        wanted.insert(blob.id, (0..count).collect());
    }
    let report = Report::default();
    let mended = world
        .rig
        .array
        .mend(&world.catalog, &report, &wanted)
        .await
        .unwrap();
    assert_eq!(mended.repaired, 6);
    let found = report.findings.into_inner().unwrap();
    let missing = found.iter().map(|finding| match finding {
        dolium_array::care::Finding::Missing { id, .. } => wanted[id].len(),
        other => panic!("{other}"),
    });
    assert_eq!(missing.collect::<Vec<_>>(), [2, 2, 2, 2, 1, 1]);
    world.assert_sound().await;
}
