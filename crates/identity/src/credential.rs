//! Access key ids and secrets.

use std::fmt;

use rand::Rng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::login::NewLogin;
use crate::name::{check_access_key, check_secret};
use crate::{Error, Result};

/// The shape of AWS's own keys, which some clients insist on.
const ACCESS_KEY_LEN: usize = 20;
const SECRET_LEN: usize = 40;
const ACCESS_KEY_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_LETTERS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The public half of an access key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// A fresh one of 100 random bits.
    pub fn random() -> Self {
        Self(random_text(ACCESS_KEY_LETTERS, ACCESS_KEY_LEN))
    }

    /// The name of a login, which is made of a user's name and an account's.
    pub(crate) fn of_login(login: &NewLogin) -> Self {
        Self(login.name().to_owned())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccessKeyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        check_access_key(&text)?;
        Ok(Self(text))
    }
}

/// The secret half of an access key. Erased from memory when dropped; not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A fresh one of 240 random bits.
    pub fn random() -> Self {
        Self(Zeroizing::new(random_text(SECRET_LETTERS, SECRET_LEN)))
    }

    /// The text, for computing signatures and for showing it once to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl TryFrom<String> for Secret {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        check_secret(&text)?;
        Ok(Self(text))
    }
}

fn random_text(letters: &[u8], len: usize) -> String {
    // The thread's generator is a ChaCha stream cipher seeded by the system.
    let mut random = rand::rng();
    (0..len)
        .map(|_| char::from(letters[random.random_range(0..letters.len())]))
        .collect()
}

/// Compares without telling by its duration where the first difference is.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::{AccessKeyId, Secret, constant_time_eq};

    #[test]
    fn generated_credentials_have_the_usual_shape_and_differ() {
        let (id, secret) = (AccessKeyId::random(), Secret::random());
        assert_eq!((id.as_str().len(), secret.expose().len()), (20, 40));
        assert!(AccessKeyId::try_from(id.to_string()).is_ok());
        assert!(Secret::try_from(secret.expose().to_owned()).is_ok());
        assert_ne!(id, AccessKeyId::random());
        assert_ne!(secret, Secret::random());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::try_from("hunter2hunter2".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn comparison() {
        for (left, right, equal) in [("a", "a", true), ("a", "b", false), ("a", "ab", false)] {
            assert_eq!(constant_time_eq(left.as_bytes(), right.as_bytes()), equal);
        }
    }
}
