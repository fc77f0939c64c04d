//! An array over providers in memory that break and mend on order.

use std::sync::Arc;
use std::time::Duration;

use dolium_array::{Array, ArraySettings, BlobId, BlobKind, Member, MemberId, Payload, Timeouts};
use dolium_provider::{BlobName, FaultHandle, FaultPlan, FaultProvider, MemoryProvider, Provider};

pub(crate) struct Rig {
    pub array: Array,
    pub faults: Vec<FaultHandle>,
    pub memory: Vec<Arc<MemoryProvider>>,
}

pub(crate) const KEY: [u8; 32] = [7; 32];

pub(crate) fn timeouts() -> Timeouts {
    Timeouts {
        cool_down: Duration::from_secs(5),
        ..Timeouts::default()
    }
}

impl Rig {
    pub(crate) fn new(layout: &str, members: usize) -> Self {
        Self::with(layout, members, |_| {})
    }

    pub(crate) fn with(layout: &str, members: usize, change: impl Fn(&mut ArraySettings)) -> Self {
        let memory: Vec<_> = (0..members)
            .map(|_| Arc::new(MemoryProvider::new()))
            .collect();
        Self::over(layout, memory, change)
    }

    pub(crate) fn over(
        layout: &str,
        memory: Vec<Arc<MemoryProvider>>,
        change: impl Fn(&mut ArraySettings),
    ) -> Self {
        let mut faults = Vec::new();
        let mut members = Vec::new();
        for (n, memory) in memory.iter().enumerate() {
            let inner = Arc::clone(memory) as Arc<dyn Provider>;
            let (provider, handle) = FaultProvider::new(inner, n as u64);
            faults.push(handle);
            let (id, name) = (MemberId(n as u16), format!("p{n}"));
            members.push(Member { id, name, provider });
        }
        let layout = layout.parse().unwrap();
        let mut settings = ArraySettings::new("test", layout, members, KEY);
        settings.timeouts = timeouts();
        change(&mut settings);
        Self {
            array: Array::new(settings).unwrap(),
            faults,
            memory,
        }
    }

    pub(crate) fn break_member(&self, member: MemberId, plan: FaultPlan) {
        self.faults[usize::from(member.0)].set(plan);
    }

    pub(crate) fn mend(&self) {
        self.faults.iter().for_each(FaultHandle::mend);
    }

    /// Every blob of a member, as it lies there.
    pub(crate) async fn stored(&self, member: MemberId) -> Vec<(BlobName, Vec<u8>)> {
        let memory = &self.memory[usize::from(member.0)];
        let mut stored = Vec::new();
        for info in memory.list("", None, usize::MAX).await.unwrap().blobs {
            let bytes = memory.get(&info.name, 0..info.len).await.unwrap();
            stored.push((info.name, bytes.to_vec()));
        }
        stored
    }

    pub(crate) async fn wipe(&self, member: MemberId) {
        self.tamper(member, |_| None).await;
    }

    /// Replaces or removes all that a member stores.
    pub(crate) async fn tamper(
        &self,
        member: MemberId,
        change: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
    ) {
        let memory = &self.memory[usize::from(member.0)];
        for (name, bytes) in self.stored(member).await {
            memory.delete(&name).await.unwrap();
            if let Some(bytes) = change(bytes) {
                memory.put(&name, Payload::from(bytes)).await.unwrap();
            }
        }
    }

    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.faults.iter().map(|fault| fault.calls(operation)).sum()
    }
}

pub(crate) fn pack(n: usize) -> BlobId {
    BlobId::new(
        BlobKind::Pack,
        format!("{:04x}{n:028x}", n.wrapping_mul(40_503) & 0xffff),
    )
    .unwrap()
}

/// Bytes in which every range is different.
pub(crate) fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut all = Vec::with_capacity(len + 8);
    while all.len() < len {
        all.extend_from_slice(&next().to_le_bytes());
    }
    all.truncate(len);
    all
}
