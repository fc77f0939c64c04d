//! The store's error: one kind a caller can act on, one status that retry reads.
//!
//! Front ends translate [`ErrorKind`] to their protocol with one total `match`; anything finer they
//! need (which condition failed, which limit was passed) is in [`Reason`].

use std::fmt;

use crate::names::Serial;

/// Result of the store's verbs.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The thing named does not exist, or the principal may not know that it does.
    NotFound,
    /// A thing of that name exists.
    AlreadyExists,
    /// The state forbids it: not empty, condition failed, upload gone.
    Conflict,
    /// The principal may not.
    Denied,
    /// The request is wrong in itself.
    Invalid,
    /// Too fast; try again later.
    RateLimited,
    /// A part of the system cannot be reached now.
    Unavailable,
    /// Stored bytes are damaged beyond the array's redundancy.
    Corrupt,
    /// Not built.
    Unsupported,
    /// A defect of Dolium.
    Unexpected,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The same request fails again.
    Permanent,
    /// The same request may succeed later.
    Temporary,
    /// The same request may succeed after a pause.
    RateLimited,
}

/// The exact cause, where front ends answer differently for one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No such container.
    NoSuchContainer,
    /// No such account.
    NoSuchAccount,
    /// The text is no list of grantees.
    BadGrantees,
    /// The container for old versions is not there.
    NoArchive,
    /// The container's data are in another array than was asked for.
    OtherArray,
    /// No such object, or its newest version is a delete marker.
    NoSuchObject,
    /// The newest version (or the one named) is a delete marker.
    DeleteMarker,
    /// No such version.
    NoSuchVersion,
    /// No such multipart upload.
    NoSuchUpload,
    /// A part named at completion is missing or its ETag differs.
    InvalidPart,
    /// Parts were named out of order.
    InvalidPartOrder,
    /// A part other than the last is below the minimum.
    PartTooSmall,
    /// The container exists and is the caller's own.
    ContainerYours,
    /// The container exists and is another's.
    ContainerTaken,
    /// The container still holds objects, versions or uploads.
    ContainerNotEmpty,
    /// A condition (If-Match and its kin) does not hold.
    ConditionFailed,
    /// A read condition says that the caller's copy is current.
    NotModified,
    /// The quota of the account or container would be passed.
    QuotaExceeded,
    /// The body was longer or shorter than announced.
    LengthMismatch,
    /// The body is larger than allowed.
    TooLarge,
    /// A digest given by the client does not match the body.
    DigestMismatch,
    /// The client's body stream failed.
    BodyFailed,
    /// The name breaks the rules of names.
    BadName,
    /// The range lies outside the object.
    BadRange,
    /// A limit on metadata was passed.
    MetadataTooLarge,
    /// The container's ownership rule switched access lists off.
    AclsOff,
    /// The rule cannot be set while there are access lists.
    AclsWithOwnership,
    /// The text is no policy.
    BadPolicy,
    /// The access block forbids what would open the container to everybody.
    PublicBlocked,
    /// The container has no object lock.
    LockMissing,
    /// A retention that makes no sense.
    BadRetention,
    /// A default retention period that makes no sense.
    BadRetentionPeriod,
    /// The version is retained or held.
    Locked,
    /// Object lock needs versioning to stay on.
    VersioningNeeded,
    /// There is no such storage class.
    BadStorageClass,
    /// The key of an encrypted object is missing or not asked for.
    BadKey,
    /// The key is not the one that the object was encrypted with.
    WrongKey,
    /// There is no key of that name.
    NoSuchKeyName,
}

