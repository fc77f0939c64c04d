//! What an array can answer instead of success. Kinds and prospects are those of providers.

pub use dolium_provider::{ErrorKind, Status};

/// Result of the array's operations.
pub type Result<T> = std::result::Result<T, Error>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failed operation. The context names the providers that are to blame.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {kind}: {context}")]
pub struct Error {
    kind: ErrorKind,
    status: Status,
    operation: &'static str,
    context: String,
    #[source]
    source: Option<Source>,
    /// The member was not asked, because it is being left alone.
    left_alone: bool,
}

impl Error {
    /// A failure of `operation`; `context` says on what and why. Temporary when the kind is.
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
            left_alone: false,
        }
    }

    /// A member that is being left alone was not asked.
    pub(crate) fn left_alone(member: &str, operation: &'static str) -> Self {
        let why = format!("{member}: left alone after repeated failures");
        Self {
            left_alone: true,
            ..Self::new(ErrorKind::Unavailable, operation, why)
        }
    }

    /// True when the member was not asked at all: it may have what is wanted.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.left_alone
    }

    /// The same failure with its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a provider said, with its name in front.
    pub(crate) fn of_member(member: &str, source: dolium_provider::Error) -> Self {
        Self {
            kind: source.kind(),
            status: source.status(),
            operation: source.operation(),
            context: format!("{member}: {}", source.context()),
            source: Some(source.into()),
            left_alone: false,
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
