//! Why a policy was refused, in sentences for the client that sent it.

use crate::policy::{STATEMENTS_MAX, TEXT_LEN_MAX};

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than [`TEXT_LEN_MAX`].
    #[error("Policies must not be longer than {TEXT_LEN_MAX} bytes")]
    TooLong,
    /// Not a JSON object.
    #[error("Policies must be valid JSON and the first byte must be '{{'")]
    NotJson,
    /// JSON, but a member is unknown, missing, given twice or of the wrong kind.
    #[error("Invalid policy syntax at line {line} column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// No statement, or more than [`STATEMENTS_MAX`].
    #[error("A policy has at least one statement and at most {STATEMENTS_MAX}")]
    Statements,
    /// Two statements with one Sid.
    #[error("Statement IDs (SID) in a single policy must be unique")]
    DuplicateSid,
    /// Neither, or both, of a member and its negation.
    #[error("A statement needs exactly one of {0} and Not{0}")]
    OneOf(&'static str),
    /// `NotPrincipal` in an Allow statement.
    #[error("Allow with NotPrincipal is not allowed")]
    AllowNotPrincipal,
    /// A principal that cannot be.
    #[error("Invalid principal in policy")]
    Principal,
    /// An action that S3 does not know.
    #[error("Policy has invalid action")]
    Action,
    /// A resource that is no ARN, or not of this bucket.
    #[error("Policy has invalid resource")]
    Resource,
    /// An action for objects over resources that are buckets, or the other way round.
    #[error("Action does not apply to any resource(s) in statement")]
    ActionResource,
    /// A condition operator that does not exist.
    #[error("Policy has an invalid condition operator")]
    Operator,
    /// A condition key that does not exist.
    #[error("Policy has an invalid condition key")]
    ConditionKey,
    /// A value that its operator cannot read.
    #[error("Policy has an invalid condition value")]
    ConditionValue,
    /// A policy variable that does not end or names no condition key.
    #[error("Policy has an invalid policy variable")]
    Variable,
}
