//! Shapes of the array: layouts that bear two losses, over all members or with some that are being emptied.

use std::collections::BTreeSet;

use dolium_array::{MemberId, Shape};
use dolium_store::Store;

use super::super::model::Dice;
use super::care::Watch;

/// Each bears the loss of two members, so that the weather need not know.
const LAYOUTS: [&str; 3] = ["erasure:3+2", "erasure:2+2", "mirror:3"];
const MEMBERS: u16 = 5;

/// How the array is to be. Outlives the server, as the configuration does.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) layout: &'static str,
    pub(super) draining: BTreeSet<MemberId>,
}

impl Wanted {
    pub(super) fn first() -> Self {
        Self {
            layout: LAYOUTS[0],
            draining: BTreeSet::new(),
        }
    }

    /// Another layout, and as many members to be emptied as it can spare at most.
    pub(super) fn roll(dice: &mut Dice) -> Self {
        let layout = LAYOUTS[dice.roll(LAYOUTS.len() as u64) as usize];
        let parsed: dolium_array::Layout = layout.parse().unwrap();
        let spare = u64::from(MEMBERS - u16::from(parsed.shards()));
        let first = dice.roll(u64::from(MEMBERS));
        let draining = (0..dice.roll(spare + 1)).map(|n| MemberId(((first + n) % 5) as u16 + 1));
        Self {
            layout,
            draining: draining.collect(),
        }
    }

    /// Gives an open store's array this shape.
    pub(super) fn give(&self, store: &Store) {
        let array = store.arrays()[0];
        let shape = Shape {
            layout: self.layout.parse().unwrap(),
            draining: self.draining.clone(),
            ..array.shape()
        };
        array.reshape(shape).unwrap();
    }
}

/// Brings what is stored into shape, as far as the watch lets it.
pub(super) async fn reshape(store: &Store, watch: &Watch) -> Result<(), String> {
    let outcome = store.reshape("default", watch).await;
    outcome.map_err(|error| format!("reshaping failed: {error:?}"))?;
    match watch.lost().first() {
        Some(lost) => Err(format!("reshaping found {lost}")),
        None => Ok(()),
    }
}

/// In calm weather nothing is left to do.
pub(super) async fn reshape_all(store: &Store) -> Result<(), String> {
    // The first pass may pass over packs that were just written.
    for _ in 0..3 {
        reshape(store, &Watch::patient()).await?;
    }
    let left = store.reshaping_left("default").await;
    let left = left.map_err(|error| format!("nobody knows what is left: {error:?}"))?;
    if left.is_nothing() {
        return Ok(());
    }
    Err(format!("after a reshaping there is left {left:?}"))
}
