//! From a blob to its shards, and from a stored range to verified chunks.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use dolium_provider::Payload;

use super::{BlobTag, CHUNK_LEN, Code, Column, Geometry, Header, ShardKeys, TAG_LEN};
use crate::Result;

/// Cuts a blob into all its shards, ready to be put. Data shards share the blob's memory.
pub(crate) fn cut(
    code: &Code,
    keys: &ShardKeys,
    tag: &BlobTag,
    body: &Payload,
) -> Result<Vec<Payload>> {
    let geometry = Geometry {
        layout: code.layout(),
        blob_len: body.len(),
    };
    let len = geometry.payload_len() as usize;
    let mut pieces = Pieces::new(body.segments());
    let mut columns: Vec<Column> = (0..code.layout().data())
        .map(|_| {
            (0..len)
                .step_by(CHUNK_LEN as usize)
                .map(|at| pieces.take((len - at).min(CHUNK_LEN as usize)))
                .collect()
        })
        .collect();
    columns.extend(code.parity(&columns)?);
    let finish = |(index, column): (u8, &Column)| {
        let header = Header {
            geometry,
            coding: code.coding(),
            index,
        };
        shard_payload(header, keys, tag, column)
    };
    Ok((0..).zip(&columns).map(finish).collect())
}

/// Takes a blob's bytes from its segments in pieces of any length. Only a piece that lies across
/// segments is a copy.
struct Pieces<'a> {
    segments: std::slice::Iter<'a, Bytes>,
    /// What is left of the segment begun.
    rest: Bytes,
}

impl<'a> Pieces<'a> {
    fn new(segments: &'a [Bytes]) -> Self {
        Self {
            segments: segments.iter(),
            rest: Bytes::new(),
        }
    }

    /// The next `len` bytes, with zeros where the blob has ended.
    fn take(&mut self, len: usize) -> Bytes {
        self.refill();
        if self.rest.len() >= len {
            return self.rest.split_to(len);
        }
        let mut joined = BytesMut::with_capacity(len);
        while joined.len() < len && !self.rest.is_empty() {
            let part = self.rest.len().min(len - joined.len());
            joined.extend_from_slice(&self.rest.split_to(part));
            self.refill();
        }
        joined.resize(len, 0);
        joined.freeze()
    }

    fn refill(&mut self) {
        while self.rest.is_empty() {
            let Some(next) = self.segments.next() else {
                return;
            };
            self.rest = next.clone();
        }
    }
}

/// Puts a header before the chunks of a shard, and a checksum behind each.
pub(crate) fn shard_payload(
    header: Header,
    keys: &ShardKeys,
    tag: &BlobTag,
    column: &Column,
) -> Payload {
    let mut checksums = BytesMut::with_capacity(column.len() * TAG_LEN as usize);
    for (chunk, bytes) in column.iter().enumerate() {
        let checksum = keys.chunk_tag(tag, header.index, chunk as u64, bytes);
        checksums.extend_from_slice(checksum.as_bytes());
    }
    let checksums = checksums.freeze();
    let mut segments = Vec::with_capacity(1 + 2 * column.len());
    segments.push(Bytes::from(header.encode(keys, tag)));
    for (chunk, bytes) in column.iter().enumerate() {
        let at = chunk * TAG_LEN as usize;
        segments.push(bytes.clone());
        segments.push(checksums.slice(at..at + TAG_LEN as usize));
    }
    Payload::from(segments)
}

impl Geometry {
    /// Verifies stored chunks, or says which is wrong.
    pub(crate) fn verify(
        self,
        keys: &ShardKeys,
        tag: &BlobTag,
        index: u8,
        chunks: &Range<u64>,
        stored: &Bytes,
    ) -> std::result::Result<Column, String> {
        let column = self.split(chunks, stored)?;
        let mut end = 0;
        for (chunk, bytes) in chunks.clone().zip(&column) {
            let mut checksum = [0; TAG_LEN as usize];
            let at = end + bytes.len();
            end = at + TAG_LEN as usize;
            checksum.copy_from_slice(&stored[at..end]);
            // Compared in constant time by `blake3::Hash`.
            if keys.chunk_tag(tag, index, chunk, bytes) != blake3::Hash::from_bytes(checksum) {
                return Err(format!("the checksum of chunk {chunk} is wrong"));
            }
        }
        Ok(column)
    }

