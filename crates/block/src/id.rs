//! Identifiers: what names a block and what names a pack.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::Error;

/// The longest a block may be: 4 MiB.
pub const MAX_BLOCK_LEN: usize = 4 << 20;

/// The name of a block: SHA-256 of its bytes with trailing NUL bytes removed (Pithos+, section 4.1).
///
/// Two blocks that differ only in trailing zeros share a name; an [`crate::Extent`] says how many
/// bytes are meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId([u8; 32]);

impl BlockId {
    /// The name of every all-zero block, the SHA-256 of the empty string. Never stored.
    pub const ZERO: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Names a block by its content.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(trim_zeros(content)).into())
    }

    /// Takes the 32 bytes of a name that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the name.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True for the name of all-zero content.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// The content without its trailing NUL bytes: what is hashed and what is stored.
pub(crate) fn trim_zeros(content: &[u8]) -> &[u8] {
    let end = content
        .iter()
        .rposition(|&b| b != 0)
        .map_or(0, |last| last + 1);
    &content[..end]
}

/// The name of a pack: 128 random bits, so that a name tells a provider nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackId([u8; 16]);

impl PackId {
    /// A fresh name.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Takes the 16 bytes of a known name.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the name.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

macro_rules! hex_id {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    concat!(stringify!($name), "({})"),
                    hex::encode(&self.0[..6])
                )
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let mut bytes = Self([0; _]).0;
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| Error::malformed($what, "not lower-case hexadecimal"))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = Error;

            fn try_from(bytes: &[u8]) -> Result<Self, Error> {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| Error::malformed($what, "wrong length"))?;
                Ok(Self(bytes))
            }
        }
    };
}

hex_id!(BlockId, "block id");
hex_id!(PackId, "pack id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_id_is_the_hash_of_nothing() {
        assert_eq!(BlockId::of(b""), BlockId::ZERO);
        assert_eq!(BlockId::of(&[0; 1000]), BlockId::ZERO);
    }

    #[test]
    fn trailing_zeros_do_not_count() {
        assert_eq!(BlockId::of(b"ab\0\0\0\0\0\0"), BlockId::of(b"ab"));
        assert_ne!(BlockId::of(b"\0ab"), BlockId::of(b"ab"));
    }

    #[test]
    fn text_form_round_trips() {
        let id = BlockId::of(b"hello");
        assert_eq!(
            id.to_string(),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("2cf2".parse::<BlockId>().is_err());
    }
}
