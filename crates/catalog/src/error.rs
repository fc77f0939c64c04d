//! What can go wrong in the catalog, in the words that retry and the front ends read.
//!
//! Promises: an error names the operation that failed and never carries row contents or secrets.
//! Does not: hold protocol codes; front ends map [`ErrorKind`] themselves.

use std::fmt;
use std::sync::Arc;

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The row asked for does not exist.
    NotFound,
    /// A row with this name or key exists.
    AlreadyExists,
    /// The state of the catalog does not allow this operation.
    Conflict,
    /// The caller may not do this.
    Denied,
    /// The request itself is malformed.
    Invalid,
    /// Too many requests.
    RateLimited,
    /// The database cannot be reached, is full, or stopped after a failed write.
    Unavailable,
    /// Stored bytes do not decode.
    Corrupt,
    /// Written by a newer version, or not possible on this engine.
    Unsupported,
    /// A defect or an unclassified database error.
    Unexpected,
}

/// Whether doing the same again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The same request fails again.
    Permanent,
    /// A later attempt may succeed.
    Temporary,
    /// A later attempt may succeed, after a pause.
    RateLimited,
}

/// A failed catalog operation.
///
/// It is `Clone` because one failed commit is the answer to every operation of its batch.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    status: Status,
    operation: &'static str,
    context: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A permanent failure of `operation`; `context` says what it was about.
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind,
            status: Status::Permanent,
            operation,
            context: context.into(),
            source: None,
        }
    }

    /// Marks the failure as one that a later attempt may not meet.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.status = Status::Temporary;
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether doing the same again may help.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The operation that failed.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What the failure was about.
    pub fn context(&self) -> &str {
        &self.context
    }

    pub(crate) fn not_found(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, operation, context)
    }

    pub(crate) fn already_exists(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::AlreadyExists, operation, context)
    }

    pub(crate) fn conflict(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, operation, context)
    }

    pub(crate) fn corrupt(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, operation, context)
    }

    pub(crate) fn unavailable(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, operation, context).temporary()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}: {}", self.kind, self.operation, self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
