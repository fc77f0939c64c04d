//! One binary for all tests of the store's verbs.

mod accounts;
mod archives;
mod chaos;
mod collection;
mod crash;
mod dedup;
mod events;
mod guards;
mod hashmaps;
mod hazards;
mod lifecycle;
mod model;
mod movement;
mod objects;
mod older_build;
mod privacy;
mod recovery;
mod sharing;
mod tending;
mod uploads;
mod versions;
mod world;
