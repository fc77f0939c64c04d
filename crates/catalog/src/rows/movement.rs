//! Movements: versions that are to be kept in another array, in the order of their keys.
//!
//! A row is a reminder, not the truth: the version says where it is to go. A reminder whose version is gone,
//! or is where it should be, is dropped when its turn comes.

use crate::rows::ContainerId;
use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A reminder.
    pub struct MovementRow in "movement" {
        /// The container.
        container_id: ContainerId,
        /// The object's path.
        path: Vec<u8>,
        /// The serial of the version.
        serial: i64,
        /// When it was asked for, in microseconds since the epoch.
        requested: i64,
    }
    key 3;
    journal 13;
}

impl ReadTx<'_> {
    /// A page of reminders behind one of them.
    pub fn movements(
        &mut self,
        after: Option<&MovementRow>,
        limit: i64,
    ) -> Result<Vec<MovementRow>> {
        let order = "ORDER BY container_id, path, serial";
        match after {
            None => self.many(&format!("{order} LIMIT $1"), params![limit]),
            Some(row) => {
                let tail =
                    format!("WHERE (container_id, path, serial) > ($1, $2, $3) {order} LIMIT $4");
                let key = params![row.container_id, row.path.clone(), row.serial, limit];
                self.many(&tail, key)
            }
        }
    }

    /// How many reminders there are; counts no further than `most`.
    pub fn movements_waiting(&mut self, most: i64) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM (SELECT serial FROM movement LIMIT $1) AS waiting";
        Ok(self
            .integers::<1>(sql, params![most])?
            .map_or(0, |[count]| count))
    }
}

impl WriteTx<'_> {
    /// Sets a reminder.
    pub fn put_movement(&mut self, row: &MovementRow) -> Result<()> {
        self.put_row(row)
    }

    /// Drops a reminder.
    pub fn delete_movement(&mut self, row: &MovementRow) -> Result<bool> {
        self.delete_row::<MovementRow>(params![row.container_id, row.path.clone(), row.serial])
    }
}
