//! Identity: users, their access keys, and who a request comes from; also by the word of a Keystone
//! elsewhere.
//!
//! Promises: secrets are in the catalog only sealed, bound to their access key, and never in logs or
//! `Debug` output; a disabled or removed user is locked out at once by this process, within
//! [`LOOKUP_AGE_MAX`] by others.
//! Does not: check signatures (front ends do) or decide what a principal may do (`store` does).

mod cache;
mod credential;
mod error;
mod identity;
mod key;
mod keystone;
mod login;
mod name;
mod principal;
mod revocation;
mod seal;

pub use cache::LOOKUP_AGE_MAX;
pub use credential::{AccessKeyId, Secret, constant_time_eq};
pub use error::{Error, ErrorKind, Result, Status};
pub use identity::{CreatedUser, Identity, NewUser};
pub use keystone::{Guest, Keystone, KeystoneSettings};
pub use login::NewLogin;
pub use principal::Principal;
pub use revocation::TokenMark;
pub use seal::SealingKey;

pub use dolium_catalog::{AccountId, Role, UserId};
