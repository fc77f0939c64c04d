//! What is shared: told to owners, to those it is shared with, and to who has a public link.
//!
//! Promises: who is let in by nothing learns nothing, not even what is there.

use dolium_access::{Action, Share, Sharing};
use dolium_catalog::{ContainerId, ReadTx};

use crate::caller::Caller;
use crate::names::{AccountName, ContainerName, Instant, ObjectPath};
use crate::permission::{self, Target};
use crate::request::{Container, ShareEdit};
use crate::rows;
use crate::sharing::{self, follow, governing, public_counts};
use crate::standing::{self, Standing};
use crate::store::Store;
use crate::visible::{ShownOnly, names_of};
use crate::{Error, ErrorKind, Reason, Result};

/// Containers read at a time.
const CONTAINERS_PAGE: i64 = 1000;
/// Paths whose sharing one call tells.
const PATHS_MAX: usize = 10_000;

/// How a path is shared, as one caller sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSharing {
    /// With whom.
    pub sharing: Option<Sharing>,
    /// The path whose sharing it is, when it is that of a directory above.
    pub shared_by: Option<String>,
    /// What the caller may do, unless it is an owner.
    pub allowed: Option<Share>,
    /// The word of its public link, told to owners only.
    pub link: Option<String>,
}

/// Where a public link leads.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Who asks, and may read what the link leads to.
    pub caller: Caller,
    /// The container.
    pub container: ContainerName,
    /// The path.
    pub path: ObjectPath,
    /// Whether an owner wrote it, so that what it refers to is meant to be read with it.
    pub by_owner: bool,
}

fn nothing() -> Error {
    Error::new(ErrorKind::Denied, "nothing there is shared with you")
}

