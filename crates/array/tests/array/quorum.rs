//! Writes: what is acknowledged is durable, and slow or broken members do not hold it up.

use std::time::Duration;

use dolium_array::{ErrorKind, MemberState, Payload, Status};
use dolium_provider::{Fault, FaultPlan};
use tokio::time::Instant;

use crate::rig::{Rig, bytes, pack};

fn body() -> Payload {
    Payload::from(bytes(200_000, 3))
}

/// The members of a blob's shards, learnt from a twin of the array.
async fn placement(layout: &str, members: usize) -> Vec<dolium_array::MemberId> {
    let twin = Rig::new(layout, members);
    let blob = twin.array.put(&pack(1), body()).await.unwrap();
    blob.placement.shards().iter().flatten().copied().collect()
}

#[tokio::test]
async fn one_failing_member_leaves_a_gap_not_an_error() {
    for layout in ["erasure:3+1", "erasure:4+2", "mirror:2"] {
        let members = placement(layout, 6).await;
        for (index, member) in members.iter().enumerate() {
            let rig = Rig::new(layout, 6);
            rig.break_member(
                *member,
                FaultPlan {
                    full: true,
                    ..FaultPlan::default()
                },
            );
            let blob = rig.array.put(&pack(1), body()).await.unwrap();
            assert_eq!(blob.placement.get(index as u8), None);
            assert_eq!(blob.placement.placed(), members.len() - 1);
            let got = rig.array.read(&blob, 0..blob.len).await.unwrap();
            assert!(got == body().to_bytes());
        }
    }
}

#[tokio::test]
async fn too_few_members_is_an_error_that_leaves_nothing_behind() {
    let members = placement("erasure:3+1", 4).await;
    let rig = Rig::new("erasure:3+1", 4);
    for member in &members[..2] {
        rig.break_member(*member, FaultPlan::failing(Fault::Permanent));
    }
    let error = rig.array.put(&pack(1), body()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Unavailable, Status::Temporary)
    );
    for member in &members[..2] {
        assert!(error.to_string().contains(&format!("p{member}")), "{error}");
    }
    for member in members {
        assert!(rig.stored(member).await.is_empty());
    }
}

