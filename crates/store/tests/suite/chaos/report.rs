//! What a run did, in words.

use std::fmt;

/// What a run did.
#[derive(Default)]
pub(super) struct Report {
    pub(super) operations: usize,
    pub(super) rounds: u64,
    pub(super) crashes: u64,
    pub(super) closes: u64,
    pub(super) repairs: u64,
    pub(super) shapes: u64,
    pub(super) cares: u64,
    pub(super) failures: u64,
    pub(super) sent_again: u64,
    pub(super) weather: String,
    pub(super) seconds: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations,
            rounds,
            crashes,
            closes,
            repairs,
            shapes,
            cares,
            failures,
            sent_again,
            weather,
            seconds,
        } = self;
        write!(
            f,
            "{operations} operations in {rounds} rounds, {seconds:.1} s: {crashes} crashes, {closes} restarts, \
             {repairs} repairs, {shapes} shapes, {cares} care passes beside operations, {failures} failures in outages, \
             {sent_again} bodies sent again; {weather}"
        )
    }
}
