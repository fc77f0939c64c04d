//! What goes wrong while notifying.

use thiserror::Error;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// A target's settings cannot work.
    #[error("{0}")]
    Settings(String),
    /// A container's rules cannot be read.
    #[error("the notification rules of a container are malformed: {0}")]
    Rules(String),
    /// A target did not take a message; trying again may help.
    #[error("{0}")]
    Refused(String),
    /// A target did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] dolium_catalog::Error),
}

impl Error {
    /// A target that failed, with its reason and the reasons behind it. None of them shows
    /// credentials: clients keep them out of their errors.
    pub(crate) fn refused(what: &str, source: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = format!("{what}: {source}");
        let mut next = source.source();
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        Self::Refused(text)
    }
}
