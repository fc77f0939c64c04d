//! Which paths of a container a listing shows: those that are shared or public, or those that others
//! share with the caller.
//!
//! A listing asks for each object that it comes to whether it is shown and, where it is not, from which
//! path on the next may be. So what is not shown is passed over by seeks, however much of it there is.
//!
//! Promises: every object is judged by the sharing that governs it, also below a closer one that takes
//! away what a farther one gives.

use dolium_access::{EVERY_USER, Share, below, governs};
use dolium_catalog::{ContainerId, ContainerRow, ReadTx};

use crate::caller::Caller;
use crate::sharing::{self, above, passes_on, public_counts, share_of};
use crate::{Error, ErrorKind, Result};

/// Groups of one user that are looked at. Anybody may put anybody in a group, so there is an end to it.
const GROUPS_MAX: i64 = 1000;
/// Paths of which a listing remembers what they give.
const KNOWN_MAX: usize = 64;

/// Which objects an owner wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownOnly {
    /// What is shared, with all that lies below shared directories.
    pub shared: bool,
    /// What has a public link.
    pub public: bool,
}

/// Where a path is in what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is shown.
    Shown,
    /// It is not, and nothing is before this path; `None`: nothing is behind it.
    Next(Option<Vec<u8>>),
}

/// What is shown of one container.
pub(crate) enum Scope {
    /// Everything.
    All,
    /// What is shared or public.
    Own(ContainerId, ShownOnly, Known<bool>),
    /// What is shared with a user.
    Shared(Box<SharedWith>),
}

/// What is shared with a user in one container.
pub(crate) struct SharedWith {
    container: ContainerRow,
    owner: String,
    user: String,
    /// The names of the user, among them groups, that anything here is shared with.
    names: Vec<String>,
    /// Which shared paths are directories.
    directories: Known<bool>,
    /// What shared paths give.
    given: Known<Option<Share>>,
}

/// What is known of shared paths, which does not change while a listing runs.
pub(crate) struct Known<T>(Vec<(Vec<u8>, T)>);

impl<T: Copy> Known<T> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn of(&mut self, path: &[u8], ask: impl FnOnce() -> Result<T>) -> Result<T> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == path) {
            return Ok(*known);
        }
        let value = ask()?;
        if self.0.len() >= KNOWN_MAX {
            self.0.clear();
        }
        self.0.push((path.to_vec(), value));
        Ok(value)
    }
}

/// The path whose sharing governs a path.
fn governing(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    path: &[u8],
    directories: &mut Known<bool>,
) -> Result<Option<Vec<u8>>> {
    above(tx, container, path, |tx, found| {
        let counts = found == path
            || (governs(found, path)
                && directories.of(found, || passes_on(tx, container, found))?);
        Ok(counts.then(|| found.to_vec()))
    })
}

/// The names that shares may know a user by.
pub(crate) fn names_of(tx: &mut ReadTx<'_>, user: &str) -> Result<Vec<String>> {
    let mut names = vec![user.to_owned(), EVERY_USER.to_owned()];
    for (account, group) in tx.groups_of_member(user, GROUPS_MAX)? {
        names.push(format!("{account}:{group}"));
    }
    Ok(names)
}

