//! Accounts, as protocols that show them see them: described, configured, listed, made and removed.
//!
//! Promises: what is an owner's is told to owners only by who reads [`Account::standing`]; quotas of an
//! account are set by who owns all accounts.

use std::sync::Arc;

use dolium_catalog::{
    AccountAttributesRow, AccountRow, ArrayUsage, ContainerRow, Groups, ReadTx, WriteTx,
};

use super::groups;
use super::past;
use super::settings::SETTINGS_LEN_MAX;
use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::listing::{AccountEntry, ListRequest};
use crate::lock;
use crate::names::{AccountName, Instant};
use crate::permission::ACCESS;
use crate::rows::{self, decode_attributes, encode_attributes};
use crate::standing::{self, AccountGrants, GRANTS, Standing};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// The namespace of an account's quotas beside that in bytes: `objects`, and `bytes/<array>` and
/// `objects/<array>`.
pub const QUOTA: &str = "quota";
/// Containers read at a time.
const CONTAINERS_PAGE: i64 = 1000;
/// Entries of one page, whatever was asked for.
const PAGE_ENTRIES_MAX: usize = 10_000;

/// An account as callers see it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// When it was made.
    pub created: Instant,
    /// What the caller is to it.
    pub standing: Standing,
    /// What it stores, by array.
    pub usage: Vec<ArrayUsage>,
    /// Its settings.
    pub settings: AccountSettings,
}

/// What may be changed of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// What protocols keep, and the namespace of quotas.
    pub attributes: Attributes,
    /// Whom it lets in as a whole.
    pub grants: AccountGrants,
    /// The bytes it may store.
    pub quota_bytes: Option<u64>,
    /// Its groups of users; one without members is none.
    pub groups: Groups,
}

/// Changes an account's settings inside the transaction; may run more than once.
pub type AccountEdit = Arc<dyn Fn(&mut AccountSettings, Standing) -> Result<()> + Send + Sync>;

impl AccountSettings {
    fn of(tx: &mut ReadTx<'_>, account: &AccountRow) -> Result<Self> {
        let attributes = tx.account_attributes(account.id)?;
        let mut attributes = decode_attributes(&attributes)?;
        let grants = standing::grants_of(&attributes)?;
        attributes.clear(ACCESS);
        Ok(Self {
            attributes,
            grants,
            quota_bytes: account.quota_bytes.map(|bytes| bytes.max(0) as u64),
            groups: tx.groups(account.id)?,
        })
    }

    fn quotas(&self) -> (Option<u64>, Vec<(String, String)>) {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let quotas = self.attributes.namespace(QUOTA).map(own).collect();
        (self.quota_bytes, quotas)
    }
}

fn stranger() -> Error {
    Error::new(ErrorKind::Denied, "you may not do this with the account")
}

fn absent(name: &AccountName) -> Error {
    let context = format!("there is no account {name}");
    Error::because(ErrorKind::NotFound, Reason::NoSuchAccount, context)
}

/// The account, if it is there, to which the caller must be at least this.
fn admitted(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    name: &AccountName,
    least: Standing,
) -> Result<(Option<AccountRow>, Standing)> {
    let (account, standing) = standing::in_account(tx, who, name)?;
    if standing < least {
        return Err(stranger());
    }
    Ok((account, standing))
}

/// The account, which must be there, and to which the caller must be at least this.
pub(super) fn known(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    name: &AccountName,
    least: Standing,
) -> Result<(AccountRow, Standing)> {
    let (account, standing) = admitted(tx, who, name, least)?;
    Ok((account.ok_or_else(|| absent(name))?, standing))
}

/// The account, made if the caller owns it and it is not there yet.
pub(super) fn known_or_made(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    name: &AccountName,
    least: Standing,
) -> Result<(AccountRow, Standing)> {
    let (account, standing) = admitted(tx, who, name, least)?;
    let account = match account {
        Some(account) => account,
        None if standing < Standing::Owner => return Err(absent(name)),
        None => tx.create_account(name.as_str(), None, now().0)?,
    };
    Ok((account, standing))
}

impl Store {
    /// Describes an account to who may read it.
    pub async fn account(&self, who: &Caller, name: &AccountName) -> Result<Account> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let (account, standing) = known(tx, &who, &name, Standing::Reader)?;
            Ok(Account {
                created: Instant(account.created),
                standing,
                usage: tx.usage_by_array(account.id)?,
                settings: AccountSettings::of(tx, &account)?,
                name,
            })
        })
        .await
    }

    /// What an account says of itself, whoever asks: for what a front end checks before it knows its
    /// caller, such as the signature of a URL.
    pub async fn account_attributes(&self, name: &AccountName) -> Result<Option<Attributes>> {
        let name = name.clone();
        self.look(move |tx| {
            let Some(account) = tx.account_by_name(name.as_str())? else {
                return Ok(None);
            };
            decode_attributes(&tx.account_attributes(account.id)?).map(Some)
        })
        .await
    }

    /// Changes the settings of an account.
    pub async fn change_account(
        &self,
        who: &Caller,
        name: &AccountName,
        edit: AccountEdit,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let (account, standing) = known_or_made(tx, &who, &name, Standing::Owner)?;
            change(tx, account, standing, &edit)
        })
        .await
    }

    /// Makes an account, or changes the settings of the one there is; says whether it was made.
    pub async fn put_account(
        &self,
        who: &Caller,
        name: &AccountName,
        edit: AccountEdit,
    ) -> Result<bool> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let made = tx.account_by_name(name.as_str())?.is_none();
            let (account, standing) = known_or_made(tx, &who, &name, Standing::Reseller)?;
            change(tx, account, standing, &edit)?;
            Ok(made)
        })
        .await
    }

    /// Removes an account that has neither containers nor users.
    pub async fn delete_account(&self, who: &Caller, name: &AccountName) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let (account, _) = known(tx, &who, &name, Standing::Reseller)?;
            Ok(tx.delete_account(account.id)?)
        })
        .await
    }

    /// A page of an account's containers and common prefixes of their names.
    pub async fn list_account(
        &self,
        who: &Caller,
        name: &AccountName,
        request: ListRequest,
    ) -> Result<Vec<AccountEntry>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let (account, _) = known(tx, &who, &name, Standing::Reader)?;
            let mut rows = matching(tx, &account, &request)?;
            if request.downwards {
                rows.reverse();
            }
            fold(tx, rows, &request)
        })
        .await
    }
}

