//! The bytes of a journal entry.
//!
//! ```text
//! entry   version: u8 = 1, changes: varint, change…
//! change  table: u8, op: u8 (0 put, 1 delete), values: varint, value…
//! value   0 | 1 signed | 2 bytes (UTF-8) | 3 bytes
//! ```
//!
//! Promises: decoding hostile bytes allocates no more than they hold; equal entries have equal bytes.

use dolium_block::codec::{Reader, Writer};

use crate::value::Val;
use crate::{Error, ErrorKind, Result};

const VERSION: u8 = 1;

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It was inserted or replaced; the values are the whole row.
    Put,
    /// It was deleted; the values are its key.
    Delete,
}

/// One changed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table's number in the journal.
    pub table: u8,
    /// What happened.
    pub op: Op,
    /// The row or its key, in the order of the columns.
    pub values: Vec<Val>,
}

/// All that one operation changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// In the order they were made.
    pub changes: Vec<Change>,
}

impl Entry {
    /// The bytes of the entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).varint(self.changes.len() as u64);
        for change in &self.changes {
            out.u8(change.table).u8(match change.op {
                Op::Put => 0,
                Op::Delete => 1,
            });
            out.varint(change.values.len() as u64);
            for value in &change.values {
                encode_value(&mut out, value);
            }
        }
        out.finish()
    }

    /// Reads an entry from hostile bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("journal entry", bytes);
        let version = reader.u8().map_err(malformed)?;
        if version != VERSION {
            let context = format!("journal entry of unknown version {version}");
            return Err(Error::new(ErrorKind::Unsupported, "decode", context));
        }
        decode_changes(&mut reader).map_err(malformed)
    }
}

fn malformed(error: dolium_block::Error) -> Error {
    Error::corrupt("decode", error.to_string()).with_source(error)
}

fn encode_value(out: &mut Writer, value: &Val) {
    match value {
        Val::Null => out.u8(0),
        Val::Int(value) => out.u8(1).signed(*value),
        Val::Text(value) => out.u8(2).bytes(value.as_bytes()),
        Val::Blob(value) => out.u8(3).bytes(value),
    };
}

fn decode_changes(reader: &mut Reader<'_>) -> dolium_block::Result<Entry> {
    // Counts are not trusted with memory: vectors grow as items are really there.
    let mut changes = Vec::new();
    let count = reader.varint_max(reader.remaining() as u64, "more changes than bytes")?;
    for _ in 0..count {
        let table = reader.u8()?;
        let op = match reader.u8()? {
            0 => Op::Put,
            1 => Op::Delete,
            _ => return Err(refused("unknown operation")),
        };
        let mut values = Vec::new();
        let count = reader.varint_max(reader.remaining() as u64, "more values than bytes")?;
        for _ in 0..count {
            values.push(decode_value(reader)?);
        }
        changes.push(Change { table, op, values });
    }
    reader.end()?;
    Ok(Entry { changes })
}

fn decode_value(reader: &mut Reader<'_>) -> dolium_block::Result<Val> {
    Ok(match reader.u8()? {
        0 => Val::Null,
        1 => Val::Int(reader.signed()?),
        2 => {
            let text = std::str::from_utf8(reader.bytes()?).map_err(|_| refused("not UTF-8"))?;
            Val::Text(text.to_owned())
        }
        3 => Val::Blob(reader.bytes()?.to_vec()),
        _ => return Err(refused("unknown kind of value")),
    })
}

fn refused(why: &'static str) -> dolium_block::Error {
    dolium_block::Error::Malformed {
        what: "journal entry",
        why,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Change, Entry, Op};
    use crate::value::Val;

    fn value() -> impl Strategy<Value = Val> {
        prop_oneof![
            Just(Val::Null),
            any::<i64>().prop_map(Val::Int),
            any::<String>().prop_map(Val::Text),
            any::<Vec<u8>>().prop_map(Val::Blob),
        ]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let change = (
            any::<u8>(),
            any::<bool>(),
            proptest::collection::vec(value(), 0..6),
        );
        let change = change.prop_map(|(table, put, values)| {
            let op = if put { Op::Put } else { Op::Delete };
            Change { table, op, values }
        });
        proptest::collection::vec(change, 0..6).prop_map(|changes| Entry { changes })
    }

    proptest! {
        #[test]
        fn entries_round_trip(entry in entry()) {
            prop_assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
        }

        #[test]
        fn hostile_bytes_are_refused_or_are_an_entry(bytes: Vec<u8>) {
            if let Ok(entry) = Entry::decode(&bytes) {
                prop_assert_eq!(entry.encode(), bytes);
            }
        }

        #[test]
        fn an_altered_entry_does_not_panic(entry in entry(), at: usize, bits: u8) {
            let mut bytes = entry.encode();
            let at = at % bytes.len();
            bytes[at] ^= bits;
            if let Ok(other) = Entry::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let error = Entry::decode(&[2]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
        assert_eq!(
            Entry::decode(&[]).unwrap_err().kind(),
            crate::ErrorKind::Corrupt
        );
        assert_eq!(
            Entry::decode(&[1, 0, 0]).unwrap_err().kind(),
            crate::ErrorKind::Corrupt
        );
    }
}
