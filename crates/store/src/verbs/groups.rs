//! Groups of an account: users that its owner, or anybody, shares something with under one name.
//!
//! Promises: a change leaves groups that keep to the limits, or none of it happens.

use dolium_access::GRANTEE_LEN_MAX;
use dolium_catalog::{AccountRow, Groups, ReadTx, WriteTx};

use crate::sharing::resolve;
use crate::{Error, ErrorKind, Reason, Result};

/// Groups of one account (Pithos' limit).
const GROUPS_MAX: usize = 32;
/// Members of one group (Pithos' limit).
const GROUP_MEMBERS_MAX: usize = 32;
/// What no name of a group or member has: it would mean something where shares are written.
const RESERVED: &[char] = &[':', ',', ';', '=', '*', '/', ' '];

fn refused(context: impl Into<String>) -> Error {
    Error::because(ErrorKind::Invalid, Reason::BadGrantees, context)
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let bad = |c: char| RESERVED.contains(&c) || c.is_control();
    let len = name.chars().count();
    if len == 0 || len > GRANTEE_LEN_MAX || name.contains(bad) {
        return Err(refused(format!("Bad {what} name")));
    }
    Ok(())
}

/// Groups as the catalog spells them: those without members are none.
fn settled(tx: &mut ReadTx<'_>, groups: &Groups) -> Result<Groups> {
    let mut settled = Groups::new();
    for (name, members) in groups {
        check_name("group", name)?;
        if name.contains(['-', '_']) {
            return Err(refused("Bad group name"));
        }
        for member in members {
            check_name("member", member)?;
            let member = resolve(tx, member)?;
            settled
                .entry(name.to_lowercase())
                .or_default()
                .insert(member);
        }
    }
    if settled.len() > GROUPS_MAX {
        return Err(refused(format!(
            "An account has at most {GROUPS_MAX} groups"
        )));
    }
    if settled
        .values()
        .any(|group| group.len() > GROUP_MEMBERS_MAX)
    {
        let context = format!("A group has at most {GROUP_MEMBERS_MAX} members");
        return Err(refused(context));
    }
    Ok(settled)
}

/// Replaces the groups of an account.
pub(super) fn set(tx: &mut WriteTx<'_>, account: &AccountRow, groups: &Groups) -> Result<()> {
    let settled = settled(tx, groups)?;
    Ok(tx.set_groups(account.id, &settled)?)
}
