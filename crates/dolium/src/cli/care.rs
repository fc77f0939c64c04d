//! `dolium check`, `scrub` and `repair`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::follow::follow;
use super::target::Target;
use super::{Outcome, output};

/// What the three share.
#[derive(Debug, Args)]
struct Pass {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Compare what the providers list with what should be there; downloads nothing.
///
/// Exits 0 when all is well and 1 when something is missing or damaged.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pass: Pass,
}

/// Read and verify every byte at every provider.
///
/// Interrupted, it goes on where it was when started again. Exits 1 when something is missing or
/// damaged.
#[derive(Debug, Args)]
pub(super) struct Scrub {
    #[command(flatten)]
    pass: Pass,
}

/// Rebuild what is missing or damaged.
///
/// Never deletes a last good copy. Interrupted, it goes on where it was when started again. Exits 1
/// when something could not be put right.
#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    pass: Pass,
    /// Compare listings only: quicker, but bytes that rotted in place are not found.
    #[arg(long)]
    quick: bool,
}

impl Check {
    pub(super) async fn run(self) -> Result<Outcome> {
        let summary = self.pass.follow("check", "/check").await?;
        Ok(clean(&summary))
    }
}

impl Scrub {
    pub(super) async fn run(self) -> Result<Outcome> {
        let summary = self.pass.follow("scrub", "/scrub").await?;
        Ok(clean(&summary))
    }
}

impl Repair {
    pub(super) async fn run(self) -> Result<Outcome> {
        let path = if self.quick {
            "/repair"
        } else {
            "/repair?verify=true"
        };
        let summary = self.pass.follow("repair", path).await?;
        let found = summary["findings"].as_object().into_iter().flatten();
        let lost =
            found.filter(|(kind, _)| kind.as_str() == "lost" || kind.as_str() == "unreachable");
        let wrong: u64 = lost.filter_map(|(_, count)| count.as_u64()).sum();
        Ok(if wrong == 0 {
            Outcome::Well
        } else {
            Outcome::Wrong
        })
    }
}

fn clean(summary: &Value) -> Outcome {
    if summary["clean"].as_bool() == Some(true) {
        Outcome::Well
    } else {
        Outcome::Wrong
    }
}

impl Pass {
    async fn follow(&self, what: &str, path: &str) -> Result<Value> {
        follow(&self.target, (what, path), self.json, |summary| {
            say(what, summary)
        })
        .await
    }
}

/// The summary as a sentence.
fn say(what: &str, summary: &Value) {
    let blobs = summary["blobs"].as_u64().unwrap_or(0);
    let findings = summary["findings"].as_object().into_iter().flatten();
    let counts: Vec<String> = findings
        .map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")))
        .collect();
    let repaired = summary["repaired"].as_u64().unwrap_or(0);
    let mut text = format!("{what}: {blobs} blobs");
    if counts.is_empty() {
        text.push_str(", all is well");
    } else {
        text.push_str(&format!("; found: {}", counts.join(", ")));
    }
    if what == "repair" {
        text.push_str(&format!("; {repaired} shards put back"));
    }
    output::line(text);
}
