//! Tokens of version 3: each login has one of its own, that names its project and can be given up.
//!
//! A token is `AUTH_v3`, then base64url of: when it was given and when it ends (8 bytes each, microseconds),
//! a nonce (16), the methods of the login (1), the length of the access key (1) and the key, the project
//! (nothing when there is none), and an HMAC-SHA256 over all of that and the key's secret. Nothing is stored
//! of a good token; of one that was given up, until it would have ended, its nonce.
//!
//! Promises: compared in constant time; outlives a restart; dies with the key, its secret or its user.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dolium_identity::{Identity, Principal, Secret, TokenMark};

use crate::auth::token::TokenKey;

/// What all tokens begin with.
const PREFIX: &str = "AUTH_v3";
/// What keeps the signatures of these tokens apart from those of others under the same key.
const LABEL: &[u8] = b"dolium token v3";
/// How long a token lives, in microseconds.
pub(crate) const LIFETIME: i64 = 12 * 3600 * 1_000_000;
/// The longest token that is looked at: names are much shorter.
const LEN_MAX: usize = 1024;
const NONCE_LEN: usize = 16;
const MAC_LEN: usize = 32;
const HEAD_LEN: usize = 8 + 8 + NONCE_LEN + 1 + 1;

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Method {
    /// A name and a secret.
    Password = 1,
    /// Another token.
    Token = 2,
    /// An access key and its secret.
    ApplicationCredential = 4,
}

impl Method {
    pub(crate) const ALL: [Self; 3] = [Self::Password, Self::Token, Self::ApplicationCredential];

    /// Its name in requests and answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::ApplicationCredential => "application_credential",
        }
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopedToken {
    /// What tells it from others.
    pub(crate) mark: TokenMark,
    /// The methods that led to it, as bits.
    pub(crate) methods: u8,
    /// The project it is for.
    pub(crate) project: Option<String>,
}

impl ScopedToken {
    /// A new one.
    pub(crate) fn new(access_key: String, now: i64) -> Self {
        Self {
            mark: TokenMark {
                access_key,
                nonce: rand::random::<[u8; NONCE_LEN]>().to_vec(),
                issued: now,
                ends: now.saturating_add(LIFETIME),
            },
            methods: 0,
            project: None,
        }
    }

    /// The names of the methods.
    pub(crate) fn method_names(&self) -> Vec<&'static str> {
        let has = |method: &Method| self.methods & *method as u8 != 0;
        let methods = Method::ALL.into_iter().filter(has);
        methods.map(Method::name).collect()
    }

    /// The text of it, signed.
    pub(crate) fn seal(&self, key: &TokenKey, secret: &Secret) -> String {
        let mut bytes = self.mark.issued.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.mark.ends.to_be_bytes());
        bytes.extend_from_slice(&self.mark.nonce);
        bytes.push(self.methods);
        // Access keys have at most 129 characters.
        bytes.push(u8::try_from(self.mark.access_key.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(self.mark.access_key.as_bytes());
        bytes.extend_from_slice(self.project.as_deref().unwrap_or_default().as_bytes());
        let mac = hmac::sign(key.hmac(), &message(&bytes, secret));
        bytes.extend_from_slice(mac.as_ref());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The token of a text and whom it speaks for; `None` when it is none, has ended or was given up.
    pub(crate) async fn open(
        key: &TokenKey,
        identity: &Identity,
        text: &[u8],
        now: i64,
    ) -> dolium_identity::Result<Option<(Self, Principal)>> {
        let Some((token, signed, mac)) = Self::take_apart(text) else {
            return Ok(None);
        };
        if token.mark.ends <= now {
            return Ok(None);
        }
        let Some((principal, secret)) = identity.lookup_token(&token.mark).await? else {
            return Ok(None);
        };
        let good = hmac::verify(key.hmac(), &message(&signed, &secret), &mac).is_ok();
        Ok(good.then_some((token, principal)))
    }

    /// What a text says, what of it is signed, and the signature, which nobody has checked.
    fn take_apart(text: &[u8]) -> Option<(Self, Vec<u8>, Vec<u8>)> {
        if text.len() > LEN_MAX {
            return None;
        }
        let encoded = text.strip_prefix(PREFIX.as_bytes())?;
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let mac = bytes.split_off(bytes.len().checked_sub(MAC_LEN)?);
        let (head, names) = bytes.split_at_checked(HEAD_LEN)?;
        let number = |at: usize| Some(i64::from_be_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let key_len = usize::from(*head.last()?);
        let (access_key, project) = names.split_at_checked(key_len)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let project = text(project)?;
        let token = Self {
            mark: TokenMark {
                access_key: text(access_key)?,
                nonce: head.get(16..16 + NONCE_LEN)?.to_vec(),
                issued: number(0)?,
                ends: number(8)?,
            },
            methods: *head.get(16 + NONCE_LEN)?,
            project: Some(project).filter(|project| !project.is_empty()),
        };
        Some((token, bytes, mac))
    }
}

/// Whether a text is meant to be such a token.
pub(in crate::auth) fn is_meant(text: &[u8]) -> bool {
    text.starts_with(PREFIX.as_bytes())
}

fn message(signed: &[u8], secret: &Secret) -> Vec<u8> {
    let secret = secret.expose().as_bytes();
    // The length keeps what is signed and the secret apart.
    let len = (signed.len() as u64).to_be_bytes();
    [LABEL, &len, signed, secret].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let key = TokenKey::from_bytes(&[7; 32]);
        let secret = Secret::try_from("secret-secret".to_owned()).unwrap();
        let mut token = ScopedToken::new("test:ada".to_owned(), 5);
        token.methods = Method::Password as u8 | Method::Token as u8;
        for project in [None, Some("test".to_owned())] {
            token.project = project;
            let text = token.seal(&key, &secret);
            let (out, signed, mac) = ScopedToken::take_apart(text.as_bytes()).unwrap();
            assert_eq!(out, token);
            assert_eq!(out.method_names(), ["password", "token"]);
            assert!(hmac::verify(key.hmac(), &message(&signed, &secret), &mac).is_ok());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes));
            let _ = ScopedToken::take_apart(&bytes);
            if let Some((token, signed, mac)) = ScopedToken::take_apart(text.as_bytes()) {
                prop_assert_eq!([signed, mac].concat(), bytes);
                prop_assert!(token.mark.access_key.len() <= 255);
            }
        }
    }
}
