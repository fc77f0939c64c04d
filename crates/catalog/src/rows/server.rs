//! Servers: which processes share this catalog, and since when their oldest write is under way. Not journaled.
//!
//! A server says every few seconds when its oldest write under way began, or that none is. Later writes begin
//! later, so what it said stays true: no write of it, now or ever, began before. Collection spares
//! what became garbage after the earliest of these instants. A server that was silent for too long is
//! forgotten first; it notices, in the transaction that would name what may be gone.
//!
//! Promises: [`WriteTx::oldest_write`] is no later than the begin of any write that can still commit new packs.
//! Does not: know clocks apart: servers' clocks are compared with each other where instants are.

use crate::table::record;
use crate::value::params;
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A server.
    pub struct ServerRow in "server" {
        /// A name that it made for itself when it began, or began again.
        id: String,
        /// No write of it began before, in microseconds since the epoch by its own clock.
        oldest_write: i64,
        /// When it is forgotten unless it is heard of, by the database's clock.
        expires: i64,
    }
    key 1;
}

impl ReadTx<'_> {
    /// Whether a server is still known by this name.
    pub fn has_server(&mut self, id: &str) -> Result<bool> {
        let found = self.one::<ServerRow>("WHERE id = $1", params![id.to_owned()])?;
        Ok(found.is_some())
    }

    /// The servers that were heard of lately.
    pub fn servers(&mut self) -> Result<Vec<ServerRow>> {
        let now = self.database_time()?;
        self.many("WHERE expires > $1 ORDER BY id", params![now])
    }
}

impl WriteTx<'_> {
    /// Notes a new server for `ttl` microseconds.
    pub fn add_server(&mut self, id: &str, oldest_write: i64, ttl: i64) -> Result<()> {
        let expires = self.database_time()?.saturating_add(ttl);
        self.put_row(&ServerRow {
            id: id.to_owned(),
            oldest_write,
            expires,
        })
    }

    /// Notes that a server is there, for `ttl` more; false when it was forgotten.
    pub fn hear_server(&mut self, id: &str, oldest_write: i64, ttl: i64) -> Result<bool> {
        let expires = self.database_time()?.saturating_add(ttl);
        let sql = "UPDATE server SET oldest_write = $2, expires = $3 WHERE id = $1";
        Ok(self.execute(sql, params![id.to_owned(), oldest_write, expires])? > 0)
    }

    /// Forgets a server that stops.
    pub fn remove_server(&mut self, id: &str) -> Result<bool> {
        self.delete_row::<ServerRow>(params![id.to_owned()])
    }

    /// Forgets the servers that were silent for too long, and says when the oldest write of the others but
    /// `own` began.
    pub fn oldest_write(&mut self, own: &str) -> Result<Option<i64>> {
        let now = self.database_time()?;
        self.execute("DELETE FROM server WHERE expires <= $1", params![now])?;
        let sql = "SELECT oldest_write FROM server WHERE id <> $1 ORDER BY oldest_write LIMIT 1";
        let row = self.integers::<1>(sql, params![own.to_owned()])?;
        Ok(row.map(|[oldest]| oldest))
    }
}
