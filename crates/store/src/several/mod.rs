//! Several servers over one catalog: who works in the background, and what of each other's writes they spare.
//!
//! Both parts cost nothing where a catalog is one process's own (SQLite): a lease is then a lock in
//! memory, and there is nobody else to spare. What is safe by what is written down in `docs/several-servers.md`.

mod lease;
mod peers;

pub use lease::{Fence, Held, Leases};
pub(crate) use peers::{Member, Peers};