    /// Takes stored chunks apart without a look at their checksums, or says that bytes are missing.
    pub(crate) fn split(
        self,
        chunks: &Range<u64>,
        stored: &Bytes,
    ) -> std::result::Result<Column, String> {
        let want = self.stored_range(chunks);
        if stored.len() as u64 != want.end - want.start {
            return Err("bytes are missing".to_owned());
        }
        let mut at = 0;
        let mut column = Column::with_capacity((chunks.end - chunks.start) as usize);
        for chunk in chunks.clone() {
            let end = at + self.chunk_len(chunk) as usize;
            column.push(stored.slice(at..end));
            at = end + TAG_LEN as usize;
        }
        Ok(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Codes;
    use crate::{BlobId, BlobKind, Coding};

    fn code(record: &str) -> std::sync::Arc<Code> {
        let (layout, coding) = Coding::parse_record(record).unwrap();
        Codes::default().of(layout, coding).unwrap()
    }

    fn shards(record: &str, len: usize) -> Vec<Payload> {
        let keys = ShardKeys::new(&[9; 32]);
        let tag = keys.blob_tag(&BlobId::new(BlobKind::Pack, "golden").unwrap());
        let body: Vec<u8> = (0..len).map(|at| (at * 7 % 251) as u8).collect();
        cut(&code(record), &keys, &tag, &Payload::from(body)).unwrap()
    }

    /// What is stored today must be readable for ever: these never change; another code gets lines of its own.
    #[test]
    fn the_format_holds_still() {
        let cases = [
            ("erasure:3+1", 0),
            ("erasure:3+1", 200_000),
            ("erasure:4+2", 1_000_000),
            ("mirror:2", 70_000),
            ("erasure:3+1/cauchy", 0),
            ("erasure:3+1/cauchy", 200_000),
            ("erasure:4+2/cauchy", 1_000_000),
            ("erasure:32+16/cauchy", 100_000),
        ];
        let got = cases.map(|(record, len)| {
            let mut hasher = blake3::Hasher::new();
            for shard in shards(record, len) {
                hasher.update(&shard.to_bytes());
            }
            hasher.finalize().to_hex()[..16].to_owned()
        });
        assert_eq!(
            got,
            [
                "8a8d4dce772723a1",
                "2dd973247d739b43",
                "a4020b918e43712f",
                "3d9b9c6c6f17dc57",
                "2cdd2e046bd925b8",
                "1a1276f4372ee51f",
                "0a88be815af7b8ef",
                "0acc4583207f6b8c"
            ]
        );
    }

    /// Whoever has one shard missing needs no field, only XOR.
    #[test]
    fn the_first_parity_is_the_xor_of_the_data() {
        let header = crate::shard::HEADER_LEN as usize;
        for record in ["erasure:3+1/cauchy", "erasure:3+2/cauchy"] {
            let shards = shards(record, 100_001);
            let payloads: Vec<Vec<u8>> = shards
                .iter()
                .map(|shard| shard.to_bytes()[header..][..33_334].to_vec())
                .collect();
            let [a, b, c, parity, ..] = &payloads[..] else {
                panic!("{record} has {} shards", payloads.len());
            };
            let xor = a.iter().zip(b).zip(c).map(|((a, b), c)| a ^ b ^ c);
            assert!(xor.eq(parity.iter().copied()), "{record}");
        }
        assert_ne!(
            shards("erasure:3+1", 100_001)[3].to_bytes(),
            shards("erasure:3+1/cauchy", 100_001)[3].to_bytes()
        );
    }

    #[test]
    fn how_a_blob_is_segmented_changes_nothing() {
        let keys = ShardKeys::new(&[9; 32]);
        let tag = keys.blob_tag(&BlobId::new(BlobKind::Pack, "golden").unwrap());
        let code = code("erasure:3+2/cauchy");
        let body: Bytes = (0..600_001).map(|at| (at * 7 % 251) as u8).collect();
        let whole = cut(&code, &keys, &tag, &Payload::from(body.clone())).unwrap();
        for step in [1_000, 65_536, 100_003, 599_999] {
            let segments: Vec<Bytes> = (0..body.len())
                .step_by(step)
                .map(|at| body.slice(at..body.len().min(at + step)))
                .collect();
            let shards = cut(&code, &keys, &tag, &Payload::from(segments)).unwrap();
            for (got, want) in shards.iter().zip(&whole) {
                assert_eq!(got.to_bytes(), want.to_bytes(), "segments of {step}");
            }
        }
    }

    #[test]
    fn shards_have_the_length_the_geometry_says() {
        for record in ["erasure:3+1", "erasure:5+3/cauchy", "mirror:3"] {
            for len in [0, 1, 2, 65_536, 196_608, 196_609, 500_000] {
                let geometry = Geometry {
                    layout: Coding::parse_record(record).unwrap().0,
                    blob_len: len as u64,
                };
                for shard in shards(record, len) {
                    assert_eq!(shard.len(), geometry.stored_len(), "{record} of {len}");
                }
            }
        }
    }
}
