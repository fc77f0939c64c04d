//! Chaos: a store over five members that fail in every way a storage service can, against a plain model.
//!
//! Rounds of operations run several at a time while members go down, hang, answer 500, 503 and 429, lose
//! writes that they acknowledged, lose answers, list what was, flip bits on the wire and at rest, fill up,
//! and come back whole or empty; never more of them than the layout tolerates, and one that lied or
//! missed something counts until a repair has run. In rare rounds more members than that are out of reach for a
//! moment: then operations may fail, and nothing may be lost. Care passes run beside the operations, layouts
//! change, members are emptied, what they do not take waits on a disk, and the server ends between any two steps and starts again.
//!
//! Promises: a seed repeats the operations and the faults, not the interleaving of threads; every answer is judged;
//! in the end everything agrees byte for byte, check and scrub are clean, and a recovery from the providers
//! alone gives the same. `proof` shows that a loss is noticed.
//!
//! `DOLIUM_CHAOS_SEED` (a number) and `DOLIUM_CHAOS_OPERATIONS` (10,000) set one run.

mod care;
mod content;
mod life;
mod operation;
mod proof;
mod report;
mod run;
mod shapes;
mod truth;
mod weather;

use run::{Plan, run};

/// Operations of a run in CI.
const OPERATIONS: usize = 10_000;

#[test]
fn a_store_weathers_what_its_layout_promises() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed = number("DOLIUM_CHAOS_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let operations = number("DOLIUM_CHAOS_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    eprintln!("DOLIUM_CHAOS_SEED={seed} DOLIUM_CHAOS_OPERATIONS={operations}");
    match run(&Plan::new(seed, operations)) {
        Ok(report) => eprintln!("{report}"),
        Err(why) => panic!("DOLIUM_CHAOS_SEED={seed}: {why}"),
    }
}
