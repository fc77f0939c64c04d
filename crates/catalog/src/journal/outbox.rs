//! The outbox: entries that are committed but perhaps not yet in the array.

use crate::value::{Fields, params};
use crate::{ReadTx, Result, WriteTx};

/// Entries fetched by one statement; most are well under a kilobyte.
const PAGE_ENTRIES: i64 = 64;

/// An entry with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its number; numbers have no gaps and grow in commit order.
    pub seq: i64,
    /// Its bytes; see [`super::Entry::decode`].
    pub entry: Vec<u8>,
}

impl ReadTx<'_> {
    /// Entries numbered above `seq`, in order, until they exceed `limit_bytes` (at least one).
    pub fn outbox_after(&mut self, seq: i64, limit_bytes: usize) -> Result<Vec<OutboxEntry>> {
        let sql = "SELECT seq, entry FROM journal_outbox WHERE seq > $1 ORDER BY seq LIMIT $2";
        let mut out: Vec<OutboxEntry> = Vec::new();
        let mut bytes = 0usize;
        loop {
            let after = out.last().map_or(seq, |entry| entry.seq);
            let rows = self.rows(sql, params![after, PAGE_ENTRIES])?;
            let complete = (rows.len() as i64) < PAGE_ENTRIES;
            for row in rows {
                let mut fields = Fields::new("journal_outbox", row);
                let entry = OutboxEntry {
                    seq: fields.next()?,
                    entry: fields.next()?,
                };
                bytes = bytes.saturating_add(entry.entry.len());
                if bytes > limit_bytes && !out.is_empty() {
                    return Ok(out);
                }
                out.push(entry);
            }
            if complete {
                return Ok(out);
            }
        }
    }

    /// The number that the next journal entry takes.
    pub fn next_seq(&mut self) -> Result<i64> {
        let sql = "SELECT value FROM counter WHERE name = 'journal'";
        Ok(self.integers::<1>(sql, &[])?.map_or(1, |[next]| next))
    }
}

impl WriteTx<'_> {
    /// Forgets the entries up to and including `upto`: they are in the array.
    pub fn outbox_trim(&mut self, upto: i64) -> Result<u64> {
        self.execute("DELETE FROM journal_outbox WHERE seq <= $1", params![upto])
    }
}
