//! The change log of a container: what sync clients read and push delivers.

use crate::rows::ContainerId;
use crate::table::record;
use crate::value::{integer_enum, params};
use crate::{ReadTx, Result, WriteTx};

integer_enum! {
    /// What happened to a path.
    ChangeKind {
        /// A version became its live one.
        Put = 0,
        /// It has no live version any more.
        Delete = 1,
        /// Its live version's metadata changed.
        Update = 2,
    }
}

record! {
    /// A change's row.
    pub struct ChangeRow in "change_log" {
        /// The container.
        container_id: ContainerId,
        /// The container's sequence number of the mutation.
        seq: i64,
        /// What happened.
        kind: ChangeKind,
        /// To which path.
        path: Vec<u8>,
        /// The serial of the version concerned.
        serial: i64,
        /// When, in microseconds since the epoch.
        at: i64,
    }
    key 2;
    journal 9;
}

impl ReadTx<'_> {
    /// A page of a container's changes after `seq`, oldest first.
    pub fn changes_after(
        &mut self,
        container: ContainerId,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<ChangeRow>> {
        let tail = "WHERE container_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        self.many(tail, params![container, seq, limit])
    }
}

impl ReadTx<'_> {
    /// One change.
    pub fn change(&mut self, container: ContainerId, seq: i64) -> Result<Option<ChangeRow>> {
        let tail = "WHERE container_id = $1 AND seq = $2";
        self.one(tail, params![container, seq])
    }

    /// The newest change of a container.
    pub fn last_change(&mut self, container: ContainerId) -> Result<Option<ChangeRow>> {
        let tail = "WHERE container_id = $1 ORDER BY seq DESC LIMIT 1";
        self.one(tail, params![container])
    }
}

impl WriteTx<'_> {
    /// Appends a change; its `seq` is the one that [`WriteTx::lock_container`] returned.
    pub fn append_change(&mut self, row: &ChangeRow) -> Result<()> {
        self.put_row(row)
    }

    /// Deletes up to `limit` of the oldest changes up to and including `upto`; returns how many.
    pub fn trim_changes(&mut self, container: ContainerId, upto: i64, limit: i64) -> Result<usize> {
        let tail = "WHERE container_id = $1 AND seq <= $2 ORDER BY seq LIMIT $3";
        let rows: Vec<ChangeRow> = self.many(tail, params![container, upto, limit])?;
        for row in &rows {
            self.delete_row::<ChangeRow>(params![container, row.seq])?;
        }
        Ok(rows.len())
    }
}
