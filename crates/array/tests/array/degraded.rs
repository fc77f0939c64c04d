//! Reads: whatever up to `m` members do, the bytes are those that were put.

use std::time::Duration;

use dolium_array::{Array, ErrorKind, MemberId, MemberState, Payload, StoredBlob};
use dolium_provider::{Fault, FaultPlan};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::rig::{Rig, bytes, pack};

/// A way for a member to break.
#[derive(Debug, Clone, Copy)]
enum Breakage {
    Wiped,
    Hangs,
    RotsOnTheWay,
    RottenAtRest,
    Truncated,
    Longer,
    Fails(Fault),
}

fn breakage() -> impl Strategy<Value = Breakage> {
    prop_oneof![
        Just(Breakage::Wiped),
        Just(Breakage::Hangs),
        Just(Breakage::RotsOnTheWay),
        Just(Breakage::RottenAtRest),
        Just(Breakage::Truncated),
        Just(Breakage::Longer),
        Just(Breakage::Fails(Fault::Temporary)),
        Just(Breakage::Fails(Fault::Permanent)),
        Just(Breakage::Fails(Fault::RateLimited)),
    ]
}

async fn break_member(rig: &Rig, member: MemberId, how: Breakage) {
    match how {
        Breakage::Wiped => rig.wipe(member).await,
        Breakage::Hangs => rig.break_member(member, FaultPlan::hanging()),
        Breakage::RotsOnTheWay => rig.break_member(member, FaultPlan::rotting()),
        Breakage::Fails(fault) => rig.break_member(member, FaultPlan::failing(fault)),
        Breakage::RottenAtRest => {
            let flip = |mut bytes: Vec<u8>| {
                bytes.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
                Some(bytes)
            };
            rig.tamper(member, flip).await;
        }
        Breakage::Truncated => {
            let cut = |bytes: Vec<u8>| Some(bytes[..bytes.len() / 2].to_vec());
            rig.tamper(member, cut).await;
        }
        Breakage::Longer => {
            let grow = |mut bytes: Vec<u8>| {
                bytes.splice(0..0, [0; 7]);
                Some(bytes)
            };
            rig.tamper(member, grow).await;
        }
    }
}

const LAYOUTS: [&str; 6] = [
    "erasure:3+1",
    "erasure:4+2",
    "erasure:2+3",
    "erasure:7+2",
    "mirror:2",
    "mirror:3",
];

proptest! {
    // Each case builds an array of up to 1.5 MB: a red run must end in minutes, so it shrinks little.
    #![proptest_config(ProptestConfig {
        cases: 96,
        max_shrink_iters: 200,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn up_to_m_broken_members_change_no_byte(
        layout in proptest::sample::select(&LAYOUTS),
        len in prop_oneof![0usize..200, 60_000usize..70_000, 0usize..1_500_000],
        seed: u64,
        breakages in proptest::collection::vec((breakage(), any::<proptest::sample::Index>()), 3),
        ranges in proptest::collection::vec((any::<u32>(), any::<u32>()), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let parsed: dolium_array::Layout = layout.parse().unwrap();
            let rig = Rig::new(layout, usize::from(parsed.shards()));
            let body = bytes(len, seed);
            let blob = rig.array.put(&pack(1), Payload::from(body.clone())).await.unwrap();
            let mut members: Vec<MemberId> = blob.placement.shards().iter().flatten().copied().collect();
            for (how, which) in breakages.into_iter().take(usize::from(parsed.parity())) {
                let member = members.swap_remove(which.index(members.len()));
                break_member(&rig, member, how).await;
            }
            let mut wanted = vec![0..len, 0..0];
            for (a, b) in ranges {
                let (a, b) = (a as usize % (len + 1), b as usize % (len + 1));
                wanted.push(a.min(b)..a.max(b));
            }
            for range in wanted {
                let got = rig.array.read(&blob, range.start as u64..range.end as u64).await.unwrap();
                assert!(got[..] == body[range.clone()], "range {range:?} of {len} differs");
            }
        });
    }
}

async fn stored(rig: &Rig, len: usize) -> (StoredBlob, Vec<u8>) {
    let body = bytes(len, 5);
    let blob = rig
        .array
        .put(&pack(1), Payload::from(body.clone()))
        .await
        .unwrap();
    assert!(blob.placement.is_complete());
    (blob, body)
}

