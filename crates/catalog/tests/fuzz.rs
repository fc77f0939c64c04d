//! A bounded fuzz run over journal entries: valid encodings, spoiled, and plain noise.
//!
//! Promises: no bytes make a decoder panic or take memory that they do not back; what does decode
//! encodes again to bytes that mean the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use dolium_catalog::{Catalog, CatalogSettings, Change, Entry, Error, Op, Val, journaled_tables};
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

fn value() -> impl Strategy<Value = Val> {
    prop_oneof![
        Just(Val::Null),
        any::<i64>().prop_map(Val::Int),
        any::<String>().prop_map(Val::Text),
        any::<Vec<u8>>().prop_map(Val::Blob),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let values = prop::collection::vec(value(), 0..14);
    let change = (0u8..20, any::<bool>(), values).prop_map(|(table, put, values)| Change {
        table,
        op: if put { Op::Put } else { Op::Delete },
        values,
    });
    prop::collection::vec(change, 0..5).prop_map(|changes| Entry { changes })
}

/// A row that fits a table by its types, if not by its sense.
fn fitting() -> impl Strategy<Value = Entry> {
    let tables = journaled_tables();
    (0..tables.len(), any::<bool>(), any::<u64>()).prop_map(move |(at, put, seed)| {
        let table = tables[at];
        let count = if put {
            table.columns.len()
        } else {
            table.key_len
        };
        let value = |(n, column): (usize, &dolium_catalog::Column)| match column.kind {
            dolium_catalog::ColumnType::Int => Val::Int((seed >> (n % 8 * 8)) as u8 as i64),
            dolium_catalog::ColumnType::Text => Val::Text(format!("t{}", seed % 5)),
            dolium_catalog::ColumnType::Blob => Val::Blob(vec![seed as u8; n % 3]),
        };
        let values = table.columns[..count]
            .iter()
            .enumerate()
            .map(value)
            .collect();
        let op = if put { Op::Put } else { Op::Delete };
        let table = table.journal_id.unwrap();
        Entry {
            changes: vec![Change { table, op, values }],
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn entries(entry in entry(), spoils in spoils(), noise: Vec<u8>) {
        prop_assert_eq!(&Entry::decode(&entry.encode()).unwrap(), &entry);
        for bad in [spoil(entry.encode(), &spoils), noise] {
            if let Ok(entry) = Entry::decode(&bad) {
                prop_assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
            }
        }
    }
}

/// Entries that decode and fit nothing are refused whole; the catalog goes on.
#[test]
fn applying() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("catalog.sqlite");
    let catalog = Catalog::open_sqlite(file, CatalogSettings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    let entries = prop_oneof![entry(), fitting()];
    let run = runner.run(&entries, |entry| {
        runtime.block_on(async {
            let apply = catalog.write(move |tx| tx.apply(&entry)).await;
            assert!(!matches!(&apply, Err(error) if error.kind() == dolium_catalog::ErrorKind::Unexpected && error.to_string().contains("panicked")), "{apply:?}");
            assert!(catalog.read(|tx| tx.next_seq()).await.map_err(|e: Error| e).is_ok());
        });
        Ok(())
    });
    run.unwrap();
}
