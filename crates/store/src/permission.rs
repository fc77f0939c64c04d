//! Permissions: the one place where a verb asks whether its caller may.
//!
//! What a container says about access lies in its attributes, namespace `access`: `policy` (the text of
//! a bucket policy), `acl`, `block` (the public access block) and `ownership`, the last three as JSON.
//! A version that another account wrote, or that was given an access list, carries its `acl` in the
//! same namespace. [`dolium_access`] decides; this module gathers what it decides on.
//!
//! Promises: closed unless something opens it; evaluated in the transaction that acts on the answer.
//! Does not: change access settings (`verbs/guards`, `verbs/settings`).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use dolium_access::{
    Acl, Action, Asked, Context, Decision, ObjectFacts, Owner, Ownership, Policy,
    PublicAccessBlock, Rules, decide,
};
use dolium_catalog::{AccountId, ContainerRow, ReadTx, Role, VersionRow};
use parking_lot::Mutex;

use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::names::{ContainerName, Selector};
use crate::rows::{decode_attributes, mentions};
use crate::sharing;
use crate::standing::{self, Standing};
use crate::{Error, ErrorKind, Reason, Result};

/// The namespace of access settings, on containers and versions.
pub(crate) const ACCESS: &str = "access";
/// Its key for an access list.
pub(crate) const ACL: &str = "acl";
/// Its key for the policy.
pub(crate) const POLICY: &str = "policy";
/// Its key for the public access block.
pub(crate) const BLOCK: &str = "block";
/// Its key for who owns objects.
pub(crate) const OWNERSHIP: &str = "ownership";
/// The namespace of object tags.
pub(crate) const TAGS: &str = "tag";
/// What policies call the tags of an existing object.
const EXISTING_TAG: &str = "s3:ExistingObjectTag/";

/// A way of looking at an object, with and without a version named: policies tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAction(Action, Action);

impl ReadAction {
    /// Reading content and metadata.
    pub const GET: Self = Self(Action::GetObject, Action::GetObjectVersion);
    /// Reading the access list.
    pub const ACL: Self = Self(Action::GetObjectAcl, Action::GetObjectVersionAcl);
    /// Replacing the access list.
    pub const PUT_ACL: Self = Self(Action::PutObjectAcl, Action::PutObjectVersionAcl);
    /// Reading the tags.
    pub const TAGS: Self = Self(Action::GetObjectTagging, Action::GetObjectVersionTagging);
    /// Replacing the tags.
    pub const PUT_TAGS: Self = Self(Action::PutObjectTagging, Action::PutObjectVersionTagging);
    /// Removing the tags.
    pub const DELETE_TAGS: Self = Self(
        Action::DeleteObjectTagging,
        Action::DeleteObjectVersionTagging,
    );
    /// Reading the attributes that S3 lists apart.
    pub const ATTRIBUTES: Self = Self(
        Action::GetObjectAttributes,
        Action::GetObjectVersionAttributes,
    );
    /// Reading the retention.
    pub const RETENTION: Self = Self(Action::GetObjectRetention, Action::GetObjectRetention);
    /// Replacing the retention.
    pub const PUT_RETENTION: Self = Self(Action::PutObjectRetention, Action::PutObjectRetention);
    /// Reading the legal hold.
    pub const HOLD: Self = Self(Action::GetObjectLegalHold, Action::GetObjectLegalHold);
    /// Setting the legal hold.
    pub const PUT_HOLD: Self = Self(Action::PutObjectLegalHold, Action::PutObjectLegalHold);

    /// Whether looking needs the client's key, when the object was encrypted with one.
    pub(crate) fn needs_key(self) -> bool {
        self == Self::GET || self == Self::ATTRIBUTES
    }

    /// The action on a version that was addressed like this.
    pub(crate) fn on(self, version: Selector) -> Action {
        match version {
            Selector::Current => self.0,
            Selector::Serial(_) | Selector::Null => self.1,
        }
    }
}

