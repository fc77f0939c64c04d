//! What an array is made of.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{Layout, Member, MemberId, SpoolSettings};

/// Limits on waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a request that reads, lists or deletes.
    pub read: Duration,
    /// For a request that writes one shard.
    pub write: Duration,
    /// How long a put that has its quorum waits for the rest at most: as long as they usually take.
    pub straggler_grace: Duration,
    /// How long a member that failed repeatedly is left alone.
    pub cool_down: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            // A 16 MiB shard over a slow line, tried again by the driver.
            write: Duration::from_secs(120),
            straggler_grace: Duration::from_secs(2),
            cool_down: Duration::from_secs(5),
        }
    }
}

/// What an array is made of.
#[derive(Clone)]
pub struct ArraySettings {
    /// For people.
    pub name: String,
    /// How new blobs are cut.
    pub layout: Layout,
    /// At least as many as the layout has shards.
    pub members: Vec<Member>,
    /// Members that are being emptied: they are read, and get nothing new.
    pub draining: BTreeSet<MemberId>,
    /// The secret under which shards are checksummed, so that providers cannot forge them.
    pub shard_key: [u8; 32],
    /// Whether a put may succeed with exactly as many shards as a read needs.
    pub allow_degraded_writes: bool,
    /// Where shards wait for members that do not take them; nowhere when there is none.
    pub spool: Option<SpoolSettings>,
    /// Limits on waiting.
    pub timeouts: Timeouts,
}

impl ArraySettings {
    /// Settings with the defaults.
    pub fn new(
        name: impl Into<String>,
        layout: Layout,
        members: Vec<Member>,
        shard_key: [u8; 32],
    ) -> Self {
        let (name, timeouts) = (name.into(), Timeouts::default());
        Self {
            name,
            layout,
            members,
            draining: BTreeSet::new(),
            shard_key,
            allow_degraded_writes: true,
            spool: None,
            timeouts,
        }
    }
}

impl fmt::Debug for ArraySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArraySettings")
            .field("name", &self.name)
            .field("layout", &self.layout)
            .field("members", &self.members)
            .field("draining", &self.draining)
            .field("allow_degraded_writes", &self.allow_degraded_writes)
            .field("spool", &self.spool)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
