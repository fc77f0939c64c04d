//! What the owner of a path shares of it: who of others reads and writes there.
//!
//! The sharing that governs a path is its own or, where it has none, that of the closest directory above
//! it; nothing is merged, so a closer one may take away what a farther one gives. A path that does not
//! exist is governed too: who writes a directory makes objects in it. What is shared is read and written
//! only: deleting, renaming, sharing on and everything about the container stay the owner's.
//!
//! What is shared with every user counts as public: a container's public access block closes it, and the
//! public links too, as it does lists that let everybody in.
//!
//! Promises: closed unless a share opens it; groups are looked up when they are needed; who owns the
//! container never comes here, and a container that shares nothing costs one seek.
//! Does not: overrule a policy that denies (`permission` asks here last).

use dolium_access::{Action, EVERY_USER, Share, Sharing, SharingError, governs, is_directory};
use dolium_catalog::{
    Cluster, ContainerId, ContainerRow, PublicLinkRow, ReadTx, ShareRow, WriteTx, member_grantee,
};

use crate::caller::Caller;
use crate::permission::{self, ACCESS, Target};
use crate::request::ShareEdit;
use crate::rows::mentions;
use crate::standing::{self, Standing};
use crate::{Error, ErrorKind, Reason, Result};

/// The share rows that govern a path, and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Governing {
    pub(crate) path: Vec<u8>,
    pub(crate) rows: Vec<ShareRow>,
}

impl Governing {
    /// As it is written.
    pub(crate) fn sharing(&self) -> Result<Sharing> {
        let grant = |row: &ShareRow| {
            let share = if row.writes {
                Share::Write
            } else {
                Share::Read
            };
            (row.grantee.clone(), share)
        };
        Sharing::of_grants(self.rows.iter().map(grant)).map_err(refused)
    }
}

/// What is no sharing, as callers hear it.
pub(crate) fn refused(error: SharingError) -> Error {
    Error::because(ErrorKind::Invalid, Reason::BadGrantees, error.to_string())
}

/// Whether anything in a container is shared or public.
pub(crate) fn is_any(tx: &mut ReadTx<'_>, container: ContainerId) -> Result<bool> {
    let state = tx.container_state(container)?;
    Ok(state.is_some_and(|state| state.shares > 0))
}

