//! Containers: made, described, configured, removed.

use dolium_block::Chunking;
use dolium_catalog::NewContainer;
use dolium_identity::Principal;

use crate::attributes::Attributes;
use crate::clock::now;
use crate::names::ContainerName;
use crate::request::{Container, Versioning};
use crate::rows;
use crate::store::{Store, permitted};
use crate::{Error, ErrorKind, Reason, Result};

/// Containers an account may own: S3's default quota is 100, its maximum 10,000.
const CONTAINERS_MAX: usize = 10_000;

impl Store {
    /// Makes a container for the principal's account and enters its name in the global namespace.
    pub async fn create_container(
        &self,
        who: &Principal,
        name: &ContainerName,
        attributes: Attributes,
    ) -> Result<Container> {
        let (who, name) = (who.clone(), name.clone());
        let array_name = self.inner.default_array.clone();
        self.commit(move |tx| {
            if let Some(taken) = tx.container_by_bucket(name.as_str())? {
                let yours = taken.account_id == who.account_id;
                let reason = if yours {
                    Reason::ContainerYours
                } else {
                    Reason::ContainerTaken
                };
                let context = format!("the container {name} exists");
                return Err(Error::because(ErrorKind::AlreadyExists, reason, context));
            }
            let account = who.account_id;
            if tx.containers(account, None, CONTAINERS_MAX as i64)?.len() >= CONTAINERS_MAX {
                let context = format!("an account may own {CONTAINERS_MAX} containers");
                return Err(Error::because(
                    ErrorKind::Denied,
                    Reason::QuotaExceeded,
                    context,
                ));
            }
            let (chunking, block_size) = rows::chunking_words(Chunking::default());
            let row = tx.create_container(NewContainer {
                account_id: account,
                name: name.as_str().as_bytes().to_vec(),
                created: now().0,
                chunking,
                block_size,
                array_name: array_name.clone(),
                attributes: rows::encode_attributes(&attributes),
            })?;
            tx.create_bucket(name.as_str(), row.id)?;
            rows::container(row, None)
        })
        .await
    }

    /// Removes an empty container.
    pub async fn delete_container(&self, who: &Principal, name: &ContainerName) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let row = permitted(tx, &who, &name)?;
            let state = tx.lock_container(row.id)?;
            if state.versions > 0 || !tx.uploads(row.id, b"", None, 1)?.is_empty() {
                let context = format!("the container {name} is not empty");
                return Err(Error::because(
                    ErrorKind::Conflict,
                    Reason::ContainerNotEmpty,
                    context,
                ));
            }
            Ok(tx.delete_container(row.id)?)
        })
        .await
    }

    /// Describes a container.
    pub async fn container(&self, who: &Principal, name: &ContainerName) -> Result<Container> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row = permitted(tx, &who, &name)?;
            let state = tx.container_state(row.id)?;
            rows::container(row, state)
        })
        .await
    }

    /// A page of the containers of the principal's account, by name; and whether there are more.
    pub async fn list_containers(
        &self,
        who: &Principal,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Container>, bool)> {
        let (account, after) = (who.account_id, after.map(str::to_owned));
        self.look(move |tx| {
            let after = after.as_deref().map(str::as_bytes);
            let mut page = tx.containers(account, after, limit as i64 + 1)?;
            let more = page.len() > limit;
            page.truncate(limit);
            let mut out = Vec::with_capacity(page.len());
            for row in page {
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
        who: &Principal,
        name: &ContainerName,
        versioning: Versioning,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let mut row = permitted(tx, &who, &name)?;
            tx.lock_container(row.id)?;
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
        who: &Principal,
        name: &ContainerName,
        bytes: Option<u64>,
        objects: Option<u64>,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        let limit = |value: Option<u64>| value.map(|value| value.min(i64::MAX as u64) as i64);
        self.commit(move |tx| {
            let mut row = permitted(tx, &who, &name)?;
            row.quota_bytes = limit(bytes);
            row.quota_objects = limit(objects);
            Ok(tx.update_container(&row)?)
        })
        .await
    }
}
