//! SQLite: the embedded default.
//!
//! Promises: WAL with synchronous=FULL, so that a commit that returned survives a power cut.

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::ErrorCode;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags};

use super::{CommitError, Dialect, Engine, Fault, STATEMENTS_MAX, Sql};
use crate::value::Val;
use crate::{Error, ErrorKind, Result};

/// Only another process of the administrator (a backup, a shell) can hold the lock this long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The writer's page cache: the hot inner pages of a few million rows.
const WRITER_CACHE_KIB: i64 = 32 << 10;
/// A reader's page cache; there are several, so it is small.
const READER_CACHE_KIB: i64 = 8 << 10;
/// Pages in the log before it is folded into the file: 16 MiB, so that bursts seldom wait for it.
const CHECKPOINT_PAGES: i64 = 4096;

/// One connection.
pub(crate) struct SqliteConnection {
    connection: Connection,
    fault: Option<Fault>,
}

impl SqliteConnection {
    /// Opens the file for writing, creating it when it does not exist.
    pub(crate) fn open_writer(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let this = Self::open(path, flags, WRITER_CACHE_KIB)?;
        let setup = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
        );
        this.connection
            .execute_batch(&setup)
            .map_err(|error| classify("open", error).0)?;
        Ok(this)
    }

    /// Opens the file for reading only.
    pub(crate) fn open_reader(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let this = Self::open(path, flags, READER_CACHE_KIB)?;
        let setup = "PRAGMA query_only = ON;";
        this.connection
            .execute_batch(setup)
            .map_err(|error| classify("open", error).0)?;
        Ok(this)
    }

    fn open(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Self> {
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            let setup = format!("PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY;");
            connection.execute_batch(&setup)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| classify("open", error).0)?;
        Ok(Self {
            connection,
            fault: None,
        })
    }

    /// True while a transaction is open.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn note<T>(&mut self, operation: &'static str, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let (error, fault) = classify(operation, error);
            self.fault = self.fault.max(Some(fault));
            error
        })
    }
}

impl Sql for SqliteConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        let result = query(&self.connection, sql, params);
        self.note("query", result)
    }

    fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let result = execute(&self.connection, sql, params);
        self.note("execute", result)
    }

    fn command(&mut self, sql: &str) -> Result<()> {
        let result = self.connection.execute_batch(sql);
        self.note("command", result)
    }

    fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }
}

impl Engine for SqliteConnection {
    fn begin(&mut self) -> Result<i64> {
        self.execute("BEGIN IMMEDIATE", &[])?;
        let rows = self.query("SELECT value FROM counter WHERE name = 'journal'", &[])?;
        match rows.first().and_then(|row| row.first()) {
            Some(Val::Int(next)) => Ok(*next),
            _ => Err(Error::corrupt("begin", "the journal's counter is missing")),
        }
    }

    fn commit(&mut self) -> std::result::Result<(), CommitError> {
        let result = execute(&self.connection, "COMMIT", &[]);
        result
            .map(drop)
            .map_err(|error| match classify("commit", error) {
                (error, Fault::Fatal) => CommitError::Fatal(error),
                (error, _) => CommitError::Retry(error),
            })
    }

    fn rollback(&mut self) {
        if !self.in_transaction() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            // The next BEGIN fails too, and its error reaches the callers.
            tracing::error!(%error, "a catalog transaction could not be rolled back");
        }
    }

    fn sql(&mut self) -> &mut dyn Sql {
        self
    }
}

fn query(connection: &Connection, sql: &str, params: &[Val]) -> rusqlite::Result<Vec<Vec<Val>>> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|at| Ok(from_sqlite(row.get_ref(at)?)));
        out.push(values.collect::<rusqlite::Result<Vec<Val>>>()?);
    }
    Ok(out)
}

fn execute(connection: &Connection, sql: &str, params: &[Val]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    statement.raw_execute().map(|changed| changed as u64)
}

/// Binds by the number in each parameter's name: to SQLite `$2` is only a name, and its index is
/// where it first appears.
fn bind(statement: &mut CachedStatement<'_>, params: &[Val]) -> rusqlite::Result<()> {
    for index in 1..=statement.parameter_count() {
        let number = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|digits| digits.parse::<usize>().ok());
        let value = number.and_then(|number| params.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(index, params.len()))?;
        statement.raw_bind_parameter(index, Bound(value))?;
    }
    Ok(())
}

/// A value on its way into a statement, without a copy.
struct Bound<'a>(&'a Val);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Val::Null => ValueRef::Null,
            Val::Int(value) => ValueRef::Integer(*value),
            Val::Text(value) => ValueRef::Text(value.as_bytes()),
            Val::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn from_sqlite(value: ValueRef<'_>) -> Val {
    match value {
        ValueRef::Null => Val::Null,
        ValueRef::Integer(value) => Val::Int(value),
        // The schema has no column of this type; an integer is what a sum would be.
        ValueRef::Real(value) => Val::Int(value as i64),
        ValueRef::Text(value) => Val::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Val::Blob(value.to_vec()),
    }
}

fn classify(operation: &'static str, error: rusqlite::Error) -> (Error, Fault) {
    let code = error.sqlite_error_code();
    let (kind, fault) = match code {
        Some(ErrorCode::ConstraintViolation) => (ErrorKind::AlreadyExists, Fault::Statement),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
            (ErrorKind::Unavailable, Fault::Transaction)
        }
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Unavailable, Fault::Fatal),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Corrupt, Fault::Fatal)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            (ErrorKind::Unavailable, Fault::Statement)
        }
        _ => (ErrorKind::Unexpected, Fault::Statement),
    };
    let mut out = Error::new(kind, operation, format!("SQLite: {error}"));
    if fault == Fault::Transaction {
        out = out.temporary();
    }
    (out.with_source(error), fault)
}
