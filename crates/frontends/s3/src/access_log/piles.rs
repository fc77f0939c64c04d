//! Lines on their way into log objects, in piles by where they go.
//!
//! Promises: bounded by named limits; a line that finds no room is refused, none is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolium_identity::Principal;
use dolium_store::ContainerName;

use crate::time::iso;

/// A pile of this length becomes an object at once.
const PILE_LEN_MAX: usize = 1 << 20;
/// Bytes of all piles.
const TOTAL_LEN_MAX: usize = 16 << 20;
/// Piles: buckets with logs that were asked for something in the last minutes.
const PILES_MAX: usize = 1024;
/// Seconds of a day.
const DAY_SECONDS: i64 = 24 * 3600;

/// Where the lines of a bucket go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The bucket that is watched.
    pub(crate) source: String,
    /// Its owner, who writes the logs.
    pub(crate) owner: Principal,
    /// The bucket that keeps them.
    pub(crate) target: ContainerName,
    /// What their keys begin with.
    pub(crate) prefix: String,
    /// How their keys go on.
    pub(crate) layout: Layout,
}

/// How the keys of log objects are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The time of delivery.
    Simple,
    /// Account, region, source, and the day of delivery.
    ByDelivery,
    /// Account, region, source, and the day of the requests.
    ByEvent,
}

/// Lines for one object.
#[derive(Clone, Debug)]
pub(crate) struct Pile {
    pub(crate) destination: Arc<Destination>,
    /// The day of its lines, where days are apart.
    day: i64,
    pub(crate) text: Vec<u8>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It waits.
    Kept,
    /// It waits, and its pile should become an object now.
    Full,
    /// There was no room.
    Dropped,
}

/// All piles.
#[derive(Default)]
pub(crate) struct Piles {
    piles: BTreeMap<(String, String, String, i64), Pile>,
    len: usize,
}

impl Piles {
    /// Adds the line of a request that came at `time`.
    pub(crate) fn add(&mut self, to: &Arc<Destination>, time: i64, line: &str) -> Added {
        let day = match to.layout {
            Layout::ByEvent => time.div_euclid(DAY_SECONDS),
            Layout::Simple | Layout::ByDelivery => 0,
        };
        let target = to.target.as_str().to_owned();
        let key = (target, to.prefix.clone(), to.source.clone(), day);
        let new = !self.piles.contains_key(&key);
        if self.len + line.len() > TOTAL_LEN_MAX || (new && self.piles.len() >= PILES_MAX) {
            return Added::Dropped;
        }
        let pile = self.piles.entry(key).or_insert_with(|| Pile {
            destination: to.clone(),
            day,
            text: Vec::new(),
        });
        // The owner may have changed, or the layout.
        pile.destination = to.clone();
        pile.text.extend_from_slice(line.as_bytes());
        self.len += line.len();
        if pile.text.len() >= PILE_LEN_MAX {
            Added::Full
        } else {
            Added::Kept
        }
    }

    /// Takes the piles that are full, or all of them.
    pub(crate) fn take(&mut self, all: bool) -> Vec<Pile> {
        let full = |pile: &Pile| all || pile.text.len() >= PILE_LEN_MAX;
        let piles = std::mem::take(&mut self.piles);
        let (taken, left) = piles.into_iter().partition(|(_, pile)| full(pile));
        self.piles = left;
        let taken: BTreeMap<_, Pile> = taken;
        let taken: Vec<Pile> = taken.into_values().collect();
        self.len -= taken.iter().map(|pile| pile.text.len()).sum::<usize>();
        taken
    }
}

impl Pile {
    /// The key of its object, delivered at `now`; `random` makes it unique.
    pub(crate) fn key(&self, region: &str, now: i64, random: u64) -> String {
        let Destination {
            prefix,
            source,
            owner,
            layout,
            ..
        } = &*self.destination;
        let at = match layout {
            Layout::ByEvent => self.day.saturating_mul(DAY_SECONDS),
            Layout::Simple | Layout::ByDelivery => now,
        };
        let moment: String = iso(at)
            .chars()
            .take(19)
            .map(|c| if matches!(c, 'T' | ':') { '-' } else { c })
            .collect();
        let name = format!("{moment}-{random:016X}");
        if *layout == Layout::Simple {
            return format!("{prefix}{name}");
        }
        let day = moment.get(..10).unwrap_or_default().replace('-', "/");
        let account = owner.account_id;
        format!("{prefix}{account}/{region}/{source}/{day}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use dolium_identity::{AccountId, UserId};

    use super::*;

    fn destination(source: &str, layout: Layout) -> Arc<Destination> {
        let owner = Principal {
            user_id: UserId(1),
            account_id: AccountId(7),
            account: "ada".into(),
            role: dolium_identity::Role::Owner,
            login: "ada:ada".into(),
            name: "ada".into(),
            display_name: "Ada".into(),
            canonical_id: "ff".into(),
            admin: false,
        };
        Arc::new(Destination {
            source: source.to_owned(),
            owner,
            target: ContainerName::new("logs").unwrap(),
            prefix: "p/".to_owned(),
            layout,
        })
    }

    #[test]
    fn keys() {
        let key = |layout| {
            let mut piles = Piles::default();
            piles.add(&destination("photos", layout), 86_400, "line\n");
            piles.take(true)[0].key("eu", 1_549_411_238, 255)
        };
        let name = "2019-02-06-00-00-38-00000000000000FF";
        assert_eq!(key(Layout::Simple), format!("p/{name}"));
        let partitioned = format!("p/7/eu/photos/2019/02/06/{name}");
        assert_eq!(key(Layout::ByDelivery), partitioned);
        let event = "p/7/eu/photos/1970/01/02/1970-01-02-00-00-00-00000000000000FF";
        assert_eq!(key(Layout::ByEvent), event);
    }

    #[test]
    fn piles_are_apart_and_in_order() {
        let mut piles = Piles::default();
        let (a, b) = (
            destination("a-a", Layout::Simple),
            destination("b-b", Layout::Simple),
        );
        for (to, line) in [(&a, "1\n"), (&b, "2\n"), (&a, "3\n")] {
            assert_eq!(piles.add(to, 0, line), Added::Kept);
        }
        assert!(piles.take(false).is_empty());
        let texts: Vec<Vec<u8>> = piles.take(true).into_iter().map(|pile| pile.text).collect();
        assert_eq!(texts, [b"1\n3\n".to_vec(), b"2\n".to_vec()]);
        assert_eq!(piles.len, 0);
    }

    #[test]
    fn full_piles_leave_and_memory_is_bounded() {
        let mut piles = Piles::default();
        let line = "x".repeat(64 << 10);
        let mut all = Vec::new();
        for number in 0..PILES_MAX + 9 {
            let to = destination(&format!("b-{number}"), Layout::Simple);
            all.push(piles.add(&to, 0, &line));
        }
        let kept = all.iter().filter(|added| **added == Added::Kept).count();
        assert_eq!(kept, TOTAL_LEN_MAX / line.len());
        assert_eq!(all.last(), Some(&Added::Dropped));
        piles.take(true);
        let to = destination("b-0", Layout::Simple);
        let added: Vec<Added> = (0..16).map(|_| piles.add(&to, 0, &line)).collect();
        assert_eq!(added.last(), Some(&Added::Full));
        assert_eq!(piles.take(false).len(), 1);
        for number in 0..PILES_MAX {
            piles.add(&destination(&format!("b-{number}"), Layout::Simple), 0, "x");
        }
        assert_eq!(
            piles.add(&destination("one-more", Layout::Simple), 0, "x"),
            Added::Dropped
        );
    }
}
