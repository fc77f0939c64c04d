//! What a Keystone said of tokens, for a while.
//!
//! Promises: bounded; nothing is believed longer than it may be, nor past the end of its token. Tokens that
//! are none are not remembered, so that strangers cannot fill it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Guest;

/// Tokens in use at a time on one server; a full memory is emptied and fills again.
const TOKENS_MAX: usize = 4096;

/// See the module.
pub(super) struct Memory {
    believed: Duration,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

struct Known {
    asked: Instant,
    /// When the token ends, in microseconds since the epoch.
    ends: i64,
    guest: Guest,
}

impl Memory {
    pub(super) fn new(believed: Duration) -> Self {
        Self {
            believed,
            known: Mutex::default(),
        }
    }

    /// Whom a token, by its digest, speaks for.
    pub(super) fn find(&self, token: &[u8; 32], now: Instant, now_us: i64) -> Option<Guest> {
        let mut known = self.known.lock();
        let found = known.get(token)?;
        let fresh = now.saturating_duration_since(found.asked) < self.believed;
        if fresh && found.ends > now_us {
            return Some(found.guest.clone());
        }
        known.remove(token);
        None
    }

    pub(super) fn keep(&self, token: [u8; 32], asked: Instant, ends: i64, guest: Guest) {
        let mut known = self.known.lock();
        if known.len() >= TOKENS_MAX {
            known.clear();
        }
        known.insert(token, Known { asked, ends, guest });
    }
}

#[cfg(test)]
mod tests {
    use dolium_catalog::{AccountId, Role, UserId};

    use super::*;
    use crate::Principal;

    fn guest() -> Guest {
        Guest {
            principal: Principal {
                user_id: UserId(0),
                account_id: AccountId(1),
                account: "p".into(),
                role: Role::Owner,
                login: "p:u".into(),
                name: "keystone:u".into(),
                display_name: "Ada".into(),
                canonical_id: "keystone:u".into(),
                admin: false,
            },
            is_service: false,
            names: Vec::new(),
        }
    }

    #[test]
    fn it_forgets_in_time_and_is_bounded() {
        let (memory, now) = (Memory::new(Duration::from_secs(60)), Instant::now());
        memory.keep([1; 32], now, 1000, guest());
        assert!(memory.find(&[1; 32], now, 999).is_some());
        assert!(memory.find(&[2; 32], now, 999).is_none());
        assert!(memory.find(&[1; 32], now, 1000).is_none());
        memory.keep([1; 32], now, 1000, guest());
        let later = now + Duration::from_secs(60);
        assert!(memory.find(&[1; 32], later, 999).is_none());
        for number in 0..(TOKENS_MAX as u64 * 2 + 1) {
            let mut token = [0; 32];
            token[..8].copy_from_slice(&number.to_be_bytes());
            memory.keep(token, now, 1000, guest());
        }
        assert!(memory.known.lock().len() <= TOKENS_MAX);
    }
}
