//! Containers, and the global S3 namespace of bucket names that point to them.

use crate::rows::{AccountId, ChangeRow, ContainerState, SettingsKind, UploadRow};
use crate::table::{Record, record};
use crate::value::{Fields, Val, integer_enum, integer_id, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_id! {
    /// A container.
    ContainerId
}

integer_enum! {
    /// Whether a container keeps old versions.
    Versioning {
        /// Never did.
        Off = 0,
        /// Every write makes a version.
        On = 1,
        /// Did once; writes now replace the null version.
        Suspended = 2,
    }
}

record! {
    /// A container's row.
    pub struct ContainerRow in "container" {
        /// The container.
        id: ContainerId,
        /// Its owner.
        account_id: AccountId,
        /// Its name, unique in the account.
        name: Vec<u8>,
        /// When it was made, in microseconds since the epoch.
        created: i64,
        /// Whether it keeps old versions.
        versioning: Versioning,
        /// How streams are cut into blocks, such as `fixed` or `cdc`.
        chunking: String,
        /// The (average) block size in bytes.
        block_size: i64,
        /// The array its packs are written to.
        array_name: String,
        /// Bytes it may hold; `None` is no limit.
        quota_bytes: Option<i64>,
        /// Live objects it may hold; `None` is no limit.
        quota_objects: Option<i64>,
        /// Attributes of protocols, as JSON.
        attributes: Vec<u8>,
    }
    key 1;
    journal 4;
    unique [1, 2];
    counter "container";
}

record! {
    /// A bucket name's row.
    pub struct BucketRow in "bucket" {
        /// The name, unique among all accounts.
        name: String,
        /// The container it means.
        container_id: ContainerId,
    }
    key 1;
    journal 5;
}

/// What a new container is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContainer {
    /// Its owner.
    pub account_id: AccountId,
    /// Its name, unique in the account.
    pub name: Vec<u8>,
    /// When it is made, in microseconds since the epoch.
    pub created: i64,
    /// How streams are cut into blocks.
    pub chunking: String,
    /// The (average) block size in bytes.
    pub block_size: i64,
    /// The array its packs are written to.
    pub array_name: String,
    /// Attributes of protocols, as JSON.
    pub attributes: Vec<u8>,
}

impl ReadTx<'_> {
    /// The container with this id.
    pub fn container(&mut self, id: ContainerId) -> Result<Option<ContainerRow>> {
        self.one("WHERE id = $1", params![id])
    }

    /// The account's container with this name.
    pub fn container_by_name(
        &mut self,
        account: AccountId,
        name: &[u8],
    ) -> Result<Option<ContainerRow>> {
        self.one(
            "WHERE account_id = $1 AND name = $2",
            params![account, name.to_vec()],
        )
    }

    /// The container that a bucket name means.
    pub fn container_by_bucket(&mut self, bucket: &str) -> Result<Option<ContainerRow>> {
        let tail = "WHERE id = (SELECT container_id FROM bucket WHERE name = $1)";
        self.one(tail, params![bucket.to_owned()])
    }

    /// A page of an account's containers in the order of their names.
    pub fn containers(
        &mut self,
        account: AccountId,
        after_name: Option<&[u8]>,
        limit: i64,
    ) -> Result<Vec<ContainerRow>> {
        let after = after_name.unwrap_or_default().to_vec();
        // No container has an empty name, so an empty marker is before all.
        let tail = "WHERE account_id = $1 AND name > $2 ORDER BY name LIMIT $3";
        self.many(tail, params![account, after, limit])
    }

    /// A page of all containers in the order of their ids.
    pub fn all_containers(
        &mut self,
        after: Option<ContainerId>,
        limit: i64,
    ) -> Result<Vec<ContainerRow>> {
        let after = after.unwrap_or(ContainerId(i64::MIN));
        self.many("WHERE id > $1 ORDER BY id LIMIT $2", params![after, limit])
    }

    /// A page of an account's bucket names with their containers, in the order of the names.
    pub fn buckets(
        &mut self,
        account: AccountId,
        after_name: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(String, ContainerRow)>> {
        let columns: Vec<String> = ContainerRow::table()
            .columns
            .iter()
            .map(|c| format!("c.{}", c.name))
            .collect();
        let sql = format!(
            "SELECT b.name, {} FROM container c JOIN bucket b ON b.container_id = c.id \
             WHERE c.account_id = $1 AND b.name > $2 ORDER BY b.name LIMIT $3",
            columns.join(", ")
        );
        let after = after_name.unwrap_or_default().to_owned();
        let rows = self.rows(&sql, params![account, after, limit])?;
        let read = |row: Vec<Val>| {
            let mut fields = Fields::new("bucket", row);
            Ok((fields.next()?, ContainerRow::from_fields(&mut fields)?))
        };
        rows.into_iter().map(read).collect()
    }

    /// The bucket names of a container.
    pub fn buckets_of_container(&mut self, id: ContainerId) -> Result<Vec<BucketRow>> {
        self.many("WHERE container_id = $1 ORDER BY name", params![id])
    }
}

