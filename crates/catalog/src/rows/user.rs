//! Users: the principals that sign requests.

use crate::rows::AccountId;
use crate::table::record;
use crate::value::{integer_id, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_id! {
    /// A user.
    UserId
}

record! {
    /// A user's row.
    pub struct UserRow in "principal_user" {
        /// The user.
        id: UserId,
        /// The account whose containers the user makes.
        account_id: AccountId,
        /// The unique login name.
        name: String,
        /// The name shown to people.
        display_name: String,
        /// The identifier S3 clients see as owner; unique.
        canonical_id: String,
        /// Where to write to, if known.
        email: Option<String>,
        /// True for administrators.
        admin: bool,
        /// True when the user may not sign in.
        disabled: bool,
        /// When the user was made, in microseconds since the epoch.
        created: i64,
    }
    key 1;
    journal 2;
    unique [2] [4];
    counter "user";
}

impl ReadTx<'_> {
    /// The user with this id.
    pub fn user(&mut self, id: UserId) -> Result<Option<UserRow>> {
        self.one("WHERE id = $1", params![id])
    }

    /// The user with this login name.
    pub fn user_by_name(&mut self, name: &str) -> Result<Option<UserRow>> {
        self.one("WHERE name = $1", params![name.to_owned()])
    }

    /// The user with this canonical id.
    pub fn user_by_canonical_id(&mut self, canonical_id: &str) -> Result<Option<UserRow>> {
        self.one("WHERE canonical_id = $1", params![canonical_id.to_owned()])
    }

    /// The first user with this mail address (addresses are compared without case).
    pub fn user_by_email(&mut self, email: &str) -> Result<Option<UserRow>> {
        self.one(
            "WHERE LOWER(email) = $1 ORDER BY id LIMIT 1",
            params![email.to_lowercase()],
        )
    }

    /// A page of users in the order of their names.
    pub fn users(&mut self, after_name: Option<&str>, limit: i64) -> Result<Vec<UserRow>> {
        let after = after_name.unwrap_or_default().to_owned();
        self.many(
            "WHERE name > $1 ORDER BY name LIMIT $2",
            params![after, limit],
        )
    }

    /// The users of an account.
    pub fn users_of_account(&mut self, account: AccountId) -> Result<Vec<UserRow>> {
        self.many("WHERE account_id = $1 ORDER BY id", params![account])
    }
}

impl WriteTx<'_> {
    /// Makes a user; `row.id` is replaced by a new id, which is returned.
    pub fn create_user(&mut self, row: &UserRow) -> Result<UserId> {
        self.check_user_names("create_user", row, None)?;
        let id = UserId(self.next_id("user")?);
        self.put_row(&UserRow { id, ..row.clone() })?;
        Ok(id)
    }

    /// Replaces a user's row.
    pub fn update_user(&mut self, row: &UserRow) -> Result<()> {
        if self.user(row.id)?.is_none() {
            return Err(Error::not_found("update_user", format!("user {}", row.id)));
        }
        self.check_user_names("update_user", row, Some(row.id))?;
        self.put_row(row)
    }

    fn check_user_names(
        &mut self,
        operation: &'static str,
        row: &UserRow,
        own: Option<UserId>,
    ) -> Result<()> {
        let other = |found: Option<UserRow>| found.is_some_and(|user| Some(user.id) != own);
        if other(self.user_by_name(&row.name)?) {
            return Err(Error::already_exists(
                operation,
                format!("user {}", row.name),
            ));
        }
        if other(self.user_by_canonical_id(&row.canonical_id)?) {
            let context = format!("a user with canonical id {}", row.canonical_id);
            return Err(Error::already_exists(operation, context));
        }
        Ok(())
    }

    /// Deletes a user together with the login and all access keys.
    pub fn delete_user(&mut self, id: UserId) -> Result<()> {
        for key in self.access_keys_of_user(id)? {
            self.delete_access_key(&key.access_key)?;
        }
        self.delete_login(id)?;
        if !self.delete_row::<UserRow>(params![id])? {
            return Err(Error::not_found("delete_user", format!("user {id}")));
        }
        Ok(())
    }
}
