//! What builds before the Cauchy code stored: read, checked, scrubbed, repaired and moved with its own code, for ever.
//!
//! The shards in `tests/vandermonde` were written by such a build. Whatever is rebuilt of them must be what lay there,
//! byte by byte: a parity of another code has good checksums and gives wrong data.

use dolium_array::care::Finding;
use dolium_array::{BlobId, BlobKind, Coding, MemberId, Payload, StoredBlob};
use dolium_provider::{BlobName, Provider};

use super::world::{Report, World};
use crate::rig::{Rig, bytes, pack};

const SHARDS: [&[u8]; 5] = [
    include_bytes!("../../vandermonde/0.shard"),
    include_bytes!("../../vandermonde/1.shard"),
    include_bytes!("../../vandermonde/2.shard"),
    include_bytes!("../../vandermonde/3.shard"),
    include_bytes!("../../vandermonde/4.shard"),
];

/// The name of a shard at its member, as `docs/format-shards.md` has it.
fn name(id: &BlobId, index: usize) -> BlobName {
    let id = id.name();
    BlobName::new(format!("packs/{}/{id}.{index}", &id[..2])).unwrap()
}

/// An array of six members, of which the first five hold the old blob; it is on record as listings and headers say.
async fn old_world() -> (World, StoredBlob) {
    let rig = Rig::new("erasure:3+2", 6);
    for (index, shard) in SHARDS.iter().enumerate() {
        let (name, shard) = (name(&pack(1), index), Payload::from(shard.to_vec()));
        rig.memory[index].put(&name, shard).await.unwrap();
    }
    let mut world = World::around(rig);
    let page = world.rig.array.found(BlobKind::Pack, None, 10).await;
    let blob = world.rig.array.inspect(&page.unwrap().blobs[0]).await;
    let blob = blob.unwrap();
    let mut records = world.catalog.0.lock().unwrap();
    records.insert(blob.id.clone(), blob.clone());
    drop(records);
    world.bodies.insert(blob.id.clone(), bytes(10_001, 42));
    (world, blob)
}

impl World {
    fn recorded(&self, id: &BlobId) -> StoredBlob {
        self.catalog.0.lock().unwrap()[id].clone()
    }

    /// Every shard lies where it is recorded, as the old build wrote it.
    async fn assert_old_shards(&self, id: &BlobId) {
        let blob = self.recorded(id);
        assert_eq!(blob.coding, Coding::Vandermonde);
        for (index, want) in SHARDS.iter().enumerate() {
            let member = blob.placement.get(index as u8).unwrap();
            let stored = self.rig.stored(member).await;
            let (_, shard) = stored
                .iter()
                .find(|(at, _)| *at == name(id, index))
                .unwrap();
            assert!(shard == want, "shard {index} differs");
        }
    }
}

#[tokio::test]
async fn an_old_blob_is_sound_and_known_by_its_headers() {
    let (world, blob) = old_world().await;
    assert_eq!((blob.len, blob.coding), (10_001, Coding::Vandermonde));
    assert_eq!(blob.layout, "erasure:3+2".parse().unwrap());
    assert!(blob.placement.is_complete());
    world.assert_sound().await;
}

#[tokio::test]
async fn an_old_blob_is_read_and_rebuilt_from_any_three_shards() {
    for first in 0..5 {
        for second in first + 1..5 {
            let (world, blob) = old_world().await;
            for lost in [first, second].map(MemberId) {
                world.rig.wipe(lost).await;
            }
            world.assert_reads().await;
            assert_eq!(
                world.repair(false).await.repaired,
                2,
                "{first} and {second}"
            );
            world.assert_old_shards(&blob.id).await;
            world.assert_sound().await;
        }
    }
}

#[tokio::test]
async fn a_rotten_old_parity_is_put_back_as_it_was() {
    let (world, blob) = old_world().await;
    let flip = |mut bytes: Vec<u8>| {
        bytes[100] ^= 1;
        Some(bytes)
    };
    world.rig.tamper(MemberId(3), flip).await;
    assert_eq!(world.repair(true).await.repaired, 1);
    world.assert_old_shards(&blob.id).await;
}

#[tokio::test]
async fn an_old_shard_is_moved_or_rebuilt_elsewhere_as_it_was() {
    for is_lost in [false, true] {
        let (world, blob) = old_world().await;
        let leaving = MemberId(4);
        if is_lost {
            world.rig.wipe(leaving).await;
        }
        world.drain(&[4]);
        assert_eq!(world.relocate(false).await.repaired, 1);
        assert_eq!(world.recorded(&blob.id).placement.get(4), Some(MemberId(5)));
        world.assert_old_shards(&blob.id).await;
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn old_and_new_blobs_live_side_by_side() {
    let (mut world, old) = old_world().await;
    for n in 2..6 {
        let new = world.put(pack(n), n * 9_001).await;
        assert_eq!((new.coding, new.layout), (Coding::Cauchy, old.layout));
    }
    for member in (0..6).map(MemberId) {
        world.rig.wipe(member).await;
        world.assert_reads().await;
        world.repair(false).await;
    }
    world.assert_old_shards(&old.id).await;
    world.assert_sound().await;
}

#[tokio::test]
async fn a_record_with_another_code_than_the_headers_is_found_and_nothing_is_replaced() {
    let (mut world, old) = old_world().await;
    let new = world.put(pack(2), 10_000).await;
    for (id, wrong) in [(old.id, Coding::Cauchy), (new.id, Coding::Vandermonde)] {
        world.catalog.0.lock().unwrap().get_mut(&id).unwrap().coding = wrong;
    }
    let report = Report::default();
    let summary = world.rig.array.scrub(&world.catalog, &report, None).await;
    assert_eq!(summary.unwrap().count("damaged"), 10);
    let findings = report.findings.into_inner().unwrap();
    let told = |finding: &Finding| match finding {
        Finding::Damaged { why, .. } => why.contains("code"),
        _ => false,
    };
    assert_eq!(findings.iter().filter(|finding| told(finding)).count(), 10);
    let before = world.rig.calls("put") + world.rig.calls("delete");
    assert_eq!(world.repair(true).await.repaired, 0);
    assert_eq!(world.rig.calls("put") + world.rig.calls("delete"), before);
}
