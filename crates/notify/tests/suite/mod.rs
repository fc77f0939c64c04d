//! One binary for all tests of the notifier.

mod deliveries;
mod receiver;
mod world;
