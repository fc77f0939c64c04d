//! PostgreSQL: for several servers over one catalog.
//!
//! The writing transaction locks the journal's counter first, so transactions of all servers run one
//! after another: the order of sequence numbers is the order of commits, nothing deadlocks, and
//! READ COMMITTED is enough for every check to see what it must. Group commit keeps this cheap.
//!
//! Promises: a commit whose connection broke is looked up by its transaction id before anything is
//! answered or run again.
//! Does not: speak TLS yet; the connection belongs on loopback or a private network.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut};
use postgres::{Client, Config, NoTls, Statement};

use super::{CommitError, Dialect, Engine, Fault, STATEMENTS_MAX, Sql};
use crate::value::Val;
use crate::{Error, ErrorKind, Result};

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often, and how far apart, the fate of an interrupted commit is asked for: about ten seconds,
/// the time a PostgreSQL server needs to restart.
const FATE_ATTEMPTS_MAX: u32 = 40;
const FATE_PAUSE: Duration = Duration::from_millis(250);

/// One connection, made when it is first needed and again after it broke.
pub(crate) struct PostgresConnection {
    config: Config,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
    fault: Option<Fault>,
    transaction_id: i64,
}

impl PostgresConnection {
    /// Parses the URL; does not connect yet.
    pub(crate) fn new(url: &str) -> Result<Self> {
        // The parser's own message may quote the URL, and with it the password.
        let mut config: Config = url
            .parse()
            .map_err(|_| Error::new(ErrorKind::Invalid, "open", "not a PostgreSQL URL"))?;
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name("dolium");
        let statements = HashMap::new();
        Ok(Self {
            config,
            client: None,
            statements,
            fault: None,
            transaction_id: 0,
        })
    }

    /// Connects if there is no live connection.
    pub(crate) fn connect(&mut self) -> Result<()> {
        self.client().map(drop)
    }

    fn client(&mut self) -> Result<&mut Client> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = None;
            self.statements.clear();
            let mut client = self
                .config
                .connect(NoTls)
                .map_err(|error| classify("connect", error).0)?;
            // A commit must be durable when it returns, whatever the server's default is.
            let setup = "SELECT set_config('synchronous_commit', 'on', false) \
                         WHERE current_setting('synchronous_commit') = 'off'";
            client
                .batch_execute(setup)
                .map_err(|error| classify("connect", error).0)?;
            self.client = Some(client);
        }
        self.client
            .as_mut()
            .ok_or_else(|| Error::unavailable("connect", "no connection to PostgreSQL"))
    }

    fn open_client(&mut self) -> Result<&mut Client> {
        // Inside a transaction a new connection would silently be outside of it.
        match self.client.as_mut() {
            Some(client) if !client.is_closed() => Ok(client),
            _ => {
                self.fault = self.fault.max(Some(Fault::Transaction));
                Err(Error::unavailable(
                    "query",
                    "the connection to PostgreSQL was lost",
                ))
            }
        }
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let result = self.open_client()?.prepare(sql);
        let statement = self.note("prepare", result)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn note<T>(
        &mut self,
        operation: &'static str,
        result: std::result::Result<T, postgres::Error>,
    ) -> Result<T> {
        result.map_err(|error| {
            let (error, fault) = classify(operation, error);
            self.fault = self.fault.max(Some(fault));
            error
        })
    }

    /// Opens a transaction that only reads, all of it from one snapshot.
    pub(crate) fn begin_read(&mut self) -> Result<()> {
        let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let first = self.client()?.batch_execute(begin);
        if first.is_ok() {
            return Ok(());
        }
        // The pooled connection may have died while it was idle; a fresh one is tried once.
        self.client = None;
        let second = self.client()?.batch_execute(begin);
        self.note("begin", second)
    }

    /// Whether the transaction that was open when the connection broke was committed.
    fn fate(&mut self, transaction_id: i64) -> Option<bool> {
        for _ in 0..FATE_ATTEMPTS_MAX {
            let status = self.client().ok().and_then(|client| {
                client
                    .query_one("SELECT txid_status($1)", &[&transaction_id])
                    .ok()
            });
            match status.map(|row| row.get::<_, Option<String>>(0)) {
                Some(Some(status)) if status == "committed" => return Some(true),
                Some(Some(status)) if status == "aborted" => return Some(false),
                Some(None) => return None,
                _ => thread::sleep(FATE_PAUSE),
            }
        }
        None
    }
}

