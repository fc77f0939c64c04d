//! Which packs writes that have not committed still need.
//!
//! A pack may hold blocks of several writes, and one of them may go on for hours after the pack was
//! written. Until the last has committed, the catalog knows the pack too little or not at all, and only
//! this register keeps collection from taking its bytes for garbage.
//!
//! Promises: a pack is held from before its first byte is written until the last hold is dropped.
//! Does not: know the writes of other servers; see `several/peers.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use dolium_block::PackId;
use parking_lot::Mutex;

/// The packs in use. Clones share the register. As large as what is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds(Arc<Mutex<HashSet<PackId>>>);

/// Keeps one pack in use until it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    id: PackId,
    holds: Holds,
}

impl Holds {
    /// Takes a pack into use.
    pub(super) fn hold(&self, id: PackId) -> Hold {
        self.0.lock().insert(id);
        let holds = self.clone();
        Hold { id, holds }
    }

    pub(super) fn contains(&self, id: &PackId) -> bool {
        self.0.lock().contains(id)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.0.lock().remove(&self.id);
    }
}
