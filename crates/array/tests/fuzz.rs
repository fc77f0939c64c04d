//! A bounded fuzz run over what an array reads from its members and its catalog: valid encodings, spoiled, and plain noise.
//!
//! Promises: no bytes make a decoder panic or take memory that they do not back; what does decode
//! encodes again to bytes that mean the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;

use dolium_array::{
    Array, ArraySettings, BlobId, BlobKind, Layout, Member, MemberId, Payload, Placement,
};
use dolium_provider::{BlobName, MemoryProvider, Provider};
use proptest::prelude::*;
use proptest::sample::Index;

/// A way to spoil valid bytes. Places are fractions of the length, so that they shrink well.
#[derive(Clone, Debug)]
enum Spoil {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
    /// The longest numbers: counts and lengths that nothing backs.
    Huge(Index),
}

fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let one = prop_oneof![
        (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Spoil::Flip(at, bit)),
        any::<Index>().prop_map(Spoil::Cut),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Spoil::Repeat(from, to)),
        any::<Index>().prop_map(Spoil::Huge),
    ];
    prop::collection::vec(one, 1..4)
}

fn spoil(mut bytes: Vec<u8>, spoils: &[Spoil]) -> Vec<u8> {
    for spoil in spoils {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match spoil {
            Spoil::Flip(at, bit) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Spoil::Flip(..) => {}
            Spoil::Cut(at) => bytes.truncate(place(at)),
            Spoil::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Spoil::Repeat(a, b) => {
                let (a, b) = (place(a), place(b));
                let part = bytes[a.min(b)..a.max(b)].to_vec();
                bytes.extend(part);
            }
            Spoil::Huge(at) => {
                let (at, end) = (place(at), bytes.len());
                bytes.splice(at..end.min(at + 9), [0xff; 8].into_iter().chain([1]));
            }
        }
    }
    bytes
}

/// An array of four providers in memory with one blob, and the bytes of that blob.
async fn array(
    len: usize,
) -> (
    Array,
    Vec<Arc<MemoryProvider>>,
    dolium_array::StoredBlob,
    Vec<u8>,
) {
    let memory: Vec<Arc<MemoryProvider>> = (0..4).map(|_| Arc::default()).collect();
    let member = |(n, memory): (usize, &Arc<MemoryProvider>)| Member {
        id: MemberId(n as u16),
        name: format!("p{n}"),
        provider: memory.clone(),
    };
    let members = memory.iter().enumerate().map(member).collect();
    let layout = "erasure:2+2".parse().unwrap();
    let array = Array::new(ArraySettings::new("fuzz", layout, members, [7; 32])).unwrap();
    let body: Vec<u8> = (0..len).map(|n| ((n * 31) >> 3) as u8).collect();
    let id = BlobId::new(BlobKind::Pack, "ab".repeat(16)).unwrap();
    let blob = array.put(&id, Payload::from(body.clone())).await.unwrap();
    (array, memory, blob, body)
}

/// Replaces the only blob of a provider.
async fn replace(memory: &MemoryProvider, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    for info in memory.list("", None, 10).await.unwrap().blobs {
        let bytes = memory.get(&info.name, 0..info.len).await.unwrap();
        memory.delete(&info.name).await.unwrap();
        let changed = change(bytes.to_vec());
        memory
            .put(&info.name, Payload::from(changed))
            .await
            .unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Two of four members give spoiled shards: header, checksums and bytes; all is still found and
    /// read right.
    #[test]
    fn spoiled_shards(
        spoils in spoils(), len in prop_oneof![0usize..300, 130_000usize..140_000], first in 0usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (array, memory, blob, body) = array(len).await;
            for n in [first, (first + 1) % 4] {
                replace(&memory[n], |bytes| spoil(bytes, &spoils)).await;
            }
            let read = array.read(&blob, 0..len as u64).await.unwrap();
            assert!(read[..] == body[..]);
            let page = array.found(BlobKind::Pack, None, 10).await.unwrap();
            let seen = array.inspect(&page.blobs[0]).await.unwrap();
            let facts = |of: &dolium_array::StoredBlob| (of.len, of.layout, of.coding);
            assert_eq!(facts(&seen), facts(&blob));
            let read = array.read(&seen, 0..len as u64).await.unwrap();
            assert!(read[..] == body[..]);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn placements(members in prop::collection::vec(any::<Option<u16>>(), 0..20), spoils in spoils(), noise: Vec<u8>) {
        let shards = members.into_iter().map(|member| member.map(MemberId)).collect();
        let placement = Placement::new(shards);
        let bytes = placement.encode();
        prop_assert_eq!(&Placement::decode(&bytes).unwrap(), &placement);
        for bad in [spoil(bytes, &spoils), noise] {
            if let Ok(placement) = Placement::decode(&bad) {
                prop_assert_eq!(Placement::decode(&placement.encode()).unwrap(), placement);
            }
        }
    }

    #[test]
    fn layouts(text in "(erasure|mirror|plain|)[:+0-9 ]{0,12}|.{0,20}") {
        if let Ok(layout) = text.parse::<Layout>() {
            prop_assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
            prop_assert!(layout.validated().is_err() || layout.data() > 0);
        }
    }

    /// Whatever names members list, a listing of blobs holds real ones only and does not fail.
    #[test]
    fn names(text in "(packs/|journal/)?[a-f0-9]{0,2}(/[-a-f0-9]{0,34})?(\\.[0-9]{0,4})?|.{0,40}") {
        let Ok(name) = BlobName::new(text) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (array, memory, blob, _) = array(10).await;
            let taken = memory[0].put(&name, Payload::from(vec![1])).await.is_err();
            for kind in [BlobKind::Pack, BlobKind::Journal, BlobKind::Snapshot] {
                let page = array.found(kind, None, 10).await.unwrap();
                for found in &page.blobs {
                    assert!(found.id == blob.id || array.inspect(found).await.is_err());
                }
                assert!(taken || page.blobs.len() <= 2);
            }
        });
    }
}
