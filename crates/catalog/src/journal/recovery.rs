//! Recovery: rebuilding journaled tables from entries, and paging through them for snapshots.
//!
//! A snapshot's pages are read at different moments while writes go on, so an entry may meet rows that
//! are newer than itself. Applying every entry since the snapshot began, in order, ends in the right
//! state all the same: puts replace whole rows, and a row that holds a unique name an older entry
//! wants is removed because its own entry comes later.
//!
//! Promises: applying an entry twice changes nothing; nothing applied is journaled again.
//! Does not: rebuild blocks and references; those come from packs and block lists.

use crate::journal::{Change, Entry, Op};
use crate::rows::{
    AccessKeyRow, AccountAttributesRow, AccountRow, BucketRow, ChangeRow, ContainerRow, ExpiryRow,
    GroupMemberRow, LoginRow, MovementRow, PartRow, PastSettingsRow, PublicLinkRow, ShareRow,
    TokenRevocationRow, UploadRow, UserRow, VersionRow,
};
use crate::table::{Record, TableDef};
use crate::value::{Val, params};
use crate::{Error, ErrorKind, ReadTx, Result, WriteTx};

/// All journaled tables, in an order in which they can be restored.
pub fn journaled_tables() -> [&'static TableDef; 18] {
    [
        AccountRow::table(),
        UserRow::table(),
        AccessKeyRow::table(),
        LoginRow::table(),
        AccountAttributesRow::table(),
        ContainerRow::table(),
        BucketRow::table(),
        VersionRow::table(),
        UploadRow::table(),
        PartRow::table(),
        ChangeRow::table(),
        ExpiryRow::table(),
        MovementRow::table(),
        TokenRevocationRow::table(),
        ShareRow::table(),
        PublicLinkRow::table(),
        GroupMemberRow::table(),
        PastSettingsRow::table(),
    ]
}

fn table(id: u8, operation: &'static str) -> Result<&'static TableDef> {
    let found = journaled_tables()
        .into_iter()
        .find(|table| table.journal_id == Some(id));
    found.ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            operation,
            format!("unknown table {id} in the journal"),
        )
    })
}

impl WriteTx<'_> {
    /// Applies a journal entry without journaling it.
    pub fn apply(&mut self, entry: &Entry) -> Result<()> {
        entry
            .changes
            .iter()
            .try_for_each(|change| self.apply_change(change))
    }

    fn apply_change(&mut self, change: &Change) -> Result<()> {
        let table = table(change.table, "apply")?;
        match change.op {
            Op::Put => {
                table.check("apply", &change.values, table.columns.len())?;
                self.make_room(table, &change.values)?;
                self.execute(&table.sql().put, &change.values)?;
                self.raise_counter(table, &change.values)
            }
            Op::Delete => {
                table.check("apply", &change.values, table.key_len)?;
                self.execute(&table.sql().delete, &change.values)?;
                if std::ptr::eq(table, ContainerRow::table()) {
                    self.forget_container_changes(&change.values)?;
                }
                Ok(())
            }
        }
    }

    /// Removes other rows that hold a unique value of this one.
    fn make_room(&mut self, table: &TableDef, values: &[Val]) -> Result<()> {
        for unique in table.uniques {
            let mut tests = Vec::new();
            let mut params = Vec::new();
            for &at in *unique {
                params.push(values[at].clone());
                tests.push(format!("{} = ${}", table.columns[at].name, params.len()));
            }
            let mut key = Vec::new();
            for (column, value) in table.columns.iter().zip(values).take(table.key_len) {
                params.push(value.clone());
                key.push(format!("{} = ${}", column.name, params.len()));
            }
            let (tests, key) = (tests.join(" AND "), key.join(" AND "));
            self.execute(
                &format!("DELETE FROM {} WHERE {tests} AND NOT ({key})", table.name),
                &params,
            )?;
        }
        Ok(())
    }

    /// Keeps the table's counter at or above every id that was ever seen.
    fn raise_counter(&mut self, table: &TableDef, values: &[Val]) -> Result<()> {
        let (Some(counter), Some(Val::Int(id))) = (table.counter, values.first()) else {
            return Ok(());
        };
        let sql = "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) \
                   DO UPDATE SET value = excluded.value WHERE counter.value < excluded.value";
        self.execute(sql, params![counter.to_owned(), *id])
            .map(drop)
    }

    /// Rebuilds what is derived from journaled rows; the last step of a recovery.
    pub fn rebuild_derived(&mut self) -> Result<()> {
        self.execute("DELETE FROM container_state", &[])?;
        let fill = "INSERT INTO container_state \
            (container_id, seq, objects, bytes, versions, version_bytes) \
            SELECT c.id, 0, \
            CAST(COALESCE(SUM(CASE WHEN v.cluster = 0 THEN 1 ELSE 0 END), 0) AS BIGINT), \
            CAST(COALESCE(SUM(CASE WHEN v.cluster = 0 THEN v.size ELSE 0 END), 0) AS BIGINT), \
            COUNT(v.path), CAST(COALESCE(SUM(v.size), 0) AS BIGINT) \
            FROM container c LEFT JOIN version v ON v.container_id = c.id GROUP BY c.id";
        self.execute(fill, &[])?;
        let shares = "UPDATE container_state SET shares = \
            (SELECT COUNT(*) FROM share s WHERE s.container_id = container_state.container_id) + \
            (SELECT COUNT(*) FROM public_link l WHERE l.container_id = container_state.container_id)";
        self.execute(shares, &[])?;
        // The next serial must be above every one that a version or a change has.
        for newest in [
            "SELECT MAX(t.serial) FROM version t",
            "SELECT MAX(t.seq) FROM change_log t",
        ] {
            let newest = format!(
                "COALESCE(({newest} WHERE t.container_id = container_state.container_id), 0)"
            );
            let raise = format!("UPDATE container_state SET seq = {newest} WHERE seq < {newest}");
            self.execute(&raise, &[])?;
        }
        Ok(())
    }
}

