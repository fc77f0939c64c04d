//! Logins of protocols with accounts: `account:user`, and what the user is in the account.
//!
//! A login is also an access key, so what signs in over one protocol signs requests of another.

use std::sync::Arc;

use dolium_catalog::{LoginRow, ReadTx, Role, UserId};

use crate::name::check_user_name;
use crate::{Error, Identity, Principal, Result, Secret, constant_time_eq};

/// A user's place in an account, to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogin {
    name: String,
    account_len: usize,
    role: Role,
}

impl NewLogin {
    /// Parses `account:user`.
    pub fn new(name: &str, role: Role) -> Result<Self> {
        let Some((account, user)) = name.split_once(':') else {
            return Err(Error::invalid("a login looks like account:user"));
        };
        check_user_name(account)?;
        check_user_name(user)?;
        Ok(Self {
            name: name.to_owned(),
            account_len: account.len(),
            role,
        })
    }

    /// The whole name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of the account.
    pub(crate) fn account(&self) -> &str {
        &self.name[..self.account_len]
    }

    pub(crate) fn row(&self, user_id: UserId) -> LoginRow {
        LoginRow {
            user_id,
            name: self.name.clone(),
            role: self.role,
        }
    }
}

impl Identity {
    /// Who signs in as `account:user`, the secret to compare, and the access key that was meant. The user
    /// is that of a login or, where there is none, an access key of somebody in the account.
    pub async fn sign_in(
        &self,
        account: &str,
        user: &str,
    ) -> Result<Option<(Arc<Principal>, Secret, String)>> {
        let login = format!("{account}:{user}");
        if let Some((principal, secret)) = self.lookup(&login).await? {
            return Ok(Some((Arc::new(principal), secret, login)));
        }
        let found = self.lookup(user).await?;
        let found = found.filter(|(principal, _)| principal.account == account);
        Ok(found.map(|(principal, secret)| (Arc::new(principal), secret, user.to_owned())))
    }

    /// The access key of this user that has this secret, with what the user is: for protocols whose users
    /// have one secret, where ours have one for each key.
    pub async fn sign_in_by_any_key(
        &self,
        user: &str,
        secret: &str,
    ) -> Result<Option<(Principal, Secret, String)>> {
        let name = user.to_owned();
        let op = move |tx: &mut ReadTx<'_>| {
            let Some(user) = tx.user_by_name(&name)? else {
                return Ok::<_, Error>(Vec::new());
            };
            Ok(tx.access_keys_of_user(user.id)?)
        };
        let mut found = None;
        for row in self.catalog.read(op).await? {
            let Some((principal, known)) = self.lookup(&row.access_key).await? else {
                continue;
            };
            // All are compared, so that the time says nothing of which one it was.
            if constant_time_eq(known.expose().as_bytes(), secret.as_bytes()) {
                found = Some((principal, known, row.access_key));
            }
        }
        Ok(found)
    }

    /// Whether there is an account of this name.
    pub async fn has_account(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        let op = move |tx: &mut ReadTx<'_>| Ok::<_, Error>(tx.account_by_name(&name)?.is_some());
        self.catalog.read(op).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let login = NewLogin::new("test:tester", Role::Member).unwrap();
        assert_eq!((login.name(), login.account()), ("test:tester", "test"));
        for bad in ["", "test", ":a", "a:", "a:b:c", "a b:c", "a/b:c"] {
            assert!(NewLogin::new(bad, Role::Owner).is_err(), "{bad}");
        }
    }
}
