//! Events: what happened to objects and was not yet handed on to those who asked to hear of it.
//!
//! A row is written by the transaction that changed the object, so an event exists exactly when its
//! change does. Ids grow in commit order.
//!
//! Does not: go into the journal. A recovered catalog has no waiting events; those that were not
//! delivered before the loss are lost with it.

use crate::rows::{ContainerId, UserId};
use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// An event's row.
    pub struct EventRow in "event" {
        /// Its number.
        id: i64,
        /// The container.
        container_id: ContainerId,
        /// When it happened, in microseconds since the epoch.
        created: i64,
        /// What happened, such as `ObjectCreated:Put`.
        kind: String,
        /// To which path.
        path: Vec<u8>,
        /// The container's sequence number of the mutation.
        seq: i64,
        /// The serial of the version concerned.
        serial: i64,
        /// Its size.
        size: i64,
        /// Its entity tag.
        etag: String,
        /// True for the version that S3 calls `null`.
        null_version: bool,
        /// Who did it; `None` when nobody in particular did.
        author: Option<UserId>,
        /// What else is known of the request, as JSON; empty when nothing is.
        meta: Vec<u8>,
    }
    key 1;
    counter "event";
}

impl ReadTx<'_> {
    /// A page of the events after `id`, oldest first.
    pub fn events(&mut self, after: i64, limit: i64) -> Result<Vec<EventRow>> {
        self.many("WHERE id > $1 ORDER BY id LIMIT $2", params![after, limit])
    }

    /// The number of the oldest event.
    pub fn oldest_event(&mut self) -> Result<Option<i64>> {
        let row = self.integers::<1>("SELECT id FROM event ORDER BY id LIMIT 1", &[])?;
        Ok(row.map(|[id]| id))
    }

    /// The number of the newest event.
    pub fn newest_event(&mut self) -> Result<Option<i64>> {
        let row = self.integers::<1>("SELECT id FROM event ORDER BY id DESC LIMIT 1", &[])?;
        Ok(row.map(|[id]| id))
    }

    /// How many events wait.
    pub fn count_events(&mut self) -> Result<i64> {
        let row = self.integers::<1>("SELECT COUNT(*) FROM event", &[])?;
        Ok(row.map_or(0, |[count]| count))
    }
}

impl WriteTx<'_> {
    /// Adds an event and returns its number, which replaces the one in the row.
    pub fn push_event(&mut self, mut row: EventRow) -> Result<i64> {
        row.id = self.next_id("event")?;
        self.put_row(&row)?;
        Ok(row.id)
    }

    /// Removes an event, and says whether it was there: whoever removes it hands it on.
    pub fn delete_event(&mut self, id: i64) -> Result<bool> {
        self.delete_row::<EventRow>(params![id])
    }
}
