//! Versions: the ordered states of an object.
//!
//! The newest row of a path is its head. At most one row of a path is live (cluster `Normal`): the head,
//! unless an older one was made current again. Without a live row a head that is a deletion marker says so.
//! Keeping it so is the caller's: it moves the old live row to history, or deletes it, in the transaction
//! that inserts a new one.

use crate::rows::container_state::StateDelta;
use crate::rows::{ContainerId, UserId};
use crate::table::record;
use crate::value::{Fields, integer_enum, params};
use crate::{Error, ReadTx, Result, WriteTx};

integer_enum! {
    /// Where a version belongs.
    Cluster {
        /// The live one.
        Normal = 0,
        /// An older one.
        History = 1,
        /// A deletion marker.
        Deleted = 2,
    }
}

record! {
    /// A version's row.
    pub struct VersionRow in "version" {
        /// The container.
        container_id: ContainerId,
        /// The object's path.
        path: Vec<u8>,
        /// The container's sequence number when it was made; newer is greater.
        serial: i64,
        /// Where it belongs.
        cluster: Cluster,
        /// True for the version that S3 calls `null`.
        null_version: bool,
        /// When it was made, in microseconds since the epoch.
        created: i64,
        /// Its length in bytes.
        size: i64,
        /// Its entity tag, without quotes.
        etag: String,
        /// Its media type.
        content_type: String,
        /// Its Merkle root, if it has content.
        root: Option<Vec<u8>>,
        /// The user who made it.
        author: UserId,
        /// Metadata by namespace, as JSON.
        meta: Vec<u8>,
        /// Its encoded block list.
        list: Vec<u8>,
    }
    key 3;
    journal 6;
    descends true;
}

/// A version without its block list, as listings return it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSummary {
    /// The object's path.
    pub path: Vec<u8>,
    /// The container's sequence number when it was made; newer is greater.
    pub serial: i64,
    /// Where it belongs.
    pub cluster: Cluster,
    /// True for the version that S3 calls `null`.
    pub null_version: bool,
    /// When it was made, in microseconds since the epoch.
    pub created: i64,
    /// Its length in bytes.
    pub size: i64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its media type.
    pub content_type: String,
    /// Its Merkle root, if it has one.
    pub root: Option<Vec<u8>>,
    /// The user who made it.
    pub author: UserId,
    /// Metadata by namespace, as JSON.
    pub meta: Vec<u8>,
}

impl VersionSummary {
    /// The columns in the order of the fields.
    pub(crate) const COLUMNS: &str = "path, serial, cluster, null_version, created, size, etag, \
                                      content_type, root, author, meta";

    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self> {
        Ok(Self {
            path: fields.next()?,
            serial: fields.next()?,
            cluster: fields.next()?,
            null_version: fields.next()?,
            created: fields.next()?,
            size: fields.next()?,
            etag: fields.next()?,
            content_type: fields.next()?,
            root: fields.next()?,
            author: fields.next()?,
            meta: fields.next()?,
        })
    }
}

impl Cluster {
    /// What a version of this cluster and size adds to its container's counters.
    fn delta(self, size: i64, sign: i64) -> StateDelta {
        let live = if self == Self::Normal { sign } else { 0 };
        StateDelta {
            objects: live,
            bytes: live * size,
            versions: sign,
            version_bytes: sign * size,
            shares: 0,
        }
    }
}

