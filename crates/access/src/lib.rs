//! Who may do what: the permissions of S3 and the decision over them.
//!
//! Policies, ACLs, ownership and public access blocks are parsed from text by whoever keeps them;
//! [`decide`] says whether a request may go on.
//!
//! Promises: no I/O, no clock; every parser accepts hostile text and answers with an error; what
//! S3's rules leave open is decided against the requester.
//! Does not: know users, containers or protocols; fetch what a decision needs; check signatures.

mod acl;
mod action;
mod canned;
mod context;
mod decide;
mod grant;
mod grantees;
mod policy;
mod requester;
mod rules;
mod sharing;

pub use acl::{Acl, GRANTS_MAX, TooManyGrants};
pub use action::Action;
pub use canned::Canned;
pub use context::Context;
pub use decide::{Asked, Decision, ObjectFacts, decide};
pub use grant::{Grant, Grantee, Group, NoSuchGroup, Permission};
pub use grantees::{Door as GranteesDoor, Grantees, GranteesError};
pub use policy::{Judged, Policy, PolicyError, STATEMENTS_MAX, TEXT_LEN_MAX, Verdict};
pub use requester::{Owner, Requester};
pub use rules::{Ownership, PublicAccessBlock, Rules};
pub use sharing::{
    EVERY_USER, GRANTEE_LEN_MAX, GRANTEES_MAX, Share, Sharing, SharingError, below, governs,
    is_directory,
};
