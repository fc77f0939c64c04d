//! Facts about the catalog itself, by key: not journaled, not for facts about users' data.

use crate::value::{Fields, params};
use crate::{Error, ReadTx, Result, WriteTx};

/// The key that migrations own.
const RESERVED: &str = "schema_version";

impl ReadTx<'_> {
    /// The value of a key.
    pub fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.rows(
            "SELECT value FROM meta WHERE key = $1",
            params![key.to_owned()],
        )?;
        rows.into_iter()
            .next()
            .map(|row| Fields::new("meta", row).next())
            .transpose()
    }
}

impl WriteTx<'_> {
    /// Sets the value of a key.
    pub fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<()> {
        if key == RESERVED {
            return Err(Error::conflict(
                "set_meta",
                "the schema version is set by migrations",
            ));
        }
        let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) \
                   DO UPDATE SET value = excluded.value";
        self.execute(sql, params![key.to_owned(), value.to_vec()])
            .map(drop)
    }
}
