//! The query plans of everything that runs per request: seeks in an index, no scan, no sort.
//!
//! Each statement that an operation really sends is explained on a large container. PostgreSQL is
//! asked too when `DOLIUM_TEST_POSTGRES` is set.

use crate::engine::postgres::PostgresConnection;
use crate::engine::sqlite::SqliteConnection;
use crate::engine::{Dialect, Engine, Fault, Sql};
use crate::rows::{AccountId, BlobKind, ContainerId, Holder, MovementRow, SettingsKind};
use crate::value::Val;
use crate::{
    BrowseQuery, ListQuery, ReadTx, Result, VersionListQuery, VersionMarker, WriteTx, migration,
};

const ROWS: i64 = 200_000;
const CONTAINER: ContainerId = ContainerId(1);

/// Runs statements and keeps the plan and the number of rows of each.
struct Explaining<'a> {
    inner: &'a mut dyn Sql,
    plans: Vec<(String, String)>,
    rows: usize,
}

impl Explaining<'_> {
    fn explain(&mut self, sql: &str, params: &[Val]) -> Result<()> {
        let verb = match self.dialect() {
            Dialect::Sqlite => "EXPLAIN QUERY PLAN",
            Dialect::Postgres => "EXPLAIN",
        };
        let rows = self.inner.query(&format!("{verb} {sql}"), params)?;
        let text = rows.into_iter().flatten().filter_map(|val| match val {
            Val::Text(line) => Some(line),
            _ => None,
        });
        self.plans
            .push((sql.to_owned(), text.collect::<Vec<_>>().join("\n")));
        Ok(())
    }
}

impl Sql for Explaining<'_> {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
    fn query(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        self.explain(sql, params)?;
        let rows = self.inner.query(sql, params)?;
        self.rows += rows.len();
        Ok(rows)
    }
    fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        self.explain(sql, params)?;
        self.inner.execute(sql, params)
    }
    fn command(&mut self, sql: &str) -> Result<()> {
        self.inner.command(sql)
    }
    fn take_fault(&mut self) -> Option<Fault> {
        self.inner.take_fault()
    }
}

fn fill(engine: &mut dyn Engine) {
    engine.begin().unwrap();
    let mut tx = WriteTx::new(engine.sql(), 1);
    let series = match tx.dialect() {
        Dialect::Sqlite => {
            "WITH RECURSIVE series(n) AS \
             (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < $1)"
        }
        Dialect::Postgres => "WITH series AS (SELECT generate_series(0, $1 - 1) AS n)",
    };
    let path = match tx.dialect() {
        Dialect::Sqlite => "CAST(printf('%06d/%06d', n % 10000, n) AS BLOB)",
        Dialect::Postgres => {
            "convert_to(lpad((n % 10000)::text, 6, '0') || '/' || lpad(n::text, 6, '0'), 'UTF8')"
        }
    };
    let insert = format!(
        "{series} INSERT INTO version (container_id, path, serial, cluster, null_version, \
         created, size, etag, content_type, author, meta, list) \
         SELECT 1, {path}, n + 1, CASE WHEN n % 4 = 0 THEN 1 ELSE 0 END, 0, 0, 1, '', '', 1, \
         {path}, {path} FROM series"
    );
    assert_eq!(tx.execute(&insert, &[Val::Int(ROWS)]).unwrap(), ROWS as u64);
    engine.commit().unwrap();
    engine.sql().command("ANALYZE").unwrap();
}

