//! Containers made and changed by one request that says several things of them, as Swift's do.
//!
//! Promises: all of it happens or nothing; what has rules of its own (policies, lifecycle, encryption,
//! locks) is not touched this way.

use std::sync::Arc;

use dolium_access::{Action, Grantees, GranteesDoor, Ownership};
use dolium_block::Chunking;
use dolium_catalog::{ContainerRow, NewContainer, ReadTx, WriteTx};

use super::accounts::known_or_made;
use super::containers::CONTAINERS_MAX;
use super::past;
use super::settings::SETTINGS_LEN_MAX;
use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::clock::now;
use crate::envelope::DEFAULTS;
use crate::lifecycle::LIFECYCLE;
use crate::lock::{self, LOCK};
use crate::names::{CONTAINER_NAME_LEN_MAX, ContainerName};
use crate::permission::{self, ACCESS, OWNERSHIP, Target};
use crate::request::{Container, Versioning};
use crate::rows::{self, decode_attributes, encode_attributes};
pub(super) use crate::standing::over as standing_over;
use crate::standing::{READERS, Standing, WRITERS};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// The namespaces that stay as they are, whatever an edit makes of them.
const KEPT: [&str; 4] = [ACCESS, LOCK, DEFAULTS, LIFECYCLE];

/// What may be changed of a container in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSettings {
    /// What protocols keep.
    pub attributes: Attributes,
    /// Who reads it, as a list of grantees.
    pub readers: Option<String>,
    /// Who writes it.
    pub writers: Option<String>,
    /// The bytes it may hold.
    pub quota_bytes: Option<u64>,
    /// The current objects it may hold.
    pub quota_objects: Option<u64>,
    /// Its versioning.
    pub versioning: Versioning,
}

/// Changes a container's settings inside the transaction; may run more than once.
pub type ContainerEdit = Arc<dyn Fn(&mut ContainerSettings, Standing) -> Result<()> + Send + Sync>;

/// A container with what the caller is to its account.
#[derive(Clone, Debug)]
pub struct ContainerView {
    /// The container.
    pub container: Container,
    /// The array that its data go to.
    pub array: String,
    /// What the caller is to its account.
    pub standing: Standing,
    /// Its settings, as an edit would find them.
    pub settings: ContainerSettings,
    /// The length of its blocks, or their average, in bytes.
    pub block_len: u64,
}

impl ContainerSettings {
    fn of(row: &ContainerRow) -> Result<Self> {
        let attributes = decode_attributes(&row.attributes)?;
        let list = |key: &str| attributes.get(ACCESS, key).map(str::to_owned);
        let quota = |quota: Option<i64>| quota.map(|quota| quota.max(0) as u64);
        Ok(Self {
            readers: list(READERS),
            writers: list(WRITERS),
            quota_bytes: quota(row.quota_bytes),
            quota_objects: quota(row.quota_objects),
            versioning: rows::versioning(row.versioning),
            attributes,
        })
    }
}

impl Store {
    /// Makes a container in an account, or changes the one there is; says whether it was made. The name
    /// must be one among the containers of an account. It also becomes one among all containers if nobody
    /// has that.
    pub async fn put_container(
        &self,
        who: &Caller,
        name: &ContainerName,
        array: Option<String>,
        edit: ContainerEdit,
    ) -> Result<bool> {
        self.put_container_cut(who, name, array, Chunking::default(), edit)
            .await
    }

    /// As [`Self::put_container`]; a container that is made cuts its streams like this.
    pub async fn put_container_cut(
        &self,
        who: &Caller,
        name: &ContainerName,
        array: Option<String>,
        chunking: Chunking,
        edit: ContainerEdit,
    ) -> Result<bool> {
        if let Some(array) = &array {
            self.lane_named(array)?;
        }
        let (who, name) = (who.clone(), name.clone());
        let default_array = self.inner.default_array.clone();
        self.commit(move |tx| {
            let Some(account) = name.account() else {
                let context = "the container is named without an account";
                return Err(Error::new(ErrorKind::Unexpected, context));
            };
            let (account, standing) = known_or_made(tx, &who, account, Standing::Writer)?;
            let found = tx.container_by_name(account.id, name.as_str().as_bytes())?;
            if let Some(row) = found {
                if array.as_ref().is_some_and(|array| *array != row.array_name) {
                    let context = "the container's data are in another array";
                    let reason = Reason::OtherArray;
                    return Err(Error::because(ErrorKind::Conflict, reason, context));
                }
                edit_row(tx, row, standing, &edit)?;
                return Ok(false);
            }
            refuse_one_more(tx, account.id)?;
            let (chunking, block_size) = rows::chunking_words(chunking);
            let mut attributes = Attributes::default();
            // Everything in it is its account's, whoever writes it.
            let ownership = lock::write(&Ownership::BucketOwnerEnforced);
            attributes.set(ACCESS, OWNERSHIP, ownership);
            let row = tx.create_container(NewContainer {
                account_id: account.id,
                name: name.as_str().as_bytes().to_vec(),
                created: now().0,
                chunking,
                block_size,
                array_name: array.clone().unwrap_or_else(|| default_array.clone()),
                attributes: encode_attributes(&attributes),
            })?;
            if is_global_name(name.as_str()) && tx.container_by_bucket(name.as_str())?.is_none() {
                tx.create_bucket(name.as_str(), row.id)?;
            }
            edit_row(tx, row, standing, &edit)?;
            Ok(true)
        })
        .await
    }

