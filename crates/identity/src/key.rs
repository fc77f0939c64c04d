//! Access keys of a user: add, list, remove.

use dolium_catalog::{AccessKeyRow, UserId, WriteTx};

use crate::credential::{AccessKeyId, Secret};
use crate::identity::{now_us, user_named};
use crate::login::NewLogin;
use crate::{Error, ErrorKind, Identity, Result};

/// Access keys one user may have: enough for every device, few enough to list at once.
const KEYS_OF_USER_MAX: usize = 100;

/// An access key that is not in the catalog yet.
pub(crate) struct NewKey {
    pub(crate) id: AccessKeyId,
    pub(crate) secret: Secret,
    sealed: Vec<u8>,
}

impl NewKey {
    pub(crate) fn row(&self, user_id: UserId) -> AccessKeyRow {
        AccessKeyRow {
            access_key: self.id.to_string(),
            user_id,
            sealed_secret: self.sealed.clone(),
            created: now_us(),
            disabled: false,
        }
    }
}

impl Identity {
    pub(crate) fn new_key(&self, id: Option<String>, secret: Option<Secret>) -> Result<NewKey> {
        let id = id.map_or_else(|| Ok(AccessKeyId::random()), AccessKeyId::try_from)?;
        let secret = secret.unwrap_or_else(Secret::random);
        let sealed = self.sealing_key.seal(&id, &secret)?;
        Ok(NewKey { id, secret, sealed })
    }

    /// The key that a login signs in with: its id is the login's name.
    pub(crate) fn login_key(&self, login: &NewLogin, secret: Option<Secret>) -> Result<NewKey> {
        let id = AccessKeyId::of_login(login);
        let secret = secret.unwrap_or_else(Secret::random);
        let sealed = self.sealing_key.seal(&id, &secret)?;
        Ok(NewKey { id, secret, sealed })
    }

    /// Adds an access key to a user: the given one, or a random one.
    pub async fn add_access_key(
        &self,
        user: &str,
        given: Option<(AccessKeyId, Secret)>,
    ) -> Result<(AccessKeyId, Secret)> {
        let (id, secret) = given.map_or((None, None), |(id, secret)| (Some(id), Some(secret)));
        let key = self.new_key(id.map(|id| id.to_string()), secret)?;
        let (name, row) = (user.to_owned(), key.row(UserId(0)));
        let op = move |tx: &mut WriteTx<'_>| {
            let user = user_named(tx, &name)?;
            if tx.access_keys_of_user(user.id)?.len() >= KEYS_OF_USER_MAX {
                let context = format!("user {name} has {KEYS_OF_USER_MAX} access keys: remove one");
                return Err(Error::new(ErrorKind::Conflict, "add_access_key", context));
            }
            Ok(tx.create_access_key(&AccessKeyRow {
                user_id: user.id,
                ..row.clone()
            })?)
        };
        self.write(op).await?;
        Ok((key.id, key.secret))
    }

    /// The access keys of a user; their secrets stay sealed.
    pub async fn access_keys(&self, user: &str) -> Result<Vec<AccessKeyRow>> {
        let name = user.to_owned();
        let op = move |tx: &mut dolium_catalog::ReadTx<'_>| {
            let user = user_named(tx, &name)?;
            Ok(tx.access_keys_of_user(user.id)?)
        };
        self.catalog.read(op).await
    }

    /// Removes an access key of a user.
    pub async fn remove_access_key(&self, user: &str, id: &AccessKeyId) -> Result<()> {
        let (name, id) = (user.to_owned(), id.clone());
        let op = move |tx: &mut WriteTx<'_>| {
            let user = user_named(tx, &name)?;
            let key = tx
                .access_key(id.as_str())?
                .filter(|key| key.user_id == user.id);
            if key.is_none() {
                let context = format!("user {name} has no access key {id}");
                return Err(Error::new(
                    ErrorKind::NotFound,
                    "remove_access_key",
                    context,
                ));
            }
            tx.delete_access_key(id.as_str())?;
            Ok(())
        };
        self.write(op).await
    }
}
