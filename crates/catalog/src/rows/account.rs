//! Accounts: who owns containers and pays for bytes.

use crate::rows::SettingsKind;
use crate::table::record;
use crate::value::{Fields, integer_id, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_id! {
    /// An account.
    AccountId
}

record! {
    /// An account's row.
    pub struct AccountRow in "account" {
        /// The account.
        id: AccountId,
        /// Its unique name.
        name: String,
        /// Bytes it may store; `None` is no limit.
        quota_bytes: Option<i64>,
        /// When it was made, in microseconds since the epoch.
        created: i64,
    }
    key 1;
    journal 1;
    unique [1];
    counter "account";
}

/// What an account stores, over all its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUsage {
    /// Containers.
    pub containers: i64,
    /// Live objects.
    pub objects: i64,
    /// Bytes of live objects.
    pub bytes: i64,
    /// All versions, live or not.
    pub versions: i64,
    /// Bytes of all versions.
    pub version_bytes: i64,
}

/// What an account stores in the containers of one array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayUsage {
    /// The array.
    pub array: String,
    /// Containers.
    pub containers: i64,
    /// Live objects.
    pub objects: i64,
    /// Bytes of live objects.
    pub bytes: i64,
    /// Bytes of all versions.
    pub version_bytes: i64,
}

impl ReadTx<'_> {
    /// What the account stores, array by array.
    pub fn usage_by_array(&mut self, id: AccountId) -> Result<Vec<ArrayUsage>> {
        let sql = "SELECT c.array_name, COUNT(*), CAST(COALESCE(SUM(s.objects), 0) AS BIGINT), \
            CAST(COALESCE(SUM(s.bytes), 0) AS BIGINT), \
            CAST(COALESCE(SUM(s.version_bytes), 0) AS BIGINT) \
            FROM container c JOIN container_state s ON s.container_id = c.id \
            WHERE c.account_id = $1 GROUP BY c.array_name ORDER BY c.array_name";
        let rows = self.rows(sql, params![id])?;
        let read = |row| {
            let mut fields = Fields::new("usage", row);
            Ok(ArrayUsage {
                array: fields.next()?,
                containers: fields.next()?,
                objects: fields.next()?,
                bytes: fields.next()?,
                version_bytes: fields.next()?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// The account with this id.
    pub fn account(&mut self, id: AccountId) -> Result<Option<AccountRow>> {
        self.one("WHERE id = $1", params![id])
    }

    /// The account with this name.
    pub fn account_by_name(&mut self, name: &str) -> Result<Option<AccountRow>> {
        self.one("WHERE name = $1", params![name.to_owned()])
    }

    /// A page of accounts in the order of their ids.
    pub fn accounts(&mut self, after: Option<AccountId>, limit: i64) -> Result<Vec<AccountRow>> {
        let after = after.unwrap_or(AccountId(i64::MIN));
        self.many("WHERE id > $1 ORDER BY id LIMIT $2", params![after, limit])
    }

    /// What the account stores.
    pub fn account_usage(&mut self, id: AccountId) -> Result<AccountUsage> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(s.objects), 0) AS BIGINT), \
            CAST(COALESCE(SUM(s.bytes), 0) AS BIGINT), \
            CAST(COALESCE(SUM(s.versions), 0) AS BIGINT), \
            CAST(COALESCE(SUM(s.version_bytes), 0) AS BIGINT) \
            FROM container c JOIN container_state s ON s.container_id = c.id \
            WHERE c.account_id = $1";
        let [containers, objects, bytes, versions, version_bytes] =
            self.integers(sql, params![id])?.unwrap_or_default();
        Ok(AccountUsage {
            containers,
            objects,
            bytes,
            versions,
            version_bytes,
        })
    }
}

impl WriteTx<'_> {
    /// Makes an account with a new id.
    pub fn create_account(
        &mut self,
        name: &str,
        quota_bytes: Option<i64>,
        now: i64,
    ) -> Result<AccountRow> {
        if self.account_by_name(name)?.is_some() {
            return Err(Error::already_exists(
                "create_account",
                format!("account {name}"),
            ));
        }
        let id = AccountId(self.next_id("account")?);
        let row = AccountRow {
            id,
            name: name.to_owned(),
            quota_bytes,
            created: now,
        };
        self.put_row(&row)?;
        Ok(row)
    }

    /// Replaces an account's name and quota.
    pub fn update_account(&mut self, row: &AccountRow) -> Result<()> {
        if self.account(row.id)?.is_none() {
            return Err(Error::not_found(
                "update_account",
                format!("account {}", row.id),
            ));
        }
        if self
            .account_by_name(&row.name)?
            .is_some_and(|other| other.id != row.id)
        {
            return Err(Error::already_exists(
                "update_account",
                format!("account {}", row.name),
            ));
        }
        self.put_row(row)
    }

    /// Deletes an account that has neither containers nor users.
    pub fn delete_account(&mut self, id: AccountId) -> Result<()> {
        if !self.containers(id, None, 1)?.is_empty() {
            return Err(Error::conflict(
                "delete_account",
                "the account still owns containers",
            ));
        }
        if !self.users_of_account(id)?.is_empty() {
            return Err(Error::conflict(
                "delete_account",
                "the account still has users",
            ));
        }
        self.delete_account_attributes(id)?;
        if let Some(row) = self.account(id)? {
            self.forget_account_shares(id, &row.name)?;
        }
        self.forget_past_settings(SettingsKind::Account, id.0)?;
        if !self.delete_row::<AccountRow>(params![id])? {
            return Err(Error::not_found("delete_account", format!("account {id}")));
        }
        Ok(())
    }
}
