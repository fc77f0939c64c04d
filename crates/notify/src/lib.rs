//! Event notification: tells webhooks and message brokers what happened to objects.
//!
//! The store writes an event in the transaction that changes an object. Here events are matched with
//! the rules of their containers, become messages in a queue for each target, and are delivered.
//!
//! Promises: each message is delivered at least once and, to one target, in the order of the changes;
//! `kill -9` loses none; a target that is down holds up no other; queues and ages have named limits,
//! and what they cost is counted.
//! Does not: speak a front end's protocol, or keep anything in memory that is not in the catalog.

mod arn;
mod error;
mod fanout;
mod nats;
mod queue;
mod rabbitmq;
mod record;
mod rule;
mod settings;
mod target;
mod webhook;
mod worker;

pub use arn::target_of;
pub use error::{Error, Result};
pub use rule::{RULES_MAX, Rule, is_event, rules_setting};
pub use settings::{NotifySettings, TargetKind, TargetSettings};
pub use worker::{Notifier, start};
