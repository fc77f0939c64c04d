//! Signing in over version 3 of OpenStack's identity protocol, `/v3`, and finding it, `/`.
//!
//! Users are those of this server: a login `account:user` is the user `user` with a role in the project
//! `account`; an access key is an application credential. The only domain is `Default`.
//!
//! Promises: secrets are compared in constant time; who does not know the secret does not learn whether
//! there is such a user; a token that was given up is good no more once that was answered, also after a
//! recovery.
//! Does not: change users, projects or roles.

mod desk;
mod fault;
mod request;
pub(crate) mod token;
mod words;

pub(crate) use desk::{Asked, Desk};
pub(crate) use fault::challenge;
pub(super) use token::is_meant;
pub(super) use words::user_name;
