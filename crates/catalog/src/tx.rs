//! What an operation sees: a transaction that reads, or one that also writes.
//!
//! Row functions are methods of [`ReadTx`] and [`WriteTx`], one file per noun under `rows/`. Journaled
//! tables change only through [`WriteTx::put_row`] and [`WriteTx::delete_row`], which note the change
//! for the journal; that is why plain statements are not public.

use std::ops::{Deref, DerefMut};

use crate::engine::{Dialect, Sql};
use crate::journal::{Change, Entry, Op};
use crate::table::Record;
use crate::value::{Fields, Val, params};
use crate::{Error, ErrorKind, Result};

/// A transaction that reads one consistent state.
pub struct ReadTx<'a> {
    sql: &'a mut dyn Sql,
}

impl<'a> ReadTx<'a> {
    pub(crate) fn new(sql: &'a mut dyn Sql) -> Self {
        Self { sql }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }

    pub(crate) fn rows(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        self.sql.query(sql, params)
    }

    /// Rows of `T`'s table; `tail` is everything after the table's name.
    pub(crate) fn many<T: Record>(&mut self, tail: &str, params: &[Val]) -> Result<Vec<T>> {
        let table = T::table();
        let sql = format!("SELECT {} FROM {} {tail}", table.sql().columns, table.name);
        let rows = self.sql.query(&sql, params)?;
        rows.into_iter()
            .map(|row| T::from_fields(&mut Fields::new(table.name, row)))
            .collect()
    }

    /// The first row of [`Self::many`].
    pub(crate) fn one<T: Record>(&mut self, tail: &str, params: &[Val]) -> Result<Option<T>> {
        Ok(self.many(tail, params)?.into_iter().next())
    }

    /// The integers of a query that returns one row.
    pub(crate) fn integers<const N: usize>(
        &mut self,
        sql: &str,
        params: &[Val],
    ) -> Result<Option<[i64; N]>> {
        let Some(row) = self.sql.query(sql, params)?.into_iter().next() else {
            return Ok(None);
        };
        let mut fields = Fields::new("query", row);
        let mut out = [0; N];
        for slot in &mut out {
            *slot = fields.next()?;
        }
        Ok(Some(out))
    }
}

/// A transaction that writes: one operation among those of its batch.
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    changes: Vec<Change>,
    /// The entry is written even if nothing changed.
    marked: bool,
    next_seq: i64,
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;
    fn deref(&self) -> &Self::Target {
        &self.read
    }
}

impl DerefMut for WriteTx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.read
    }
}

impl<'a> WriteTx<'a> {
    pub(crate) fn new(sql: &'a mut dyn Sql, next_seq: i64) -> Self {
        Self {
            read: ReadTx::new(sql),
            changes: Vec::new(),
            marked: false,
            next_seq,
        }
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        self.read.sql.execute(sql, params)
    }

    /// Inserts the row, or replaces the one with its key, and journals it when its table is.
    pub(crate) fn put_row<T: Record>(&mut self, row: &T) -> Result<()> {
        let table = T::table();
        let values = row.to_values();
        self.execute(&table.sql().put, &values)?;
        if let Some(table) = table.journal_id {
            self.changes.push(Change {
                table,
                op: Op::Put,
                values,
            });
        }
        Ok(())
    }

    /// Deletes the row with this key, journals that, and says whether there was one.
    pub(crate) fn delete_row<T: Record>(&mut self, key: &[Val]) -> Result<bool> {
        let table = T::table();
        let deleted = self.execute(&table.sql().delete, key)? > 0;
        if let (true, Some(table)) = (deleted, table.journal_id) {
            self.changes.push(Change {
                table,
                op: Op::Delete,
                values: key.to_vec(),
            });
        }
        Ok(deleted)
    }

    /// The next number of a named counter, starting at 1. Numbers are not used twice.
    pub fn next_id(&mut self, counter: &'static str) -> Result<i64> {
        let sql = "INSERT INTO counter (name, value) VALUES ($1, 1) \
                   ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value";
        let row = self.integers::<1>(sql, params![counter.to_owned()])?;
        let [id] = row.ok_or_else(|| Error::corrupt("next_id", "the counter returned no row"))?;
        Ok(id)
    }

    /// Writes a journal entry in any case, so that there is a point after all that was committed before.
    pub fn mark_journal(&mut self) {
        self.marked = true;
    }

    /// Sets the number that the next journal entry takes: recovery continues where the array's
    /// journal ends.
    pub fn set_next_seq(&mut self, seq: i64) -> Result<()> {
        if seq < 1 {
            return Err(Error::new(
                ErrorKind::Invalid,
                "set_next_seq",
                "must be 1 or more",
            ));
        }
        self.next_seq = seq;
        Ok(())
    }

    /// Writes the operation's journal entry, if it changed anything, and returns the entry's number
    /// and the next one.
    pub(crate) fn finish(mut self) -> Result<(Option<i64>, i64)> {
        if self.changes.is_empty() && !self.marked {
            return Ok((None, self.next_seq));
        }
        let entry = Entry {
            changes: std::mem::take(&mut self.changes),
        };
        let seq = self.next_seq;
        let sql = "INSERT INTO journal_outbox (seq, entry) VALUES ($1, $2)";
        self.execute(sql, params![seq, entry.encode()])?;
        Ok((Some(seq), seq + 1))
    }
}
