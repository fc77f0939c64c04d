//! The array over faulty providers: what it promises, while up to `m` of them break.

mod degraded;
mod quorum;
mod rig;