/// Checks the plans of `op` and returns how many statements it sent and rows it read.
fn check<T>(
    sql: &mut dyn Sql,
    index: &str,
    op: impl FnOnce(&mut ReadTx<'_>) -> Result<T>,
) -> (T, usize, usize) {
    let mut explaining = Explaining {
        inner: sql,
        plans: Vec::new(),
        rows: 0,
    };
    let value = op(&mut ReadTx::new(&mut explaining)).unwrap();
    for (sql, plan) in &explaining.plans {
        // SQLite says SCAN, PostgreSQL Seq Scan; a sort is a temporary b-tree or a Sort node.
        for bad in ["SCAN", "TEMP B-TREE", "Seq Scan", "Sort", "Bitmap"] {
            assert!(!plan.contains(bad), "{sql}\n{plan}");
        }
        assert!(plan.contains(index), "{sql}\nmust use {index}:\n{plan}");
    }
    assert!(!explaining.plans.is_empty());
    (value, explaining.plans.len(), explaining.rows)
}

fn list(query: ListQuery) -> impl FnOnce(&mut ReadTx<'_>) -> Result<usize> {
    move |tx| Ok(tx.list_live(CONTAINER, &query)?.items.len())
}

fn run(engine: &mut dyn Engine) {
    fill(engine);
    let sql = engine.sql();
    let middle = Some(b"005000/105000".to_vec());
    for (after, prefix) in [(None, ""), (middle, ""), (None, "00500"), (None, "005000/")] {
        let query = ListQuery {
            after,
            prefix: prefix.into(),
            limit: 1000,
            ..ListQuery::default()
        };
        let (items, _, rows) = check(sql, "version_live", list(query));
        assert!(rows <= items + 1, "{rows} rows read for {items} items");
    }
    let delimiter = Some(b"/".to_vec());
    let query = ListQuery {
        limit: 1000,
        delimiter: delimiter.clone(),
        ..ListQuery::default()
    };
    let (items, statements, rows) = check(sql, "version_live", list(query));
    assert_eq!(items, 1000);
    // One seek per prefix at most, and of its fifteen objects hardly more than the first few.
    assert!(
        statements <= 1001 && rows <= 16_100,
        "{statements} statements, {rows} rows"
    );

    let marker = VersionMarker {
        path: b"005000/105000".to_vec(),
        serial: Some(105_001),
    };
    for (after, delimiter) in [(None, None), (Some(marker), None), (None, delimiter)] {
        let query = VersionListQuery {
            after,
            delimiter,
            limit: 500,
            ..Default::default()
        };
        for downwards in [false, true] {
            let query = VersionListQuery {
                downwards,
                ..query.clone()
            };
            let op = |tx: &mut ReadTx<'_>| Ok(tx.list_versions(CONTAINER, &query)?.items.len());
            assert_eq!(check(sql, "version_key", op).0, 500);
        }
    }
    look_back(sql);
    let path = b"005000/105000";
    assert!(
        check(sql, "version_key", |tx| tx.head(CONTAINER, path))
            .0
            .is_some()
    );
    check(sql, "version_", |tx| tx.current(CONTAINER, path));
    check(sql, "version_key", |tx| {
        tx.version(CONTAINER, path, 105_001)
    });
    check(sql, "version_key", |tx| tx.null_version(CONTAINER, path));
    let after = [Val::Blob(path.to_vec()), Val::Int(105_001)];
    check(sql, "version_key", |tx| {
        tx.lists(CONTAINER, Some(&after), 100)
    });
    // Pages of a snapshot.
    let key = [Val::Int(1), Val::Blob(path.to_vec()), Val::Int(105_001)];
    check(sql, "version_key", |tx| tx.dump(6, Some(&key), 500));
}

/// A listing as of a moment reads hardly more than what it returns.
fn look_back(sql: &mut dyn Sql) {
    let delimiter = Some(b"/".to_vec());
    for (delimiter, before, index) in [
        (None, Some(1), "version_key"),
        (delimiter.clone(), Some(1), "version_key"),
        (delimiter, None, "version_live"),
    ] {
        let folds = delimiter.is_some();
        let query = BrowseQuery {
            limit: 1000,
            delimiter,
            before,
            ..BrowseQuery::default()
        };
        let op = |tx: &mut ReadTx<'_>| Ok(tx.browse(CONTAINER, &query, None)?.items.len());
        let (items, statements, rows) = check(sql, index, op);
        assert_eq!(items, 1000);
        let most = if folds { 16_100 } else { 1001 };
        assert!(
            statements <= 1001 && rows <= most,
            "{statements} statements, {rows} rows"
        );
    }
    check(sql, "version_key", |tx| {
        tx.serials(CONTAINER, b"005000/105000", 10)
    });
}

#[test]
fn sqlite_seeks() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = SqliteConnection::open_writer(&dir.path().join("catalog")).unwrap();
    migration::migrate(&mut engine).unwrap();
    run(&mut engine);
    // Small tables: PostgreSQL rightly scans them, SQLite plans by shape alone.
    let sql = engine.sql();
    check(sql, "USING", |tx| tx.container_by_bucket("b"));
    check(sql, "USING", |tx| tx.containers(AccountId(1), None, 10));
    check(sql, "USING", |tx| tx.uploads(CONTAINER, b"p", None, 10));
    check(sql, "USING", |tx| tx.parts(CONTAINER, "u", None, 10));
    check(sql, "USING", |tx| tx.changes_after(CONTAINER, 5, 10));
    check(sql, "USING", |tx| tx.change(CONTAINER, 5));
    check(sql, "USING", |tx| tx.last_change(CONTAINER));
    check(sql, "USING", |tx| {
        tx.past_settings(SettingsKind::Account, 1, 5)
    });
    check(sql, "USING", |tx| {
        let accounts = [AccountId(1), AccountId(2)];
        tx.blocks_of("a", accounts, &[dolium_block::BlockId::of(b"x")])
    });
    check(sql, "USING", |tx| tx.uploaded_bytes(AccountId(1)));
    check(sql, "USING", |tx| tx.blobs("a", BlobKind::Pack, None, 10));
    check(sql, "block_unref", |tx| tx.garbage(5, 10));
    sharing_seeks(sql);
    check(sql, "block_pack", |tx| tx.pack_usage(None, 10));
    check(sql, "USING", |tx| tx.outbox_after(5, 10));
    check(sql, "USING", |tx| {
        let holder = Holder {
            account: AccountId(1),
            array: "a".to_owned(),
        };
        tx.has_blocks(&holder, &[dolium_block::BlockId::of(b"x")])
    });
    check(sql, "USING", |tx| {
        tx.places(dolium_block::BlockId::of(b"x"))
    });
    let last = MovementRow {
        container_id: CONTAINER,
        path: b"p".to_vec(),
        serial: 1,
        requested: 1,
    };
    check(sql, "USING", |tx| tx.movements(Some(&last), 10));
}

