//! Guards of objects: access lists, tags, retention, legal hold.
//!
//! Promises: what a new version is guarded by is settled in the transaction that writes it, from the
//! container's rules as they are then.
//! Does not: evaluate permissions (`permission`).

use dolium_access::{Acl, Action, Canned, Ownership};
use dolium_catalog::{ContainerRow, ReadTx, VersionRow, WriteTx};

use super::objects::existing;
use crate::attributes::{Attributes, Namespace};
use crate::caller::Caller;
use crate::lock::{self, HOLD, LOCK, ON, RETENTION, Retention};
use crate::names::ObjectPath;
use crate::permission::{self, ACCESS, ACL, ReadAction, TAGS, Target};
use crate::request::{AclRequest, Description, Source, Version};
use crate::rows::{self, decode_attributes, encode_attributes};
use crate::sharing;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// Turns the guards that a request states into attributes of the version it writes.
pub(crate) fn settle(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    path: &ObjectPath,
    description: &mut Description,
) -> Result<()> {
    let guards = std::mem::take(&mut description.guards);
    sharing::check_edit(tx, who, row, &guards.share)?;
    description.guards.share = guards.share;
    let attributes = &mut description.attributes;
    let at = path.as_str().as_bytes();
    let path = Target::Path(at);
    // Whoever may write may say what the object begins with, unless a policy says no to just that.
    if guards.acl.is_some() {
        permission::refuse_denied(tx, who, row, Action::PutObjectAcl, path)?;
    }
    if attributes.namespace(TAGS).next().is_some() {
        permission::refuse_denied(tx, who, row, Action::PutObjectTagging, path)?;
    }
    if let Some(acl) = new_acl(tx, who, row, at, guards.acl)? {
        attributes.set(ACCESS, ACL, encode_acl(&acl));
    }
    if guards.retention.is_some() || guards.hold {
        lock::require(&decode_attributes(&row.attributes)?)?;
    }
    if let Some(retention) = guards.retention {
        lock::check_new(&retention)?;
        permission::require(tx, who, row, Action::PutObjectRetention, path)?;
        attributes.set(LOCK, RETENTION, lock::write(&retention));
    }
    if guards.hold {
        permission::require(tx, who, row, Action::PutObjectLegalHold, path)?;
        attributes.set(LOCK, HOLD, ON);
    }
    Ok(())
}

pub(crate) fn encode_acl(acl: &Acl) -> String {
    serde_json::to_string(acl).expect("an access list is plain data")
}

/// The access list of a new version: none when it belongs to the container's account and to it alone.
fn new_acl(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    row: &ContainerRow,
    path: &[u8],
    asked: Option<AclRequest>,
) -> Result<Option<Acl>> {
    let foreign = who
        .principal()
        .is_none_or(|user| user.account_id != row.account_id && !user.admin);
    if asked.is_none() && !foreign {
        return Ok(None);
    }
    if foreign && sharing::writes_for_owner(tx, who, row, path)? {
        // Where the owner lets others write, all is the owner's.
        refuse_lists(asked.as_ref())?;
        return Ok(None);
    }
    let attributes = decode_attributes(&row.attributes)?;
    let bucket_owner = permission::owner(tx, row.account_id)?;
    let writer = if foreign {
        (who.canonical_id().to_owned(), who.display_name().to_owned())
    } else {
        bucket_owner.clone()
    };
    let full_control = asked == Some(AclRequest::Canned(Canned::BucketOwnerFullControl));
    match permission::ownership_of(&attributes)? {
        Some(Ownership::BucketOwnerEnforced) => {
            refuse_lists(asked.as_ref())?;
            return Ok(None);
        }
        Some(Ownership::BucketOwnerPreferred) if full_control => return Ok(None),
        _ => {}
    }
    let acl = list_of(asked, &writer, &bucket_owner)?;
    check_public(&attributes, &acl)?;
    let private = Acl::canned(
        Canned::Private,
        (&bucket_owner.0, &bucket_owner.1),
        (&bucket_owner.0, &bucket_owner.1),
    );
    Ok((acl != private).then_some(acl))
}

