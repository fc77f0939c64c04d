//! The array over faulty providers: what it promises, while up to `m` of them break.

#![allow(
    clippy::unwrap_used,
    reason = "the functions that tests share are tests too"
)]

mod care;
mod degraded;
mod quorum;
mod rig;
mod siblings;
