//! The store against real files: a SQLite catalog and directory providers in a temporary folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod suite;
