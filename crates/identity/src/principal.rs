//! Who a request comes from.

use dolium_catalog::{AccountId, ReadTx, Role, UserId, UserRow, member_grantee};

use crate::Result;

/// A user as the rules of the store see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The account whose containers the user makes.
    pub account_id: AccountId,
    /// The name of that account.
    pub account: String,
    /// What the user is in that account.
    pub role: Role,
    /// The name by which protocols with accounts know the user: `account:user`.
    pub login: String,
    /// The login name.
    pub name: String,
    /// The name shown to people.
    pub display_name: String,
    /// The identifier S3 clients see as owner.
    pub canonical_id: String,
    /// True for administrators.
    pub admin: bool,
}

impl Principal {
    /// The user of a row, with its place in its account.
    pub(crate) fn of_row(tx: &mut ReadTx<'_>, row: UserRow) -> Result<Self> {
        let account = tx.account(row.account_id)?;
        let account = account.map(|account| account.name).unwrap_or_default();
        let login = tx.login_of_user(row.id)?;
        let (role, login) = match login {
            Some(login) => (login.role, login.name),
            None => (Role::Owner, format!("{account}:{}", row.name)),
        };
        Ok(Self {
            user_id: row.id,
            account_id: row.account_id,
            account,
            role,
            login,
            name: row.name,
            display_name: row.display_name,
            canonical_id: row.canonical_id,
            admin: row.admin,
        })
    }

    /// Whether the user owns its account.
    pub fn owns_account(&self) -> bool {
        match self.role {
            Role::Owner | Role::Reseller | Role::Service => true,
            Role::Member => false,
        }
    }

    /// The name by which what is shared knows the user: that of the account, for its owners.
    pub fn grantee(&self) -> String {
        if self.owns_account() {
            self.account.clone()
        } else {
            member_grantee(&self.login)
        }
    }

    /// Whether the user owns every account.
    pub fn owns_all(&self) -> bool {
        self.admin || self.role == Role::Reseller
    }
}
