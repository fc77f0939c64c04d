//! `dolium collect`: free what nothing refers to.

use anyhow::Result;
use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use super::target::Target;
use super::{Outcome, output};
use crate::admin::Line;

/// Free what nothing refers to.
///
/// Blocks without a reference are removed once they are a day old (see the configuration), sparse packs
/// are rewritten, small ones merged, and blobs of writes that were cut short removed.
#[derive(Debug, Args)]
pub(super) struct Collect {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Collect {
    pub(super) async fn run(self) -> Result<Outcome> {
        let mut session = self.target.connect().await?;
        let bar = output::spinner("collect");
        let followed = session.admin()?.follow("/collect", |line| {
            if let Line::Progress(progress) = line {
                bar.set_message(output::progress_text(&progress));
            }
        });
        let summary = followed.await;
        bar.finish_and_clear();
        session.close().await?;
        let summary = summary?;
        if self.json {
            output::json(&json!({ "summary": summary }));
        } else {
            let count = |name: &str| summary[name].as_u64().unwrap_or(0);
            output::line(format!(
                "collect: {} blocks, {} packs ({}) and {} orphans removed, {} rewritten",
                count("blocks_removed"),
                count("packs_removed"),
                HumanBytes(count("bytes_removed")),
                count("orphans_removed"),
                HumanBytes(count("bytes_rewritten")),
            ));
        }
        Ok(Outcome::Well)
    }
}
