//! Reading a blob from end to end, bit by bit, when one of its shards is gone: no more requests than when all are
//! there.

use dolium_array::{MemberId, MemberState, Payload, StoredBlob};
use dolium_provider::{Fault, FaultPlan};

use crate::rig::{Rig, bytes, pack};

const MIB: usize = 1 << 20;
/// Three data shards of three mebibytes each.
const LEN: usize = 9 * MIB;

async fn stored(rig: &Rig) -> (StoredBlob, Vec<u8>) {
    let body = bytes(LEN, 5);
    let put = rig.array.put(&pack(1), Payload::from(body.clone())).await;
    (put.unwrap(), body)
}

async fn unverified(rig: &Rig, blob: &StoredBlob, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut got = Vec::new();
    let read = rig.array.read_unverified(blob, range, &mut got);
    read.await.unwrap();
    got
}

/// Reads the blob in pieces; the requests that it took.
async fn read_through(rig: &Rig, blob: &StoredBlob, body: &[u8], verified: bool) -> u64 {
    let before = rig.calls("get");
    for start in (0..LEN).step_by(MIB) {
        let range = start as u64..(start + MIB) as u64;
        let got = match verified {
            true => rig.array.read(blob, range).await.unwrap().to_vec(),
            false => unverified(rig, blob, range).await,
        };
        assert!(got == body[start..start + MIB], "at {start}");
    }
    rig.calls("get") - before
}

async fn left_alone(rig: &Rig, member: MemberId) {
    rig.break_member(member, FaultPlan::failing(Fault::Temporary));
    for n in 100..200 {
        drop(rig.array.put(&pack(n), Payload::from(vec![1; 100])).await);
        if rig.array.status()[usize::from(member.0)].state == MemberState::Down {
            return;
        }
    }
    panic!("{member} was never left alone");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_down_costs_no_request_more() {
    for index in 0..3 {
        for verified in [true, false] {
            let rig = Rig::new("erasure:3+2", 5);
            let (blob, body) = stored(&rig).await;
            assert_eq!(read_through(&rig, &blob, &body, verified).await, 9);
            left_alone(&rig, blob.placement.get(index).unwrap()).await;
            let requests = read_through(&rig, &blob, &body, verified).await;
            assert_eq!(requests, 9, "shard {index} is gone");
        }
    }
}

#[tokio::test]
async fn a_lost_shard_costs_the_questions_for_it() {
    let rig = Rig::new("erasure:3+2", 5);
    let (blob, body) = stored(&rig).await;
    rig.wipe(blob.placement.get(0).unwrap()).await;
    // Three for what is not there; two siblings and a parity of three pieces each.
    assert_eq!(read_through(&rig, &blob, &body, true).await, 3 + 9);
}

/// What a caller that checks for itself was given stays with it: a liar's bytes are not taken for verified ones.
#[tokio::test]
async fn unverified_chunks_are_not_kept_for_who_wants_them_verified() {
    let rig = Rig::new("erasure:3+2", 5);
    let (blob, body) = stored(&rig).await;
    rig.wipe(blob.placement.get(0).unwrap()).await;
    rig.break_member(blob.placement.get(1).unwrap(), FaultPlan::rotting());
    let range = 0..MIB as u64;
    let got = unverified(&rig, &blob, range.clone()).await;
    assert!(got != body[..MIB], "the liar was asked");
    let got = rig.array.read(&blob, range).await.unwrap();
    assert!(got[..] == body[..MIB]);
}
