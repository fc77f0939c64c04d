//! What a command on an array can end with instead of success, beyond what single services say.

use std::fmt;

/// Result of operations on an array.
pub type Result<T> = std::result::Result<T, Error>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What happened, for callers that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The array's description is wrong.
    Invalid,
    /// No service has such an object.
    NotFound,
    /// Services differ and nothing tells which of them is right.
    Tie,
    /// No service that could do it did.
    Unavailable,
    /// Bytes are not what the services' listings say.
    Corrupt,
    /// The file on this side could not be read or written.
    Local,
    /// Somebody stopped it.
    Stopped,
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The same call fails again until somebody changes something.
    Permanent,
    /// The same call may succeed in a moment.
    Temporary,
}

/// A failed operation.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    #[source]
    source: Option<Source>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl fmt::Display) -> Self {
        let (context, source) = (context.to_string(), None);
        Self {
            kind,
            context,
            source,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again may help.
    pub fn status(&self) -> Status {
        match self.kind {
            ErrorKind::Unavailable => Status::Temporary,
            _ => Status::Permanent,
        }
    }
}
