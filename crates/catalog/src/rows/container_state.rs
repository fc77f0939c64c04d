//! What a container holds now: its counters, and the sequence that orders its mutations.
//!
//! Derived from versions and the change log, so it is not journaled.

use crate::rows::ContainerId;
use crate::table::{Record, record};
use crate::value::{Fields, params};
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// A container's counters.
    pub struct ContainerState in "container_state" {
        /// The container.
        container_id: ContainerId,
        /// The serial of the last mutation.
        seq: i64,
        /// Live objects.
        objects: i64,
        /// Bytes of live objects.
        bytes: i64,
        /// All versions, with history and deletion markers.
        versions: i64,
        /// Bytes of all versions.
        version_bytes: i64,
        /// Shares of its paths, and public links.
        shares: i64,
    }
    key 1;
}

impl ContainerState {
    /// The state of a new container.
    pub(crate) fn empty(container_id: ContainerId) -> Self {
        Self {
            container_id,
            seq: 0,
            objects: 0,
            bytes: 0,
            versions: 0,
            version_bytes: 0,
            shares: 0,
        }
    }
}

/// What a mutation adds to the counters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StateDelta {
    pub(crate) objects: i64,
    pub(crate) bytes: i64,
    pub(crate) versions: i64,
    pub(crate) version_bytes: i64,
    pub(crate) shares: i64,
}

impl ReadTx<'_> {
    /// The container's counters.
    pub fn container_state(&mut self, id: ContainerId) -> Result<Option<ContainerState>> {
        self.one("WHERE container_id = $1", params![id])
    }
}

impl WriteTx<'_> {
    /// The first call of every mutation of a container: makes mutations of it wait for each other and
    /// takes the next sequence number, which is the serial of a version it makes.
    pub fn lock_container(&mut self, id: ContainerId) -> Result<ContainerState> {
        let sql = format!(
            "UPDATE container_state SET seq = seq + 1 WHERE container_id = $1 RETURNING {}",
            ContainerState::table().sql().columns
        );
        let row = self.rows(&sql, params![id])?.into_iter().next();
        let row =
            row.ok_or_else(|| Error::not_found("lock_container", format!("container {id}")))?;
        ContainerState::from_fields(&mut Fields::new("container_state", row))
    }

    pub(crate) fn add_to_state(&mut self, id: ContainerId, delta: StateDelta) -> Result<()> {
        let sql = "UPDATE container_state SET objects = objects + $2, bytes = bytes + $3, \
                   versions = versions + $4, version_bytes = version_bytes + $5, \
                   shares = shares + $6 WHERE container_id = $1";
        let StateDelta {
            objects,
            bytes,
            versions,
            version_bytes,
            shares,
        } = delta;
        let changed = self.execute(
            sql,
            params![id, objects, bytes, versions, version_bytes, shares],
        )?;
        if changed == 0 {
            return Err(Error::not_found("add_to_state", format!("container {id}")));
        }
        Ok(())
    }
}
