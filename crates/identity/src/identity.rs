//! Users and lookups.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dolium_catalog::{
    AccessKeyRow, AccountId, Catalog, ReadTx, Role, UserId, UserRow, WriteTx, member_grantee,
};

use crate::cache::{Known, Lookup, LookupCache};
use crate::credential::{AccessKeyId, Secret};
use crate::login::NewLogin;
use crate::name::{check_canonical_id, check_display_name, check_email, check_user_name};
use crate::revocation::Revoked;
use crate::{Error, ErrorKind, Principal, Result, SealingKey};

/// Users read by one statement when all are listed.
const PAGE_USERS: i64 = 1000;

/// A user to be made.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The login name; also the name of the user's account.
    pub name: String,
    /// The name shown to people; the login name when `None`.
    pub display_name: Option<String>,
    /// The identifier S3 clients see as owner; random when `None`.
    pub canonical_id: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// True for administrators.
    pub admin: bool,
    /// The first access key; random when `None`.
    pub access_key: Option<String>,
    /// Its secret; random when `None`.
    pub secret: Option<Secret>,
    /// Its place in an account that may have other users; `None` makes an account for it alone.
    pub login: Option<NewLogin>,
    /// Refused when there is any user already, whichever server made it a moment ago.
    pub first: bool,
}

/// A user that was made, with the first access key.
#[derive(Debug, Clone)]
pub struct CreatedUser {
    /// The user.
    pub principal: Principal,
    /// The access key.
    pub access_key: AccessKeyId,
    /// Its secret: the only time it is returned without being asked for by a signature.
    pub secret: Secret,
}

/// Users and access keys; clones share one cache.
#[derive(Clone)]
pub struct Identity {
    pub(crate) catalog: Catalog,
    pub(crate) sealing_key: SealingKey,
    pub(crate) cache: Arc<LookupCache>,
}

impl Identity {
    /// Identity over a catalog whose secrets are sealed by this key.
    pub fn new(catalog: Catalog, sealing_key: impl Into<SealingKey>) -> Self {
        let sealing_key = sealing_key.into();
        Self {
            catalog,
            sealing_key,
            cache: Arc::default(),
        }
    }