    /// Changes the settings of a container.
    pub async fn change_container(
        &self,
        who: &Caller,
        name: &ContainerName,
        edit: ContainerEdit,
    ) -> Result<()> {
        let (who, name) = (who.clone(), name.clone());
        self.commit(move |tx| {
            let row = permission::find(tx, &who, &name)?;
            let standing = standing_over(tx, &who, &row)?;
            if standing < Standing::Writer {
                let context = "you may not change the container";
                return Err(Error::new(ErrorKind::Denied, context));
            }
            edit_row(tx, row, standing, &edit)
        })
        .await
    }

    /// Describes a container to who may list it, with its settings.
    pub async fn view_container(
        &self,
        who: &Caller,
        name: &ContainerName,
    ) -> Result<ContainerView> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let row =
                permission::permitted(tx, &who, &name, Action::ListBucket, Target::Container)?;
            view(tx, &who, row)
        })
        .await
    }

    /// A container with its settings, whoever asks: for what a front end does on its own account, such as
    /// deciding how an object is shown. `None` when there is none.
    pub async fn peek_container(
        &self,
        who: &Caller,
        name: &ContainerName,
    ) -> Result<Option<ContainerView>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| match permission::lookup(tx, &name)? {
            Some(row) => view(tx, &who, row).map(Some),
            None => Ok(None),
        })
        .await
    }
}

fn view(tx: &mut ReadTx<'_>, who: &Caller, row: ContainerRow) -> Result<ContainerView> {
    let standing = standing_over(tx, who, &row)?;
    let state = tx.container_state(row.id)?;
    Ok(ContainerView {
        standing,
        array: row.array_name.clone(),
        block_len: row.block_size.max(0) as u64,
        settings: ContainerSettings::of(&row)?,
        container: rows::container(row, state)?,
    })
}

/// Whether a name can be one among all containers.
fn is_global_name(name: &str) -> bool {
    name.len() <= CONTAINER_NAME_LEN_MAX && ContainerName::new(name).is_ok()
}

fn refuse_one_more(tx: &mut ReadTx<'_>, account: dolium_catalog::AccountId) -> Result<()> {
    if tx.containers(account, None, CONTAINERS_MAX as i64)?.len() < CONTAINERS_MAX {
        return Ok(());
    }
    let context = format!("an account may own {CONTAINERS_MAX} containers");
    let reason = Reason::QuotaExceeded;
    Err(Error::because(ErrorKind::Denied, reason, context))
}

fn edit_row(
    tx: &mut WriteTx<'_>,
    mut row: ContainerRow,
    standing: Standing,
    edit: &ContainerEdit,
) -> Result<()> {
    tx.lock_container(row.id)?;
    let before = ContainerSettings::of(&row)?;
    let mut after = before.clone();
    edit(&mut after, standing)?;
    if after == before {
        return Ok(());
    }
    for namespace in KEPT {
        let kept = before.attributes.namespace(namespace);
        let kept = kept.map(|(key, value)| (key.to_owned(), value.to_owned()));
        after.attributes.replace(namespace, kept.collect());
    }
    let lists = [
        (READERS, &after.readers, GranteesDoor::Read),
        (WRITERS, &after.writers, GranteesDoor::Write),
    ];
    for (key, text, door) in lists {
        let list = Grantees::parse(text.as_deref().unwrap_or_default(), door);
        let list = list.map_err(|error| {
            Error::because(ErrorKind::Invalid, Reason::BadGrantees, error.to_string())
        })?;
        if list.is_empty() {
            after.attributes.remove(ACCESS, key);
        } else {
            after.attributes.set(ACCESS, key, list.to_string());
        }
    }
    check_versioning(&before, &after)?;
    if after.attributes.size_bytes() > SETTINGS_LEN_MAX {
        let context = "the settings of the container are too large";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    let quota = |quota: Option<u64>| quota.map(|quota| quota.min(i64::MAX as u64) as i64);
    row.quota_bytes = quota(after.quota_bytes);
    row.quota_objects = quota(after.quota_objects);
    row.versioning = rows::row_versioning(after.versioning);
    row.attributes = encode_attributes(&after.attributes);
    let owner = past::Owner::container(&row);
    past::keep(tx, &owner, &before.attributes, &after.attributes)?;
    Ok(tx.update_container(&row)?)
}

fn check_versioning(before: &ContainerSettings, after: &ContainerSettings) -> Result<()> {
    if before.versioning == after.versioning {
        return Ok(());
    }
    if after.versioning == Versioning::Off {
        let context = "versioning can be suspended, not switched off";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    if after.versioning != Versioning::On && lock::of_container(&before.attributes)?.is_some() {
        let context = "versioning stays on in a container with object lock";
        let reason = Reason::VersioningNeeded;
        return Err(Error::because(ErrorKind::Conflict, reason, context));
    }
    Ok(())
}
