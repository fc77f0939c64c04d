//! Which member keeps which shard: chosen by hashing, then remembered.
//!
//! Promises: the choice depends on the blob's name and the set of members only, spreads evenly, and
//! moves few shards when a member comes or goes (rendezvous hashing).

use dolium_block::codec::{Reader, Writer};

use crate::shard::Geometry;
use crate::{BlobId, Coding, Error, ErrorKind, Layout, MemberId, Result};

/// The version byte of the encoded form.
const VERSION: u8 = 1;

/// The member of each shard, by index; nothing where a shard is missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Placement(Vec<Option<MemberId>>);

impl Placement {
    /// A placement of `shards`, in the order of their indices.
    pub fn new(shards: Vec<Option<MemberId>>) -> Self {
        Self(shards)
    }

    /// The member of a shard.
    pub fn get(&self, index: u8) -> Option<MemberId> {
        self.0.get(usize::from(index)).copied().flatten()
    }

    /// Every shard's member, in the order of their indices.
    pub fn shards(&self) -> &[Option<MemberId>] {
        &self.0
    }

    /// How many shards are somewhere.
    pub fn placed(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// True when no shard is missing.
    pub fn is_complete(&self) -> bool {
        self.placed() == self.0.len()
    }

    pub(crate) fn set(&mut self, index: u8, member: Option<MemberId>) {
        if let Some(shard) = self.0.get_mut(usize::from(index)) {
            *shard = member;
        }
    }

    /// The bytes to remember: a version, a count, and for each shard 0 or its member plus 1.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).varint(self.0.len() as u64);
        for shard in &self.0 {
            out.varint(shard.map_or(0, |member| u64::from(member.0) + 1));
        }
        out.finish()
    }

    /// Reads what [`Placement::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let corrupt = |source: dolium_block::Error| {
            Error::new(ErrorKind::Corrupt, "placement", source.to_string()).with_source(source)
        };
        let mut reader = Reader::new("placement", bytes);
        let version = reader.u8().map_err(corrupt)?;
        if version != VERSION {
            let why = format!("unknown version {version}");
            return Err(Error::new(ErrorKind::Corrupt, "placement", why));
        }
        let count = reader.varint_max(255, "too many shards").map_err(corrupt)?;
        let mut shards = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let member = reader
                .varint_max(u64::from(u16::MAX) + 1, "no member")
                .map_err(corrupt)?;
            shards.push(member.checked_sub(1).map(|id| MemberId(id as u16)));
        }
        reader.end().map_err(corrupt)?;
        Ok(Self(shards))
    }
}

/// A blob as the caller remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its name.
    pub id: BlobId,
    /// Its length in bytes.
    pub len: u64,
    /// How it was cut.
    pub layout: Layout,
    /// The code of its parity.
    pub coding: Coding,
    /// Where its shards are.
    pub placement: Placement,
}

impl StoredBlob {
    /// Bytes of each of its shards, as they lie at members.
    pub fn shard_len(&self) -> u64 {
        let (layout, blob_len) = (self.layout, self.len);
        Geometry { layout, blob_len }.stored_len()
    }
}

/// The members, best first, for the shards of a blob.
pub(crate) fn ranked(id: &BlobId, members: impl Iterator<Item = MemberId>) -> Vec<MemberId> {
    let mut ranked: Vec<([u8; 32], MemberId)> = members
        .map(|member| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&member.0.to_be_bytes());
            hasher.update(id.kind().folder().as_bytes());
            hasher.update(id.name().as_bytes());
            (*hasher.finalize().as_bytes(), member)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, member)| member).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BlobKind;

    proptest! {
        #[test]
        fn placements_round_trip(shards: Vec<Option<u16>>) {
            let shards = shards.into_iter().map(|shard| shard.map(MemberId)).collect();
            let placement = Placement::new(shards);
            prop_assert_eq!(Placement::decode(&placement.encode()).unwrap(), placement);
        }

        #[test]
        fn hostile_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = Placement::decode(&bytes);
        }
    }

    #[test]
    fn ranks_spread_and_hold_still() {
        let members = || (0..5).map(MemberId);
        let mut first = [0; 5];
        for n in 0..1000 {
            let id = BlobId::new(BlobKind::Pack, format!("{n:032x}")).unwrap();
            let all = ranked(&id, members());
            first[usize::from(all[0].0)] += 1;
            let without: Vec<_> = all.iter().copied().filter(|m| m.0 != 2).collect();
            assert_eq!(ranked(&id, members().filter(|m| m.0 != 2)), without);
        }
        assert!(
            first.iter().all(|&count| (140..260).contains(&count)),
            "{first:?}"
        );
    }
}