#[tokio::test]
async fn without_degraded_writes_one_more_is_needed() {
    for (layout, broken, good) in [
        ("erasure:3+1", 1, false),
        ("erasure:4+2", 1, true),
        ("erasure:4+2", 2, false),
        ("mirror:1", 0, true),
    ] {
        let members = placement(layout, 6).await;
        let rig = Rig::with(layout, 6, |settings| settings.allow_degraded_writes = false);
        for member in &members[..broken] {
            rig.break_member(*member, FaultPlan::failing(Fault::Temporary));
        }
        let put = rig.array.put(&pack(1), body()).await;
        assert_eq!(put.is_ok(), good, "{layout} with {broken} broken");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_member_holds_a_put_up_for_the_grace_only() {
    for layout in ["erasure:3+1", "erasure:4+2"] {
        let members = placement(layout, 6).await;
        let rig = Rig::new(layout, 6);
        rig.break_member(members[0], FaultPlan::hanging());
        for n in 0..5 {
            let started = Instant::now();
            let _ = rig.array.put(&pack(n), body()).await.unwrap();
            assert!(
                started.elapsed() <= Duration::from_secs(2),
                "{:?}",
                started.elapsed()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_down_is_replaced_by_a_spare() {
    let rig = Rig::new("mirror:2", 3);
    let gone = placement("mirror:2", 3).await[0];
    rig.break_member(gone, FaultPlan::failing(Fault::Temporary));
    for n in 0..40 {
        rig.array.put(&pack(n), body()).await.unwrap();
    }
    assert_eq!(
        rig.array.status()[usize::from(gone.0)].state,
        MemberState::Down
    );
    let blob = rig.array.put(&pack(100), body()).await.unwrap();
    assert!(blob.placement.is_complete());
    assert!(!blob.placement.shards().contains(&Some(gone)));
}

/// A member that is back is written to at once, not after its cool-down: until then every put would
/// lack a shard.
#[tokio::test(start_paused = true)]
async fn a_member_that_is_back_gets_the_next_shard() {
    let rig = Rig::new("erasure:3+1", 4);
    rig.break_member(
        dolium_array::MemberId(2),
        FaultPlan::failing(Fault::Temporary),
    );
    for n in 0..5 {
        rig.array.put(&pack(n), body()).await.unwrap();
    }
    assert_eq!(rig.array.status()[2].state, MemberState::Down);
    assert_eq!(
        rig.array
            .put(&pack(50), body())
            .await
            .unwrap()
            .placement
            .placed(),
        3
    );
    rig.mend();
    assert!(
        rig.array
            .put(&pack(51), body())
            .await
            .unwrap()
            .placement
            .is_complete()
    );
}

/// Found by the store's model: p3 had been gone and came back, then p2 went, and writes failed.
#[tokio::test(start_paused = true)]
async fn a_member_left_alone_is_written_to_before_a_put_fails() {
    let rig = Rig::new("erasure:3+1", 4);
    rig.break_member(
        dolium_array::MemberId(2),
        FaultPlan::failing(Fault::Temporary),
    );
    for n in 0..5 {
        rig.array.put(&pack(n), body()).await.unwrap();
    }
    assert_eq!(rig.array.status()[2].state, MemberState::Down);
    rig.mend();
    rig.break_member(
        dolium_array::MemberId(1),
        FaultPlan::failing(Fault::Temporary),
    );
    let blob = rig.array.put(&pack(100), body()).await.unwrap();
    assert_eq!(blob.placement.placed(), 3);
    assert_eq!(rig.array.status()[2].state, MemberState::Up);
    // With a third gone too the put fails, and names all three.
    rig.break_member(
        dolium_array::MemberId(2),
        FaultPlan::failing(Fault::Temporary),
    );
    let error = rig.array.put(&pack(101), body()).await.unwrap_err();
    assert!(
        error.to_string().contains("p1") && error.to_string().contains("p2"),
        "{error}"
    );
    for member in [0, 3] {
        let left = rig.stored(dolium_array::MemberId(member)).await;
        assert!(
            left.iter()
                .all(|(name, _)| !name.as_str().contains(pack(101).name()))
        );
    }
}

#[tokio::test]
async fn the_same_put_again_succeeds_and_another_conflicts() {
    let rig = Rig::new("erasure:3+1", 4);
    let first = rig.array.put(&pack(1), body()).await.unwrap();
    assert_eq!(rig.array.put(&pack(1), body()).await.unwrap(), first);
    for other in [
        Payload::from(bytes(200_000, 4)),
        Payload::from(bytes(10, 4)),
        Payload::default(),
    ] {
        let error = rig.array.put(&pack(1), other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    let got = rig.array.read(&first, 0..first.len).await.unwrap();
    assert!(got == body().to_bytes());
}

#[tokio::test]
async fn delete_removes_all_and_names_who_failed() {
    let rig = Rig::new("erasure:3+1", 4);
    let blob = rig.array.put(&pack(1), body()).await.unwrap();
    let bad = blob.placement.get(2).unwrap();
    rig.break_member(bad, FaultPlan::failing(Fault::Temporary));
    let error = rig.array.delete(&blob).await.unwrap_err();
    assert!(error.to_string().contains(&format!("p{bad}")), "{error}");
    rig.mend();
    for _ in 0..2 {
        rig.array.delete(&blob).await.unwrap();
    }
    for member in blob.placement.shards().iter().flatten() {
        assert!(rig.stored(*member).await.is_empty());
    }
}

/// One "too many requests" is enough, and the member is asked again when its pause is over.
#[tokio::test(start_paused = true)]
async fn a_member_that_asks_for_a_pause_gets_it_at_once() {
    let rig = Rig::new("erasure:3+1", 4);
    let busy = dolium_array::MemberId(1);
    rig.break_member(busy, FaultPlan::failing(Fault::RateLimited));
    rig.array.put(&pack(1), body()).await.unwrap();
    let status = rig.array.status()[1].clone();
    assert_eq!((status.state, status.errors), (MemberState::Down, 1));
    rig.mend();
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(rig.array.knock().await, "its pause is over");
    let blob = rig.array.put(&pack(2), body()).await.unwrap();
    assert!(blob.placement.is_complete());
}
