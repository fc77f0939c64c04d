//! Settings of a container: what protocols keep in its attributes, and who may reach it.
//!
//! Promises: a policy that opens the container to everybody is refused where that is blocked; lock,
//! once switched on, stays.
//! Does not: understand the settings of a protocol (`s3`); those are texts here.

use dolium_access::{Acl, Action, Ownership, Policy, PublicAccessBlock};
use dolium_catalog::{ContainerRow, Versioning as RowVersioning, WriteTx};

use super::guards::{check_public, encode_acl, list_of};
use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::envelope::{self, DEFAULT, DEFAULTS, Encryption};
use crate::lifecycle::LIFECYCLE;
use crate::lock::{self, CONTAINER, ContainerLock, LOCK};
use crate::names::ContainerName;
use crate::permission::{self, ACCESS, ACL, BLOCK, OWNERSHIP, POLICY, Target, permitted};
use crate::request::AclRequest;
use crate::rows::{decode_attributes, encode_attributes};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// The most bytes of all settings of one container.
pub(super) const SETTINGS_LEN_MAX: usize = 512 << 10;

/// What a container says about access.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// The text of its policy.
    pub policy: Option<String>,
    /// Its access list, as it counts.
    pub acl: Acl,
    /// Its public access block, if it was set.
    pub block: Option<PublicAccessBlock>,
    /// Its ownership rule, if it was set.
    pub ownership: Option<Ownership>,
    /// Whether its policy opens it to everybody.
    pub public_policy: bool,
}

/// Who owns a container.
#[derive(Clone, Debug)]
pub struct ContainerOwner {
    /// The owner's canonical id.
    pub canonical_id: String,
    /// The owner's name for people.
    pub display_name: String,
    /// Whether everything in it is the owner's, whoever wrote it.
    pub owns_all: bool,
}

/// A change of one setting that a protocol keeps of a container as its own.
#[derive(Clone, Debug)]
pub struct SettingChange {
    /// Where the protocol keeps its settings; none of those that have rules of their own here.
    pub namespace: &'static str,
    /// What the setting is called there.
    pub key: &'static str,
    /// What it becomes; `None` removes it.
    pub value: Option<String>,
}

/// Makes the changes that a protocol wants of its own settings.
pub(crate) fn change(attributes: &mut Attributes, changes: &[SettingChange]) -> Result<()> {
    for change in changes {
        let SettingChange { namespace, key, .. } = *change;
        if [ACCESS, LOCK, DEFAULTS, LIFECYCLE].contains(&namespace) {
            let context = format!("the namespace {namespace} has its own verbs");
            return Err(Error::new(ErrorKind::Unexpected, context));
        }
        match &change.value {
            Some(value) => attributes.set(namespace, key, value.clone()),
            None => attributes.remove(namespace, key),
        }
    }
    Ok(())
}