/// What went wrong, where, and why.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    status: Status,
    reason: Option<Reason>,
    version: Option<Serial>,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, permanent, with a sentence for a person.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        let status = match kind {
            ErrorKind::Unavailable => Status::Temporary,
            ErrorKind::RateLimited => Status::RateLimited,
            _ => Status::Permanent,
        };
        Self {
            kind,
            status,
            reason: None,
            version: None,
            context: context.into(),
            source: None,
        }
    }

    /// An error with its exact cause.
    pub fn because(kind: ErrorKind, reason: Reason, context: impl Into<String>) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(kind, context)
        }
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the version that the error is about, such as the delete marker that was met.
    #[must_use]
    pub fn with_version(mut self, version: Serial) -> Self {
        self.version = Some(version);
        self
    }

    /// The version that the error is about.
    pub fn version(&self) -> Option<Serial> {
        self.version
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again can help.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The exact cause, where one is known.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The sentence for a person, without the sources.
    pub fn context(&self) -> &str {
        &self.context
    }
}

/// Errors of the crates below keep their kind and status; their text becomes the source.
macro_rules! from_below {
    ($below:ident, $what:literal) => {
        impl From<$below::Error> for Error {
            fn from(source: $below::Error) -> Self {
                let kind = match source.kind() {
                    $below::ErrorKind::NotFound => ErrorKind::NotFound,
                    $below::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
                    $below::ErrorKind::Conflict => ErrorKind::Conflict,
                    $below::ErrorKind::Denied => ErrorKind::Denied,
                    $below::ErrorKind::Invalid => ErrorKind::Invalid,
                    $below::ErrorKind::RateLimited => ErrorKind::RateLimited,
                    $below::ErrorKind::Unavailable => ErrorKind::Unavailable,
                    $below::ErrorKind::Corrupt => ErrorKind::Corrupt,
                    $below::ErrorKind::Unsupported => ErrorKind::Unsupported,
                    $below::ErrorKind::Unexpected => ErrorKind::Unexpected,
                };
                let status = match source.status() {
                    $below::Status::Permanent => Status::Permanent,
                    $below::Status::Temporary => Status::Temporary,
                    $below::Status::RateLimited => Status::RateLimited,
                };
                let context = format!(concat!($what, ": {}"), source);
                Self {
                    status,
                    ..Self::new(kind, context).with_source(source)
                }
            }
        }
    };
}

from_below!(dolium_catalog, "catalog");

/// What the array says is about shards and providers, not about what the caller asked for: a lost
/// shard must not look like an object that was never there, nor a provider's refusal like our own.
impl From<dolium_array::Error> for Error {
    fn from(source: dolium_array::Error) -> Self {
        use dolium_array::ErrorKind as Below;
        let kind = match source.kind() {
            Below::NotFound | Below::Corrupt => ErrorKind::Corrupt,
            Below::Denied | Below::Unavailable => ErrorKind::Unavailable,
            Below::RateLimited => ErrorKind::RateLimited,
            Below::Unsupported => ErrorKind::Unsupported,
            Below::AlreadyExists | Below::Conflict | Below::Invalid | Below::Unexpected => {
                ErrorKind::Unexpected
            }
        };
        let context = format!("array: {source}");
        Self::new(kind, context).with_source(source)
    }
}

impl From<dolium_block::Error> for Error {
    fn from(source: dolium_block::Error) -> Self {
        Self::new(ErrorKind::Corrupt, source.to_string()).with_source(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_with_providers_never_looks_like_the_callers_own() {
        use dolium_array::ErrorKind as Below;
        for (below, kind, status) in [
            (Below::NotFound, ErrorKind::Corrupt, Status::Permanent),
            (Below::Denied, ErrorKind::Unavailable, Status::Temporary),
            (
                Below::Unavailable,
                ErrorKind::Unavailable,
                Status::Temporary,
            ),
            (
                Below::RateLimited,
                ErrorKind::RateLimited,
                Status::RateLimited,
            ),
            (Below::Conflict, ErrorKind::Unexpected, Status::Permanent),
        ] {
            let error = Error::from(dolium_array::Error::new(below, "read", "p1"));
            assert_eq!((error.kind(), error.status()), (kind, status));
        }
    }
}
