//! Leases: which server does a piece of background work now, and when a round of it last began. Not journaled.
//!
//! Times are the database's, so servers need not agree on theirs. A lease carries a counter (a fencing
//! token) that grows whenever it is taken. Who works under a lease asks for its number again in every transaction
//! that commits work: transactions of all servers run one after another, so a server that was
//! overtaken while it slept writes nothing any more.
//!
//! Promises: of all servers at most one passes [`WriteTx::check_lease`] for a name at a time.
//! Does not: wait, or renew by itself (`store` does).

use crate::engine::Dialect;
use crate::table::record;
use crate::value::params;
use crate::{Error, ErrorKind, ReadTx, Result, WriteTx};

record! {
    /// A lease.
    pub struct LeaseRow in "lease" {
        /// The work.
        name: String,
        /// The server that took it last.
        holder: String,
        /// How often it was taken: the fencing token.
        fence: i64,
        /// Until when it is taken, in microseconds since the epoch; the past when it is free.
        expires: i64,
        /// When it was taken last: when the last round of the work began.
        began: i64,
    }
    key 1;
}

impl LeaseRow {
    /// Whether somebody may take it at `now` whose rounds are `pause` apart.
    fn is_free(&self, now: i64, pause: i64) -> bool {
        self.expires <= now && self.began.saturating_add(pause) <= now
    }
}

impl ReadTx<'_> {
    /// The database's clock, in microseconds since the epoch.
    pub fn database_time(&mut self) -> Result<i64> {
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "SELECT CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
            }
            // Not now(): that stands still at the beginning of a transaction, before it waited its turn.
            Dialect::Postgres => {
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
            }
        };
        let row = self.integers::<1>(sql, &[])?;
        let [now] = row.ok_or_else(|| Error::corrupt("time", "the clock returned no row"))?;
        Ok(now)
    }

    /// One lease.
    pub fn lease(&mut self, name: &str) -> Result<Option<LeaseRow>> {
        self.one("WHERE name = $1", params![name.to_owned()])
    }

    /// All leases that were ever taken, by name. Names are few and fixed.
    pub fn leases(&mut self) -> Result<Vec<LeaseRow>> {
        self.many("ORDER BY name", &[])
    }

    /// Whether [`WriteTx::take_lease`] with this pause would have something to do now.
    pub fn lease_is_free(&mut self, name: &str, pause: i64) -> Result<bool> {
        let now = self.database_time()?;
        Ok(self.lease(name)?.is_none_or(|row| row.is_free(now, pause)))
    }
}

impl WriteTx<'_> {
    /// Takes a lease for `ttl` microseconds, unless it is taken or its last round began less than `pause`
    /// ago. A lease that nobody ever took counts as if a round began now.
    pub fn take_lease(
        &mut self,
        name: &str,
        holder: &str,
        ttl: i64,
        pause: i64,
    ) -> Result<Option<LeaseRow>> {
        let now = self.database_time()?;
        let known = self.lease(name)?;
        let taken = match &known {
            Some(row) if !row.is_free(now, pause) => return Ok(None),
            None if pause > 0 => false,
            _ => true,
        };
        let row = LeaseRow {
            name: name.to_owned(),
            holder: holder.to_owned(),
            fence: known.map_or(0, |row| row.fence) + 1,
            expires: if taken { now.saturating_add(ttl) } else { now },
            began: now,
        };
        self.put_row(&row)?;
        Ok(taken.then_some(row))
    }

    /// Holds a lease for `ttl` more from now; false when another has taken it.
    pub fn renew_lease(&mut self, held: &LeaseRow, ttl: i64) -> Result<bool> {
        let expires = self.database_time()?.saturating_add(ttl);
        let sql = "UPDATE lease SET expires = $3 WHERE name = $1 AND fence = $2";
        let params = params![held.name.clone(), held.fence, expires];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Gives a lease back, unless another has taken it.
    pub fn end_lease(&mut self, held: &LeaseRow) -> Result<()> {
        let sql = "UPDATE lease SET expires = 0 WHERE name = $1 AND fence = $2";
        self.execute(sql, params![held.name.clone(), held.fence])
            .map(drop)
    }

    /// Refuses to go on when the lease has been taken again since it had this number.
    pub fn check_lease(&mut self, name: &str, fence: i64) -> Result<()> {
        match self.lease(name)? {
            Some(row) if row.fence == fence => Ok(()),
            _ => {
                let context = format!("another server does the work {name} now");
                Err(Error::new(ErrorKind::Conflict, "check_lease", context).temporary())
            }
        }
    }
}
