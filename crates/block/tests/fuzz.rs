//! A bounded fuzz run over everything this crate reads: valid encodings, spoiled, and plain noise.
//!
//! Promises: no bytes make a decoder panic or take memory that they do not back; what does decode
//! encodes again to bytes that mean the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ops::Range;

use bytes::Bytes;
use dolium_block::codec::Reader;
use dolium_block::{
    BlockId, Child, Chunker, Chunking, Codec, Extent, MasterKey, Node, PackBuilder, PackId,
    PackIndex, Subkey, open, open_record, seal, seal_record,
};
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

fn key() -> Subkey {
    MasterKey::from_bytes([5; 32]).subkey("fuzz")
}

fn id() -> impl Strategy<Value = BlockId> {
    let some = any::<[u8; 32]>().prop_map(BlockId::from_bytes);
    prop_oneof![4 => some, 1 => Just(BlockId::ZERO)]
}

fn node() -> impl Strategy<Value = Node> {
    let extent = (id(), 0u32..1 << 20, 1u32..1 << 20).prop_map(|(id, skip, len)| Extent {
        skip: if id.is_zero() { 0 } else { skip },
        ..Extent::whole(id, len)
    });
    let child = (id(), 1u32..1 << 20, 1u64..1 << 40);
    let child = child.prop_map(|(id, node_len, span)| Child { id, node_len, span });
    let children = (1u8..8, prop::collection::vec(child, 1..20));
    prop_oneof![
        prop::collection::vec(extent, 0..20).prop_map(Node::Leaf),
        children.prop_map(|(level, children)| Node::Inner { level, children }),
    ]
}

/// What decodes means the same when it is encoded and decoded again.
fn node_is_stable(bytes: &[u8]) {
    if let Ok(node) = Node::decode(bytes) {
        assert_eq!(Node::decode(&node.encode()).unwrap(), node);
        let _ = (node.references(), node.span());
    }
}

/// A pack of two blocks: its bytes and the range of its index.
fn pack() -> (PackId, Vec<u8>, Range<u64>) {
    let id = PackId::from_bytes([3; 16]);
    let mut builder = PackBuilder::new(id);
    for content in [&b"first block"[..], &[7; 5000]] {
        builder.push(seal(&key(), BlockId::of(content), content, false).unwrap());
    }
    let bytes = builder.finish(&key()).unwrap().segments.concat();
    let trailer = &bytes[bytes.len() - PackIndex::TRAILER_LEN as usize..];
    let range = PackIndex::range(bytes.len() as u64, trailer).unwrap();
    (id, bytes, range)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nodes(node in node(), spoils in spoils(), noise: Vec<u8>) {
        if Node::decode(&node.encode()).is_ok() {
            node_is_stable(&node.encode());
        }
        node_is_stable(&spoil(node.encode(), &spoils));
        node_is_stable(&noise);
    }

    #[test]
    fn readers(bytes: Vec<u8>, steps in prop::collection::vec(0u8..8, 1..20)) {
        let mut reader = Reader::new("fuzz", &bytes);
        for step in steps {
            let before = reader.remaining();
            match step {
                0 => drop(reader.u8()),
                1 => drop(reader.u32()),
                2 => drop(reader.u64()),
                3 => drop(reader.varint()),
                4 => drop(reader.signed()),
                5 => drop(reader.bytes()),
                6 => drop(reader.array::<7>()),
                _ => drop(reader.raw(usize::MAX)),
            }
            prop_assert!(reader.remaining() <= before);
        }
    }

    #[test]
    fn chunking(len in 1usize..300_000, cut in 1usize..70_000, choice in 0u32..20) {
        let chunking = match choice % 2 {
            0 => Chunking::fixed(1 << (choice + 2)),
            _ => Chunking::cdc(1 << (choice + 2)),
        };
        let Ok(chunking) = chunking else { return Ok(()) };
        let bytes: Bytes = (0..len).map(|n| ((n * n) >> 7) as u8).collect::<Vec<_>>().into();
        let mut chunker = Chunker::new(chunking);
        let mut out = Vec::new();
        for at in (0..len).step_by(cut) {
            chunker.push(bytes.slice(at..len.min(at + cut)), &mut out);
        }
        chunker.finish(&mut out);
        prop_assert!(out.iter().all(|block| block.len() <= chunking.block_len_max()));
        prop_assert!(out.concat() == bytes);
    }

    #[test]
    fn recovery_keys(secret: [u8; 32], spoils in spoils(), noise: String) {
        let text = MasterKey::from_bytes(secret).to_recovery_text();
        let read = MasterKey::from_recovery_text(&text).unwrap();
        prop_assert_eq!(read.to_recovery_text(), text.clone());
        let spoiled = spoil(text.clone().into_bytes(), &spoils);
        for bad in [String::from_utf8_lossy(&spoiled).into_owned(), noise] {
            if let Ok(key) = MasterKey::from_recovery_text(&bad) {
                let again = MasterKey::from_recovery_text(&key.to_recovery_text()).unwrap();
                prop_assert_eq!(key.to_recovery_text(), again.to_recovery_text());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn packs(spoils in spoils(), noise: Vec<u8>, len: u64) {
        let (id, bytes, range) = pack();
        let at = |range: &Range<u64>| range.start as usize..range.end as usize;
        prop_assert!(PackIndex::open(&key(), &id, &range, &bytes[at(&range)]).is_ok());
        let index = spoil(bytes[at(&range)].to_vec(), &spoils);
        if index != bytes[at(&range)] {
            prop_assert!(PackIndex::open(&key(), &id, &range, &index).is_err());
        }
        let trailer_at = bytes.len() - PackIndex::TRAILER_LEN as usize;
        for trailer in [spoil(bytes[trailer_at..].to_vec(), &spoils), noise] {
            if let Ok(range) = PackIndex::range(len, &trailer) {
                prop_assert!(range.start <= range.end && range.end <= len);
            }
        }
    }

    #[test]
    fn sealed_blocks(content in prop::collection::vec(0u8..4, 0..2000), spoils in spoils(), len: u32) {
        let id = BlockId::of(&content);
        let block = seal(&key(), id, &content, false).unwrap();
        let opened = open(&key(), &id, block.codec, block.len, block.bytes.clone()).unwrap();
        prop_assert_eq!(BlockId::of(&opened), id);
        let bad = spoil(block.bytes.to_vec(), &spoils);
        if bad != block.bytes {
            prop_assert!(open(&key(), &id, block.codec, block.len, bad.clone()).is_err());
        }
        // A catalog that lies about length or codec must not make a zip bomb of a block.
        for codec in (0..=u8::MAX).filter_map(|codec| Codec::try_from(codec).ok()) {
            if let Ok(opened) = open(&key(), &id, codec, len, block.bytes.clone()) {
                prop_assert_eq!(BlockId::of(&opened), id);
            }
        }
    }

    #[test]
    fn records(text: Vec<u8>, spoils in spoils(), noise: Vec<u8>) {
        let sealed = seal_record(&key(), b"fuzz", &text).unwrap();
        prop_assert_eq!(open_record(&key(), b"fuzz", &sealed).unwrap(), text);
        prop_assert!(open_record(&key(), b"other", &sealed).is_err());
        let bad = spoil(sealed.clone(), &spoils);
        prop_assert!(bad == sealed || open_record(&key(), b"fuzz", &bad).is_err());
        prop_assert!(open_record(&key(), b"fuzz", &noise).is_err());
    }
}
