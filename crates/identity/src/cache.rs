//! The cache of signed-in access keys: every request looks one up.
//!
//! Promises: bounded; nothing older than [`LOOKUP_AGE_MAX`]; a lookup that began before a change of
//! this process is not kept. Keys that do not exist are not cached, so strangers cannot fill it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::revocation::Revoked;
use crate::{Principal, Secret};

/// How long a change made by another server may go unnoticed.
pub const LOOKUP_AGE_MAX: Duration = Duration::from_secs(5);
/// Keys in use within a few seconds on one server; a full cache is emptied and fills again.
const KEYS_MAX: usize = 4096;

/// See the module.
#[derive(Default)]
pub(crate) struct LookupCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    found: HashMap<String, Found>,
}

struct Found {
    at: Instant,
    known: Known,
}

/// What is known of an access key.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) principal: Principal,
    pub(crate) secret: Secret,
    /// Tokens of the key that are good no more.
    pub(crate) revoked: Arc<Revoked>,
}

/// What the cache knows when a lookup begins.
pub(crate) enum Lookup {
    /// The answer.
    Hit(Known),
    /// Nothing; the generation goes back in with what the catalog says.
    Miss(u64),
}

impl LookupCache {
    pub(crate) fn find(&self, access_key: &str, now: Instant) -> Lookup {
        let mut state = self.state.lock();
        let fresh = state
            .found
            .get(access_key)
            .filter(|found| now.saturating_duration_since(found.at) < LOOKUP_AGE_MAX)
            .map(|found| Lookup::Hit(found.known.clone()));
        fresh.unwrap_or_else(|| {
            state.found.remove(access_key);
            Lookup::Miss(state.generation)
        })
    }

    pub(crate) fn keep(&self, generation: u64, access_key: &str, at: Instant, known: Known) {
        let mut state = self.state.lock();
        if state.generation != generation {
            return;
        }
        if state.found.len() >= KEYS_MAX {
            state.found.clear();
        }
        state
            .found
            .insert(access_key.to_owned(), Found { at, known });
    }

    /// Forgets everything: users and keys change seldom.
    pub(crate) fn invalidate(&self) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.found.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use dolium_catalog::{AccountId, UserId};

    use super::{KEYS_MAX, Known, LOOKUP_AGE_MAX, Lookup, LookupCache};
    use crate::{Principal, Secret};

    fn found() -> Known {
        let principal = Principal {
            user_id: UserId(1),
            account_id: AccountId(1),
            account: "ann".into(),
            role: dolium_catalog::Role::Owner,
            login: "ann:ann".into(),
            name: "ann".into(),
            display_name: "Ann".into(),
            canonical_id: "ann".into(),
            admin: false,
        };
        Known {
            principal,
            secret: Secret::random(),
            revoked: Default::default(),
        }
    }

    fn hit(cache: &LookupCache, key: &str, now: Instant) -> bool {
        matches!(cache.find(key, now), Lookup::Hit(..))
    }

    #[test]
    fn entries_age_and_are_bounded() {
        let (cache, now) = (LookupCache::default(), Instant::now());
        cache.keep(0, "a", now, found());
        assert!(hit(&cache, "a", now));
        assert!(!hit(&cache, "b", now));
        assert!(!hit(&cache, "a", now + LOOKUP_AGE_MAX));
        for number in 0..KEYS_MAX * 2 + 1 {
            cache.keep(0, &number.to_string(), now, found());
        }
        assert!(cache.state.lock().found.len() <= KEYS_MAX);
    }

    #[test]
    fn a_lookup_from_before_a_change_is_not_kept() {
        let (cache, now) = (LookupCache::default(), Instant::now());
        let Lookup::Miss(generation) = cache.find("a", now) else {
            panic!("it is empty")
        };
        cache.invalidate();
        cache.keep(generation, "a", now, found());
        assert!(!hit(&cache, "a", now));
    }
}
