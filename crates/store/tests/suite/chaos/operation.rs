//! What clients do: rounds of operations that run at the same time.
//!
//! Promises: a round depends on the dice alone; no path is written twice in a round, nor copied from
//! while it is written, so that the model knows what may be there. Reads meet writes freely.

use super::super::model::Dice;
use super::content::Content;

/// Paths of all containers.
pub(super) const PATHS: usize = 48;
/// The most operations that run at the same time.
const ROUND_MAX: u64 = 32;

/// What is done with a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Store, whatever is there.
    Put(Content),
    /// Store if nothing is there.
    Create(Content),
    /// Read all.
    Get,
    /// Read from a part of the length, in thousandths, so many bytes.
    GetRange { from: u64, len: u64 },
    /// Remove.
    Delete,
    /// Take over what another path holds.
    CopyFrom(usize),
    /// List all paths that begin like this one.
    List,
}

impl Action {
    pub(super) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Put(_) | Self::Create(_) | Self::Delete | Self::CopyFrom(_)
        )
    }
}

/// One operation of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) path: usize,
    pub(super) action: Action,
}

/// The operations of a round.
pub(super) fn round(dice: &mut Dice) -> Vec<Operation> {
    let count = 1 + dice.roll(ROUND_MAX);
    let mut taken = [false; PATHS];
    let mut copied = [false; PATHS];
    let mut round = Vec::new();
    for _ in 0..count {
        let path = dice.roll(PATHS as u64) as usize;
        let mut action = roll(dice);
        if action.writes() && (taken[path] || copied[path]) {
            action = Action::Get;
        }
        if let Action::CopyFrom(from) = action {
            if taken[from] || from == path {
                action = Action::Get;
            } else {
                copied[from] = true;
            }
        }
        taken[path] |= action.writes();
        round.push(Operation { path, action });
    }
    round
}

fn roll(dice: &mut Dice) -> Action {
    match dice.roll(100) {
        0..=29 => Action::Put(Content::roll(dice)),
        30..=34 => Action::Create(Content::roll(dice)),
        35..=59 => Action::Get,
        60..=74 => Action::GetRange {
            from: dice.roll(1000),
            len: 1 + dice.roll(200_000),
        },
        75..=84 => Action::Delete,
        85..=94 => Action::CopyFrom(dice.roll(PATHS as u64) as usize),
        _ => Action::List,
    }
}
