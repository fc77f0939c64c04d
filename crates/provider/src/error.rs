//! What a provider can answer instead of success: a kind for code, a status for retries, a context
//! for people.

use std::fmt;
use std::time::Duration;

/// Result of a provider's operations.
pub type Result<T> = std::result::Result<T, Error>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What happened, for callers that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such thing.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The state changed under the operation.
    Conflict,
    /// The service refuses these credentials, or this user.
    Denied,
    /// The request itself is wrong.
    Invalid,
    /// Too many requests for now.
    RateLimited,
    /// The service, its disk or the way to it is not there.
    Unavailable,
    /// Bytes are not what was written.
    Corrupt,
    /// The service cannot do this.
    Unsupported,
    /// Anything else.
    Unexpected,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
        })
    }
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The same call fails again until somebody changes something.
    Permanent,
    /// The same call may succeed in a moment.
    Temporary,
    /// The same call may succeed after a pause.
    RateLimited,
}

/// A failed operation.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {kind}: {context}")]
pub struct Error {
    kind: ErrorKind,
    status: Status,
    operation: &'static str,
    context: String,
    #[source]
    source: Option<Source>,
    retry_after: Option<Duration>,
}

impl Error {
    /// A permanent failure of `operation`; `context` says on what and why.
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        let status = match kind {
            ErrorKind::RateLimited => Status::RateLimited,
            ErrorKind::Unavailable => Status::Temporary,
            _ => Status::Permanent,
        };
        Self {
            kind,
            status,
            operation,
            context: context.into(),
            source: None,
            retry_after: None,
        }
    }

    /// The same failure of a service that said how long to leave it alone.
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// How long the service wants to be left alone, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same failure with another prospect.
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The same failure with its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Classifies what the operating system said about `path` or another `context`.
    pub(crate) fn from_io(
        operation: &'static str,
        context: impl Into<String>,
        source: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, status) = match source.kind() {
            // A blob where a directory was expected: there is nothing below it.
            Io::NotFound | Io::NotADirectory => (ErrorKind::NotFound, Status::Permanent),
            Io::AlreadyExists => (ErrorKind::AlreadyExists, Status::Permanent),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::Denied, Status::Permanent),
            Io::InvalidFilename | Io::InvalidInput => (ErrorKind::Invalid, Status::Permanent),
            // A full disk stays full until somebody acts: retrying at once only adds load.
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
                (ErrorKind::Unavailable, Status::Permanent)
            }
            Io::TimedOut | Io::Interrupted | Io::StaleNetworkFileHandle | Io::ResourceBusy => {
                (ErrorKind::Unavailable, Status::Temporary)
            }
            _ => match rustix::io::Errno::from_io_error(&source) {
                Some(
                    rustix::io::Errno::IO | rustix::io::Errno::MFILE | rustix::io::Errno::NFILE,
                ) => (ErrorKind::Unavailable, Status::Temporary),
                _ => (ErrorKind::Unexpected, Status::Permanent),
            },
        };
        let context = format!("{}: {source}", context.into());
        Self {
            kind,
            status,
            operation,
            context,
            source: Some(source.into()),
            retry_after: None,
        }
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again may help.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The operation that failed.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// On what it failed, and why.
    pub fn context(&self) -> &str {
        &self.context
    }
}
