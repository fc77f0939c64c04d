//! What goes wrong with which member when, and whether the layout promises to bear it.
//!
//! Promises: what comes depends on the dice alone. A member counts from its first trouble until a repair
//! has run after its last one, since it may lack what was written meanwhile, and no more members than
//! `bearable` count at once. An outage is the exception: then any number is out of reach for a moment,
//! none lies, and all lacked nothing before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dolium_array::{Member, MemberId};
use dolium_provider::{Fault, FaultHandle, FaultPlan, FaultProvider, MemoryProvider, Provider};

use super::super::model::Dice;

/// Members of the array.
pub(super) const MEMBERS: usize = 5;
/// The longest that a trouble lasts, in rounds.
const ROUNDS_MAX: u64 = 10;
/// Changes come so late in a round, at most.
const DELAY_MAX_MS: u64 = 15;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Down,
    Broken,
    Denied,
    RateLimited,
    Flaky,
    Slow,
    Hanging,
    Stumbling,
    Losing,
    LosingSome,
    AnswersLost,
    Stale,
    Rotting,
    RottenWrites,
    Full,
    Wiped,
}

/// All of them, for the dice.
pub(super) const ALL: [Trouble; 16] = [
    Trouble::Down,
    Trouble::Broken,
    Trouble::Denied,
    Trouble::RateLimited,
    Trouble::Flaky,
    Trouble::Slow,
    Trouble::Hanging,
    Trouble::Stumbling,
    Trouble::Losing,
    Trouble::LosingSome,
    Trouble::AnswersLost,
    Trouble::Stale,
    Trouble::Rotting,
    Trouble::RottenWrites,
    Trouble::Full,
    Trouble::Wiped,
];

impl Trouble {
    fn plan(self) -> FaultPlan {
        let calm = FaultPlan::default();
        match self {
            Self::Down => FaultPlan::failing(Fault::Temporary),
            Self::Broken => FaultPlan::failing(Fault::Internal),
            Self::Denied => FaultPlan::failing(Fault::Permanent),
            Self::RateLimited => FaultPlan::failing(Fault::RateLimited),
            Self::Flaky => FaultPlan {
                error_rate: 0.3,
                ..calm
            },
            Self::Slow => FaultPlan {
                latency: Duration::from_millis(30),
                ..calm
            },
            Self::Hanging => FaultPlan::hanging(),
            Self::Stumbling => FaultPlan {
                hang_rate: 0.1,
                ..calm
            },
            Self::Losing => FaultPlan {
                lost_write_rate: 1.0,
                ..calm
            },
            Self::LosingSome => FaultPlan {
                lost_write_rate: 0.3,
                ..calm
            },
            Self::AnswersLost => FaultPlan {
                lost_answer_rate: 0.4,
                ..calm
            },
            Self::Stale => FaultPlan {
                stale_listing: true,
                ..calm
            },
            Self::Rotting => FaultPlan {
                rot_rate: 0.5,
                ..calm
            },
            Self::RottenWrites => FaultPlan {
                rotten_write_rate: 0.5,
                ..calm
            },
            Self::Full => FaultPlan { full: true, ..calm },
            // It comes back at once, with nothing.
            Self::Wiped => calm,
        }
    }
}

/// One member and its faults.
struct Sky {
    memory: Arc<MemoryProvider>,
    provider: Arc<FaultProvider>,
    handle: FaultHandle,
}

/// A change of the weather.
#[derive(Clone, Copy, Debug)]
enum Change {
    Begin(usize, Trouble),
    End(usize),
}

/// A trouble under way.
struct Active {
    member: usize,
    until: u64,
}

pub(super) struct Weather {
    skies: Vec<Sky>,
    kinds: Vec<Trouble>,
    bearable: usize,
    active: Vec<Active>,
    /// Members that may lack something.
    counted: BTreeSet<usize>,
    pending: VecDeque<(Duration, Change)>,
    /// More members than bearable are out of reach, or were since the last repair.
    outage: bool,
    pub(super) begun: BTreeMap<Trouble, u64>,
    pub(super) outages: u64,
}

impl Weather {
    /// Fair, for now.
    pub(super) fn new(seed: u64, kinds: &[Trouble], bearable: usize) -> Self {
        let sky = |n: usize| {
            let memory = Arc::new(MemoryProvider::new());
            let (provider, handle) = FaultProvider::new(memory.clone(), seed ^ (n as u64 + 1));
            Sky {
                memory,
                provider,
                handle,
            }
        };
        Self {
            skies: (0..MEMBERS).map(sky).collect(),
            kinds: kinds.to_vec(),
            bearable,
            active: Vec::new(),
            counted: BTreeSet::new(),
            pending: VecDeque::new(),
            outage: false,
            begun: BTreeMap::new(),
            outages: 0,
        }
    }

