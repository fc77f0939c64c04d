//! Reed–Solomon: `m` parity shards from `k` data shards, and any shard from `k` others.
//!
//! The code is systematic over GF(2⁸) with the polynomial 0x11D, as ISA-L, Jerasure and most others compute it. The
//! first parity shard of [`Code::cauchy`] is the plain XOR of the data, so one parity is RAID-5 to the letter.
//!
//! Everything is one operation: outputs are rows of coefficients times inputs, byte by byte ([`Rows`]). Encoding
//! uses the rows of the parity, rebuilding those of an inverted matrix. The kernels for it are chosen at run time:
//! GFNI with AVX-512 or AVX2, AVX2 alone, NEON, or portable Rust.
//!
//! Promises: any `k` of the `k + m` shards give all others; the same bytes on every processor; no allocation per
//! byte; no panic on lengths that differ, they are errors.
//! Does not: know about shards' headers, checksums or where they lie.

mod code;
mod error;
mod field;
mod kernel;
mod matrix;
mod rows;

pub use code::Code;
pub use error::{Error, Result};
pub use kernel::Kernel;
pub use rows::Rows;
