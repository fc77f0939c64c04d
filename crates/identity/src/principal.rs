//! Who a request comes from.

use dolium_catalog::{AccountId, UserId, UserRow};

/// A user as the rules of the store see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The account whose containers the user makes.
    pub account_id: AccountId,
    /// The login name.
    pub name: String,
    /// The name shown to people.
    pub display_name: String,
    /// The identifier S3 clients see as owner.
    pub canonical_id: String,
    /// True for administrators.
    pub admin: bool,
}

impl From<UserRow> for Principal {
    fn from(row: UserRow) -> Self {
        Self {
            user_id: row.id,
            account_id: row.account_id,
            name: row.name,
            display_name: row.display_name,
            canonical_id: row.canonical_id,
            admin: row.admin,
        }
    }
}
