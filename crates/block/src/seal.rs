//! Seal and open: compress, then encrypt a block; and the reverse.
//!
//! Each sealing draws a 16-byte salt and derives a key of its own from the purpose's key, the block id
//! and the salt, so no nonce can repeat and sealed bytes may move between packs as they are. Layout in
//! `docs/format.md`.
//!
//! Promises: sealed bytes open only under the same key, id, codec and length; the output never exceeds
//! [`MAX_BLOCK_LEN`](crate::MAX_BLOCK_LEN).

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use crate::id::{MAX_BLOCK_LEN, trim_zeros};
use crate::{BlockId, Error, Result, Subkey};

pub(crate) const SALT_LEN: usize = 16;
pub(crate) const TAG_LEN: usize = 16;
/// Blocks below this size rarely shrink by more than they cost.
const COMPRESS_MIN: usize = 128;
/// How much of a block is tried before all of it is compressed.
const SAMPLE_LEN: usize = 16 << 10;
const ZSTD_LEVEL: i32 = 1;

/// How the content was transformed before encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    Raw = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl TryFrom<u8> for Codec {
    type Error = Error;

    fn try_from(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::Raw),
            1 => Ok(Self::Zstd),
            _ => Err(Error::malformed("sealed block", "unknown codec")),
        }
    }
}

/// A block as it lies in a pack.
#[derive(Clone, Debug)]
pub struct SealedBlock {
    /// The block's name.
    pub id: BlockId,
    /// How the content was transformed.
    pub codec: Codec,
    /// Length of the content without trailing zeros.
    pub len: u32,
    /// True when the content is a node of a block list, not bytes of a file.
    pub is_node: bool,
    /// Salt, ciphertext, tag.
    pub bytes: Vec<u8>,
}

/// Idle contexts of zstd; each holds about a megabyte, so there are a few for all threads rather than
/// one for each.
struct Contexts<T>(Mutex<Vec<T>>);

/// Idle contexts kept.
const CONTEXTS_MAX: usize = 4;

static COMPRESSORS: Contexts<Compressor<'static>> = Contexts(Mutex::new(Vec::new()));
static DECOMPRESSORS: Contexts<Decompressor<'static>> = Contexts(Mutex::new(Vec::new()));

impl<T> Contexts<T> {
    fn idle(&self) -> MutexGuard<'_, Vec<T>> {
        // A context is whole whenever it is idle.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses an idle context or a new one; nothing when none can be made.
    fn with<R>(
        &self,
        make: fn() -> std::io::Result<T>,
        work: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let idle = self.idle().pop();
        let mut context = match idle {
            Some(context) => context,
            None => make().ok()?,
        };
        let result = work(&mut context);
        let mut idle = self.idle();
        if idle.len() < CONTEXTS_MAX {
            idle.push(context);
        }
        Some(result)
    }
}

/// Appends the compressed form to `out` when it is worth it; leaves `out` as it was otherwise.
fn compress(content: &[u8], out: &mut Vec<u8>) -> bool {
    if content.len() < COMPRESS_MIN {
        return false;
    }
    let tried = COMPRESSORS.with(
        || Compressor::new(ZSTD_LEVEL),
        |compressor| {
            if content.len() > 4 * SAMPLE_LEN {
                let middle = content.len() / 2;
                let sample = &content[middle..middle + SAMPLE_LEN];
                match compressor.compress(sample) {
                    Ok(packed) if packed.len() < SAMPLE_LEN - SAMPLE_LEN / 16 => {}
                    _ => return None,
                }
            }
            let packed = compressor.compress(content).ok()?;
            (packed.len() < content.len() - content.len() / 32).then_some(packed)
        },
    );
    match tried.flatten() {
        Some(packed) => {
            out.extend_from_slice(&packed);
            true
        }
        None => false,
    }
}

fn decompress(packed: &[u8], len: usize) -> Result<Vec<u8>> {
    let failed = || Error::malformed("sealed block", "compressed content does not unpack");
    let unpacked = DECOMPRESSORS.with(Decompressor::new, |context| {
        context.decompress(packed, len).ok()
    });
    let content = unpacked.flatten().ok_or_else(failed)?;
    if content.len() == len {
        Ok(content)
    } else {
        Err(failed())
    }
}

/// Encrypts `text` in place behind `salt` and appends the tag; used by every sealed structure.
pub(crate) fn encrypt(key: &Subkey, context: &[u8], aad: &[u8], text: &mut Vec<u8>) -> Result<()> {
    let not_authentic = |_| Error::NotAuthentic {
        what: "sealed bytes",
    };
    let salt: [u8; SALT_LEN] = text[..SALT_LEN].try_into().map_err(|_| Error::OutOfRange)?;
    let key = key.derive(&[context, &salt]);
    let key =
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(not_authentic)?);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut text[SALT_LEN..])
        .map_err(not_authentic)?;
    text.extend_from_slice(tag.as_ref());
    Ok(())
}

/// The reverse of [`encrypt`], in place.
pub(crate) fn decrypt(
    key: &Subkey,
    context: &[u8],
    aad: &[u8],
    mut sealed: Vec<u8>,
    what: &'static str,
) -> Result<Bytes> {
    let not_authentic = |_| Error::NotAuthentic { what };
    if sealed.len() < SALT_LEN + TAG_LEN {
        return Err(Error::malformed(what, "shorter than its salt and tag"));
    }
    let (salt, text) = sealed.split_at_mut(SALT_LEN);
    let key = key.derive(&[context, salt]);
    let key =
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(not_authentic)?);
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let len = key
        .open_in_place(nonce, Aad::from(aad), text)
        .map_err(not_authentic)?
        .len();
    Ok(Bytes::from(sealed).slice(SALT_LEN..SALT_LEN + len))
}