impl Store {
    /// What a protocol keeps under a key of the container's settings, for who may do this.
    pub async fn setting(
        &self,
        who: &Caller,
        action: Action,
        name: &ContainerName,
        namespace: &'static str,
        key: &'static str,
    ) -> Result<Option<String>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            let attributes = decode_attributes(&row.attributes)?;
            Ok(attributes.get(namespace, key).map(str::to_owned))
        })
        .await
    }

    /// Changes what a protocol keeps of the container, for who may do this.
    pub async fn set_settings(
        &self,
        who: &Caller,
        action: Action,
        name: &ContainerName,
        changes: Vec<SettingChange>,
    ) -> Result<()> {
        self.edit_container(who, action, name, move |_, _, attributes| {
            change(attributes, &changes)
        })
        .await
    }

    /// Everything a container says of itself, without a question who asks: for what a front end does
    /// before it knows its caller, such as answering a browser's preflight.
    pub async fn container_attributes(
        &self,
        name: &ContainerName,
    ) -> Result<Option<(i64, Attributes)>> {
        let name = name.clone();
        self.look(move |tx| {
            let row = permission::lookup(tx, &name)?;
            row.map(|row| Ok((row.account_id.0, decode_attributes(&row.attributes)?)))
                .transpose()
        })
        .await
    }

    /// Who owns a container, and whether also all that lies in it. Without a question who asks: it is
    /// part of what a listing shows.
    pub async fn container_owner(&self, name: &ContainerName) -> Result<ContainerOwner> {
        let name = name.clone();
        self.look(move |tx| {
            let row = permission::find(tx, &Caller::anonymous(), &name)?;
            let (canonical_id, display_name) = permission::owner(tx, row.account_id)?;
            let ownership = permission::ownership_of(&decode_attributes(&row.attributes)?)?;
            Ok(ContainerOwner {
                canonical_id,
                display_name,
                owns_all: ownership == Some(Ownership::BucketOwnerEnforced),
            })
        })
        .await
    }

    /// What a container says about access, for who may do this.
    pub async fn access_settings(
        &self,
        who: &Caller,
        action: Action,
        name: &ContainerName,
    ) -> Result<AccessSettings> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            let attributes = decode_attributes(&row.attributes)?;
            let rules = permission::rules(&row)?;
            let owner = permission::owner(tx, row.account_id)?;
            let enforced = rules.ownership == Some(Ownership::BucketOwnerEnforced);
            let acl = rules.acl.clone().filter(|_| !enforced);
            Ok(AccessSettings {
                policy: attributes.get(ACCESS, POLICY).map(str::to_owned),
                acl: acl.map_or_else(|| list_of(None, &owner, &owner), Ok)?,
                block: attributes
                    .get(ACCESS, BLOCK)
                    .is_some()
                    .then_some(rules.public_access_block),
                ownership: rules.ownership,
                public_policy: rules.policy.as_ref().is_some_and(Policy::is_public),
            })
        })
        .await
    }

    /// Sets or removes the policy.
    pub async fn set_policy(
        &self,
        who: &Caller,
        name: &ContainerName,
        policy: Option<String>,
    ) -> Result<()> {
        let action = match policy {
            Some(_) => Action::PutBucketPolicy,
            None => Action::DeleteBucketPolicy,
        };
        let bucket = name.as_str().to_owned();
        self.edit_container(who, action, name, move |_, _, attributes| {
            let Some(text) = &policy else {
                attributes.remove(ACCESS, POLICY);
                return Ok(());
            };
            let parsed = Policy::parse(text, &bucket).map_err(|error| {
                let reason = Reason::BadPolicy;
                Error::because(ErrorKind::Invalid, reason, error.to_string())
            })?;
            if parsed.is_public() && permission::block_of(attributes)?.block_public_policy {
                let context = "public policies are blocked";
                let reason = Reason::PublicBlocked;
                return Err(Error::because(ErrorKind::Denied, reason, context));
            }
            attributes.set(ACCESS, POLICY, text.clone());
            Ok(())
        })
        .await
    }

    /// Replaces the access list of a container.
    pub async fn set_container_acl(
        &self,
        who: &Caller,
        name: &ContainerName,
        acl: AclRequest,
    ) -> Result<()> {
        let action = Action::PutBucketAcl;
        self.edit_container(who, action, name, move |tx, row, attributes| {
            if permission::ownership_of(attributes)? == Some(Ownership::BucketOwnerEnforced) {
                let context = "the bucket does not allow ACLs";
                return Err(Error::because(ErrorKind::Invalid, Reason::AclsOff, context));
            }
            let owner = permission::owner(tx, row.account_id)?;
            let list = list_of(Some(acl.clone()), &owner, &owner)?;
            check_public(attributes, &list)?;
            attributes.set(ACCESS, ACL, encode_acl(&list));
            Ok(())
        })
        .await
    }

    /// Sets or removes the public access block.
    pub async fn set_public_access_block(
        &self,
        who: &Caller,
        name: &ContainerName,
        block: Option<PublicAccessBlock>,
    ) -> Result<()> {
        let action = Action::PutBucketPublicAccessBlock;
        self.edit_container(who, action, name, move |_, _, attributes| {
            match &block {
                Some(block) => attributes.set(ACCESS, BLOCK, lock::write(block)),
                None => attributes.remove(ACCESS, BLOCK),
            }
            Ok(())
        })
        .await
    }

    /// Sets or removes the rule who owns objects.
    pub async fn set_ownership(
        &self,
        who: &Caller,
        name: &ContainerName,
        ownership: Option<Ownership>,
    ) -> Result<()> {
        let action = Action::PutBucketOwnershipControls;
        self.edit_container(who, action, name, move |tx, row, attributes| {
            let Some(ownership) = &ownership else {
                attributes.remove(ACCESS, OWNERSHIP);
                return Ok(());
            };
            if *ownership == Ownership::BucketOwnerEnforced
                && let Some(acl) = permission::acl_of(attributes)?
            {
                let owner = permission::owner(tx, row.account_id)?;
                if acl != list_of(None, &owner, &owner)? {
                    let context = "the bucket cannot have ACLs set with ObjectOwnership's \
                                   BucketOwnerEnforced setting";
                    let reason = Reason::AclsWithOwnership;
                    return Err(Error::because(ErrorKind::Invalid, reason, context));
                }
            }
            attributes.set(ACCESS, OWNERSHIP, lock::write(ownership));
            Ok(())
        })
        .await
    }

    /// Sets or removes what new objects are encrypted with when their request does not say, together with
    /// what a protocol keeps of it.
    pub async fn set_default_encryption(
        &self,
        who: &Caller,
        name: &ContainerName,
        default: Option<Encryption>,
        changes: Vec<SettingChange>,
    ) -> Result<()> {
        let action = Action::PutEncryptionConfiguration;
        let store = self.clone();
        self.edit_container(who, action, name, move |_, _, attributes| {
            match &default {
                None => attributes.remove(DEFAULTS, DEFAULT),
                Some(default) => {
                    store.check_key_name(default)?;
                    let text = envelope::default_text(default).ok_or_else(|| {
                        let context = "a client's own key cannot be a default";
                        Error::new(ErrorKind::Invalid, context)
                    })?;
                    attributes.set(DEFAULTS, DEFAULT, text);
                }
            }
            change(attributes, &changes)
        })
        .await
    }

    /// What new objects of a container are encrypted with when their request does not say.
    pub async fn default_encryption(
        &self,
        who: &Caller,
        name: &ContainerName,
    ) -> Result<Option<Encryption>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let action = Action::GetEncryptionConfiguration;
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            Ok(envelope::default_of(&decode_attributes(&row.attributes)?))
        })
        .await
    }

    /// The object lock of a container.
    pub async fn container_lock(
        &self,
        who: &Caller,
        name: &ContainerName,
    ) -> Result<Option<ContainerLock>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let action = Action::GetBucketObjectLockConfiguration;
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            lock::of_container(&decode_attributes(&row.attributes)?)
        })
        .await
    }

    /// Switches object lock on, or changes what new versions get. It needs versioning.
    pub async fn set_container_lock(
        &self,
        who: &Caller,
        name: &ContainerName,
        new: ContainerLock,
    ) -> Result<()> {
        let action = Action::PutBucketObjectLockConfiguration;
        self.edit_container(who, action, name, move |_, row, attributes| {
            new.check()?;
            if row.versioning != RowVersioning::On {
                let context = "object lock needs versioning to be enabled";
                let reason = Reason::VersioningNeeded;
                return Err(Error::because(ErrorKind::Conflict, reason, context));
            }
            attributes.set(LOCK, CONTAINER, lock::write(&new));
            Ok(())
        })
        .await
    }

    /// Changes the attributes of a container, for who may do this.
    pub(crate) async fn edit_container(
        &self,
        who: &Caller,
        action: Action,
        name: &ContainerName,
        edit: impl Fn(&mut WriteTx<'_>, &ContainerRow, &mut Attributes) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let mut row = permitted(tx, &who, &name, action, Target::Container)?;
            // Settings of one container change one after the other.
            tx.lock_container(row.id)?;
            let mut attributes = decode_attributes(&row.attributes)?;
            edit(tx, &row, &mut attributes)?;
            if attributes.size_bytes() > SETTINGS_LEN_MAX {
                let context = "the settings of the container are too large";
                return Err(Error::new(ErrorKind::Invalid, context));
            }
            row.attributes = encode_attributes(&attributes);
            Ok(tx.update_container(&row)?)
        })
        .await
    }
}