fn least(one: Option<Vec<u8>>, other: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The least path greater than this one.
pub(crate) fn behind(path: &[u8]) -> Vec<u8> {
    [path, &[0]].concat()
}

/// The least path that is greater than all below a shared one. A slash has a successor, so there is one.
fn behind_all_below(shared: &[u8]) -> Vec<u8> {
    let mut next = below(shared);
    if let Some(last) = next.last_mut() {
        *last += 1;
    }
    next
}

impl Scope {
    /// What a caller who may not list a container sees of it; refused when that is nothing.
    pub(crate) fn shared_with(
        tx: &mut ReadTx<'_>,
        who: &Caller,
        container: &ContainerRow,
    ) -> Result<Self> {
        let nothing = || Error::new(ErrorKind::Denied, "nothing here is shared with you");
        let user = who.grantee().ok_or_else(nothing)?;
        if !sharing::is_any(tx, container.id)? {
            return Err(nothing());
        }
        let account = tx.account(container.account_id)?.ok_or_else(nothing)?;
        let everybody = public_counts(container)?;
        let mut names = Vec::new();
        for name in names_of(tx, &user)? {
            let counts = everybody || name != EVERY_USER;
            let first = tx.next_granted_path(&name, &account.name, container.id, b"")?;
            if counts && first.is_some() {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(nothing());
        }
        Ok(Self::Shared(Box::new(SharedWith {
            container: container.clone(),
            owner: account.name,
            user,
            names,
            directories: Known::new(),
            given: Known::new(),
        })))
    }

    /// What an owner sees.
    pub(crate) fn own(container: &ContainerRow, only: ShownOnly) -> Self {
        if only == ShownOnly::default() {
            Self::All
        } else {
            Self::Own(container.id, only, Known::new())
        }
    }

    /// Whether it is somebody else who looks, and not who may list everything.
    pub(crate) fn is_others(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Where a path is.
    pub(crate) fn locate(&mut self, tx: &mut ReadTx<'_>, path: &[u8]) -> Result<Place> {
        match self {
            Self::All => Ok(Place::Shown),
            Self::Own(container, only, directories) => {
                locate_own(tx, *container, *only, directories, path)
            }
            Self::Shared(with) => with.locate(tx, path),
        }
    }

    /// Whether anything may be shown of what begins with a prefix.
    pub(crate) fn reaches(&mut self, tx: &mut ReadTx<'_>, prefix: &[u8]) -> Result<bool> {
        let Self::Shared(with) = self else {
            return Ok(true);
        };
        let next = with.next_granted(tx, prefix)?;
        if next.is_some_and(|next| next.starts_with(prefix)) {
            return Ok(true);
        }
        let user = with.user.clone();
        let above = above(tx, with.container.id, prefix, |tx, found| {
            let rows = tx.shares(with.container.id, found)?;
            let counts = share_of(tx, &with.container, &rows, &user)?.is_some()
                && passes_on(tx, with.container.id, found)?;
            Ok(counts.then_some(()))
        })?;
        Ok(above.is_some())
    }
}

fn locate_own(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    only: ShownOnly,
    directories: &mut Known<bool>,
    path: &[u8],
) -> Result<Place> {
    let mut next = None;
    if only.public {
        let public = tx.next_public_path(container, path)?;
        if public.as_deref() == Some(path) {
            return Ok(Place::Shown);
        }
        next = public;
    }
    if only.shared {
        if governing(tx, container, path, directories)?.is_some() {
            return Ok(Place::Shown);
        }
        let shared = tx.next_shared_path(container, &behind(path))?;
        next = least(
            next,
            least(shared, below_ahead(tx, container, path, |_, _| Ok(true))?),
        );
    }
    Ok(Place::Next(next))
}

/// The start of what lies below a shared path that the given path begins with, as far as that is still
/// ahead: `d-1` comes between `d` and `d/1`.
fn below_ahead(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    path: &[u8],
    mut counts: impl FnMut(&mut ReadTx<'_>, &[u8]) -> Result<bool>,
) -> Result<Option<Vec<u8>>> {
    let mut first = None;
    above::<()>(tx, container, path, |tx, found| {
        let start = below(found);
        if start.as_slice() > path && counts(tx, found)? {
            first = least(first.take(), Some(start));
        }
        Ok(None)
    })?;
    Ok(first)
}

impl SharedWith {
    /// What the sharing at a path gives.
    fn given(&mut self, tx: &mut ReadTx<'_>, shared: &[u8]) -> Result<Option<Share>> {
        let (container, user) = (&self.container, &self.user);
        self.given.of(shared, || {
            let rows = tx.shares(container.id, shared)?;
            share_of(tx, container, &rows, user)
        })
    }

    /// The first path from this one on that names the user.
    fn next_granted(&self, tx: &mut ReadTx<'_>, from: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut next = None;
        for name in &self.names {
            let granted = tx.next_granted_path(name, &self.owner, self.container.id, from)?;
            next = least(next, granted);
        }
        Ok(next)
    }

    fn locate(&mut self, tx: &mut ReadTx<'_>, path: &[u8]) -> Result<Place> {
        let id = self.container.id;
        let at = governing(tx, id, path, &mut self.directories)?;
        let mut next = self.next_granted(tx, &behind(path))?;
        if let Some(at) = at {
            if self.given(tx, &at)?.is_some() {
                return Ok(Place::Shown);
            }
            // A directory above may give more where this one ends.
            let outer = above(tx, id, &at[..at.len() - 1], |tx, found| {
                Ok(self.given(tx, found)?.map(drop))
            })?;
            if outer.is_some() {
                let end = behind_all_below(&at);
                let end = if governs(&at, path) && at != path {
                    end
                } else {
                    behind(path)
                };
                next = least(next, Some(end));
            }
        }
        let ahead = below_ahead(tx, id, path, |tx, found| {
            Ok(self.given(tx, found)?.is_some())
        })?;
        Ok(Place::Next(least(next, ahead)))
    }
}
