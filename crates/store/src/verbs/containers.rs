//! Containers: made, described, configured, removed.

use dolium_access::{Action, Ownership};
use dolium_block::Chunking;
use dolium_catalog::{AccountId, ContainerRow, NewContainer, ReadTx};

use super::guards::{check_public, encode_acl, list_of, refuse_lists};
use super::writing;
use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::lock::{self, CONTAINER, ContainerLock, LOCK};
use crate::names::ContainerName;
use crate::permission::{self, ACCESS, ACL, OWNERSHIP, Target, permitted};
use crate::request::{AclRequest, Container, Versioning};
use crate::rows;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// Containers an account may own: S3's default quota is 100, its maximum 10,000.
pub(super) const CONTAINERS_MAX: usize = 10_000;

/// What a new container is made with.
#[derive(Clone, Debug, Default)]
pub struct ContainerRequest {
    /// Settings of protocols.
    pub attributes: Attributes,
    /// Its access list; `None` is private.
    pub acl: Option<AclRequest>,
    /// Who owns objects in it.
    pub ownership: Option<Ownership>,
    /// Switches object lock on, and versioning with it.
    pub lock: bool,
}

impl Store {
    /// Makes a container for the principal's account and enters its name in the global namespace.
    pub async fn create_container(
        &self,
        who: &Caller,
        name: &ContainerName,
        request: ContainerRequest,
    ) -> Result<Container> {
        let (who, name) = (who.clone(), name.clone());
        let array_name = self.inner.default_array.clone();
        self.commit(move |tx| {
            let owner = who.principal().filter(|user| user.owns_account());
            let Some(account) = owner.map(|user| user.account_id) else {
                let context = "who owns no account cannot own a container";
                return Err(Error::new(ErrorKind::Denied, context));
            };
            if let Some(same) = same_already(tx, account, &name, &request)? {
                let state = tx.container_state(same.id)?;
                return rows::container(same, state);
            }
            refuse_taken(tx, account, &name)?;
            if let Some(row) = tx.container_by_name(account, name.as_str().as_bytes())? {
                // It was made when somebody else had the name among all containers.
                tx.create_bucket(name.as_str(), row.id)?;
                let state = tx.container_state(row.id)?;
                return rows::container(row, state);
            }
            let attributes = first_attributes(tx, account, &request)?;
            let (chunking, block_size) = rows::chunking_words(Chunking::default());
            let mut row = tx.create_container(NewContainer {
                account_id: account,
                name: name.as_str().as_bytes().to_vec(),
                created: now().0,
                chunking,
                block_size,
                array_name: array_name.clone(),
                attributes,
            })?;
            if request.lock {
                row.versioning = rows::row_versioning(Versioning::On);
                tx.update_container(&row)?;
            }
            tx.create_bucket(name.as_str(), row.id)?;
            rows::container(row, None)
        })
        .await
    }

