//! Changes of arrays as the command line asks for them: rehearsed, started, followed to their end.
//!
//! Promises: what was started goes on without the command: Ctrl-C only stops the watching, and the server
//! (or the next command) finishes.

use anyhow::Result;
use clap::Args;
use http::Method;
use indicatif::HumanBytes;
use serde_json::Value;

use super::follow::follow;
use super::target::Target;
use super::{Outcome, output};
use crate::admin::{ChangeAnswer, ChangeRequest};
use crate::roster::Change;

/// How a change is made.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Following {
    /// Only say what it would take: requests, bytes and, with a table of prices, the cost.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the data to move; the server moves them.
    #[arg(long, conflicts_with = "dry_run")]
    background: bool,
}

impl Following {
    /// Made, and not waited for.
    pub(super) fn background() -> Self {
        Self {
            dry_run: false,
            background: true,
        }
    }

    /// Made, and waited for.
    pub(super) fn to_the_end() -> Self {
        Self::default()
    }
}

/// Makes a change, or says what it would take.
pub(super) async fn change(
    target: &Target,
    as_json: bool,
    change: Change,
    following: &Following,
) -> Result<Outcome> {
    let request = ChangeRequest {
        change,
        dry_run: following.dry_run,
    };
    let answer: ChangeAnswer = target.ask(Method::POST, "/changes", Some(&request)).await?;
    if following.dry_run || answer.shards > 0 {
        show(&answer, as_json, following.dry_run);
    } else if as_json {
        output::json(&answer);
    }
    if following.dry_run || following.background {
        return Ok(Outcome::Well);
    }
    // Also when there is nothing to move: what a kill left twice is removed then.
    let summary = follow(target, ("moving", "/reshape"), as_json, say).await?;
    Ok(if summary["done"].as_bool() == Some(true) {
        Outcome::Well
    } else {
        Outcome::Wrong
    })
}

fn say(summary: &Value) {
    let number = |field: &str| summary[field].as_u64().unwrap_or(0);
    output::line(format!(
        "{} shards moved, {} packs written again",
        number("shards_moved"),
        number("packs_rewritten")
    ));
    if summary["done"].as_bool() != Some(true) {
        output::line("Some are left: see `dolium array list`. The server goes on with them.");
    }
}

fn show(answer: &ChangeAnswer, as_json: bool, is_rehearsal: bool) {
    if as_json {
        return output::json(answer);
    }
    let verb = if is_rehearsal {
        "would touch"
    } else {
        "touches"
    };
    output::line(format!(
        "array {}: this {verb} {} blobs and writes {} shards",
        answer.array, answer.blobs, answer.shards
    ));
    for one in &answer.providers {
        let work = &one.work;
        let cost = match (one.cost, one.monthly) {
            (Some(cost), Some(monthly)) => format!("  cost {cost:.2}, then {monthly:+.2} a month"),
            _ => String::new(),
        };
        output::line(format!(
            "  {:<16} reads {} in {} requests, takes {} in {}, frees {} in {}{cost}",
            one.name,
            HumanBytes(work.bytes_read),
            work.gets,
            HumanBytes(work.bytes_written),
            work.puts,
            HumanBytes(work.bytes_freed),
            work.deletes
        ));
    }
    if let (Some(cost), Some(monthly)) = (answer.cost, answer.monthly) {
        output::line(format!(
            "  cost {cost:.2} once, then {monthly:+.2} a month, where prices are known"
        ));
    }
}