/// Where access lists are off, only those pass that say what holds anyway.
pub(crate) fn refuse_lists(asked: Option<&AclRequest>) -> Result<()> {
    match asked {
        None | Some(AclRequest::Canned(Canned::BucketOwnerFullControl)) => Ok(()),
        Some(_) => {
            let context = "the bucket does not allow ACLs";
            Err(Error::because(ErrorKind::Invalid, Reason::AclsOff, context))
        }
    }
}

/// Refuses a list that opens to everybody where that is blocked.
pub(crate) fn check_public(attributes: &Attributes, acl: &Acl) -> Result<()> {
    if acl.is_public() && permission::block_of(attributes)?.block_public_acls {
        let context = "public access lists are blocked";
        return Err(Error::because(
            ErrorKind::Denied,
            Reason::PublicBlocked,
            context,
        ));
    }
    Ok(())
}

/// The list that a request states.
pub(crate) fn list_of(
    asked: Option<AclRequest>,
    owner: &(String, String),
    bucket_owner: &(String, String),
) -> Result<Acl> {
    let pair = |owner: &'_ (String, String)| (owner.0.clone(), owner.1.clone());
    let (owner, bucket_owner) = (pair(owner), pair(bucket_owner));
    let canned = |canned| {
        Acl::canned(
            canned,
            (&owner.0, &owner.1),
            (&bucket_owner.0, &bucket_owner.1),
        )
    };
    let with = |grants| {
        let mut acl = canned(Canned::Private);
        acl.grants = grants;
        acl
    };
    match asked {
        None => Ok(canned(Canned::Private)),
        Some(AclRequest::Canned(name)) => Ok(canned(name)),
        Some(AclRequest::Grants(grants)) => Ok(with(grants)),
        Some(AclRequest::Whole {
            owner: named,
            grants,
        }) if named == owner.0 => Ok(with(grants)),
        Some(AclRequest::Whole { .. }) => {
            let context = "the owner of an access list cannot be changed";
            Err(Error::new(ErrorKind::Denied, context))
        }
    }
}

/// The access list of a version as it counts: its own, or that of the container's owner alone.
pub(crate) fn acl_of_version(
    tx: &mut ReadTx<'_>,
    row: &ContainerRow,
    attributes: &Attributes,
) -> Result<Acl> {
    let container = decode_attributes(&row.attributes)?;
    let enforced = permission::ownership_of(&container)? == Some(Ownership::BucketOwnerEnforced);
    if let Some(acl) = permission::acl_of(attributes)?.filter(|_| !enforced) {
        return Ok(acl);
    }
    let owner = permission::owner(tx, row.account_id)?;
    list_of(None, &owner, &owner)
}

impl Store {
    /// The access list of a version, and the version.
    pub async fn object_acl(&self, who: &Caller, source: &Source) -> Result<(Acl, Version)> {
        let (who, source) = (who.clone(), source.clone());
        self.look(move |tx| {
            let container = permission::find(tx, &who, &source.container)?;
            let (row, current) = existing(tx, &who, &container, &source, ReadAction::ACL)?;
            let attributes = decode_attributes(&row.meta)?;
            let acl = acl_of_version(tx, &container, &attributes)?;
            Ok((acl, rows::version(row, current)?))
        })
        .await
    }

    /// Replaces the access list of a version.
    pub async fn set_object_acl(
        &self,
        who: &Caller,
        source: &Source,
        acl: AclRequest,
    ) -> Result<Version> {
        let edit = move |tx: &mut ReadTx<'_>,
                         container: &ContainerRow,
                         _: &VersionRow,
                         attributes: &mut Attributes| {
            let settings = decode_attributes(&container.attributes)?;
            if permission::ownership_of(&settings)? == Some(Ownership::BucketOwnerEnforced) {
                return refuse_lists(Some(&acl));
            }
            let now = acl_of_version(tx, container, attributes)?;
            let bucket_owner = permission::owner(tx, container.account_id)?;
            let list = list_of(
                Some(acl.clone()),
                &(now.owner, now.owner_name),
                &bucket_owner,
            )?;
            check_public(&settings, &list)?;
            attributes.set(ACCESS, ACL, encode_acl(&list));
            Ok(())
        };
        self.edit_version(who, source, ReadAction::PUT_ACL, edit)
            .await
    }

