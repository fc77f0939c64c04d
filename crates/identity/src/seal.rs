//! Sealing secrets for the catalog.
//!
//! ```text
//! sealed  version: u8 = 1, nonce: [12], ciphertext and tag (AES-256-GCM)
//! ```
//!
//! The access key id is bound as associated data: a sealed secret moved to another row does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::credential::{AccessKeyId, Secret};
use crate::{Error, ErrorKind, Result};

const VERSION: u8 = 1;
/// Keeps these seals apart from any other use of the same key.
const PURPOSE: &str = "dolium access key secret 1";

/// The key that seals secrets; derived from the repository's master key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Takes the bytes of the key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn cipher(&self, operation: &'static str) -> Result<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0).map_err(|_| {
            Error::new(
                ErrorKind::Unexpected,
                operation,
                "the cipher did not take the key",
            )
        })
    }

    /// Seals a secret under a random nonce.
    pub(crate) fn seal(&self, id: &AccessKeyId, secret: &Secret) -> Result<Vec<u8>> {
        let mut text = secret.expose().as_bytes().to_vec();
        // In place: no copy of the secret is left in memory.
        let nonce = self
            .cipher("seal")?
            .seal_in_place_append_tag(aad(id.as_str()), &mut text)
            .map_err(|_| Error::new(ErrorKind::Unexpected, "seal", "the cipher failed"))?;
        Ok([&[VERSION][..], nonce.as_ref(), &text].concat())
    }

    /// Opens what [`Self::seal`] returned for the same access key.
    pub(crate) fn open(&self, id: &str, sealed: &[u8]) -> Result<Secret> {
        let damaged = || {
            let context = format!(
                "the secret of access key {id} does not open: \
                                   the catalog belongs to another master key, or is damaged"
            );
            Error::new(ErrorKind::Corrupt, "open", context)
        };
        let (version, rest) = sealed.split_first().ok_or_else(damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        if *version != VERSION {
            let context = format!("the secret of access key {id} was sealed by a newer build");
            return Err(Error::new(ErrorKind::Unsupported, "open", context));
        }
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let cipher = self.cipher("open")?;
        let text = cipher
            .open_in_place(nonce, aad(id), &mut text)
            .map_err(|_| damaged())?;
        let text = std::str::from_utf8(text).map_err(|_| damaged())?;
        Secret::try_from(text.to_owned()).map_err(|_| damaged())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

fn aad(id: &str) -> Aad<Vec<u8>> {
    Aad::from([PURPOSE.as_bytes(), &[0], id.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SealingKey;
    use crate::credential::{AccessKeyId, Secret};

    #[test]
    fn only_the_same_key_and_access_key_open() {
        let key = SealingKey::from_bytes([1; 32]);
        let (id, secret) = (AccessKeyId::random(), Secret::random());
        let sealed = key.seal(&id, &secret).unwrap();
        assert_eq!(key.open(id.as_str(), &sealed).unwrap(), secret);
        assert_ne!(
            key.seal(&id, &secret).unwrap(),
            sealed,
            "the nonce is random"
        );
        assert!(key.open("another", &sealed).is_err());
        assert!(
            SealingKey::from_bytes([2; 32])
                .open(id.as_str(), &sealed)
                .is_err()
        );
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open(id.as_str(), &altered).is_err(), "byte {at}");
            assert!(key.open(id.as_str(), &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_open(bytes: Vec<u8>) {
            prop_assert!(SealingKey::from_bytes([1; 32]).open("id", &bytes).is_err());
        }
    }
}
