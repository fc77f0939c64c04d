//! Keys: the master key of a repository, the subkeys derived from it, and its text form for paper.
//!
//! Promises: keys are wiped from memory when dropped and never printed by `Debug`.
//! Does not: store or wrap keys; the binary decides where the recovery key lies.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

const TEXT_PREFIX: &str = "dolium-recovery-1-";
const CHECKSUM_LEN: usize = 4;

/// The one secret from which all others come. Who has it and the providers has everything.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// A key for one purpose.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Subkey([u8; 32]);

/// Why a text is no recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// Not of the form `dolium-recovery-1-…`.
    #[error("not a Dolium recovery key: it starts with \"{TEXT_PREFIX}\" and has 72 hex digits")]
    Shape,
    /// The checksum says that a digit was mistyped.
    #[error("the recovery key is mistyped: its checksum does not match")]
    Checksum,
}

struct Len32;

impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

fn expand(secret: &[u8; 32], info: &[&[u8]]) -> Subkey {
    let prk = Prk::new_less_safe(HKDF_SHA256, secret);
    let mut out = [0; 32];
    prk.expand(info, Len32)
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF gives 32 bytes for any input");
    Subkey(out)
}

impl MasterKey {
    /// A fresh key from the system's randomness.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Takes the 32 bytes of a known key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The subkey for a purpose; equal purposes give equal keys.
    pub fn subkey(&self, purpose: &str) -> Subkey {
        expand(&self.0, &[b"dolium/1/", purpose.as_bytes()])
    }

    /// The text form, with a checksum against mistyping.
    pub fn to_recovery_text(&self) -> String {
        let checksum = Sha256::digest(self.0);
        format!(
            "{TEXT_PREFIX}{}{}",
            hex::encode(self.0),
            hex::encode(&checksum[..CHECKSUM_LEN])
        )
    }

    /// Reads the text form; white space and dashes between digits do not matter.
    pub fn from_recovery_text(text: &str) -> Result<Self, RecoveryKeyError> {
        let digits = text
            .trim()
            .strip_prefix(TEXT_PREFIX)
            .ok_or(RecoveryKeyError::Shape)?;
        let digits: String = digits
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let mut bytes = [0; 32 + CHECKSUM_LEN];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| RecoveryKeyError::Shape)?;
        let (key, checksum) = bytes
            .split_first_chunk::<32>()
            .ok_or(RecoveryKeyError::Shape)?;
        if Sha256::digest(key)[..CHECKSUM_LEN] != *checksum {
            return Err(RecoveryKeyError::Checksum);
        }
        Ok(Self(*key))
    }
}

impl Subkey {
    /// Derives a key for one thing from the key for its purpose.
    pub fn derive(&self, context: &[&[u8]]) -> Subkey {
        expand(&self.0, context)
    }

    /// The 32 bytes, for the algorithm that uses them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

macro_rules! opaque_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

opaque_debug!(MasterKey, Subkey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_text_round_trips_and_finds_typing_errors() {
        let key = MasterKey::random();
        let text = key.to_recovery_text();
        assert_eq!(
            MasterKey::from_recovery_text(&format!(" {text}\n"))
                .unwrap()
                .0,
            key.0
        );
        let last = text.chars().last().unwrap();
        let other = if last == '0' { '1' } else { '0' };
        let wrong = format!("{}{other}", &text[..text.len() - 1]);
        assert_eq!(
            MasterKey::from_recovery_text(&wrong).unwrap_err(),
            RecoveryKeyError::Checksum
        );
        assert_eq!(
            MasterKey::from_recovery_text("hello").unwrap_err(),
            RecoveryKeyError::Shape
        );
    }

    #[test]
    fn purposes_are_apart() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_ne!(key.subkey("a").0, key.subkey("b").0);
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
