//! Who a request comes from.

use dolium_catalog::{AccountId, ReadTx, Role, UserId, UserRow, member_grantee};

use crate::Result;

/// What has a meaning where grantees are written, so is in the name of none.
const RESERVED: &[char] = &['!', ':', '*', ',', ';', '=', '/', ' '];

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
        self.role.owns_account()
    }

    /// The name by which what is shared knows the user: that of the account, for its owners. Nobody is
    /// known by a name that means something else there, wherever the name of the account comes from.
    pub fn grantee(&self) -> Option<String> {
        let is_plain = |name: &str| !name.is_empty() && !name.contains(RESERVED);
        if self.owns_account() {
            return is_plain(&self.account).then(|| self.account.clone());
        }
        let (account, user) = self.login.split_once(':')?;
        (is_plain(account) && is_plain(user)).then(|| member_grantee(&self.login))
    }

    /// Whether the user owns every account.
    pub fn owns_all(&self) -> bool {
        self.admin || self.role == Role::Reseller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grantee(account: &str, login: &str, role: Role) -> Option<String> {
        let user = Principal {
            user_id: UserId(1),
            account_id: AccountId(1),
            account: account.to_owned(),
            role,
            login: login.to_owned(),
            name: String::new(),
            display_name: String::new(),
            canonical_id: String::new(),
            admin: false,
        };
        user.grantee()
    }

    #[test]
    fn nobody_is_known_by_a_name_that_means_something_else() {
        let known = |name: &str| Some(name.to_owned());
        assert_eq!(grantee("home", "home:ada", Role::Owner), known("home"));
        assert_eq!(grantee("home", "home:bob", Role::Member), known("home!bob"));
        for account in ["", "*", "home:friends", "home!bob", "a,b", "a;b", "a b"] {
            assert_eq!(grantee(account, "x:y", Role::Owner), None, "{account}");
        }
        for login in ["bob", "home:", "home:a:b", "ho!me:bob", "home:*"] {
            assert_eq!(grantee("home", login, Role::Member), None, "{login}");
        }
    }
}
