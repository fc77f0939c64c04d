//! Access keys: what S3 clients sign with. The catalog sees secrets only sealed.

use crate::rows::UserId;
use crate::table::record;
use crate::value::params;
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// An access key's row.
    pub struct AccessKeyRow in "access_key" {
        /// The public half of the key.
        access_key: String,
        /// The user it belongs to.
        user_id: UserId,
        /// The secret half, sealed by `identity`.
        sealed_secret: Vec<u8>,
        /// When it was made, in microseconds since the epoch.
        created: i64,
        /// True when it does not sign anybody in.
        disabled: bool,
    }
    key 1;
    journal 3;
}

impl ReadTx<'_> {
    /// The access key with this public half.
    pub fn access_key(&mut self, access_key: &str) -> Result<Option<AccessKeyRow>> {
        self.one("WHERE access_key = $1", params![access_key.to_owned()])
    }

    /// All access keys of a user.
    pub fn access_keys_of_user(&mut self, user: UserId) -> Result<Vec<AccessKeyRow>> {
        self.many("WHERE user_id = $1 ORDER BY access_key", params![user])
    }
}

impl WriteTx<'_> {
    /// Adds an access key.
    pub fn create_access_key(&mut self, row: &AccessKeyRow) -> Result<()> {
        if self.access_key(&row.access_key)?.is_some() {
            let context = format!("access key {}", row.access_key);
            return Err(Error::already_exists("create_access_key", context));
        }
        if self.user(row.user_id)?.is_none() {
            return Err(Error::not_found(
                "create_access_key",
                format!("user {}", row.user_id),
            ));
        }
        self.put_row(row)
    }

    /// Replaces an access key's row.
    pub fn update_access_key(&mut self, row: &AccessKeyRow) -> Result<()> {
        if self.access_key(&row.access_key)?.is_none() {
            let context = format!("access key {}", row.access_key);
            return Err(Error::not_found("update_access_key", context));
        }
        self.put_row(row)
    }

    /// Deletes an access key, and says whether there was one.
    pub fn delete_access_key(&mut self, access_key: &str) -> Result<bool> {
        self.delete_row::<AccessKeyRow>(params![access_key.to_owned()])
    }
}
