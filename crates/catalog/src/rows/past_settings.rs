//! What accounts and containers said of themselves at earlier moments: for protocols that look back.
//!
//! Each row holds the attributes from its moment on, until the next row's. An owner without rows never
//! changed since rows are kept.

use crate::table::record;
use crate::value::{integer_enum, params};
use crate::{ReadTx, Result, WriteTx};

/// The most rows of one owner; the oldest go first. Each is as long as settings may be.
const PAST_MAX: i64 = 1000;

integer_enum! {
    /// What kind of thing settings belong to.
    SettingsKind {
        /// An account.
        Account = 0,
        /// A container.
        Container = 1,
    }
}

record! {
    /// Attributes from a moment on.
    pub struct PastSettingsRow in "past_settings" {
        /// What kind of thing they belong to.
        kind: SettingsKind,
        /// Its id.
        owner_id: i64,
        /// The moment, in microseconds since the epoch.
        at: i64,
        /// Attributes of protocols, as JSON.
        attributes: Vec<u8>,
    }
    key 3;
    journal 20;
}

impl ReadTx<'_> {
    /// The attributes just before a moment; `None` when no row is that old.
    pub fn past_settings(
        &mut self,
        kind: SettingsKind,
        owner: i64,
        before: i64,
    ) -> Result<Option<PastSettingsRow>> {
        let tail = "WHERE kind = $1 AND owner_id = $2 AND at < $3 ORDER BY at DESC LIMIT 1";
        self.one(tail, params![kind, owner, before])
    }

    /// Whether anything is kept of an owner.
    pub fn has_past_settings(&mut self, kind: SettingsKind, owner: i64) -> Result<bool> {
        Ok(self.past_settings(kind, owner, i64::MAX)?.is_some())
    }
}

impl WriteTx<'_> {
    /// Keeps the attributes that hold from a moment on.
    pub fn keep_settings(&mut self, row: &PastSettingsRow) -> Result<()> {
        self.put_row(row)?;
        let count = "SELECT COUNT(*) FROM past_settings WHERE kind = $1 AND owner_id = $2";
        let key = params![row.kind, row.owner_id];
        let [count] = self.integers(count, key)?.unwrap_or_default();
        if count <= PAST_MAX {
            return Ok(());
        }
        let tail = "WHERE kind = $1 AND owner_id = $2 ORDER BY at LIMIT 1";
        let oldest: Option<PastSettingsRow> = self.one(tail, key)?;
        if let Some(oldest) = oldest {
            let key = params![oldest.kind, oldest.owner_id, oldest.at];
            self.delete_row::<PastSettingsRow>(key)?;
        }
        Ok(())
    }

    /// Forgets what is kept of an owner.
    pub(crate) fn forget_past_settings(&mut self, kind: SettingsKind, owner: i64) -> Result<()> {
        let tail = "WHERE kind = $1 AND owner_id = $2";
        let rows: Vec<PastSettingsRow> = self.many(tail, params![kind, owner])?;
        for row in rows {
            self.delete_row::<PastSettingsRow>(params![row.kind, row.owner_id, row.at])?;
        }
        Ok(())
    }
}
