//! What the store is made of and what an administrator may tune.

use std::sync::Arc;
use std::time::Duration;

use dolium_array::Array;
use dolium_block::{MasterKey, Subkey};
use dolium_catalog::Catalog;

use crate::care::CareSettings;

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// After the journal entry is in the array: the server's disk may be lost at any moment.
    #[default]
    Array,
    /// After the catalog's commit; the journal follows within a second.
    Local,
}

/// The components a store runs on.
pub struct StoreParts {
    /// The catalog.
    pub catalog: Catalog,
    /// The arrays; the first is the default and keeps the journal.
    pub arrays: Vec<Arc<Array>>,
    /// The repository's key.
    pub master_key: MasterKey,
}

/// What an administrator may tune.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// When a write is answered.
    pub durability: Durability,
    /// How long a block that nothing refers to is kept: an upload that found it may still be running.
    pub garbage_age_min: Duration,
    /// How long a blob that the catalog does not know is left alone: its write may still be running.
    pub orphan_age_min: Duration,
    /// Bytes of blocks on their way into packs, over all streams of an array; at least two blocks.
    pub ingest_bytes_max: usize,
    /// Blocks read ahead of clients, over all streams.
    pub read_ahead_blocks_max: usize,
    /// Bytes of opened blocks kept for the next reader.
    pub block_cache_bytes_max: usize,
    /// Length at which a pack is closed.
    pub pack_len: usize,
    /// Names of keys that objects may be encrypted with, beside the repository's own.
    pub named_keys: Vec<String>,
    /// Arrays that clients know as a storage class of another name, with that name.
    pub classes: Vec<(String, String)>,
    /// The length of a day as lifecycle rules count it.
    pub lifecycle_day: Duration,
    /// How much care arrays get by themselves.
    pub care: CareSettings,
    /// Runs the background work (journal merging, collection, lifecycle) in this process.
    pub background: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            durability: Durability::Array,
            garbage_age_min: Duration::from_secs(24 * 3600),
            orphan_age_min: Duration::from_secs(3600),
            ingest_bytes_max: 40 << 20,
            read_ahead_blocks_max: 8,
            block_cache_bytes_max: 32 << 20,
            pack_len: 16 << 20,
            named_keys: Vec::new(),
            classes: Vec::new(),
            lifecycle_day: Duration::from_secs(24 * 3600),
            care: CareSettings::default(),
            background: true,
        }
    }
}

/// The subkeys of a repository, one for each purpose.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) block: Subkey,
    pub(crate) pack_index: Subkey,
    pub(crate) journal: Subkey,
    pub(crate) object: Subkey,
}

impl Keys {
    pub(crate) fn new(master: &MasterKey) -> Self {
        Self {
            block: master.subkey("block"),
            pack_index: master.subkey("pack index"),
            journal: master.subkey("journal"),
            object: master.subkey("object"),
        }
    }
}

/// The key that an array checks its shards with.
pub fn shard_key(master: &MasterKey) -> [u8; 32] {
    *master.subkey("shard").as_bytes()
}
