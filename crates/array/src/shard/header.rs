//! The first 64 bytes of a shard: enough to rebuild the array's knowledge of it from a provider.
//!
//! Promises: a header is accepted only with the array's key, for the blob and index it was written
//! for, and with fields that agree.

use dolium_block::codec::{Reader, Writer};

use super::keys::{BlobTag, SHORT_LEN, ShardKeys};
use super::{Geometry, HEADER_LEN};
use crate::{Coding, Layout};

const MAGIC: &[u8; 8] = b"DOLSHARD";
const VERSION: u8 = 1;
/// Whole copies.
const CODE_COPIES: u8 = 0;
/// The systematic Vandermonde matrix over GF(2^8), polynomial 29, of `reed-solomon-erasure` 6.
const CODE_VANDERMONDE: u8 = 1;
/// The Cauchy matrix over the same field whose first row is all ones.
const CODE_CAUCHY: u8 = 2;
/// Where the header's checksum begins; it covers all before.
const MAC_AT: usize = HEADER_LEN as usize - SHORT_LEN;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) geometry: Geometry,
    pub(crate) coding: Coding,
    pub(crate) index: u8,
}

impl Header {
    pub(crate) fn encode(&self, keys: &ShardKeys, blob: &BlobTag) -> Vec<u8> {
        let layout = self.geometry.layout;
        let code = match (layout, self.coding) {
            (Layout::Mirror { .. }, _) => CODE_COPIES,
            (Layout::Erasure { .. }, Coding::Vandermonde) => CODE_VANDERMONDE,
            (Layout::Erasure { .. }, Coding::Cauchy) => CODE_CAUCHY,
        };
        let mut out = Writer::new();
        out.raw(MAGIC)
            .u8(VERSION)
            .u8(code)
            .u8(layout.data())
            .u8(layout.parity())
            .u8(self.index);
        out.raw(&[0; 3])
            .u64(self.geometry.payload_len())
            .u64(self.geometry.blob_len);
        out.raw(&blob.short());
        let mut bytes = out.finish();
        let mac = keys.header_mac(&bytes);
        bytes.extend_from_slice(&mac);
        bytes
    }

    /// Reads a header, or says what is wrong with it.
    pub(crate) fn decode(
        bytes: &[u8],
        keys: &ShardKeys,
        blob: &BlobTag,
        index: u8,
    ) -> Result<Self, &'static str> {
        let ends = |_| "the header ends early";
        let mut reader = Reader::new("shard header", bytes);
        if reader.raw(MAGIC.len()).map_err(ends)? != MAGIC {
            return Err("not a shard");
        }
        let version = reader.u8().map_err(ends)?;
        let [code, data, parity, at] = reader.array().map_err(ends)?;
        let reserved: [u8; 3] = reader.array().map_err(ends)?;
        let payload_len = reader.u64().map_err(ends)?;
        let blob_len = reader.u64().map_err(ends)?;
        let short: [u8; SHORT_LEN] = reader.array().map_err(ends)?;
        let mac: [u8; SHORT_LEN] = reader.array().map_err(ends)?;
        // `blake3::Hash` compares in constant time; a forger must not learn bytes from timing.
        let padded = |short: [u8; SHORT_LEN]| {
            let mut hash = [0; 32];
            hash[..SHORT_LEN].copy_from_slice(&short);
            blake3::Hash::from_bytes(hash)
        };
        if padded(mac) != padded(keys.header_mac(&bytes[..MAC_AT])) {
            return Err("the header's checksum is wrong");
        }
        if version != VERSION || reserved != [0; 3] {
            return Err("unknown format version");
        }
        if short != blob.short() || at != index {
            return Err("the header is of another shard");
        }
        let (layout, coding) = match code {
            CODE_VANDERMONDE => (Layout::erasure(data, parity), Coding::Vandermonde),
            CODE_CAUCHY => (Layout::erasure(data, parity), Coding::Cauchy),
            CODE_COPIES if data == 1 => (Layout::mirror(parity.saturating_add(1)), Coding::Cauchy),
            _ => return Err("unknown code"),
        };
        let geometry = Geometry {
            layout: layout.map_err(|_| "impossible layout")?,
            blob_len,
        };
        if geometry.payload_len() != payload_len || index >= geometry.layout.shards() {
            return Err("the header's fields disagree");
        }
        Ok(Self {
            geometry,
            coding,
            index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlobId, BlobKind};

    #[test]
    fn headers_round_trip_and_every_bit_counts() {
        let keys = ShardKeys::new(&[1; 32]);
        let blob = keys.blob_tag(&BlobId::new(BlobKind::Pack, "ab").unwrap());
        let other = keys.blob_tag(&BlobId::new(BlobKind::Journal, "ab").unwrap());
        for (record, code) in [
            ("erasure:3+1", 1),
            ("erasure:3+1/cauchy", 2),
            ("mirror:2", 0),
            ("mirror:1", 0),
        ] {
            let (layout, coding) = Coding::parse_record(record).unwrap();
            let header = Header {
                geometry: Geometry {
                    layout,
                    blob_len: 12_345,
                },
                coding,
                index: 0,
            };
            let bytes = header.encode(&keys, &blob);
            assert_eq!(bytes.len() as u64, HEADER_LEN);
            assert_eq!(bytes[8..10], [VERSION, code], "{record}");
            assert_eq!(Header::decode(&bytes, &keys, &blob, 0), Ok(header));
            assert!(Header::decode(&bytes, &keys, &blob, 1).is_err());
            assert!(Header::decode(&bytes, &keys, &other, 0).is_err());
            assert!(Header::decode(&bytes, &ShardKeys::new(&[2; 32]), &blob, 0).is_err());
            assert!(Header::decode(&bytes[..63], &keys, &blob, 0).is_err());
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(Header::decode(&bad, &keys, &blob, 0).is_err(), "bit {bit}");
            }
        }
    }
}
