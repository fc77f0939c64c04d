//! Tokens: what a login gives and every request shows.
//!
//! A token is `AUTH_tk`, then base64url of: the second it ends at (8 bytes), the access key it was given
//! for, and an HMAC-SHA256 over both and the key's secret. Nothing is stored: a token outlives a restart of
//! the server, and dies with the key, its secret or its user.
//!
//! Promises: compared in constant time; two logins within half a lifetime give one token, so that a
//! client that signs in for every request does not leave a trail of tokens.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dolium_identity::{Identity, Principal, Secret};

/// What all tokens begin with.
const PREFIX: &str = "AUTH_tk";
/// A token lives at least this long, and less than twice as long.
const LIFETIME_SECONDS: i64 = 12 * 3600;
/// The longest token that is looked at.
const LEN_MAX: usize = 1024;
const END_LEN: usize = 8;
const MAC_LEN: usize = 32;

/// The key that tokens are made with.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

impl TokenKey {
    /// A key from bytes that only this repository's servers know.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The key itself.
    pub(super) fn hmac(&self) -> &hmac::Key {
        &self.0
    }

    /// A token for an access key, and the seconds that it lives.
    pub(crate) fn issue(&self, access_key: &str, secret: &Secret, now: i64) -> (String, i64) {
        let end = (now.div_euclid(LIFETIME_SECONDS) + 2) * LIFETIME_SECONDS;
        let mut bytes = end.to_be_bytes().to_vec();
        bytes.extend_from_slice(access_key.as_bytes());
        let mac = self.mac(&bytes, secret);
        bytes.extend_from_slice(mac.as_ref());
        (
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)),
            end - now,
        )
    }

    /// Who a token speaks for.
    pub(crate) async fn check(
        &self,
        identity: &Identity,
        token: &[u8],
        now: i64,
    ) -> dolium_identity::Result<Option<Principal>> {
        let Some((signed, mac)) = take_apart(token) else {
            return Ok(None);
        };
        let (end, access_key) = signed.split_at(END_LEN);
        let end: [u8; END_LEN] = end.try_into().unwrap_or_default();
        if i64::from_be_bytes(end) <= now {
            return Ok(None);
        }
        let Ok(access_key) = std::str::from_utf8(access_key) else {
            return Ok(None);
        };
        let Some((principal, secret)) = identity.lookup(access_key).await? else {
            return Ok(None);
        };
        let message = message(&signed, &secret);
        let good = hmac::verify(&self.0, &message, &mac).is_ok();
        Ok(good.then_some(principal))
    }

    fn mac(&self, signed: &[u8], secret: &Secret) -> hmac::Tag {
        hmac::sign(&self.0, &message(signed, secret))
    }
}

/// Whether a text is meant to be such a token.
pub(super) fn is_meant(text: &[u8]) -> bool {
    text.starts_with(PREFIX.as_bytes())
}

fn message(signed: &[u8], secret: &Secret) -> Vec<u8> {
    let secret = secret.expose().as_bytes();
    // The length keeps what is signed and the secret apart.
    [&(signed.len() as u64).to_be_bytes(), signed, secret].concat()
}

/// The second that a token ends at, whoever made it.
pub(crate) fn end_of(token: &[u8]) -> Option<i64> {
    let (signed, _) = take_apart(token)?;
    let end: [u8; END_LEN] = signed[..END_LEN].try_into().ok()?;
    Some(i64::from_be_bytes(end))
}

/// What a token signs, and its signature.
fn take_apart(token: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if token.len() > LEN_MAX {
        return None;
    }
    let encoded = token.strip_prefix(PREFIX.as_bytes())?;
    let mut bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    if bytes.len() <= END_LEN + MAC_LEN {
        return None;
    }
    let mac = bytes.split_off(bytes.len() - MAC_LEN);
    Some((bytes, mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_for_a_while() {
        let key = TokenKey::from_bytes(&[7; 32]);
        let secret = Secret::try_from("secret-secret".to_owned()).unwrap();
        let other = Secret::try_from("secret-secre1".to_owned()).unwrap();
        let (token, left) = key.issue("test:ada", &secret, 1_000_000_000);
        assert!((LIFETIME_SECONDS..=2 * LIFETIME_SECONDS).contains(&left));
        assert_eq!(key.issue("test:ada", &secret, 1_000_000_001).0, token);
        assert_ne!(key.issue("test:ada", &other, 1_000_000_000).0, token);
        assert_ne!(key.issue("test:bob", &secret, 1_000_000_000).0, token);
        let (signed, mac) = take_apart(token.as_bytes()).unwrap();
        assert_eq!(mac, key.mac(&signed, &secret).as_ref());
        for bad in ["", "AUTH_tk", "AUTH_tk!!!!", "AUTH_tkAAAA", "bogus"] {
            assert!(take_apart(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
