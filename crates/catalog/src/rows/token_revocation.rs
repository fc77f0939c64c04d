//! Revocations: tokens that ended before their time, for as long as they would have lived.
//!
//! A token names the access key it was given for, so revocations lead with it: whoever looks a key up
//! reads its few rows in the same place.

use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A revocation.
    pub struct TokenRevocationRow in "token_revocation" {
        /// The access key that the token was given for.
        access_key: String,
        /// What tells the token from others of the key; empty for all that were given until `issued`.
        token: Vec<u8>,
        /// When the token was given, in microseconds since the epoch.
        issued: i64,
        /// When it would have ended, in microseconds since the epoch.
        ends: i64,
    }
    key 2;
    journal 14;
}

impl ReadTx<'_> {
    /// The revocations of an access key.
    pub fn token_revocations(&mut self, access_key: &str) -> Result<Vec<TokenRevocationRow>> {
        let tail = "WHERE access_key = $1 ORDER BY token";
        self.many(tail, params![access_key.to_owned()])
    }

    /// The first revocations of tokens that have ended by themselves.
    pub fn token_revocations_until(
        &mut self,
        moment: i64,
        limit: i64,
    ) -> Result<Vec<TokenRevocationRow>> {
        let tail = "WHERE ends <= $1 ORDER BY ends LIMIT $2";
        self.many(tail, params![moment, limit])
    }
}

impl WriteTx<'_> {
    /// Revokes a token, or changes until when it is.
    pub fn put_token_revocation(&mut self, row: &TokenRevocationRow) -> Result<()> {
        self.put_row(row)
    }

    /// Forgets a revocation.
    pub fn delete_token_revocation(&mut self, row: &TokenRevocationRow) -> Result<bool> {
        self.delete_row::<TokenRevocationRow>(params![row.access_key.clone(), row.token.clone()])
    }
}
