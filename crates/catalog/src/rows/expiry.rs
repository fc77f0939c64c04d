//! Expiries: when single versions end by themselves, in the order in which they do.
//!
//! A row is a reminder, not the truth: the version says when it ends. A reminder whose version is gone,
//! or ends at another time, is dropped when its moment comes.

use crate::rows::ContainerId;
use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A reminder.
    pub struct ExpiryRow in "expiry" {
        /// When, in microseconds since the epoch.
        at: i64,
        /// The container.
        container_id: ContainerId,
        /// The object's path.
        path: Vec<u8>,
        /// The serial of the version.
        serial: i64,
    }
    key 4;
    journal 12;
}

impl ReadTx<'_> {
    /// The first reminders up to a moment.
    pub fn expiries_until(&mut self, moment: i64, limit: i64) -> Result<Vec<ExpiryRow>> {
        let tail = "WHERE at <= $1 ORDER BY at, container_id, path, serial LIMIT $2";
        self.many(tail, params![moment, limit])
    }
}

impl WriteTx<'_> {
    /// Sets a reminder.
    pub fn put_expiry(&mut self, row: &ExpiryRow) -> Result<()> {
        self.put_row(row)
    }

    /// Drops a reminder.
    pub fn delete_expiry(&mut self, row: &ExpiryRow) -> Result<bool> {
        self.delete_row::<ExpiryRow>(params![
            row.at,
            row.container_id,
            row.path.clone(),
            row.serial
        ])
    }
}
