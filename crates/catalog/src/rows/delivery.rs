//! Deliveries: messages on their way to a target, a queue for each.
//!
//! Promises: a queue's order is that of the events.
//! Does not: go into the journal; see `event`.

use crate::table::record;
use crate::value::{Fields, params};
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A delivery's row.
    pub struct DeliveryRow in "delivery" {
        /// The target's name.
        target: String,
        /// The number of the event.
        id: i64,
        /// When the event happened, in microseconds since the epoch.
        created: i64,
        /// The message.
        body: Vec<u8>,
    }
    key 2;
}

impl ReadTx<'_> {
    /// The head of a target's queue.
    pub fn deliveries(&mut self, target: &str, limit: i64) -> Result<Vec<DeliveryRow>> {
        let tail = "WHERE target = $1 ORDER BY id LIMIT $2";
        self.many(tail, params![target.to_owned(), limit])
    }

    /// How many messages wait for a target.
    pub fn count_deliveries(&mut self, target: &str) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM delivery WHERE target = $1";
        let row = self.integers::<1>(sql, params![target.to_owned()])?;
        Ok(row.map_or(0, |[count]| count))
    }
}

impl WriteTx<'_> {
    /// Adds a message to its target's queue.
    pub fn push_delivery(&mut self, row: &DeliveryRow) -> Result<()> {
        self.put_row(row)
    }

    /// Removes what was delivered: the head of a target's queue up to and including `upto`.
    pub fn delete_deliveries(&mut self, target: &str, upto: i64) -> Result<u64> {
        let sql = "DELETE FROM delivery WHERE target = $1 AND id <= $2";
        self.execute(sql, params![target.to_owned(), upto])
    }

    /// Removes up to `limit` of the oldest messages made before `before`; returns their targets with
    /// how many it were.
    pub fn expire_deliveries(&mut self, before: i64, limit: i64) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT target, id FROM delivery WHERE created < $1 ORDER BY created LIMIT $2";
        let mut gone: Vec<(String, i64)> = Vec::new();
        for row in self.rows(sql, params![before, limit])? {
            let mut fields = Fields::new("delivery", row);
            let (target, id): (String, i64) = (fields.next()?, fields.next()?);
            self.delete_row::<DeliveryRow>(params![target, id])?;
            match gone.iter_mut().find(|(known, _)| *known == target) {
                Some((_, count)) => *count += 1,
                None => gone.push((target, 1)),
            }
        }
        Ok(gone)
    }
}