    /// Replaces the tags of a version.
    pub async fn set_object_tags(
        &self,
        who: &Caller,
        source: &Source,
        tags: Namespace,
    ) -> Result<Version> {
        self.replace_tags(who, source, ReadAction::PUT_TAGS, tags)
            .await
    }

    /// Removes the tags of a version.
    pub async fn remove_object_tags(&self, who: &Caller, source: &Source) -> Result<Version> {
        let none = Namespace::new();
        self.replace_tags(who, source, ReadAction::DELETE_TAGS, none)
            .await
    }

    async fn replace_tags(
        &self,
        who: &Caller,
        source: &Source,
        action: ReadAction,
        tags: Namespace,
    ) -> Result<Version> {
        let edit = move |_: &mut ReadTx<'_>,
                         _: &ContainerRow,
                         _: &VersionRow,
                         attributes: &mut Attributes| {
            attributes.replace(TAGS, tags.clone());
            Ok(())
        };
        self.edit_version(who, source, action, edit).await
    }

    /// Sets or lifts the retention of a version.
    pub async fn set_retention(
        &self,
        who: &Caller,
        source: &Source,
        retention: Option<Retention>,
        bypass: bool,
    ) -> Result<Version> {
        let caller = who.clone();
        let edit = move |tx: &mut ReadTx<'_>,
                         container: &ContainerRow,
                         row: &VersionRow,
                         attributes: &mut Attributes| {
            lock::require(&decode_attributes(&container.attributes)?)?;
            lock::check_change(tx, &caller, container, row, retention.as_ref(), bypass)?;
            match &retention {
                None => attributes.remove(LOCK, RETENTION),
                Some(retention) => {
                    lock::check_new(retention)?;
                    attributes.set(LOCK, RETENTION, lock::write(retention));
                }
            }
            Ok(())
        };
        self.edit_version(who, source, ReadAction::PUT_RETENTION, edit)
            .await
    }

    /// Sets or lifts the legal hold of a version.
    pub async fn set_legal_hold(&self, who: &Caller, source: &Source, on: bool) -> Result<Version> {
        let edit = move |_: &mut ReadTx<'_>,
                         container: &ContainerRow,
                         _: &VersionRow,
                         attributes: &mut Attributes| {
            lock::require(&decode_attributes(&container.attributes)?)?;
            if on {
                attributes.set(LOCK, HOLD, ON);
            } else {
                attributes.remove(LOCK, HOLD);
            }
            Ok(())
        };
        self.edit_version(who, source, ReadAction::PUT_HOLD, edit)
            .await
    }

    /// Changes what a version says about itself, not its content.
    async fn edit_version(
        &self,
        who: &Caller,
        source: &Source,
        action: ReadAction,
        edit: impl Fn(&mut ReadTx<'_>, &ContainerRow, &VersionRow, &mut Attributes) -> Result<()>
        + Send
        + 'static,
    ) -> Result<Version> {
        let (who, source) = (who.clone(), source.clone());
        self.commit(move |tx: &mut WriteTx<'_>| {
            let container = permission::find(tx, &who, &source.container)?;
            tx.lock_container(container.id)?;
            let (mut row, current) = existing(tx, &who, &container, &source, action)?;
            let mut attributes = decode_attributes(&row.meta)?;
            edit(tx, &container, &row, &mut attributes)?;
            row.meta = encode_attributes(&attributes);
            tx.update_version(&row)?;
            rows::version(row, current)
        })
        .await
    }
}