fn block_aad(codec: Codec, len: u32) -> [u8; 5] {
    let [a, b, c, d] = len.to_be_bytes();
    [codec as u8, a, b, c, d]
}

/// Seals a block's content under its name.
pub fn seal(key: &Subkey, id: BlockId, content: &[u8], is_node: bool) -> Result<SealedBlock> {
    let content = trim_zeros(content);
    if content.len() > MAX_BLOCK_LEN {
        return Err(Error::malformed("block", "longer than 4 MiB"));
    }
    let len = content.len() as u32;
    let mut bytes = Vec::with_capacity(SALT_LEN + content.len() + TAG_LEN);
    bytes.extend_from_slice(&rand::random::<[u8; SALT_LEN]>());
    let codec = if compress(content, &mut bytes) {
        Codec::Zstd
    } else {
        Codec::Raw
    };
    if codec == Codec::Raw {
        bytes.extend_from_slice(content);
    }
    encrypt(key, id.as_bytes(), &block_aad(codec, len), &mut bytes)?;
    Ok(SealedBlock {
        id,
        codec,
        len,
        is_node,
        bytes,
    })
}

/// Opens a sealed block, in place where it can: its content without trailing zeros.
pub fn open(key: &Subkey, id: &BlockId, codec: Codec, len: u32, sealed: Vec<u8>) -> Result<Bytes> {
    if len as usize > MAX_BLOCK_LEN || sealed.len() > MAX_BLOCK_LEN + SALT_LEN + TAG_LEN {
        return Err(Error::malformed("sealed block", "longer than 4 MiB"));
    }
    let text = decrypt(
        key,
        id.as_bytes(),
        &block_aad(codec, len),
        sealed,
        "sealed block",
    )?;
    match codec {
        Codec::Zstd => Ok(decompress(&text, len as usize)?.into()),
        Codec::Raw if text.len() == len as usize => Ok(text),
        Codec::Raw => Err(Error::malformed(
            "sealed block",
            "length differs from its record",
        )),
    }
}

/// Seals a record that is not a block (a journal batch, a secret) under a context that must be given
/// again to open it.
pub fn seal_record(key: &Subkey, context: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(SALT_LEN + text.len() + TAG_LEN);
    bytes.extend_from_slice(&rand::random::<[u8; SALT_LEN]>());
    bytes.extend_from_slice(text);
    encrypt(key, context, b"record", &mut bytes)?;
    Ok(bytes)
}

/// Opens what [`seal_record`] sealed.
pub fn open_record(key: &Subkey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let text = decrypt(key, context, b"record", sealed.to_vec(), "sealed record")?;
    Ok(text.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MasterKey;

    fn key() -> Subkey {
        MasterKey::from_bytes([1; 32]).subkey("test")
    }

    fn round_trip(content: &[u8]) -> SealedBlock {
        let id = BlockId::of(content);
        let sealed = seal(&key(), id, content, false).unwrap();
        let opened = open(&key(), &id, sealed.codec, sealed.len, sealed.bytes.clone()).unwrap();
        assert_eq!(opened, trim_zeros(content));
        sealed
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(content in proptest::collection::vec(any::<u8>(), 0..20_000)) {
            round_trip(&content);
        }

        #[test]
        fn no_flipped_bit_opens(content in proptest::collection::vec(any::<u8>(), 1..500), at: usize, bit in 0u8..8) {
            let sealed = round_trip(&content);
            let mut bytes = sealed.bytes.clone();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(open(&key(), &sealed.id, sealed.codec, sealed.len, bytes).is_err());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>, len: u32, zstd: bool) {
            let codec = if zstd { Codec::Zstd } else { Codec::Raw };
            prop_assert!(open(&key(), &BlockId::ZERO, codec, len, bytes).is_err());
        }
    }

    #[test]
    fn text_shrinks_and_noise_does_not() {
        let text = b"all work and no play makes jack a dull boy. ".repeat(10_000);
        let sealed = round_trip(&text);
        assert_eq!(sealed.codec, Codec::Zstd);
        assert!(sealed.bytes.len() < text.len() / 10);
        let noise: Vec<u8> = (0..MAX_BLOCK_LEN / 8)
            .flat_map(|_| rand::random::<u64>().to_le_bytes())
            .collect();
        assert_eq!(round_trip(&noise).codec, Codec::Raw);
    }

    #[test]
    fn name_key_codec_and_length_are_bound() {
        let sealed = round_trip(b"content");
        let other = MasterKey::from_bytes([2; 32]).subkey("test");
        let SealedBlock {
            id,
            codec,
            len,
            bytes,
            ..
        } = &sealed;
        assert!(open(&other, id, *codec, *len, bytes.clone()).is_err());
        assert!(open(&key(), &BlockId::ZERO, *codec, *len, bytes.clone()).is_err());
        assert!(open(&key(), id, Codec::Zstd, *len, bytes.clone()).is_err());
        assert!(open(&key(), id, *codec, *len + 1, bytes.clone()).is_err());
    }

    #[test]
    fn records_open_in_their_context_only() {
        let sealed = seal_record(&key(), b"journal", b"text").unwrap();
        assert_eq!(open_record(&key(), b"journal", &sealed).unwrap(), b"text");
        assert!(open_record(&key(), b"secret", &sealed).is_err());
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        assert_ne!(round_trip(b"same").bytes, round_trip(b"same").bytes);
    }
}