impl ReadTx<'_> {
    /// The newest version of a path, which may be a deletion marker.
    pub fn head(&mut self, container: ContainerId, path: &[u8]) -> Result<Option<VersionRow>> {
        let tail = "WHERE container_id = $1 AND path = $2 ORDER BY serial DESC LIMIT 1";
        self.one(tail, params![container, path.to_vec()])
    }

    /// The live version of a path.
    pub fn live(&mut self, container: ContainerId, path: &[u8]) -> Result<Option<VersionRow>> {
        let head = self.head(container, path)?;
        match head {
            Some(head) if head.cluster != Cluster::Normal => self.live_below(container, path),
            head => Ok(head),
        }
    }

    /// What a path shows: its live version, or the deletion marker that hides it.
    pub fn current(&mut self, container: ContainerId, path: &[u8]) -> Result<Option<VersionRow>> {
        let Some(head) = self.head(container, path)? else {
            return Ok(None);
        };
        if head.cluster == Cluster::Normal {
            return Ok(Some(head));
        }
        let live = self.live_below(container, path)?;
        Ok(live.or(Some(head).filter(|head| head.cluster == Cluster::Deleted)))
    }

    /// The live version of a path whose head is not it.
    fn live_below(&mut self, container: ContainerId, path: &[u8]) -> Result<Option<VersionRow>> {
        // The cluster is spelled out, not a parameter: only so the partial index applies.
        let tail = "WHERE container_id = $1 AND path = $2 AND cluster = 0";
        self.one(tail, params![container, path.to_vec()])
    }

    /// Whether a deletion marker is what its path shows.
    pub(crate) fn hides(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
    ) -> Result<bool> {
        Ok(self.superseded(container, path, serial)?.is_none()
            && self.live_below(container, path)?.is_none())
    }

    /// One version.
    pub fn version(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
    ) -> Result<Option<VersionRow>> {
        let tail = "WHERE container_id = $1 AND path = $2 AND serial = $3";
        self.one(tail, params![container, path.to_vec(), serial])
    }

    /// The version of a path that S3 calls `null`.
    pub fn null_version(
        &mut self,
        container: ContainerId,
        path: &[u8],
    ) -> Result<Option<VersionRow>> {
        let tail = "WHERE container_id = $1 AND path = $2 AND null_version = 1 \
                    ORDER BY serial DESC LIMIT 1";
        self.one(tail, params![container, path.to_vec()])
    }

    /// When the next newer version of the path was made; `None` for the newest.
    pub fn superseded(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
    ) -> Result<Option<i64>> {
        let sql = "SELECT created FROM version WHERE container_id = $1 AND path = $2 \
                   AND serial > $3 ORDER BY serial LIMIT 1";
        let row = self.integers::<1>(sql, params![container, path.to_vec(), serial])?;
        Ok(row.map(|[created]| created))
    }

    /// How many versions of the path are newer; counts no further than `most`.
    pub fn newer_versions(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
        most: i64,
    ) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM (SELECT serial FROM version WHERE container_id = $1 \
                   AND path = $2 AND serial > $3 LIMIT $4) AS newer";
        let row = self.integers::<1>(sql, params![container, path.to_vec(), serial, most])?;
        Ok(row.map_or(0, |[count]| count))
    }

    /// The serials of a path's versions with their clusters and moments, the newest first.
    pub fn serials(
        &mut self,
        container: ContainerId,
        path: &[u8],
        limit: i64,
    ) -> Result<Vec<(i64, Cluster, i64)>> {
        let sql = "SELECT serial, cluster, created FROM version WHERE container_id = $1 \
                   AND path = $2 ORDER BY serial DESC LIMIT $3";
        let rows = self.rows(sql, params![container, path.to_vec(), limit])?;
        let read = |row| {
            let mut fields = Fields::new("version", row);
            Ok((fields.next()?, fields.next()?, fields.next()?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Whether the path has an older version.
    pub fn has_older_version(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
    ) -> Result<bool> {
        let sql = "SELECT serial FROM version WHERE container_id = $1 AND path = $2 \
                   AND serial < $3 LIMIT 1";
        let row = self.integers::<1>(sql, params![container, path.to_vec(), serial])?;
        Ok(row.is_some())
    }
}

impl WriteTx<'_> {
    /// Inserts a version; its key must be new.
    pub fn insert_version(&mut self, row: &VersionRow) -> Result<()> {
        let exists = "SELECT 1 FROM version WHERE container_id = $1 AND path = $2 AND serial = $3";
        let key = params![row.container_id, row.path, row.serial];
        if !self.rows(exists, key)?.is_empty() {
            let context = format!("version {} of this path", row.serial);
            return Err(Error::already_exists("insert_version", context));
        }
        self.put_row(row)?;
        self.add_to_state(row.container_id, row.cluster.delta(row.size, 1))
    }

    /// Moves a version to another cluster.
    pub fn set_cluster(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
        cluster: Cluster,
    ) -> Result<()> {
        let Some(mut row) = self.version(container, path, serial)? else {
            return Err(Error::not_found("set_cluster", format!("version {serial}")));
        };
        if row.cluster == cluster {
            return Ok(());
        }
        let (old, new) = (row.cluster.delta(row.size, -1), cluster.delta(row.size, 1));
        row.cluster = cluster;
        self.put_row(&row)?;
        let delta = StateDelta {
            objects: old.objects + new.objects,
            bytes: old.bytes + new.bytes,
            ..StateDelta::default()
        };
        self.add_to_state(container, delta)
    }

    /// Replaces what a version says about itself (metadata, type, tag, author), not its content.
    pub fn update_version(&mut self, row: &VersionRow) -> Result<()> {
        let Some(old) = self.version(row.container_id, &row.path, row.serial)? else {
            return Err(Error::not_found(
                "update_version",
                format!("version {}", row.serial),
            ));
        };
        if (old.cluster, old.size) != (row.cluster, row.size) {
            let context = "cluster and size of a version are not updated this way";
            return Err(Error::conflict("update_version", context));
        }
        self.put_row(row)
    }

    /// Deletes a version and returns it, so that the caller can drop its references.
    pub fn delete_version(
        &mut self,
        container: ContainerId,
        path: &[u8],
        serial: i64,
    ) -> Result<VersionRow> {
        let Some(row) = self.version(container, path, serial)? else {
            return Err(Error::not_found(
                "delete_version",
                format!("version {serial}"),
            ));
        };
        self.delete_row::<VersionRow>(params![container, row.path, serial])?;
        self.add_to_state(container, row.cluster.delta(row.size, -1))?;
        Ok(row)
    }
}
