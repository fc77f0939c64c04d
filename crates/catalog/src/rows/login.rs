//! Logins: the place of a user in an account, by the name that protocols with accounts sign in with.
//!
//! A user without a row is the owner of the account that was made for it. A user with one may share an
//! account with others, and may be less than its owner.

use crate::rows::{UserId, member_grantee};
use crate::table::record;
use crate::value::{integer_enum, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_enum! {
    /// What a user is in its account.
    Role {
        /// Owns it: may do everything in it.
        Owner = 0,
        /// Belongs to it and may do what is granted.
        Member = 1,
        /// Owns every account.
        Reseller = 2,
        /// As a member; and its word opens the accounts that services keep for users.
        Service = 3,
    }
}

impl Role {
    /// Whether who has it owns the account.
    pub fn owns_account(self) -> bool {
        match self {
            Self::Owner | Self::Reseller => true,
            Self::Member | Self::Service => false,
        }
    }
}

record! {
    /// A login's row.
    pub struct LoginRow in "login" {
        /// The user.
        user_id: UserId,
        /// The name to sign in with, `account:user`; unique.
        name: String,
        /// What the user is in the account.
        role: Role,
    }
    key 1;
    journal 10;
    unique [1];
}

impl ReadTx<'_> {
    /// The login of a user.
    pub fn login_of_user(&mut self, user: UserId) -> Result<Option<LoginRow>> {
        self.one("WHERE user_id = $1", params![user])
    }

    /// The login of this name.
    pub fn login_by_name(&mut self, name: &str) -> Result<Option<LoginRow>> {
        self.one("WHERE name = $1", params![name.to_owned()])
    }
}

impl WriteTx<'_> {
    /// Gives a user a login.
    pub fn create_login(&mut self, row: &LoginRow) -> Result<()> {
        if self.login_by_name(&row.name)?.is_some() || self.login_of_user(row.user_id)?.is_some() {
            let context = format!("login {}", row.name);
            return Err(Error::already_exists("create_login", context));
        }
        self.put_row(row)
    }

    /// Takes a user's login away, and says whether there was one.
    pub fn delete_login(&mut self, user: UserId) -> Result<bool> {
        if let Some(login) = self.login_of_user(user)? {
            self.forget_grantee(&member_grantee(&login.name))?;
        }
        self.delete_row::<LoginRow>(params![user])
    }
}
