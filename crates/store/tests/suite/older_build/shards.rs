//! Shards as builds before the Cauchy code wrote them, made of today's by what `docs/format-shards.md` says alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dolium_block::MasterKey;
use dolium_erasure::Code;
use dolium_store::shard_key;

use crate::suite::tending::files;
use crate::suite::world::KEY;

const HEADER_LEN: usize = 64;
const CHUNK_LEN: usize = 64 << 10;
const CHECKSUM_LEN: usize = 32;

/// The keyed hash for one use of the array's key.
fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let key = shard_key(&MasterKey::from_bytes(KEY));
    let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(context, &key));
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Writes every shard in the folders of providers again; says of how many blobs.
pub(super) fn rewrite(providers: &[PathBuf]) -> usize {
    let mut blobs: BTreeMap<String, BTreeMap<u8, PathBuf>> = BTreeMap::new();
    for provider in providers {
        for kind in ["packs", "journal", "snapshots"] {
            for file in files(&provider.join(kind)) {
                let name = file.file_name().unwrap().to_str().unwrap();
                let (id, index) = name.rsplit_once('.').unwrap();
                let shards = blobs.entry(format!("{kind}/{id}")).or_default();
                shards.insert(index.parse().unwrap(), file);
            }
        }
    }
    for (name, shards) in &blobs {
        rewrite_blob(name, shards);
    }
    blobs.len()
}

fn rewrite_blob(name: &str, files: &BTreeMap<u8, PathBuf>) {
    let shards: Vec<Vec<u8>> = files
        .values()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    let [code, data, parity] = shards[0][9..12].try_into().unwrap();
    assert_eq!(code, 2, "{name} is of another code than new blobs");
    let (data, parity) = (usize::from(data), usize::from(parity));
    assert_eq!(shards.len(), data + parity, "{name} lacks shards");
    let mut payloads: Vec<Vec<u8>> = shards[..data].iter().map(|shard| payload(shard)).collect();
    let mut made = vec![vec![0; payloads[0].len()]; parity];
    let inputs: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<&mut [u8]> = made.iter_mut().map(Vec::as_mut_slice).collect();
    let code = Code::vandermonde(data, parity).unwrap();
    code.encode(&inputs, &mut outputs).unwrap();
    payloads.extend(made);
    let blob = hash("dolium 2026 shard blob name v1", &[name.as_bytes()]);
    for (((index, file), shard), payload) in files.iter().zip(&shards).zip(&payloads) {
        let mut header = shard[..HEADER_LEN].to_vec();
        header[9] = 1;
        let checksum = hash("dolium 2026 shard header v1", &[&header[..48]]);
        header[48..].copy_from_slice(&checksum[..16]);
        let mut bytes = header;
        for (number, chunk) in (0u64..).zip(payload.chunks(CHUNK_LEN)) {
            let place: [&[u8]; 4] = [&blob, &[*index], &number.to_be_bytes(), chunk];
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(&hash("dolium 2026 shard chunk v1", &place));
        }
        assert_eq!(bytes.len(), shard.len());
        std::fs::write(file, bytes).unwrap();
    }
}

/// A shard without its header and checksums.
fn payload(shard: &[u8]) -> Vec<u8> {
    let chunks = shard[HEADER_LEN..].chunks(CHUNK_LEN + CHECKSUM_LEN);
    chunks
        .flat_map(|chunk| &chunk[..chunk.len() - CHECKSUM_LEN])
        .copied()
        .collect()
}
