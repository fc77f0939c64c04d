//! Bucket policies: statements that allow and deny.
//!
//! A policy is read once, strictly, and then judges requests. What it says is a [`Verdict`]; what
//! follows from it is decided in `decide.rs`.
//!
//! Promises: no text makes reading or judging panic; what both may cost is bounded.
//! Does not: keep the text; it is the caller's.

mod condition;
mod date;
mod document;
mod error;
mod facts;
mod key;
mod network;
mod number;
mod operator;
mod pattern;
mod principal;
mod resource;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use error::PolicyError;
pub use facts::Judged;

use document::{Effect, Version};
use facts::Facts;
use statement::Statement;

/// The longest policy, in bytes; S3's limit.
pub const TEXT_LEN_MAX: usize = 20 * 1024;
/// The most statements a policy may have.
pub const STATEMENTS_MAX: usize = 200;

/// A bucket policy.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Statement>,
    public: bool,
}

/// What a policy says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it.
    Deny,
    /// No statement is about it.
    Silent,
}

impl Policy {
    /// Reads the policy of this bucket.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] says what is wrong with the text.
    pub fn parse(text: &str, bucket: &str) -> Result<Self, PolicyError> {
        if text.len() > TEXT_LEN_MAX {
            return Err(PolicyError::TooLong);
        }
        let document = document::read(text)?;
        let texts = document.statement.0;
        if texts.is_empty() || texts.len() > STATEMENTS_MAX {
            return Err(PolicyError::Statements);
        }
        let mut sids = BTreeSet::new();
        if !texts
            .iter()
            .filter_map(|text| text.sid.as_ref())
            .all(|sid| sids.insert(sid))
        {
            return Err(PolicyError::DuplicateSid);
        }
        let variables = document.version == Some(Version::V2012);
        let statements: Vec<_> = texts
            .iter()
            .map(|text| Statement::parse(text, bucket, variables))
            .collect::<Result<_, _>>()?;
        let public = statements.iter().any(Statement::is_public);
        Ok(Self { statements, public })
    }

    /// Whether the policy opens the bucket to strangers, as AWS defines it: a statement allows
    /// everybody, and no condition ties it to fixed users, accounts or narrow networks.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// What the policy says about a request.
    ///
    /// A request that takes too long to judge is denied: whoever made it so long may have meant to
    /// slip past a Deny.
    pub fn judge(&self, request: &Judged<'_>) -> Verdict {
        let facts = Facts::new(*request);
        let mut verdict = Verdict::Silent;
        for statement in &self.statements {
            let speaks = statement.speaks(&facts);
            if facts.steps_left() == 0 {
                return Verdict::Deny;
            }
            match statement.effect() {
                Effect::Deny if speaks => return Verdict::Deny,
                Effect::Allow if speaks => verdict = Verdict::Allow,
                _ => {}
            }
        }
        verdict
    }

    /// Whether any condition or variable names a key that starts like this, such as
    /// `s3:ExistingObjectTag/`. Values of other keys need not be fetched.
    pub fn references(&self, key_prefix: &str) -> bool {
        self.statements.iter().any(|one| one.references(key_prefix))
    }
}