/// The shared paths that a path begins with, the longest first, as far as `wanted` goes on.
pub(crate) fn above<T>(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    path: &[u8],
    mut wanted: impl FnMut(&mut ReadTx<'_>, &[u8]) -> Result<Option<T>>,
) -> Result<Option<T>> {
    // Every beginning of the path is at most the path, and what lies between a beginning and the last
    // shared path below it cannot be shared: so each seek either finds one or shortens what is left.
    let mut len = path.len();
    while len > 0 {
        let Some(found) = tx.last_shared_path(container, &path[..len])? else {
            return Ok(None);
        };
        let common = found.iter().zip(path).take_while(|(a, b)| a == b).count();
        if common < found.len() {
            len = common;
            continue;
        }
        if let Some(value) = wanted(tx, &found)? {
            return Ok(Some(value));
        }
        len = found.len() - 1;
    }
    Ok(None)
}

/// Whether a path passes its sharing on: it is a directory now.
pub(crate) fn passes_on(tx: &mut ReadTx<'_>, container: ContainerId, path: &[u8]) -> Result<bool> {
    let live = crate::expiry::unended(tx.live(container, path)?)?;
    Ok(live.is_some_and(|live| is_directory(&live.content_type)))
}

/// The sharing that governs a path.
pub(crate) fn governing(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    path: &[u8],
) -> Result<Option<Governing>> {
    let at = above(tx, container, path, |tx, found| {
        let counts = found == path || (governs(found, path) && passes_on(tx, container, found)?);
        Ok(counts.then(|| found.to_vec()))
    })?;
    let Some(path) = at else { return Ok(None) };
    let rows = tx.shares(container, &path)?;
    Ok(Some(Governing { path, rows }))
}

/// Whether what is shared with every user, and public links, count in a container.
pub(crate) fn public_counts(row: &ContainerRow) -> Result<bool> {
    if !mentions(&row.attributes, ACCESS) {
        return Ok(true);
    }
    let block = permission::rules(row)?.public_access_block;
    Ok(!(block.ignore_public_acls || block.restrict_public_buckets))
}

/// What shares give a user whom they know by this name.
pub(crate) fn share_of(
    tx: &mut ReadTx<'_>,
    container: &ContainerRow,
    rows: &[ShareRow],
    user: &str,
) -> Result<Option<Share>> {
    let mut found = None;
    for row in rows {
        let share = if row.writes {
            Share::Write
        } else {
            Share::Read
        };
        if found >= Some(share) {
            continue;
        }
        let is_named = if row.grantee == EVERY_USER {
            public_counts(container)?
        } else {
            row.grantee == user || is_in(tx, &row.grantee, user)?
        };
        if is_named {
            found = Some(share);
        }
    }
    Ok(found)
}

/// Whether a grantee is a group that a user is in.
fn is_in(tx: &mut ReadTx<'_>, grantee: &str, user: &str) -> Result<bool> {
    let Some((account, group)) = grantee.split_once(':') else {
        return Ok(false);
    };
    match tx.account_by_name(account)? {
        Some(account) => Ok(tx.is_in_group(account.id, group, user)?),
        None => Ok(false),
    }
}

/// What shares give the caller at a path.
pub(crate) fn granted(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &[u8],
) -> Result<Option<Share>> {
    let Some(user) = who.grantee() else {
        return Ok(None);
    };
    if !is_any(tx, container.id)? {
        return Ok(None);
    }
    match governing(tx, container.id, path)? {
        Some(governing) => share_of(tx, container, &governing.rows, &user),
        None => Ok(None),
    }
}

/// Whether shares, or the public link that the caller came by, allow this.
pub(crate) fn allows(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    action: Action,
    target: Target<'_>,
) -> Result<bool> {
    let path = match target {
        Target::Container => return Ok(false),
        Target::Path(path) => path,
        Target::Version(version) => version.path.as_slice(),
    };
    let wanted = match action {
        Action::GetObject | Action::GetObjectVersion => Share::Read,
        Action::PutObject => Share::Write,
        _ => return Ok(false),
    };
    if wanted == Share::Read && who.came_by_link_to(container.id, path) {
        return Ok(true);
    }
    Ok(granted(tx, who, container, path)? >= Some(wanted))
}

/// Fails unless the caller may change what is shared like this. Who writes a path may make it public; only
/// owners share it.
pub(crate) fn check_edit(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    edit: &ShareEdit,
) -> Result<()> {
    if edit.sharing.is_some() && standing::over(tx, who, container)? < Standing::Owner {
        let context = "only its owner shares an object";
        return Err(Error::new(ErrorKind::Denied, context));
    }
    let opens = edit.public == Some(true)
        || edit
            .sharing
            .as_ref()
            .is_some_and(Sharing::is_with_everybody);
    if opens
        && mentions(&container.attributes, ACCESS)
        && permission::rules(container)?
            .public_access_block
            .block_public_acls
    {
        let context = "opening objects to everybody is blocked here";
        return Err(Error::because(
            ErrorKind::Denied,
            Reason::PublicBlocked,
            context,
        ));
    }
    Ok(())
}

/// Changes what is shared of a path that the caller may write.
pub(crate) fn apply(
    tx: &mut WriteTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &[u8],
    edit: &ShareEdit,
) -> Result<()> {
    if *edit == ShareEdit::default() {
        return Ok(());
    }
    check_edit(tx, who, container, edit)?;
    if let Some(sharing) = &edit.sharing {
        let sharing = resolved(tx, sharing)?;
        let account = tx.account(container.account_id)?;
        let owner = account.map(|account| account.name).unwrap_or_default();
        let grants = sharing.grants();
        let grants = grants.map(|(name, share)| (name.to_owned(), share == Share::Write));
        let grants: Vec<(String, bool)> = grants.collect();
        tx.set_shares(container.id, &owner, path, &grants)?;
    }
    match edit.public {
        Some(true) if tx.public_link_to(container.id, path)?.is_none() => {
            tx.create_public_link(&PublicLinkRow {
                word: random_word(),
                container_id: container.id,
                path: path.to_vec(),
            })?;
        }
        Some(false) => {
            tx.delete_public_link(container.id, path)?;
        }
        Some(true) | None => {}
    }
    Ok(())
}

/// Drops what was shared of a path that is no more.
pub(crate) fn forget(tx: &mut WriteTx<'_>, container: ContainerId, path: &[u8]) -> Result<()> {
    if is_any(tx, container)? {
        tx.forget_shares(container, path)?;
    }
    Ok(())
}

/// Fails when somebody else than an owner makes a directory of what is shared by itself, or the reverse:
/// that would change what is shared of the paths below.
pub(crate) fn check_kind(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &[u8],
    content_type: &str,
) -> Result<()> {
    if who.owns(container.account_id) || !is_any(tx, container.id)? {
        return Ok(());
    }
    let live = tx.live(container.id, path)?;
    let was = live.is_some_and(|live| is_directory(&live.content_type));
    let same = was == is_directory(content_type);
    if same
        || tx.shares(container.id, path)?.is_empty()
        || standing::over(tx, who, container)? >= Standing::Owner
    {
        return Ok(());
    }
    let context = "only its owner makes a shared object a directory, or a directory an object";
    Err(Error::new(ErrorKind::Denied, context))
}

/// Whether what the caller writes at a path belongs to the container's account, because shares let it in.
pub(crate) fn writes_for_owner(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    path: &[u8],
) -> Result<bool> {
    Ok(granted(tx, who, container, path)? == Some(Share::Write))
}

/// A sharing with the names of grantees as the catalog spells them.
fn resolved(tx: &mut ReadTx<'_>, sharing: &Sharing) -> Result<Sharing> {
    let mut grants = Vec::new();
    for (name, share) in sharing.grants() {
        grants.push((resolve(tx, name)?, share));
    }
    Sharing::of_grants(grants).map_err(refused)
}

/// A grantee's name as the catalog spells it: as it is where that is somebody's, else in lower case. Names
/// of groups are in lower case always.
pub(crate) fn resolve(tx: &mut ReadTx<'_>, name: &str) -> Result<String> {
    let lower = name.to_lowercase();
    if name == lower || name == EVERY_USER {
        return Ok(lower);
    }
    if let Some((account, group)) = name.split_once(':') {
        return Ok(match tx.account_by_name(account)? {
            Some(account) => format!("{}:{}", account.name, group.to_lowercase()),
            None => lower,
        });
    }
    if name.contains('!') {
        let login = tx.login_by_name(&name.replacen('!', ":", 1))?;
        return Ok(login.map_or(lower, |login| member_grantee(&login.name)));
    }
    let account = tx.account_by_name(name)?;
    Ok(account.map_or(lower, |account| account.name))
}

/// A random word of a link: 128 bits in base 62, so nobody finds one by trying.
fn random_word() -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest: u128 = rand::random();
    let mut word = String::new();
    while rest > 0 || word.is_empty() {
        word.push(char::from(DIGITS[(rest % 62) as usize]));
        rest /= 62;
    }
    word
}

/// The live object that a public link leads to now.
pub(crate) fn follow(
    tx: &mut ReadTx<'_>,
    word: &str,
) -> Result<Option<(ContainerRow, PublicLinkRow)>> {
    let Some(link) = tx.public_link(word)? else {
        return Ok(None);
    };
    let Some(container) = tx.container(link.container_id)? else {
        return Ok(None);
    };
    let live = tx.head(container.id, &link.path)?;
    let is_there = live.is_some_and(|live| live.cluster == Cluster::Normal);
    Ok((is_there && public_counts(&container)?).then_some((container, link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ_and_are_words() {
        let (one, two) = (random_word(), random_word());
        assert_ne!(one, two);
        for word in [one, two] {
            assert!(word.chars().all(|c| c.is_ascii_alphanumeric()), "{word}");
            assert!(word.len() <= 22, "{word}");
        }
    }
}