fn sharing_seeks(sql: &mut dyn Sql) {
    check(sql, "USING", |tx| tx.shares(CONTAINER, b"p"));
    check(sql, "USING", |tx| tx.next_shared_path(CONTAINER, b"p"));
    check(sql, "USING", |tx| tx.last_shared_path(CONTAINER, b"p"));
    check(sql, "USING", |tx| tx.next_public_path(CONTAINER, b"p"));
    check(sql, "USING", |tx| tx.public_link("w"));
    check(sql, "share_grantee", |tx| {
        tx.next_granted_path("g", "o", CONTAINER, b"p")
    });
    check(sql, "share_grantee", |tx| tx.next_sharing_account("g", "o"));
    check(sql, "share_grantee", |tx| {
        tx.next_sharing_container("g", "o", CONTAINER)
    });
    check(sql, "USING", |tx| tx.is_in_group(AccountId(1), "g", "m"));
    check(sql, "group_member_member", |tx| tx.groups_of_member("m", 9));
}

#[test]
fn postgres_seeks() {
    let Ok(server) = std::env::var("DOLIUM_TEST_POSTGRES") else {
        return;
    };
    let name = format!("dolium_plan_{}", std::process::id());
    let mut client = postgres::Client::connect(&server, postgres::NoTls).unwrap();
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .unwrap();
    let url = format!("{}/{name}", server.trim_end_matches("/postgres"));
    let mut engine = PostgresConnection::new(&url).unwrap();
    engine.connect().unwrap();
    migration::migrate(&mut engine).unwrap();
    run(&mut engine);
}