impl Sql for PostgresConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, params: &[Val]) -> Result<Vec<Vec<Val>>> {
        let statement = self.prepare(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|param| param as &(dyn ToSql + Sync))
            .collect();
        let result = self.open_client()?.query(&statement, &params);
        let rows = self.note("query", result)?;
        let rows = rows
            .iter()
            .map(|row| (0..row.len()).map(|at| row.try_get(at)).collect());
        let result: std::result::Result<_, postgres::Error> = rows.collect();
        self.note("query", result)
    }

    fn execute(&mut self, sql: &str, params: &[Val]) -> Result<u64> {
        let statement = self.prepare(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|param| param as &(dyn ToSql + Sync))
            .collect();
        let result = self.open_client()?.execute(&statement, &params);
        self.note("execute", result)
    }

    fn command(&mut self, sql: &str) -> Result<()> {
        let result = self.open_client()?.batch_execute(sql);
        self.note("command", result)
    }

    fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }
}

impl Engine for PostgresConnection {
    fn begin(&mut self) -> Result<i64> {
        let result = self.client()?.batch_execute("BEGIN");
        self.note("begin", result)?;
        let lock = "SELECT value, txid_current() FROM counter WHERE name = 'journal' FOR UPDATE";
        let rows = self.query(lock, &[])?;
        match rows.first().map(Vec::as_slice) {
            Some([Val::Int(next), Val::Int(transaction_id)]) => {
                self.transaction_id = *transaction_id;
                Ok(*next)
            }
            _ => Err(Error::corrupt("begin", "the journal's counter is missing")),
        }
    }

    fn commit(&mut self) -> std::result::Result<(), CommitError> {
        let client = self.open_client().map_err(CommitError::Retry)?;
        let Err(error) = client.batch_execute("COMMIT") else {
            return Ok(());
        };
        let refused = error.as_db_error().is_some() && !client.is_closed();
        let (error, _) = classify("commit", error);
        if refused {
            return Err(CommitError::Retry(error));
        }
        self.client = None;
        match self.fate(self.transaction_id) {
            Some(true) => Ok(()),
            Some(false) => Err(CommitError::Retry(error)),
            None => Err(CommitError::Unknown(error)),
        }
    }

    fn rollback(&mut self) {
        let Some(client) = self.client.as_mut() else {
            return;
        };
        if client.batch_execute("ROLLBACK").is_err() {
            // The server drops the transaction together with the connection.
            self.client = None;
        }
    }

    fn sql(&mut self) -> &mut dyn Sql {
        self
    }
}

impl ToSql for Val {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Val {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::BYTEA => Self::Blob(raw.to_vec()),
            _ => Self::Text(String::from_sql(&Type::TEXT, raw)?),
        })
    }

    fn from_sql_null(
        _: &Type,
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8 | Type::INT4 | Type::BYTEA | Type::TEXT | Type::VARCHAR
        )
    }
}

fn classify(operation: &'static str, error: postgres::Error) -> (Error, Fault) {
    let (kind, fault) = match error.code() {
        Some(code) if *code == SqlState::T_R_SERIALIZATION_FAILURE => {
            (ErrorKind::Unavailable, Fault::Transaction)
        }
        Some(code) => match &code.code()[..2] {
            "23" => (ErrorKind::AlreadyExists, Fault::Statement),
            // Connection, rollback, resources, operator intervention, system.
            "08" | "40" | "53" | "57" | "58" => (ErrorKind::Unavailable, Fault::Transaction),
            "28" => (ErrorKind::Denied, Fault::Statement),
            _ => (ErrorKind::Unexpected, Fault::Statement),
        },
        None => (ErrorKind::Unavailable, Fault::Transaction),
    };
    // The driver's own text says only "db error"; the server's message has the reason.
    let reason = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned());
    let mut out = Error::new(kind, operation, format!("PostgreSQL: {reason}"));
    if fault == Fault::Transaction {
        out = out.temporary();
    }
    (out.with_source(error), fault)
}
