//! The bytes of a journal batch and of a snapshot part, and the names of both.
//!
//! A batch holds consecutive journal entries and the hash of the chain before them: hash `n` is the
//! SHA-256 of hash `n - 1` and entry `n`. So a batch that was left out, reordered or forged is seen.
//! Layout in `docs/format.md`.

use dolium_block::codec::{Reader, Writer};
use dolium_block::{Subkey, open_record, seal_record};
use dolium_catalog::OutboxEntry;
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result};

const VERSION: u8 = 1;

/// The hash of all entries up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain(pub(crate) [u8; 32]);

impl Chain {
    /// Before the first entry.
    pub(crate) const START: Self = Self([0; 32]);

    /// After one more entry.
    #[must_use]
    pub(crate) fn after(self, entry: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update(self.0)
                .chain_update(entry)
                .finalize()
                .into(),
        )
    }
}

/// Consecutive entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Number of the first entry.
    pub(crate) first: i64,
    /// The chain before it.
    pub(crate) before: Chain,
    /// The entries.
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Batch {
    /// The batch of the entries that follow entry `after`. Entries that leave one out are refused: a
    /// chain over a gap could never be replayed.
    pub(crate) fn new(after: i64, before: Chain, entries: Vec<OutboxEntry>) -> Result<Self> {
        let numbered = entries.iter().zip(after + 1..);
        if let Some((entry, expected)) = numbered.into_iter().find(|(e, seq)| e.seq != *seq) {
            let context = format!("the outbox has entry {} in place of {expected}", entry.seq);
            return Err(Error::new(ErrorKind::Corrupt, context));
        }
        Ok(Self {
            first: after + 1,
            before,
            entries: entries.into_iter().map(|entry| entry.entry).collect(),
        })
    }

    /// Number of the last entry.
    pub(crate) fn last(&self) -> i64 {
        self.first + self.entries.len() as i64 - 1
    }

    /// The chain after the last entry.
    pub(crate) fn after(&self) -> Chain {
        self.entries
            .iter()
            .fold(self.before, |chain, entry| chain.after(entry))
    }

    /// A fresh name. Its random end keeps a second try apart from a first that was cut short.
    pub(crate) fn name(&self) -> String {
        format!(
            "{:016x}-{:016x}-{:08x}",
            self.first,
            self.last(),
            rand::random::<u32>()
        )
    }

    pub(crate) fn seal(&self, key: &Subkey) -> Result<Vec<u8>> {
        let mut out = Writer::new();
        out.u8(VERSION).u64(self.first as u64).raw(&self.before.0);
        out.varint(self.entries.len() as u64);
        for entry in &self.entries {
            out.bytes(entry);
        }
        Ok(seal_record(key, b"batch", &out.finish())?)
    }

    pub(crate) fn open(key: &Subkey, sealed: &[u8]) -> Result<Self> {
        let text = open_record(key, b"batch", sealed)?;
        let mut reader = Reader::new("journal batch", &text);
        check_version(reader.u8()?)?;
        let first = reader.u64()? as i64;
        let before = Chain(reader.array()?);
        let count = reader.varint_max(text.len() as u64, "more entries than bytes")?;
        let entries = (0..count)
            .map(|_| Ok(reader.bytes()?.to_vec()))
            .collect::<Result<Vec<_>>>()?;
        reader.end()?;
        Ok(Self {
            first,
            before,
            entries,
        })
    }
}

/// The first and last entry that a batch's name promises.
pub(crate) fn parse_batch_name(name: &str) -> Option<(i64, i64)> {
    let (first, rest) = name.split_once('-')?;
    let (last, _) = rest.split_once('-')?;
    Some((
        i64::from_str_radix(first, 16).ok()?,
        i64::from_str_radix(last, 16).ok()?,
    ))
}

/// One part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotPart {
    /// Every entry up to this one is in the snapshot.
    pub(crate) seq: i64,
    /// The chain after that entry.
    pub(crate) chain: Chain,
    /// Counts from 0.
    pub(crate) number: u32,
    /// No part follows.
    pub(crate) is_last: bool,
    /// Rows, encoded as a journal entry of puts.
    pub(crate) rows: Vec<u8>,
}

impl SnapshotPart {
    pub(crate) fn name(&self) -> String {
        format!("{:016x}-{:08x}", self.seq, self.number)
    }

    pub(crate) fn seal(&self, key: &Subkey) -> Result<Vec<u8>> {
        let mut out = Writer::new();
        out.u8(VERSION)
            .u64(self.seq as u64)
            .raw(&self.chain.0)
            .u32(self.number);
        out.u8(self.is_last.into()).bytes(&self.rows);
        Ok(seal_record(key, b"snapshot", &out.finish())?)
    }

    pub(crate) fn open(key: &Subkey, sealed: &[u8]) -> Result<Self> {
        let text = open_record(key, b"snapshot", sealed)?;
        let mut reader = Reader::new("snapshot part", &text);
        check_version(reader.u8()?)?;
        let part = Self {
            seq: reader.u64()? as i64,
            chain: Chain(reader.array()?),
            number: reader.u32()?,
            is_last: reader.u8()? == 1,
            rows: reader.bytes()?.to_vec(),
        };
        reader.end()?;
        Ok(part)
    }
}

/// The entry and part number of a snapshot part's name.
pub(crate) fn parse_snapshot_name(name: &str) -> Option<(i64, u32)> {
    let (seq, number) = name.split_once('-')?;
    Some((
        i64::from_str_radix(seq, 16).ok()?,
        u32::from_str_radix(number, 16).ok()?,
    ))
}

fn check_version(version: u8) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    let context = format!("the journal is of version {version}, newer than this Dolium");
    Err(Error::new(ErrorKind::Unsupported, context))
}

#[cfg(test)]
mod tests {
    use dolium_block::MasterKey;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_round_trip(first in 1i64..1 << 60, entries: Vec<Vec<u8>>) {
            let key = MasterKey::from_bytes([3; 32]).subkey("journal");
            let batch = Batch { first, before: Chain([7; 32]), entries };
            prop_assert_eq!(&Batch::open(&key, &batch.seal(&key).unwrap()).unwrap(), &batch);
            prop_assert_eq!(parse_batch_name(&batch.name()), Some((batch.first, batch.last())));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, name: String) {
            let key = MasterKey::from_bytes([3; 32]).subkey("journal");
            prop_assert!(Batch::open(&key, &bytes).is_err());
            prop_assert!(SnapshotPart::open(&key, &bytes).is_err());
            let _ = (parse_batch_name(&name), parse_snapshot_name(&name));
        }
    }

    #[test]
    fn snapshot_parts_round_trip() {
        let key = MasterKey::from_bytes([3; 32]).subkey("journal");
        let part = SnapshotPart {
            seq: 9,
            chain: Chain([1; 32]),
            number: 2,
            is_last: true,
            rows: vec![1, 2, 3],
        };
        assert_eq!(
            SnapshotPart::open(&key, &part.seal(&key).unwrap()).unwrap(),
            part
        );
        assert_eq!(parse_snapshot_name(&part.name()), Some((9, 2)));
        let batch = Batch {
            first: 1,
            before: Chain::START,
            entries: vec![],
        };
        assert!(SnapshotPart::open(&key, &batch.seal(&key).unwrap()).is_err());
    }
}
