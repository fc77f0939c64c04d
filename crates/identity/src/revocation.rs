//! Tokens that are given up before their end.
//!
//! A front end makes tokens that it checks by itself, so nothing of a token is kept while it is good. What
//! is kept is that one is not good any more, until it would have ended by itself.
//!
//! Promises: at most [`REVOCATIONS_MAX`] rows for an access key: one token more, and all that were given
//! for the key so far are revoked together; a revocation is known to this process at once, to others within
//! [`LOOKUP_AGE_MAX`](crate::LOOKUP_AGE_MAX).
//! Does not: wait until the journal has the revocation; the caller does before it answers.

use dolium_catalog::{TokenRevocationRow, WriteTx};

use crate::identity::now_us;
use crate::{Error, Identity, Principal, Result, Secret};

/// Rows of one access key: a person's sessions of half a day, and few enough to be looked through for
/// every request.
const REVOCATIONS_MAX: usize = 64;
/// Rows of ended tokens that are forgotten with each revocation, of whoever: more than are added.
const FORGOTTEN_AT_ONCE: i64 = 16;

/// What tells a token from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMark {
    /// The access key that it was given for.
    pub access_key: String,
    /// What tells it from others of the key; never empty.
    pub nonce: Vec<u8>,
    /// When it was given, in microseconds since the epoch.
    pub issued: i64,
    /// When it ends by itself.
    pub ends: i64,
}

/// The revoked tokens of an access key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revoked(Vec<TokenRevocationRow>);

impl Revoked {
    pub(crate) fn new(rows: Vec<TokenRevocationRow>) -> Self {
        Self(rows)
    }

    fn has(&self, mark: &TokenMark) -> bool {
        self.0.iter().any(|row| match row.token.as_slice() {
            [] => mark.issued <= row.issued,
            token => token == mark.nonce,
        })
    }
}

impl Identity {
    /// Whom a token speaks for, with the secret to check it with. `None` also when it was revoked.
    pub async fn lookup_token(&self, mark: &TokenMark) -> Result<Option<(Principal, Secret)>> {
        let found = self.known(&mark.access_key).await?;
        let found = found.filter(|known| !known.revoked.has(mark));
        Ok(found.map(|known| (known.principal, known.secret)))
    }

    /// Revokes a token, of which none lives longer than `lifetime` microseconds.
    pub async fn revoke_token(&self, mark: &TokenMark, lifetime: i64) -> Result<()> {
        let mark = mark.clone();
        self.write(move |tx: &mut WriteTx<'_>| {
            for row in tx.token_revocations_until(now_us(), FORGOTTEN_AT_ONCE)? {
                tx.delete_token_revocation(&row)?;
            }
            let rows = tx.token_revocations(&mark.access_key)?;
            let mut row = TokenRevocationRow {
                access_key: mark.access_key.clone(),
                token: mark.nonce.clone(),
                issued: mark.issued,
                ends: mark.ends,
            };
            if rows.len() >= REVOCATIONS_MAX {
                row.token = Vec::new();
                row.issued = now_us();
                row.ends = row.issued.saturating_add(lifetime);
                for old in &rows {
                    tx.delete_token_revocation(old)?;
                }
            }
            Ok::<_, Error>(tx.put_token_revocation(&row)?)
        })
        .await
    }
}
