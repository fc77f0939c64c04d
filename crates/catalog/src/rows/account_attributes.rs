//! What an account says of itself: attributes of protocols, as those of containers.

use crate::rows::AccountId;
use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// The attributes of an account.
    pub struct AccountAttributesRow in "account_attributes" {
        /// The account.
        account_id: AccountId,
        /// Attributes of protocols, as JSON.
        attributes: Vec<u8>,
    }
    key 1;
    journal 11;
}

impl ReadTx<'_> {
    /// The attributes of an account; empty when it has none.
    pub fn account_attributes(&mut self, account: AccountId) -> Result<Vec<u8>> {
        let row: Option<AccountAttributesRow> =
            self.one("WHERE account_id = $1", params![account])?;
        Ok(row.map(|row| row.attributes).unwrap_or_default())
    }
}

impl WriteTx<'_> {
    /// Replaces the attributes of an account.
    pub fn set_account_attributes(&mut self, row: &AccountAttributesRow) -> Result<()> {
        self.put_row(row)
    }

    /// Removes the attributes of an account.
    pub fn delete_account_attributes(&mut self, account: AccountId) -> Result<bool> {
        self.delete_row::<AccountAttributesRow>(params![account])
    }
}
