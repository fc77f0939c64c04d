//! Standing: what a caller is to an account, beside what its containers say.
//!
//! An account has owners: its users, but for those who only belong to it, and whoever owns all accounts.
//! It may let others in as a whole, by a list in namespace `access` of its attributes, key `grants`:
//! JSON with `admin`, `read-write` and `read-only`, each a list of logins and account names. A service
//! keeps for the user of account `x` an account `SERVICE_x`, which opens to an owner of `x` for whom
//! the service vouches in the same request.
//!
//! Containers may list who reads and who writes them (`access`: `read`, `write`). Neither standing nor lists
//! say anything about objects that somebody else owns. Elements that let everybody in do not count while
//! the container's public access block ignores public grants or restricts public buckets.
//!
//! Promises: what cannot be read closes.

use dolium_access::{Action, Grantees, GranteesDoor};
use dolium_catalog::{AccountRow, ContainerRow, ReadTx};
use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::caller::{Caller, Pass};
use crate::names::AccountName;
use crate::permission::{self, ACCESS};
use crate::rows::{decode_attributes, mentions};
use crate::{Error, ErrorKind, Result};

/// The key of the list of who reads a container.
pub const READERS: &str = "read";
/// The key of the list of who writes it.
pub const WRITERS: &str = "write";
/// The key of what an account grants as a whole.
pub(crate) const GRANTS: &str = "grants";
/// What the names of accounts begin with that services keep for users.
pub const SERVICE_PREFIX: &str = "SERVICE_";

/// What a caller is to an account, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A stranger.
    Stranger,
    /// May read everything but what is the owners'.
    Reader,
    /// May write too.
    Writer,
    /// May do everything in it.
    Owner,
    /// Owns all accounts, so also makes and removes them.
    Reseller,
}

/// What an account grants as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountGrants {
    /// Who is as good as an owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin: Vec<String>,
    /// Who reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<String>,
    /// Who reads and writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_write: Vec<String>,
}

impl AccountGrants {
    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn standing_of(&self, groups: &[String]) -> Standing {
        let has = |list: &[String]| list.iter().any(|name| groups.contains(name));
        if has(&self.admin) {
            Standing::Owner
        } else if has(&self.read_write) {
            Standing::Writer
        } else if has(&self.read_only) {
            Standing::Reader
        } else {
            Standing::Stranger
        }
    }
}

/// What the attributes of an account grant.
pub(crate) fn grants_of(attributes: &Attributes) -> Result<AccountGrants> {
    let text = attributes.get(ACCESS, GRANTS);
    let grants = text.map(serde_json::from_str).transpose();
    Ok(grants
        .map_err(|error| malformed(&error))?
        .unwrap_or_default())
}

fn malformed(error: &dyn std::fmt::Display) -> Error {
    let context = format!("the catalog holds a malformed access setting: {error}");
    Error::new(ErrorKind::Corrupt, context)
}

/// What a caller is to an account that there is.
pub(crate) fn standing(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    account: &AccountRow,
) -> Result<Standing> {
    let Some(user) = who.principal() else {
        return Ok(Standing::Stranger);
    };
    if let Some(standing) = by_name(who, &account.name) {
        return Ok(standing);
    }
    if user.account_id == account.id && user.owns_account() {
        return Ok(Standing::Owner);
    }
    let attributes = tx.account_attributes(account.id)?;
    if !mentions(&attributes, ACCESS) {
        return Ok(Standing::Stranger);
    }
    let grants = grants_of(&decode_attributes(&attributes)?)?;
    Ok(grants.standing_of(who.groups()))
}

/// What a caller is to the account of a container.
pub(crate) fn over(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
) -> Result<Standing> {
    match tx.account(container.account_id)? {
        Some(account) => standing(tx, who, &account),
        None => Ok(Standing::Stranger),
    }
}

