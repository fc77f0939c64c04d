//! What can go wrong with users and keys.
//!
//! Promises: messages tell an administrator what to change, and never contain a secret.

pub use dolium_catalog::{ErrorKind, Status};

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed operation on users or keys.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    status: Status,
    operation: &'static str,
    context: String,
    source: Option<dolium_catalog::Error>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        context: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status: Status::Permanent,
            operation,
            context: context.into(),
            source: None,
        }
    }

    pub(crate) fn invalid(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, "validate", context)
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
}

impl From<dolium_catalog::Error> for Error {
    fn from(error: dolium_catalog::Error) -> Self {
        let context = match error.kind() {
            ErrorKind::AlreadyExists => format!("{} exists already", error.context()),
            ErrorKind::NotFound => format!("{} does not exist", error.context()),
            _ => error.to_string(),
        };
        Self {
            kind: error.kind(),
            status: error.status(),
            operation: error.operation(),
            context,
            source: Some(error),
        }
    }
}