impl Store {
    /// Changes what is shared of an object that is there.
    pub async fn share(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        edit: ShareEdit,
    ) -> Result<()> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx| {
            let path = path.as_str().as_bytes();
            let target = Target::Path(path);
            let row = permission::permitted(tx, &who, &name, Action::PutObject, target)?;
            tx.lock_container(row.id)?;
            if crate::expiry::unended(tx.live(row.id, path)?)?.is_none() {
                let (kind, reason) = (ErrorKind::NotFound, Reason::NoSuchObject);
                return Err(Error::because(kind, reason, "there is no such object"));
            }
            sharing::apply(tx, &who, &row, path, &edit)
        })
        .await
    }

    /// How a path is shared, told to who reads it.
    pub async fn sharing_of(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
    ) -> Result<PathSharing> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        self.look(move |tx| {
            let path = path.as_str().as_bytes();
            let target = Target::Path(path);
            let row = permission::permitted(tx, &who, &name, Action::GetObject, target)?;
            let is_owner = standing::over(tx, &who, &row)? >= Standing::Owner;
            let mut told = PathSharing::default();
            if !is_owner {
                let writes = permission::allows(tx, &who, &row, Action::PutObject, target)?;
                told.allowed = Some(if writes { Share::Write } else { Share::Read });
            }
            if !sharing::is_any(tx, row.id)? {
                return Ok(told);
            }
            if let Some(governing) = governing(tx, row.id, path)? {
                told.sharing = Some(governing.sharing()?);
                if governing.path != path {
                    told.shared_by = Some(String::from_utf8_lossy(&governing.path).into_owned());
                }
            }
            if is_owner {
                told.link = tx.public_link_to(row.id, path)?.map(|link| link.word);
            }
            Ok(told)
        })
        .await
    }

    /// How the paths of a listing are shared by themselves, in their order: `None` where they are not or
    /// the caller does not read them. The paths must ascend.
    pub async fn sharing_of_all(
        &self,
        who: &Caller,
        container: &ContainerName,
        paths: Vec<String>,
    ) -> Result<Vec<Option<PathSharing>>> {
        let (who, name) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = permission::find(tx, &who, &name)?;
            let mut told = vec![None; paths.len()];
            if !sharing::is_any(tx, row.id)? {
                return Ok(told);
            }
            let is_owner = standing::over(tx, &who, &row)? >= Standing::Owner;
            let mut shared = Next::Unknown;
            let mut public = Next::Unknown;
            for (path, slot) in paths.iter().zip(&mut told).take(PATHS_MAX) {
                let path = path.as_bytes();
                let is_shared =
                    shared.is_at(path, |from| Ok(tx.next_shared_path(row.id, from)?))?;
                let is_public = is_owner
                    && public.is_at(path, |from| Ok(tx.next_public_path(row.id, from)?))?;
                if !is_shared && !is_public {
                    continue;
                }
                let mut one = PathSharing::default();
                if is_shared {
                    let rows = tx.shares(row.id, path)?;
                    if !is_owner {
                        let Some(user) = who.grantee() else { continue };
                        one.allowed = sharing::share_of(tx, &row, &rows, &user)?;
                        if one.allowed.is_none() {
                            continue;
                        }
                    }
                    let path = path.to_vec();
                    one.sharing = Some(sharing::Governing { path, rows }.sharing()?);
                }
                if is_public {
                    one.link = tx.public_link_to(row.id, path)?.map(|link| link.word);
                }
                *slot = Some(one);
            }
            Ok(told)
        })
        .await
    }

    /// Follows a public link. Whoever asks may then read what it leads to, unless a policy denies it.
    pub async fn follow_link(&self, who: &Caller, word: &str) -> Result<Followed> {
        let (who, word) = (who.clone(), word.to_owned());
        self.look(move |tx| {
            let absent = || {
                let (kind, reason) = (ErrorKind::NotFound, Reason::NoSuchObject);
                Error::because(kind, reason, "there is no such link")
            };
            let (row, link) = follow(tx, &word)?.ok_or_else(absent)?;
            let account = tx.account(row.account_id)?.ok_or_else(absent)?;
            let by_owner = match tx.live(row.id, &link.path)? {
                Some(live) => match tx.user(live.author)? {
                    Some(author) if author.account_id == row.account_id => {
                        let login = tx.login_of_user(author.id)?;
                        login.is_none_or(|login| login.role != dolium_catalog::Role::Member)
                    }
                    _ => false,
                },
                None => return Err(absent()),
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let account = AccountName::new(&account.name)?;
            Ok(Followed {
                caller: who.by_link(row.id, link.path.clone()),
                container: ContainerName::in_account(account, text(&row.name))?,
                path: ObjectPath::new(text(&link.path))?,
                by_owner,
            })
        })
        .await
    }

    /// A page of the accounts that share something with the caller, by name, and when each was made.
    pub async fn sharers(
        &self,
        who: &Caller,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<(AccountName, Instant)>> {
        let Some(user) = who.grantee() else {
            return Err(nothing());
        };
        let who = who.clone();
        self.look(move |tx| {
            let names = names_of(tx, &user)?;
            let own = who.principal().map(|user| user.account.clone());
            let own = own.filter(|_| who.principal().is_some_and(|user| user.owns_account()));
            let mut after = after.unwrap_or_default();
            // The next account of each name; asked again when it was passed.
            let mut next: Vec<Next<String>> = names.iter().map(|_| Next::Unknown).collect();
            let mut found = Vec::new();
            while found.len() < limit {
                let mut least: Option<String> = None;
                for (name, next) in names.iter().zip(&mut next) {
                    let candidate =
                        next.behind(&after, |after| Ok(tx.next_sharing_account(name, after)?))?;
                    if candidate.is_some_and(|one| least.as_ref().is_none_or(|least| one < least)) {
                        least = candidate.cloned();
                    }
                }
                let Some(account) = least else { break };
                after.clone_from(&account);
                if own.as_ref() == Some(&account) {
                    continue;
                }
                let Some(row) = tx.account_by_name(&account)? else {
                    continue;
                };
                if !shared_containers(tx, &row.name, &names)?.is_empty() {
                    found.push((AccountName::new(&row.name)?, Instant(row.created)));
                }
            }
            Ok(found)
        })
        .await
    }

    /// The containers of somebody else's account in which something is shared with the caller, by name;
    /// refused when there are none, and when there is no such account.
    pub async fn shared_containers(
        &self,
        who: &Caller,
        account: &AccountName,
    ) -> Result<Vec<Container>> {
        let Some(user) = who.grantee() else {
            return Err(nothing());
        };
        let account = account.clone();
        self.look(move |tx| {
            let names = names_of(tx, &user)?;
            let mut found = Vec::new();
            for id in shared_containers(tx, account.as_str(), &names)? {
                if let Some(row) = tx.container(id)? {
                    let state = tx.container_state(id)?;
                    found.push(rows::container(row, state)?);
                }
            }
            if found.is_empty() {
                return Err(nothing());
            }
            found.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(found)
        })
        .await
    }

    /// An owner's containers that hold something shared or public, by name. An account has a bounded number
    /// of containers.
    pub async fn containers_showing(
        &self,
        who: &Caller,
        account: &AccountName,
        only: ShownOnly,
    ) -> Result<Vec<Container>> {
        let (who, account) = (who.clone(), account.clone());
        self.look(move |tx| {
            let (found, standing) = standing::in_account(tx, &who, &account)?;
            if standing < Standing::Owner {
                return Err(nothing());
            }
            let Some(found) = found else {
                return Ok(Vec::new());
            };
            let mut showing = Vec::new();
            let mut after: Option<Vec<u8>> = None;
            loop {
                let page = tx.containers(found.id, after.as_deref(), CONTAINERS_PAGE)?;
                let Some(last) = page.last() else {
                    return Ok(showing);
                };
                after = Some(last.name.clone());
                for row in page {
                    if sharing::is_any(tx, row.id)? && shows(tx, row.id, only)? {
                        let state = tx.container_state(row.id)?;
                        showing.push(rows::container(row, state)?);
                    }
                }
            }
        })
        .await
    }
}

fn shows(tx: &mut ReadTx<'_>, container: ContainerId, only: ShownOnly) -> Result<bool> {
    Ok(
        (only.shared && tx.next_shared_path(container, b"")?.is_some())
            || (only.public && tx.next_public_path(container, b"")?.is_some()),
    )
}

/// The containers of an account in which something is shared under one of these names.
fn shared_containers(
    tx: &mut ReadTx<'_>,
    account: &str,
    names: &[String],
) -> Result<Vec<ContainerId>> {
    let mut found = Vec::new();
    for name in names {
        let mut after = ContainerId(i64::MIN);
        while let Some(id) = tx.next_sharing_container(name, account, after)? {
            after = id;
            if found.contains(&id) {
                continue;
            }
            let Some(row) = tx.container(id)? else {
                continue;
            };
            if name != dolium_access::EVERY_USER || public_counts(&row)? {
                found.push(id);
            }
        }
    }
    Ok(found)
}

/// The next of something, as far as it was asked for.
enum Next<T> {
    Unknown,
    At(T),
    None,
}

impl Next<Vec<u8>> {
    /// Whether the next from this path on is the path itself.
    fn is_at(
        &mut self,
        path: &[u8],
        ask: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<bool> {
        let passed = match self {
            Self::Unknown => true,
            Self::At(next) => next.as_slice() < path,
            Self::None => false,
        };
        if passed {
            *self = ask(path)?.map_or(Self::None, Self::At);
        }
        Ok(matches!(self, Self::At(next) if next == path))
    }
}

impl Next<String> {
    /// The next behind this name.
    fn behind(
        &mut self,
        after: &str,
        ask: impl FnOnce(&str) -> Result<Option<String>>,
    ) -> Result<Option<&String>> {
        let passed = match self {
            Self::Unknown => true,
            Self::At(next) => next.as_str() <= after,
            Self::None => false,
        };
        if passed {
            *self = ask(after)?.map_or(Self::None, Self::At);
        }
        Ok(match self {
            Self::At(next) => Some(next),
            _ => None,
        })
    }
}