/// What an action is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// The container itself.
    Container,
    /// A path in it, whatever is there.
    Path(&'a [u8]),
    /// An existing version.
    Version(&'a VersionRow),
}

/// The container of a name, whoever asks.
pub(crate) fn lookup(tx: &mut ReadTx<'_>, name: &ContainerName) -> Result<Option<ContainerRow>> {
    let Some(account) = name.account() else {
        return Ok(tx.container_by_bucket(name.as_str())?);
    };
    match tx.account_by_name(account.as_str())? {
        Some(account) => Ok(tx.container_by_name(account.id, name.as_str().as_bytes())?),
        None => Ok(None),
    }
}

/// The container of a name. Among the containers of an account only who has some standing in it learns
/// that there is none of that name.
pub(crate) fn find(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    name: &ContainerName,
) -> Result<ContainerRow> {
    if let Some(row) = lookup(tx, name)? {
        return Ok(row);
    }
    if let Some(account) = name.account()
        && standing::in_account(tx, who, account)?.1 == Standing::Stranger
    {
        return Err(Error::new(ErrorKind::Denied, "you may not do this here"));
    }
    let context = format!("there is no container {name}");
    let reason = Reason::NoSuchContainer;
    Err(Error::because(ErrorKind::NotFound, reason, context))
}

/// The container of a name, in which the caller may do this.
pub(crate) fn permitted(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    name: &ContainerName,
    action: Action,
    target: Target<'_>,
) -> Result<ContainerRow> {
    let row = find(tx, who, name)?;
    require(tx, who, &row, action, target)?;
    Ok(row)
}

/// Fails unless the caller may do this.
pub(crate) fn require(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    target: Target<'_>,
) -> Result<()> {
    if allows(tx, who, row, action, target)? {
        return Ok(());
    }
    let context = format!("you may not do {} here", action.name());
    Err(Error::new(ErrorKind::Denied, context))
}

/// Fails when a policy denies this in so many words, whatever else allows it.
pub(crate) fn refuse_denied(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    target: Target<'_>,
) -> Result<()> {
    match decision(tx, who, row, action, target)? {
        Decision::Deny { explicit: true } => {
            let context = format!("a policy denies you {} here", action.name());
            Err(Error::new(ErrorKind::Denied, context))
        }
        Decision::Allow | Decision::Deny { explicit: false } => Ok(()),
    }
}

/// Fails unless the caller may know what is not at a path: who may list the container may, who its lists
/// let read everything in it, and who reads what is shared there.
pub(crate) fn require_knowing(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    path: &[u8],
) -> Result<()> {
    let decided = decision(tx, who, row, Action::ListBucket, Target::Container)?;
    let knows = match decided {
        Decision::Allow => true,
        Decision::Deny { explicit: true } => false,
        Decision::Deny { explicit: false } => {
            standing::allows(tx, who, row, action, false)?
                || sharing::allows(tx, who, row, action, Target::Path(path))?
        }
    };
    if knows {
        return Ok(());
    }
    let context = format!("you may not do {} here", Action::ListBucket.name());
    Err(Error::new(ErrorKind::Denied, context))
}

/// Whether the caller may do this.
pub(crate) fn allows(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    target: Target<'_>,
) -> Result<bool> {
    Ok(decision(tx, who, row, action, target)? == Decision::Allow)
}

fn decision(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    action: Action,
    target: Target<'_>,
) -> Result<Decision> {
    if who.is_admin() {
        return Ok(Decision::Allow);
    }
    let object: &[u8] = match target {
        Target::Version(version) => &version.meta,
        Target::Container | Target::Path(_) => &[],
    };
    if !mentions(&row.attributes, ACCESS) && !mentions(object, ACCESS) {
        let own = who
            .principal()
            .is_some_and(|user| user.account_id == row.account_id && user.owns_account());
        let allowed = own
            || standing::allows(tx, who, row, action, false)?
            || sharing::allows(tx, who, row, action, target)?;
        return Ok(if allowed {
            Decision::Allow
        } else {
            Decision::Deny { explicit: false }
        });
    }
    let object = decode_attributes(object)?;
    let acl = acl_of(&object)?;
    let rules = rules(row)?;
    let path = match target {
        Target::Container => None,
        Target::Path(path) => Some(path),
        Target::Version(version) => Some(version.path.as_slice()),
    };
    let key = path.map(String::from_utf8_lossy);
    let bucket = String::from_utf8_lossy(&row.name).into_owned();
    let owner = owner(tx, row.account_id)?;
    let account = row.account_id.to_string();
    let tagged = with_tags(who.context(), &rules, &object);
    let asked = Asked {
        who: who.requester(),
        action,
        bucket: &bucket,
        key: key.as_deref(),
        context: tagged.as_ref().unwrap_or_else(|| who.context()),
        bucket_owner: Owner {
            canonical_id: &owner.0,
            account: &account,
        },
        object: matches!(target, Target::Version(_)).then(|| ObjectFacts {
            acl: acl.as_ref(),
            owner: acl.as_ref().map(|acl| acl.owner.as_str()),
        }),
    };
    match decide(&rules, &asked) {
        Decision::Deny { explicit: false } => {
            let foreign =
                acl.as_ref().is_some_and(|acl| acl.owner != owner.0) && rules.acls_count();
            // What somebody else owns in the container is not its owner's to share.
            let allowed = standing::allows(tx, who, row, action, foreign)?
                || (!foreign && sharing::allows(tx, who, row, action, target)?);
            Ok(if allowed {
                Decision::Allow
            } else {
                Decision::Deny { explicit: false }
            })
        }
        decided => Ok(decided),
    }
}

/// The tags of the object among the circumstances, when the policy looks at them.
fn with_tags(context: &Context, rules: &Rules, object: &Attributes) -> Option<Context> {
    let policy = rules.policy.as_ref()?;
    if !policy.references(EXISTING_TAG) {
        return None;
    }
    let mut context = context.clone();
    for (name, value) in object.namespace(TAGS) {
        context.set(&format!("{EXISTING_TAG}{name}"), value);
    }
    Some(context)
}

/// Rules parsed lately, by container, with the attributes they were parsed from: a policy is not parsed
/// for every request. Compared by those bytes, so never out of date, whichever store they are of.
static PARSED: LazyLock<Mutex<Parsed>> = LazyLock::new(Mutex::default);
type Parsed = HashMap<i64, (Vec<u8>, Arc<Rules>)>;
/// The most containers whose rules are kept.
const PARSED_MAX: usize = 256;
/// The longest attributes of a container whose rules are kept.
const PARSED_LEN_MAX: usize = 32 << 10;

/// Everything that a container says about access.
pub(crate) fn rules(row: &ContainerRow) -> Result<Arc<Rules>> {
    if row.attributes.len() > PARSED_LEN_MAX {
        return parse_rules(row).map(Arc::new);
    }
    if let Some((attributes, rules)) = PARSED.lock().get(&row.id.0)
        && *attributes == row.attributes
    {
        return Ok(rules.clone());
    }
    let rules = Arc::new(parse_rules(row)?);
    let mut parsed = PARSED.lock();
    if parsed.len() >= PARSED_MAX {
        parsed.clear();
    }
    parsed.insert(row.id.0, (row.attributes.clone(), rules.clone()));
    Ok(rules)
}

fn parse_rules(row: &ContainerRow) -> Result<Rules> {
    let attributes = decode_attributes(&row.attributes)?;
    let bucket = String::from_utf8_lossy(&row.name);
    let policy = attributes
        .get(ACCESS, POLICY)
        .map(|text| Policy::parse(text, &bucket))
        .transpose()
        // A policy was checked when it was put: one that does not parse is damage, and closes.
        .map_err(|error| corrupt(&error.to_string()))?;
    Ok(Rules {
        policy,
        acl: acl_of(&attributes)?,
        public_access_block: block_of(&attributes)?,
        ownership: ownership_of(&attributes)?,
    })
}

/// The access list that attributes carry.
pub(crate) fn acl_of(attributes: &Attributes) -> Result<Option<Acl>> {
    json(attributes.get(ACCESS, ACL))
}

/// The public access block that attributes carry.
pub(crate) fn block_of(attributes: &Attributes) -> Result<PublicAccessBlock> {
    Ok(json(attributes.get(ACCESS, BLOCK))?.unwrap_or_default())
}

/// The ownership rule that attributes carry.
pub(crate) fn ownership_of(attributes: &Attributes) -> Result<Option<Ownership>> {
    json(attributes.get(ACCESS, OWNERSHIP))
}

fn json<T: serde::de::DeserializeOwned>(text: Option<&str>) -> Result<Option<T>> {
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|error| corrupt(&error.to_string()))
}

fn corrupt(why: &str) -> Error {
    let context = format!("the catalog holds a malformed access setting: {why}");
    Error::new(ErrorKind::Corrupt, context)
}

/// The canonical id and display name of an account: those of the first user who owns it.
pub(crate) fn owner(tx: &mut ReadTx<'_>, account: AccountId) -> Result<(String, String)> {
    for user in tx.users_of_account(account)? {
        let role = tx.login_of_user(user.id)?.map(|login| login.role);
        if role.is_none_or(Role::owns_account) {
            return Ok((user.canonical_id, user.display_name));
        }
    }
    Ok(Default::default())
}
