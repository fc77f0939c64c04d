//! The currency of Dolium: blocks, block lists, seals and packs.
//!
//! Every protocol writes and reads block lists; every provider keeps packs of sealed blocks. This
//! crate defines both, byte for byte (`docs/format.md`), and nothing else.
//!
//! Promises: no I/O, no clock; every decoder accepts hostile bytes and answers with an [`Error`].
//! Does not: decide where packs lie (`array`), or which blocks exist (`catalog`).

mod chunk;
pub mod codec;
mod error;
mod id;
mod key;
mod list;
mod merkle;
mod pack;
mod seal;
mod tree;

pub use chunk::{Chunker, Chunking};
pub use error::{Error, Result};
pub use id::{BlockId, MAX_BLOCK_LEN, PackId};
pub use key::{MasterKey, RecoveryKeyError, Subkey};
pub use list::{BlockList, Extent};
pub use merkle::{MerkleBuilder, MerkleRoot};
pub use pack::{PackBuilder, PackEntry, PackIndex, SealedPack};
pub use seal::{Codec, SealedBlock, open, open_record, seal, seal_record};
pub use tree::{Child, INLINE_MAX, NewNode, Node, TreeBuilder};