    /// Makes a user with an account of the same name and a first access key.
    pub async fn create_user(&self, new: NewUser) -> Result<CreatedUser> {
        let display_name = new.display_name.unwrap_or_else(|| new.name.clone());
        let canonical_id = new.canonical_id.unwrap_or_else(random_canonical_id);
        check_user_name(&new.name)?;
        check_display_name(&display_name)?;
        check_canonical_id(&canonical_id)?;
        new.email.as_deref().map_or(Ok(()), check_email)?;
        let key = match &new.login {
            None => self.new_key(new.access_key, new.secret)?,
            Some(_) if new.access_key.is_some() => {
                return Err(Error::invalid("the access key of a login is its name"));
            }
            Some(login) => self.login_key(login, new.secret)?,
        };
        let (login, first) = (new.login, new.first);
        let row = UserRow {
            id: UserId(0),
            account_id: AccountId(0),
            name: new.name,
            display_name,
            canonical_id,
            email: new.email,
            admin: new.admin,
            disabled: false,
            created: now_us(),
        };
        let (key_row, user_row) = (key.row(UserId(0)), row);
        let op = move |tx: &mut WriteTx<'_>| {
            refuse_taken(tx, &user_row, first)?;
            let account = match &login {
                None => tx.create_account(&user_row.name, None, user_row.created)?,
                Some(login) => match tx.account_by_name(login.account())? {
                    Some(account) => account,
                    None => tx.create_account(login.account(), None, user_row.created)?,
                },
            };
            let mut row = UserRow {
                account_id: account.id,
                ..user_row.clone()
            };
            row.id = tx.create_user(&row)?;
            if let Some(login) = &login {
                tx.create_login(&login.row(row.id))?;
            }
            tx.create_access_key(&AccessKeyRow {
                user_id: row.id,
                ..key_row.clone()
            })?;
            Principal::of_row(tx, row)
        };
        let principal = self.write(op).await?;
        Ok(CreatedUser {
            principal,
            access_key: key.id,
            secret: key.secret,
        })
    }

    /// All users in the order of their names.
    pub async fn users(&self) -> Result<Vec<UserRow>> {
        let op = |tx: &mut ReadTx<'_>| {
            let mut users: Vec<UserRow> = Vec::new();
            loop {
                let after = users.last().map(|user| user.name.clone());
                let page = tx.users(after.as_deref(), PAGE_USERS)?;
                if page.is_empty() {
                    return Ok::<_, Error>(users);
                }
                users.extend(page);
            }
        };
        self.catalog.read(op).await
    }

    /// The user with this login name.
    pub async fn user(&self, name: &str) -> Result<UserRow> {
        let name = name.to_owned();
        self.catalog.read(move |tx| user_named(tx, &name)).await
    }

    /// Locks a user out, or lets the user in again.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<()> {
        let name = name.to_owned();
        let op = move |tx: &mut WriteTx<'_>| {
            let user = user_named(tx, &name)?;
            Ok::<_, Error>(tx.update_user(&UserRow { disabled, ..user })?)
        };
        self.write(op).await
    }

    /// Removes a user with all access keys, and the account with its last user. Refused while the
    /// account would leave containers behind that nobody owns.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        let op = move |tx: &mut WriteTx<'_>| {
            let user = user_named(tx, &name)?;
            let last = tx.users_of_account(user.account_id)?.len() == 1;
            let owned = tx.account_usage(user.account_id)?.containers;
            if last && owned > 0 {
                let context = format!(
                    "user {name} still owns {owned} containers: delete them first, \
                     or disable the user instead"
                );
                return Err(Error::new(ErrorKind::Conflict, "remove_user", context));
            }
            tx.delete_user(user.id)?;
            if last {
                tx.delete_account(user.account_id)?;
            }
            Ok(())
        };
        self.write(op).await
    }

    /// Who signs with this access key, and the secret to check the signature with. `None` when
    /// there is no such key or it, or its user, is disabled.
    pub async fn lookup(&self, access_key: &str) -> Result<Option<(Principal, Secret)>> {
        let known = self.known(access_key).await?;
        Ok(known.map(|known| (known.principal, known.secret)))
    }

    /// All that is known of an access key that signs somebody in.
    pub(crate) async fn known(&self, access_key: &str) -> Result<Option<Known>> {
        let now = Instant::now();
        let generation = match self.cache.find(access_key, now) {
            Lookup::Hit(known) => return Ok(Some(known)),
            Lookup::Miss(generation) => generation,
        };
        let key = access_key.to_owned();
        let op = move |tx: &mut ReadTx<'_>| {
            let Some(key) = tx.access_key(&key)?.filter(|key| !key.disabled) else {
                return Ok::<_, Error>(None);
            };
            let Some(user) = tx.user(key.user_id)?.filter(|user| !user.disabled) else {
                return Ok(None);
            };
            let revoked = tx.token_revocations(&key.access_key)?;
            Ok(Some((
                Principal::of_row(tx, user)?,
                key.sealed_secret,
                revoked,
            )))
        };
        let Some((principal, sealed, revoked)) = self.catalog.read(op).await? else {
            return Ok(None);
        };
        let known = Known {
            principal,
            secret: self.sealing_key.open(access_key, &sealed)?,
            revoked: Arc::new(Revoked::new(revoked)),
        };
        self.cache.keep(generation, access_key, now, known.clone());
        Ok(Some(known))
    }

    /// The user of an id, disabled or not: for names in answers, never for permissions.
    pub async fn principal(&self, id: i64) -> Result<Option<Principal>> {
        self.find(move |tx| tx.user(UserId(id))).await
    }

    /// The user that stands for an account: the first that owns it.
    pub async fn owner_of(&self, account: i64) -> Result<Option<Principal>> {
        let op = move |tx: &mut ReadTx<'_>| {
            for user in tx.users_of_account(AccountId(account))? {
                let user = Principal::of_row(tx, user)?;
                if user.owns_account() {
                    return Ok(Some(user));
                }
            }
            Ok::<_, Error>(None)
        };
        self.catalog.read(op).await
    }

    /// The user with this canonical id, disabled or not: for grants, never for permissions.
    pub async fn by_canonical_id(&self, id: &str) -> Result<Option<Principal>> {
        let id = id.to_owned();
        self.find(move |tx| tx.user_by_canonical_id(&id)).await
    }

    /// The user with this mail address, disabled or not: for grants, never for permissions.
    pub async fn by_email(&self, email: &str) -> Result<Option<Principal>> {
        let email = email.to_owned();
        self.find(move |tx| tx.user_by_email(&email)).await
    }

    /// Users by the names that shares know them by, and by those that people do: pairs of both. Of what
    /// was asked for nothing is said that is nobody's. An account stands for its owners under its name;
    /// who only belongs to one has the login as the name for people.
    pub async fn known_users(
        &self,
        ids: Vec<String>,
        names: Vec<String>,
    ) -> Result<Vec<(String, String)>> {
        let op = move |tx: &mut ReadTx<'_>| {
            let mut known = Vec::new();
            let logins = ids.iter().map(|id| id.replacen('!', ":", 1));
            for name in logins.chain(names.iter().cloned()) {
                if name.contains(':') {
                    let login = tx.login_by_name(&name)?;
                    let login = login.filter(|login| login.role == Role::Member);
                    known.extend(login.map(|login| (member_grantee(&login.name), login.name)));
                } else if let Some(account) = tx.account_by_name(&name)? {
                    known.push((account.name.clone(), account.name));
                }
            }
            Ok::<_, Error>(known)
        };
        self.catalog.read(op).await
    }

    async fn find(
        &self,
        look: impl FnOnce(&mut ReadTx<'_>) -> dolium_catalog::Result<Option<UserRow>> + Send + 'static,
    ) -> Result<Option<Principal>> {
        let op = move |tx: &mut ReadTx<'_>| match look(tx)? {
            Some(row) => Principal::of_row(tx, row).map(Some),
            None => Ok::<_, Error>(None),
        };
        self.catalog.read(op).await
    }

    /// A write, after which nothing that was looked up before is used any more.
    pub(crate) async fn write<T, F>(&self, op: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        // Even when the answer is lost, the write may have happened.
        let result = self.catalog.write(op).await;
        self.cache.invalidate();
        Ok(result?.value)
    }
}

/// Refuses a user that must not be made.
fn refuse_taken(tx: &mut WriteTx<'_>, user: &UserRow, first: bool) -> Result<()> {
    let refused = |context| Err(Error::new(ErrorKind::AlreadyExists, "create_user", context));
    if first && !tx.users(None, 1)?.is_empty() {
        return refused("there are users already");
    }
    // Policies name users by either: nobody may be called what somebody else is known by.
    let taken = tx.user_by_canonical_id(&user.name)?;
    if taken.is_some() || tx.user_by_name(&user.canonical_id)?.is_some() {
        return refused("a name and a canonical id of two users must not be the same");
    }
    Ok(())
}

pub(crate) fn user_named(tx: &mut ReadTx<'_>, name: &str) -> Result<UserRow> {
    tx.user_by_name(name)?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "user",
            format!("there is no user {name}"),
        )
    })
}

/// 256 random bits as hexadecimal, as AWS's are.
fn random_canonical_id() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

pub(crate) fn now_us() -> i64 {
    // A clock before 1970 or after the year 294,000 is wrong in any case.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}