/// What a caller is to an account that need not be there.
pub(crate) fn by_name(who: &Caller, account: &str) -> Option<Standing> {
    if who.is_admin() {
        return Some(Standing::Reseller);
    }
    let user = who.principal().filter(|_| who.is_vouched_for())?;
    let of_user = account.strip_prefix(SERVICE_PREFIX) == Some(user.account.as_str());
    (of_user && user.owns_account()).then_some(Standing::Owner)
}

/// An account and what the caller is to it.
pub(crate) fn in_account(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    name: &AccountName,
) -> Result<(Option<AccountRow>, Standing)> {
    let Some(account) = tx.account_by_name(name.as_str())? else {
        let standing = by_name(who, name.as_str()).unwrap_or(Standing::Stranger);
        return Ok((None, standing));
    };
    let standing = standing(tx, who, &account)?;
    Ok((Some(account), standing))
}

/// Whether the caller's standing in the container's account, or the container's lists, allow this.
pub(crate) fn allows(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    object_is_foreign: bool,
) -> Result<bool> {
    // What somebody else owns in the account's container is theirs: its access list has spoken.
    if object_is_foreign {
        return Ok(false);
    }
    if mentions(&row.attributes, ACCESS) && by_lists(who, row, action)? {
        return Ok(true);
    }
    if who.principal().is_none() && who.pass().is_none() {
        return Ok(false);
    }
    let Some(account) = tx.account(row.account_id)? else {
        return Ok(false);
    };
    if who
        .pass()
        .is_some_and(|pass| passes(pass, &account, row, action))
    {
        return Ok(true);
    }
    Ok(match standing(tx, who, &account)? {
        Standing::Owner | Standing::Reseller => true,
        Standing::Writer => door_of(action).is_some() || changes_container(action),
        Standing::Reader => door_of(action) == Some(GranteesDoor::Read),
        Standing::Stranger => false,
    })
}

fn passes(pass: &Pass, account: &AccountRow, row: &ContainerRow, action: Action) -> bool {
    let here = pass.account.as_str() == account.name
        && pass
            .container
            .as_ref()
            .is_none_or(|container| container.as_bytes() == row.name);
    here && match door_of(action) {
        Some(GranteesDoor::Read) => pass.read,
        Some(GranteesDoor::Write) => pass.write,
        None => false,
    }
}

fn by_lists(who: &Caller, row: &ContainerRow, action: Action) -> Result<bool> {
    let Some(door) = door_of(action) else {
        return Ok(false);
    };
    let attributes = decode_attributes(&row.attributes)?;
    let key = match door {
        GranteesDoor::Read => READERS,
        GranteesDoor::Write => WRITERS,
    };
    let Some(text) = attributes.get(ACCESS, key) else {
        return Ok(false);
    };
    let list = Grantees::parse(text, door).map_err(|error| malformed(&error))?;
    if list.admits_groups(who.groups()) {
        return Ok(true);
    }
    // What lets everybody in is public, whichever protocol wrote it.
    let block = permission::rules(row)?.public_access_block;
    if block.ignore_public_acls || block.restrict_public_buckets {
        return Ok(false);
    }
    if list.admits_everybody(who.groups()) {
        return Ok(true);
    }
    let referrer = who.context().get("aws:Referer");
    let referrer = referrer.and_then(|values| values.first().map(String::as_str));
    let may_look = action.is_on_object() || list.admits_listings();
    Ok(door == GranteesDoor::Read && may_look && list.admits_referrer(referrer))
}

/// Which of a container's lists is asked. None of them lets anybody at single versions: those are the
/// owners'.
fn door_of(action: Action) -> Option<GranteesDoor> {
    use Action as A;
    match action {
        A::GetObject | A::ListBucket | A::ListBucketVersions => Some(GranteesDoor::Read),
        A::PutObject | A::DeleteObject => Some(GranteesDoor::Write),
        _ => None,
    }
}

/// What whoever writes an account may do to its containers.
fn changes_container(action: Action) -> bool {
    matches!(action, Action::DeleteBucket | Action::CreateBucket)
}