    /// The members, as an array takes them.
    pub(super) fn members(&self) -> Vec<Member> {
        let member = |(n, sky): (usize, &Sky)| Member {
            id: MemberId(n as u16 + 1),
            name: format!("p{}", n + 1),
            provider: sky.provider.clone(),
        };
        self.skies.iter().enumerate().map(member).collect()
    }

    /// What the members keep, without their faults.
    pub(super) fn memories(&self) -> Vec<Arc<MemoryProvider>> {
        self.skies.iter().map(|sky| sky.memory.clone()).collect()
    }

    /// Decides what changes in a round; `unfold` makes it happen.
    pub(super) fn forecast(&mut self, dice: &mut Dice, round: u64) {
        let ended: Vec<usize> = (self.active.iter())
            .filter(|active| active.until <= round)
            .map(|active| active.member)
            .collect();
        self.active.retain(|active| active.until > round);
        for member in ended {
            self.plan(dice.roll(DELAY_MAX_MS), Change::End(member));
        }
        if self.counted.is_empty() && dice.roll(12) == 0 {
            self.plan_outage(dice);
        } else if !self.kinds.is_empty() && !self.outage && dice.roll(3) == 0 {
            self.plan_trouble(dice, round);
        }
        self.pending
            .make_contiguous()
            .sort_by_key(|(delay, _)| *delay);
    }

    fn plan(&mut self, delay_ms: u64, change: Change) {
        self.pending
            .push_back((Duration::from_millis(delay_ms), change));
    }

    fn plan_trouble(&mut self, dice: &mut Dice, round: u64) {
        let member = dice.roll(MEMBERS as u64) as usize;
        let kind = self.kinds[dice.roll(self.kinds.len() as u64) as usize];
        let until = round + 1 + dice.roll(ROUNDS_MAX);
        let delay = dice.roll(DELAY_MAX_MS);
        let busy = self.active.iter().any(|active| active.member == member);
        let another = !self.counted.contains(&member);
        if busy || (another && self.counted.len() >= self.bearable) {
            return;
        }
        self.counted.insert(member);
        self.active.push(Active { member, until });
        *self.begun.entry(kind).or_default() += 1;
        self.plan(delay, Change::Begin(member, kind));
    }

    /// More members than bearable are out of reach for a moment.
    fn plan_outage(&mut self, dice: &mut Dice) {
        let kinds = [
            Trouble::Down,
            Trouble::RateLimited,
            Trouble::Hanging,
            Trouble::Full,
        ];
        let first = dice.roll(MEMBERS as u64) as usize;
        let count = self.bearable + 1 + dice.roll((MEMBERS - self.bearable) as u64) as usize;
        for n in 0..count.min(MEMBERS) {
            let member = (first + n) % MEMBERS;
            self.counted.insert(member);
            let kind = kinds[dice.roll(kinds.len() as u64) as usize];
            let begin = dice.roll(4);
            self.plan(begin, Change::Begin(member, kind));
            self.plan(begin + 60 + dice.roll(100), Change::End(member));
        }
        self.outage = true;
        self.outages += 1;
    }

    /// The next change and when it is due, from the beginning of the round.
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.pending.front().map(|(delay, _)| *delay)
    }

    /// Makes the next change happen.
    pub(super) async fn unfold(&mut self) {
        match self.pending.pop_front() {
            Some((_, Change::End(member))) => self.skies[member].handle.mend(),
            Some((_, Change::Begin(member, kind))) => {
                let sky = &self.skies[member];
                sky.handle.set(kind.plan());
                if kind == Trouble::Wiped {
                    wipe(&sky.memory).await;
                }
            }
            None => {}
        }
    }

    /// True while operations may fail.
    pub(super) fn is_outage(&self) -> bool {
        self.outage
    }

    /// Members that may lack something, counted from 1.
    pub(super) fn counted(&self) -> Vec<usize> {
        self.counted.iter().map(|member| member + 1).collect()
    }

    /// True when nothing is wrong and nothing may be missing.
    pub(super) fn is_fair(&self) -> bool {
        self.counted.is_empty()
    }

    /// True when every trouble has ended but some members may lack something.
    pub(super) fn wants_repair(&self) -> bool {
        self.active.is_empty() && !self.counted.is_empty()
    }

    /// Ends all troubles. Members still count.
    pub(super) fn calm(&mut self) {
        self.active.clear();
        self.pending.clear();
        for sky in &self.skies {
            sky.handle.mend();
        }
    }

    /// A repair has run in calm weather: no member lacks anything.
    pub(super) fn repaired(&mut self) {
        self.counted.clear();
        self.outage = false;
    }

    /// Faults that were met, by kind, over all members.
    pub(super) fn met(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for sky in &self.skies {
            for (fault, count) in sky.handle.met() {
                *all.entry(fault).or_default() += count;
            }
        }
        all
    }
}

/// Removes all that a member keeps.
pub(super) async fn wipe(memory: &MemoryProvider) {
    let all = memory.list("", None, usize::MAX - 1).await;
    for info in all.map(|page| page.blobs).unwrap_or_default() {
        drop(memory.delete(&info.name).await);
    }
}
