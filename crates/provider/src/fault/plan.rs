//! What is to go wrong, and the handle by which a test changes it while the provider is in use.
//!
//! Promises: the same seed and plan give the same faults to the n-th use of the same name by the
//! same operation, in whatever order tasks run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{BlobInfo, BlobName};

/// An error that a faulty provider answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Unavailable for now.
    Temporary,
    /// Denied until somebody acts.
    Permanent,
    /// Slow down.
    RateLimited,
    /// Something broke inside the service, as an answer 500 says.
    Internal,
}

/// What is to go wrong. The default is nothing. Rates are from 0.0 to 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    /// Every operation takes at least this long.
    pub latency: Duration,
    /// How many operations fail with `error`.
    pub error_rate: f64,
    /// What they fail with.
    pub error: Fault,
    /// How many puts are acknowledged and dropped.
    pub lost_write_rate: f64,
    /// How many puts and deletes take effect and answer with `error` all the same.
    pub lost_answer_rate: f64,
    /// How many gets have one bit flipped. The same range rots at the same bit each time.
    pub rot_rate: f64,
    /// How many puts keep one bit flipped: rot that stays.
    pub rotten_write_rate: f64,
    /// Listings show neither the puts nor the deletes made since this was switched on.
    pub stale_listing: bool,
    /// Puts fail for lack of space.
    pub full: bool,
    /// How many operations never return.
    pub hang_rate: f64,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            error_rate: 0.0,
            error: Fault::Temporary,
            lost_write_rate: 0.0,
            lost_answer_rate: 0.0,
            rot_rate: 0.0,
            rotten_write_rate: 0.0,
            stale_listing: false,
            full: false,
            hang_rate: 0.0,
        }
    }
}

impl FaultPlan {
    /// Every operation fails with `error`.
    pub fn failing(error: Fault) -> Self {
        Self {
            error_rate: 1.0,
            error,
            ..Self::default()
        }
    }

    /// No operation returns.
    pub fn hanging() -> Self {
        Self {
            hang_rate: 1.0,
            ..Self::default()
        }
    }

    /// Every get returns a wrong bit.
    pub fn rotting() -> Self {
        Self {
            rot_rate: 1.0,
            ..Self::default()
        }
    }
}

/// Breaks and mends a provider while it is in use.
#[derive(Debug, Clone)]
pub struct FaultHandle {
    seed: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) plan: FaultPlan,
    /// How often an operation met a name; what makes the n-th use a use of its own.
    uses: HashMap<(&'static str, String), u64>,
    /// How often each operation was called.
    calls: BTreeMap<&'static str, u64>,
    /// How often each kind of fault was met.
    met: BTreeMap<&'static str, u64>,
    /// What stale listings do not show yet.
    pub(super) unseen: BTreeSet<BlobName>,
    /// What stale listings still show.
    pub(super) ghosts: BTreeMap<BlobName, BlobInfo>,
}

impl FaultHandle {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            state: Arc::default(),
        }
    }

    /// Replaces the plan from the next operation on. Operations that hang keep hanging.
    pub fn set(&self, plan: FaultPlan) {
        let mut state = self.state();
        if !plan.stale_listing {
            state.unseen.clear();
            state.ghosts.clear();
        }
        state.plan = plan;
    }

    /// Mends the provider.
    pub fn mend(&self) {
        self.set(FaultPlan::default());
    }

    /// How often `operation` (`put`, `get` …) was called.
    pub fn calls(&self, operation: &str) -> u64 {
        self.state().calls.get(operation).copied().unwrap_or(0)
    }

    /// How often each kind of fault was met (`error`, `lost` …), so that a test can tell that what it
    /// planned did happen.
    pub fn met(&self) -> BTreeMap<&'static str, u64> {
        self.state().met.clone()
    }

    /// Counts a fault that was met.
    pub(super) fn note(&self, fault: &'static str) {
        *self.state().met.entry(fault).or_default() += 1;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a use of `name` and returns a dice for it.
    pub(super) fn dice(&self, operation: &'static str, name: &str) -> Dice {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        let uses = state.uses.entry((operation, name.to_owned())).or_default();
        *uses += 1;
        Dice {
            base: hash(&(self.seed, operation, name, *uses)),
        }
    }

    /// A number that depends on the seed and `what` only.
    pub(super) fn fixed(&self, what: &impl Hash) -> u64 {
        hash(&(self.seed, hash(what)))
    }
}

/// Decides one operation's faults.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    base: u64,
}

impl Dice {
    /// True with probability `rate`, independently for each `what`.
    pub(super) fn hits(self, what: &'static str, rate: f64) -> bool {
        let roll = hash(&(self.base, what)) >> 11;
        (roll as f64) < rate * (1u64 << 53) as f64
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
