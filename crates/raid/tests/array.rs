//! Arrays of services that lie, hang, break off and list in the wrong order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod suite;