impl WriteTx<'_> {
    /// Makes a container, without versions kept and without quotas.
    pub fn create_container(&mut self, new: NewContainer) -> Result<ContainerRow> {
        if self.account(new.account_id)?.is_none() {
            let context = format!("account {}", new.account_id);
            return Err(Error::not_found("create_container", context));
        }
        if self.container_by_name(new.account_id, &new.name)?.is_some() {
            return Err(Error::already_exists(
                "create_container",
                name_of(&new.name),
            ));
        }
        let row = ContainerRow {
            id: ContainerId(self.next_id("container")?),
            account_id: new.account_id,
            name: new.name,
            created: new.created,
            versioning: Versioning::Off,
            chunking: new.chunking,
            block_size: new.block_size,
            array_name: new.array_name,
            quota_bytes: None,
            quota_objects: None,
            attributes: new.attributes,
        };
        self.put_row(&row)?;
        self.put_row(&ContainerState::empty(row.id))?;
        Ok(row)
    }

    /// Replaces a container's row.
    pub fn update_container(&mut self, row: &ContainerRow) -> Result<()> {
        let Some(old) = self.container(row.id)? else {
            return Err(Error::not_found(
                "update_container",
                format!("container {}", row.id),
            ));
        };
        let moved = (&old.name, old.account_id) != (&row.name, row.account_id);
        if moved && self.container_by_name(row.account_id, &row.name)?.is_some() {
            return Err(Error::already_exists(
                "update_container",
                name_of(&row.name),
            ));
        }
        self.put_row(row)
    }

    /// Deletes a container that holds no versions and no uploads, with its bucket names and its
    /// change log.
    pub fn delete_container(&mut self, id: ContainerId) -> Result<()> {
        let state = self.container_state(id)?;
        if state.is_some_and(|state| state.versions > 0) {
            return Err(Error::conflict(
                "delete_container",
                "the container is not empty",
            ));
        }
        let upload = self.one::<UploadRow>("WHERE container_id = $1 LIMIT 1", params![id])?;
        if upload.is_some() {
            return Err(Error::conflict(
                "delete_container",
                "the container has open uploads",
            ));
        }
        self.forget_all_shares(id)?;
        for bucket in self.buckets_of_container(id)? {
            self.delete_bucket(&bucket.name)?;
        }
        if !self.delete_row::<ContainerRow>(params![id])? {
            return Err(Error::not_found(
                "delete_container",
                format!("container {id}"),
            ));
        }
        self.delete_row::<ContainerState>(params![id])?;
        self.forget_past_settings(SettingsKind::Container, id.0)?;
        self.forget_container_changes(params![id])
    }

    /// Drops the change log of a deleted container. The journal need not say so: applying the
    /// container's deletion does the same.
    pub(crate) fn forget_container_changes(&mut self, key: &[Val]) -> Result<()> {
        let table = ChangeRow::table().name;
        self.execute(&format!("DELETE FROM {table} WHERE container_id = $1"), key)
            .map(drop)
    }

    /// Gives a container a name in the S3 namespace.
    pub fn create_bucket(&mut self, name: &str, container_id: ContainerId) -> Result<()> {
        if self.container_by_bucket(name)?.is_some() {
            return Err(Error::already_exists(
                "create_bucket",
                format!("bucket {name}"),
            ));
        }
        self.put_row(&BucketRow {
            name: name.to_owned(),
            container_id,
        })
    }

    /// Takes a name out of the S3 namespace, and says whether it was there.
    pub fn delete_bucket(&mut self, name: &str) -> Result<bool> {
        self.delete_row::<BucketRow>(params![name.to_owned()])
    }
}

fn name_of(name: &[u8]) -> String {
    format!("container {}", name.escape_ascii())
}
