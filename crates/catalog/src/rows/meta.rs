//! Small facts about the catalog itself, such as how far the journal was shipped. Not journaled.

use crate::migration::SCHEMA_VERSION_KEY;
use crate::value::{Fields, params};
use crate::{Error, ErrorKind, ReadTx, Result, WriteTx};

impl ReadTx<'_> {
    /// The fact kept under this key.
    pub fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT value FROM meta WHERE key = $1";
        let row = self.rows(sql, params![key.to_owned()])?.into_iter().next();
        row.map(|row| Fields::new("meta", row).next()).transpose()
    }
}

impl WriteTx<'_> {
    /// Keeps a fact under this key, in place of what was there.
    pub fn set_meta(&mut self, key: &str, value: &[u8]) -> Result<()> {
        if key == SCHEMA_VERSION_KEY {
            let context = "the schema version is changed by migrations only";
            return Err(Error::new(ErrorKind::Denied, "set_meta", context));
        }
        let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute(sql, params![key.to_owned(), value.to_vec()])
            .map(drop)
    }
}
