//! The notifier over a real catalog, against webhooks that listen in this process.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod suite;