    /// Removes an empty container, with the uploads that were begun in it.
    pub async fn delete_container(&self, who: &Caller, name: &ContainerName) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let row = permitted(tx, &who, &name, Action::DeleteBucket, Target::Container)?;
            let state = tx.lock_container(row.id)?;
            if state.versions > 0 {
                let context = format!("the container {name} is not empty");
                return Err(Error::because(
                    ErrorKind::Conflict,
                    Reason::ContainerNotEmpty,
                    context,
                ));
            }
            while let Some(upload) = tx.uploads(row.id, b"", None, 1)?.pop() {
                writing::drop_upload(tx, &row, &upload)?;
            }
            Ok(tx.delete_container(row.id)?)
        })
        .await
    }

    /// Describes a container to who may list it.
    pub async fn container(&self, who: &Caller, name: &ContainerName) -> Result<Container> {
        self.container_for(who, Action::ListBucket, name).await
    }

    /// Describes a container to who may do this.
    pub async fn container_for(
        &self,
        who: &Caller,
        action: Action,
        name: &ContainerName,
    ) -> Result<Container> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            let state = tx.container_state(row.id)?;
            rows::container(row, state)
        })
        .await
    }

    /// A page of the containers of the principal's account that have a name among all containers, by that
    /// name; and whether there are more.
    pub async fn list_containers(
        &self,
        who: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Container>, bool)> {
        let after = after.map(str::to_owned);
        let owner = who.principal().filter(|user| user.owns_account());
        let Some(account) = owner.map(|user| user.account_id) else {
            let context = "who owns no account owns no containers";
            return Err(Error::new(ErrorKind::Denied, context));
        };
        self.look(move |tx| {
            let mut page = tx.buckets(account, after.as_deref(), limit as i64 + 1)?;
            let more = page.len() > limit;
            page.truncate(limit);
            let mut out = Vec::with_capacity(page.len());
            for (_, row) in page {
                let state = tx.container_state(row.id)?;
                out.push(rows::container(row, state)?);
            }
            Ok((out, more))
        })
        .await
    }

    /// Switches versioning on or suspends it. It cannot be switched off again.
    pub async fn set_versioning(
        &self,
        who: &Caller,
        name: &ContainerName,
        versioning: Versioning,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let action = Action::PutBucketVersioning;
            let mut row = permitted(tx, &who, &name, action, Target::Container)?;
            tx.lock_container(row.id)?;
            if versioning != Versioning::On
                && lock::of_container(&rows::decode_attributes(&row.attributes)?)?.is_some()
            {
                let context = "versioning stays on in a container with object lock";
                let reason = Reason::VersioningNeeded;
                return Err(Error::because(ErrorKind::Conflict, reason, context));
            }
            let was = rows::versioning(row.versioning);
            if versioning == Versioning::Off && was != Versioning::Off {
                let context = "versioning can be suspended, not switched off";
                return Err(Error::new(ErrorKind::Invalid, context));
            }
            row.versioning = rows::row_versioning(versioning);
            Ok(tx.update_container(&row)?)
        })
        .await
    }

    /// Sets or lifts the quota of a container, in bytes of all versions and in current objects.
    pub async fn set_container_quota(
        &self,
        who: &Caller,
        name: &ContainerName,
        bytes: Option<u64>,
        objects: Option<u64>,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        let limit = |value: Option<u64>| value.map(|value| value.min(i64::MAX as u64) as i64);
        self.commit(move |tx| {
            let row = permission::find(tx, &who, &name)?;
            let own = who.principal().is_some_and(|user| {
                let own = user.account_id == row.account_id && user.owns_account();
                own || user.owns_all()
            });
            if !own {
                let context = "only its owner sets the quota of a container";
                return Err(Error::new(ErrorKind::Denied, context));
            }
            let mut row = row;
            row.quota_bytes = limit(bytes);
            row.quota_objects = limit(objects);
            Ok(tx.update_container(&row)?)
        })
        .await
    }
}

/// The account's own container of that name, when it could have been made by the same request: making
/// it again changes nothing.
fn same_already(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    name: &ContainerName,
    request: &ContainerRequest,
) -> Result<Option<ContainerRow>> {
    let found = tx.container_by_bucket(name.as_str())?;
    let Some(row) = found.filter(|row| row.account_id == account) else {
        return Ok(None);
    };
    let wanted = rows::decode_attributes(&first_attributes(tx, account, request)?)?;
    let there = rows::decode_attributes(&row.attributes)?;
    let mut settings = [(ACCESS, ACL), (ACCESS, OWNERSHIP), (LOCK, CONTAINER)].into_iter();
    let same =
        settings.all(|(namespace, key)| wanted.get(namespace, key) == there.get(namespace, key));
    Ok(same.then_some(row))
}

/// Refuses a name that is taken, and one container too many.
fn refuse_taken(tx: &mut ReadTx<'_>, account: AccountId, name: &ContainerName) -> Result<()> {
    if let Some(taken) = tx.container_by_bucket(name.as_str())? {
        let (reason, context) = if taken.account_id == account {
            let context = format!("the container {name} is yours already, with other settings");
            (Reason::ContainerYours, context)
        } else {
            let context = format!("the container {name} exists");
            (Reason::ContainerTaken, context)
        };
        return Err(Error::because(ErrorKind::AlreadyExists, reason, context));
    }
    if tx.containers(account, None, CONTAINERS_MAX as i64)?.len() >= CONTAINERS_MAX {
        let context = format!("an account may own {CONTAINERS_MAX} containers");
        let reason = Reason::QuotaExceeded;
        return Err(Error::because(ErrorKind::Denied, reason, context));
    }
    Ok(())
}

/// The attributes that a new container begins with.
fn first_attributes(
    tx: &mut ReadTx<'_>,
    account: AccountId,
    request: &ContainerRequest,
) -> Result<Vec<u8>> {
    let mut attributes = request.attributes.clone();
    if let Some(ownership) = &request.ownership {
        attributes.set(ACCESS, OWNERSHIP, lock::write(ownership));
    }
    if request.ownership == Some(Ownership::BucketOwnerEnforced) {
        refuse_lists(request.acl.as_ref())?;
    } else if request.acl.is_some() {
        let owner = permission::owner(tx, account)?;
        let list = list_of(request.acl.clone(), &owner, &owner)?;
        check_public(&attributes, &list)?;
        if list != list_of(None, &owner, &owner)? {
            attributes.set(ACCESS, ACL, encode_acl(&list));
        }
    }
    if request.lock {
        attributes.set(LOCK, CONTAINER, lock::write(&ContainerLock::default()));
    }
    Ok(rows::encode_attributes(&attributes))
}