fn change(
    tx: &mut WriteTx<'_>,
    mut account: AccountRow,
    standing: Standing,
    edit: &AccountEdit,
) -> Result<()> {
    let before = AccountSettings::of(tx, &account)?;
    let mut after = before.clone();
    edit(&mut after, standing)?;
    if after.quotas() != before.quotas() && standing < Standing::Reseller {
        let context = "the quotas of an account are not its owners' to set";
        return Err(Error::new(ErrorKind::Denied, context));
    }
    if after == before {
        return Ok(());
    }
    if after.quota_bytes != before.quota_bytes {
        let quota = after
            .quota_bytes
            .map(|bytes| bytes.min(i64::MAX as u64) as i64);
        account.quota_bytes = quota;
        tx.update_account(&account)?;
    }
    if after.groups != before.groups {
        groups::set(tx, &account, &after.groups)?;
    }
    let mut attributes = after.attributes;
    attributes.clear(ACCESS);
    if !after.grants.is_empty() {
        attributes.set(ACCESS, GRANTS, lock::write(&after.grants));
    }
    if attributes.size_bytes() > SETTINGS_LEN_MAX {
        let context = "the settings of the account are too large";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    let owner = past::Owner::account(&account);
    past::keep(tx, &owner, &before.attributes, &attributes)?;
    Ok(tx.set_account_attributes(&AccountAttributesRow {
        account_id: account.id,
        attributes: encode_attributes(&attributes),
    })?)
}

/// The containers that a listing is about, upwards. An account has a bounded number of them.
fn matching(
    tx: &mut ReadTx<'_>,
    account: &AccountRow,
    request: &ListRequest,
) -> Result<Vec<ContainerRow>> {
    let prefix = request.prefix.as_bytes();
    let (low, high) = if request.downwards {
        (&request.until, &request.after)
    } else {
        (&request.after, &request.until)
    };
    let low = low.as_deref().map(str::as_bytes);
    let high = high.as_deref().map(str::as_bytes);
    let wanted = if request.delimiter.is_none() && !request.downwards {
        request.limit
    } else {
        usize::MAX
    };
    let mut found = Vec::new();
    // Names that begin with the prefix come directly after what is just below it.
    let mut after: Option<Vec<u8>> = low.map(<[u8]>::to_vec);
    loop {
        let page = tx.containers(account.id, after.as_deref(), CONTAINERS_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        let behind =
            !prefix.is_empty() && last.name.as_slice() > prefix && !last.name.starts_with(prefix);
        let ended = high.is_some_and(|high| last.name.as_slice() >= high);
        let complete = (page.len() as i64) < CONTAINERS_PAGE;
        found.extend(page.into_iter().filter(|row| {
            row.name.starts_with(prefix) && high.is_none_or(|high| row.name.as_slice() < high)
        }));
        if behind || ended || complete || found.len() >= wanted {
            break;
        }
    }
    Ok(found)
}

fn fold(
    tx: &mut ReadTx<'_>,
    rows: Vec<ContainerRow>,
    request: &ListRequest,
) -> Result<Vec<AccountEntry>> {
    let delimiter = request.delimiter.as_deref().unwrap_or_default();
    let limit = request.limit.min(PAGE_ENTRIES_MAX);
    let mut entries: Vec<AccountEntry> = Vec::new();
    for row in rows {
        let name = String::from_utf8_lossy(&row.name).into_owned();
        let rest = name.get(request.prefix.len()..).unwrap_or_default();
        let folded = match rest.find(delimiter) {
            Some(at) if !delimiter.is_empty() => {
                let end = request.prefix.len() + at + delimiter.len();
                Some(name[..end].to_owned())
            }
            _ => None,
        };
        if let Some(prefix) = &folded {
            let seen = matches!(entries.last(), Some(AccountEntry::Prefix(last)) if last == prefix);
            if seen || request.after.as_ref() == Some(prefix) {
                continue;
            }
        }
        if entries.len() >= limit {
            break;
        }
        entries.push(match folded {
            Some(prefix) => AccountEntry::Prefix(prefix),
            None => {
                let state = tx.container_state(row.id)?;
                let array = row.array_name.clone();
                AccountEntry::Container(Box::new(rows::container(row, state)?), array)
            }
        });
    }
    Ok(entries)
}
