//! Migrations: how a database comes to the schema of this build.
//!
//! Promises: each migration is one transaction; a database of a newer build is refused untouched;
//! two servers that start together do not migrate twice.

use crate::engine::{Dialect, Sql};
use crate::schema;
use crate::value::{Val, params};
use crate::{Error, ErrorKind, Result};

/// The migrations in order; the version of a database is how many of them it has had.
const MIGRATIONS: &[&str] = &[
    schema::VERSION_1,
    schema::VERSION_2,
    schema::VERSION_3,
    schema::VERSION_4,
    schema::VERSION_5,
    schema::VERSION_6,
    schema::VERSION_7,
    schema::VERSION_8,
];

/// Where `meta` keeps the version.
pub(crate) const SCHEMA_VERSION_KEY: &str = "schema_version";

/// An arbitrary number that names the migration lock among PostgreSQL's advisory locks.
const MIGRATION_LOCK: i64 = 0x646f_6c69_756d;

/// Brings the database to the newest version.
pub(crate) fn migrate(sql: &mut dyn Sql) -> Result<()> {
    let blob = column_type(sql.dialect(), "BLOB");
    let text = column_type(sql.dialect(), "TEXT");
    let create =
        format!("CREATE TABLE IF NOT EXISTS meta (key {text} PRIMARY KEY, value {blob} NOT NULL)");
    in_transaction(sql, |sql| sql.command(&create))?;
    loop {
        let done = in_transaction(sql, |sql| {
            let version = version(sql)?;
            if version > MIGRATIONS.len() {
                let context = format!(
                    "the catalog has schema version {version}, this build knows {}: \
                     run a newer build",
                    MIGRATIONS.len()
                );
                return Err(Error::new(ErrorKind::Unsupported, "open", context));
            }
            let Some(migration) = MIGRATIONS.get(version) else {
                return Ok(true);
            };
            sql.command(&translate(sql.dialect(), migration))?;
            set_version(sql, version + 1)?;
            tracing::info!(version = version + 1, "catalog schema migrated");
            Ok(false)
        })?;
        if done {
            return Ok(());
        }
    }
}

fn version(sql: &mut dyn Sql) -> Result<usize> {
    let key = params![SCHEMA_VERSION_KEY.to_owned()];
    let rows = sql.query("SELECT value FROM meta WHERE key = $1", key)?;
    let Some(row) = rows.first() else {
        return Ok(0);
    };
    let bytes = if let Some(Val::Blob(bytes)) = row.first() {
        bytes.as_slice()
    } else {
        &[]
    };
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::corrupt("open", "the schema version is not a number"))
}

fn set_version(sql: &mut dyn Sql, version: usize) -> Result<()> {
    let set = "INSERT INTO meta (key, value) VALUES ($1, $2) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    sql.execute(
        set,
        params![
            SCHEMA_VERSION_KEY.to_owned(),
            version.to_string().into_bytes()
        ],
    )
    .map(drop)
}

fn in_transaction<T>(sql: &mut dyn Sql, run: impl FnOnce(&mut dyn Sql) -> Result<T>) -> Result<T> {
    match sql.dialect() {
        Dialect::Sqlite => sql.command("BEGIN IMMEDIATE")?,
        Dialect::Postgres => {
            sql.command(&format!(
                "BEGIN; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
            ))?;
        }
    }
    let result = run(sql);
    sql.command(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

fn column_type(dialect: Dialect, name: &'static str) -> &'static str {
    match (dialect, name) {
        (Dialect::Postgres, "INTEGER") => "BIGINT",
        (Dialect::Postgres, "BLOB") => "BYTEA",
        // Names must sort by their bytes, as they do in SQLite, whatever the database's locale is.
        (Dialect::Postgres, "TEXT") => "TEXT COLLATE \"C\"",
        (Dialect::Postgres, "WITHOUT ROWID") => "",
        (Dialect::Postgres, "lower(hex(k.pack))") => "encode(k.pack, 'hex')",
        _ => name,
    }
}

/// The schema is written in SQLite's words; the other engine's differ in five.
fn translate(dialect: Dialect, sql: &str) -> String {
    const WORDS: [&str; 5] = [
        "INTEGER",
        "BLOB",
        "TEXT",
        "WITHOUT ROWID",
        "lower(hex(k.pack))",
    ];
    WORDS.iter().fold(sql.to_owned(), |sql, word| {
        sql.replace(word, column_type(dialect, word))
    })
}

#[cfg(test)]
mod tests {
    use dolium_block::{BlockId, PackId};

    use super::{MIGRATIONS, migrate, set_version};
    use crate::engine::Sql;
    use crate::engine::sqlite::SqliteConnection;
    use crate::rows::{AccountId, Holder};
    use crate::value::params;
    use crate::{ErrorKind, ReadTx};

    /// Blocks of several arrays, from before they had places in each.
    #[test]
    fn blocks_of_an_old_catalog_are_sorted_by_the_arrays_of_their_packs() {
        let dir = tempfile::tempdir().unwrap();
        let mut sql = SqliteConnection::open_writer(&dir.path().join("catalog")).unwrap();
        sql.command("CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            .unwrap();
        for migration in &MIGRATIONS[..3] {
            sql.command(migration).unwrap();
        }
        set_version(&mut sql, 3).unwrap();
        let (one, two) = (PackId::from_bytes([0xab; 16]), PackId::from_bytes([2; 16]));
        for (array, pack) in [("hot", one), ("cold", two)] {
            let put = format!("INSERT INTO blob VALUES ('{array}', 0, '{pack}', 9, '', x'', 0, 1)");
            sql.command(&put).unwrap();
        }
        let (a, b) = (BlockId::of(b"a"), BlockId::of(b"b"));
        let block = "INSERT INTO block VALUES ($1, $2, 1, 2, 3, 0, 1, NULL)";
        sql.execute(block, params![a, one]).unwrap();
        sql.execute(block, params![b, two]).unwrap();
        for id in [a, b] {
            sql.execute("INSERT INTO block_ref VALUES ($1, 7, 2)", params![id])
                .unwrap();
            sql.execute("INSERT INTO released VALUES (7, $1, 1)", params![id])
                .unwrap();
        }
        migrate(&mut sql).unwrap();
        let holder = |array: &str| Holder {
            account: AccountId(7),
            array: array.to_owned(),
        };
        let mut tx = ReadTx::new(&mut sql);
        let found = tx.locate("hot", &[a, b]).unwrap();
        let packs: Vec<_> = found
            .into_iter()
            .map(|row| row.map(|row| row.pack))
            .collect();
        assert_eq!(packs, [Some(one), None]);
        assert_eq!(
            tx.has_blocks(&holder("hot"), &[a, b]).unwrap(),
            [true, false]
        );
        assert_eq!(
            tx.has_blocks(&holder("cold"), &[a, b]).unwrap(),
            [false, true]
        );
        let released = tx.released(9).unwrap();
        let holders: Vec<_> = released
            .iter()
            .map(|row| (row.holder(), row.block_id))
            .collect();
        assert_eq!(holders, [(holder("cold"), b), (holder("hot"), a)]);
    }

    #[test]
    fn migrating_twice_does_nothing_and_a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut sql = SqliteConnection::open_writer(&dir.path().join("catalog")).unwrap();
        migrate(&mut sql).unwrap();
        migrate(&mut sql).unwrap();
        set_version(&mut sql, MIGRATIONS.len() + 1).unwrap();
        let error = migrate(&mut sql).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("newer build"), "{error}");
        sql.command("BEGIN; ROLLBACK").unwrap();
    }
}