impl ReadTx<'_> {
    /// A page of a journaled table in the order of its key, after the row with `after_key`.
    pub fn dump(
        &mut self,
        table_id: u8,
        after_key: Option<&[Val]>,
        limit: usize,
    ) -> Result<Vec<Vec<Val>>> {
        let table = table(table_id, "dump")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Some(after) = after_key else {
            return self.dump_after(table, &[], 0, limit);
        };
        table.check("dump", after, table.key_len)?;
        if !table.key_descends {
            return self.dump_after(table, after, table.key_len, limit);
        }
        // The order is not that of any row value: first the rest of the group of rows that share all
        // but the last column, then what follows the group.
        let mut page = self.dump_group(table, after, limit)?;
        let rest = limit - page.len() as i64;
        if rest > 0 {
            let group = table.key_len - 1;
            page.extend(self.dump_after(table, &after[..group], group, rest)?);
        }
        Ok(page)
    }

    fn dump_after(
        &mut self,
        table: &TableDef,
        after: &[Val],
        columns: usize,
        limit: i64,
    ) -> Result<Vec<Vec<Val>>> {
        let names: Vec<&str> = table.columns[..columns].iter().map(|c| c.name).collect();
        let numbers: Vec<String> = (1..=columns).map(|n| format!("${n}")).collect();
        let mut filter = String::new();
        if columns > 0 {
            filter = format!("WHERE ({}) > ({})", names.join(", "), numbers.join(", "));
        }
        let tail = format!("{filter} {} LIMIT ${}", order(table), columns + 1);
        let params = [after, &[Val::Int(limit)]].concat();
        self.dump_rows(table, &tail, &params)
    }

    fn dump_group(&mut self, table: &TableDef, after: &[Val], limit: i64) -> Result<Vec<Vec<Val>>> {
        let last = table.key_len - 1;
        let mut tests = Vec::new();
        for (at, column) in table.columns[..=last].iter().enumerate() {
            let relation = if at == last { "<" } else { "=" };
            tests.push(format!("{} {relation} ${}", column.name, at + 1));
        }
        let tests = tests.join(" AND ");
        let tail = format!(
            "WHERE {tests} {} LIMIT ${}",
            order(table),
            table.key_len + 1
        );
        self.dump_rows(table, &tail, &[after, &[Val::Int(limit)]].concat())
    }

    fn dump_rows(&mut self, table: &TableDef, tail: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        self.rows(
            &format!("SELECT {} FROM {} {tail}", table.sql().columns, table.name),
            params,
        )
    }
}

fn order(table: &TableDef) -> String {
    let key = &table.columns[..table.key_len];
    let names: Vec<&str> = key.iter().map(|column| column.name).collect();
    let direction = if table.key_descends { " DESC" } else { "" };
    format!("ORDER BY {}{direction}", names.join(", "))
}
