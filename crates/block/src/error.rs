//! What can be wrong with bytes at rest.

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Why bytes were not accepted. All kinds are permanent: the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end too early or carry a field outside its range.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// The structure that was being decoded.
        what: &'static str,
        /// The field or rule that failed.
        why: &'static str,
    },
    /// The bytes are of a format version this build does not know.
    #[error("unknown format version {version} of {what}")]
    UnknownVersion {
        /// The structure that was being decoded.
        what: &'static str,
        /// The version byte found.
        version: u8,
    },
    /// Authentication failed: another key, or altered bytes.
    #[error("{what} does not authenticate: wrong key or altered bytes")]
    NotAuthentic {
        /// The structure that was being opened.
        what: &'static str,
    },
    /// A block's content does not hash to its name.
    #[error("content does not match its block id")]
    WrongContent,
    /// The caller asked for bytes outside the list.
    #[error("range outside the block list")]
    OutOfRange,
}

impl Error {
    pub(crate) fn malformed(what: &'static str, why: &'static str) -> Self {
        Self::Malformed { what, why }
    }
}