#[tokio::test]
async fn a_healthy_small_read_is_one_request() {
    for layout in ["erasure:3+1", "erasure:4+2", "mirror:2"] {
        let rig = Rig::new(layout, 6);
        let (blob, body) = stored(&rig, 1 << 20).await;
        let got = rig.array.read(&blob, 10_000..14_096).await.unwrap();
        assert!(got[..] == body[10_000..14_096]);
        assert_eq!(rig.calls("get") + rig.calls("head"), 1, "{layout}");
    }
}

#[tokio::test]
async fn a_degraded_whole_read_asks_no_shard_twice() {
    let rig = Rig::new("erasure:3+1", 4);
    let (blob, body) = stored(&rig, 1 << 20).await;
    rig.wipe(blob.placement.get(1).unwrap()).await;
    let got = rig.array.read(&blob, 0..1 << 20).await.unwrap();
    assert!(got[..] == body[..]);
    assert_eq!(rig.calls("get"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_member_does_not_stall_and_is_soon_left_alone() {
    let rig = Rig::new("erasure:3+1", 4);
    let (blob, body) = stored(&rig, 300_000).await;
    let member = blob.placement.get(0).unwrap();
    rig.break_member(member, FaultPlan::hanging());
    for _ in 0..5 {
        let started = Instant::now();
        let got = rig.array.read(&blob, 0..4096).await.unwrap();
        assert!(got[..] == body[..4096]);
        assert!(
            started.elapsed() <= Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
    }
    let status = &rig.array.status()[usize::from(member.0)];
    assert_eq!(status.state, MemberState::Down);
    let started = Instant::now();
    rig.array.read(&blob, 0..4096).await.unwrap();
    assert_eq!(
        started.elapsed(),
        Duration::ZERO,
        "a member that is down costs no time"
    );
    rig.mend();
    tokio::time::advance(Duration::from_secs(6)).await;
    rig.array.read(&blob, 0..4096).await.unwrap();
    assert_eq!(
        rig.array.status()[usize::from(member.0)].state,
        MemberState::Up
    );
}

/// A member that came back while it was being left alone has what the next outage takes away.
#[tokio::test(start_paused = true)]
async fn a_member_left_alone_is_read_before_a_read_fails() {
    for layout in ["erasure:3+1", "mirror:2"] {
        let rig = Rig::new(layout, 6);
        let (blob, body) = stored(&rig, 300_000).await;
        let members: Vec<MemberId> = blob.placement.shards().iter().flatten().copied().collect();
        for (first, second) in [(0, 1), (1, 0)] {
            rig.break_member(members[first], FaultPlan::failing(Fault::Temporary));
            leave_alone(&rig, members[first]).await;
            rig.mend();
            rig.break_member(members[second], FaultPlan::failing(Fault::Temporary));
            let got = rig.array.read(&blob, 0..300_000).await.unwrap();
            assert!(got[..] == body[..], "{layout}");
            assert_eq!(
                rig.array.status()[usize::from(members[first].0)].state,
                MemberState::Up,
                "an answer lets a member back in at once"
            );
            rig.mend();
            tokio::time::advance(Duration::from_secs(100)).await;
            rig.array.read(&blob, 0..300_000).await.unwrap();
        }
    }
}

/// Fails a broken member's calls until it is left alone.
async fn leave_alone(rig: &Rig, member: MemberId) {
    for n in 100..200 {
        let _ = rig.array.put(&pack(n), Payload::from(vec![1; 100])).await;
        if rig.array.status()[usize::from(member.0)].state == MemberState::Down {
            return;
        }
    }
    panic!("{member} was never left alone");
}

#[tokio::test]
async fn who_lied_is_named_and_reported() {
    let rig = Rig::new("erasure:3+1", 4);
    let (blob, body) = stored(&rig, 300_000).await;
    let liar = blob.placement.get(2).unwrap();
    rig.break_member(liar, FaultPlan::rotting());
    let mut suspects = rig.array.suspects();
    let got = rig.array.read(&blob, 200_000..300_000).await.unwrap();
    assert!(got[..] == body[200_000..]);
    let suspect = suspects.recv().await.unwrap();
    assert_eq!((suspect.index, suspect.member), (2, liar));
    let status = &rig.array.status()[usize::from(liar.0)];
    assert_eq!(status.damaged, 1);
    assert!(
        status.last_error.as_ref().unwrap().contains("checksum"),
        "{status:?}"
    );
}

#[tokio::test]
async fn more_than_m_broken_members_are_all_named() {
    let rig = Rig::new("erasure:3+1", 4);
    let (blob, _) = stored(&rig, 300_000).await;
    let broken = [0, 3].map(|index| blob.placement.get(index).unwrap());
    for member in broken {
        rig.break_member(member, FaultPlan::failing(Fault::Temporary));
    }
    let error = rig.array.read(&blob, 0..10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    for member in broken {
        assert!(error.to_string().contains(&format!("p{member}")), "{error}");
    }
}

#[tokio::test]
async fn ranges_past_the_end_are_invalid() {
    let rig = Rig::new("mirror:2", 2);
    let (blob, _) = stored(&rig, 100).await;
    for range in [0..101, 101..101, 5..u64::MAX] {
        let error = rig.array.read(&blob, range).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn shards_of_another_key_blob_or_place_are_refused() {
    let rig = Rig::new("mirror:2", 2);
    let (blob, body) = stored(&rig, 5000).await;
    // The same blob, written under another key by whoever owns the provider.
    let forger = Rig::with("mirror:2", 2, |settings| settings.shard_key = [8; 32]);
    forger
        .array
        .put(&pack(1), Payload::from(bytes(5000, 6)))
        .await
        .unwrap();
    let other = Rig::new("mirror:2", 2);
    let elsewhere = other
        .array
        .put(&pack(2), Payload::from(bytes(5000, 6)))
        .await
        .unwrap();
    let victim = blob.placement.get(0).unwrap();
    let forged = forger.stored(victim).await[0].1.clone();
    let moved = other.stored(elsewhere.placement.get(0).unwrap()).await[0]
        .1
        .clone();
    let swapped = rig.stored(blob.placement.get(1).unwrap()).await[0]
        .1
        .clone();
    for fake in [forged, moved, swapped] {
        rig.tamper(victim, |_| Some(fake.clone())).await;
        let before = rig.array.status()[usize::from(victim.0)].damaged;
        assert!(rig.array.read(&blob, 0..5000).await.unwrap()[..] == body[..]);
        assert_eq!(
            rig.array.status()[usize::from(victim.0)].damaged,
            before + 1
        );
    }
}

#[tokio::test]
async fn a_lost_catalog_is_found_again() {
    let rig = Rig::new("erasure:2+1", 5);
    let mut blobs: Vec<StoredBlob> = Vec::new();
    for n in 0..700 {
        blobs.push(
            rig.array
                .put(&pack(n), Payload::from(bytes(n, 1)))
                .await
                .unwrap(),
        );
    }
    blobs.sort_by(|a, b| a.id.cmp(&b.id));
    rig.break_member(MemberId(1), FaultPlan::failing(Fault::Permanent));
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = rig
            .array
            .found(dolium_array::BlobKind::Pack, after.as_deref(), 150)
            .await
            .unwrap();
        assert_eq!(page.unreachable.len(), 1);
        after = page.blobs.last().map(|blob| blob.id.name().to_owned());
        found.extend(page.blobs);
        if !page.more {
            break;
        }
    }
    assert_eq!(found.len(), blobs.len());
    for (found, blob) in found.iter().zip(&blobs) {
        let seen = rig.array.inspect(found).await.unwrap();
        assert_eq!(
            (&seen.id, seen.len, seen.layout, seen.coding),
            (&blob.id, blob.len, blob.layout, blob.coding)
        );
        let want = blob
            .placement
            .shards()
            .iter()
            .map(|m| m.filter(|m| *m != MemberId(1)));
        assert_eq!(seen.placement.shards(), want.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn identities_are_kept_and_replaced() {
    let rig = Rig::new("mirror:2", 2);
    let provider = &*rig.memory[0];
    assert_eq!(Array::read_identity(provider).await.unwrap(), None);
    for record in ["one", "two"] {
        rig.array
            .put_identity(MemberId(0), record.into())
            .await
            .unwrap();
        assert_eq!(
            Array::read_identity(provider).await.unwrap().unwrap(),
            record
        );
    }
    let claimed = rig.array.claim_identity(MemberId(0), "three".into()).await;
    assert_eq!(claimed.unwrap_err().kind(), ErrorKind::AlreadyExists);
    rig.array
        .claim_identity(MemberId(1), "mine".into())
        .await
        .unwrap();
    assert!(
        rig.array
            .put_identity(MemberId(9), "x".into())
            .await
            .is_err()
    );
}
