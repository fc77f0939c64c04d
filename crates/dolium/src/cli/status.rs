//! `dolium status`: arrays, providers and redundancy at a glance.

use anyhow::Result;
use clap::Args;
use http::Method;
use indicatif::HumanBytes;

use super::target::Target;
use super::{Outcome, output};
use crate::admin::StatusReport;

/// Show arrays, providers and redundancy.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(self) -> Result<Outcome> {
        let mut session = self.target.connect().await?;
        let report: StatusReport = session
            .admin()?
            .ask(Method::GET, "/status", None::<&()>)
            .await?;
        session.close().await?;
        if self.json {
            output::json(&report);
        } else {
            show(&report);
        }
        Ok(Outcome::Well)
    }
}

fn show(report: &StatusReport) {
    output::line(format!(
        "Dolium {}, data in {}",
        report.version, report.data_dir
    ));
    if report.journal_behind > 0 {
        output::line(format!(
            "journal: {} changes are not in the array yet",
            report.journal_behind
        ));
    }
    if report.moving > 0 {
        output::line(format!(
            "{} objects are on their way to another array",
            report.moving
        ));
    }
    for array in &report.arrays {
        let lose = match array.may_lose {
            lose @ 1.. => format!("{lose} more provider(s) may be lost"),
            0 => "no provider may be lost now".to_owned(),
            _ => "some data may not be readable now".to_owned(),
        };
        output::line(format!(
            "array {} ({}): {}, {lose}",
            array.name, array.layout, array.state
        ));
        output::line(format!(
            "  {} packs, {}",
            array.packs,
            HumanBytes(array.pack_bytes.max(0) as u64)
        ));
        if array.incomplete_blobs > 0 {
            output::line(format!(
                "  {} blobs lack shards; `dolium repair` rebuilds them",
                array.incomplete_blobs
            ));
        }
        for provider in &array.providers {
            let text = |field: &str| provider[field].as_str().unwrap_or("-").to_owned();
            let latency = provider["latency_ms"].as_f64().unwrap_or(0.0);
            output::line(format!(
                "  {:<16} {:<10} {:<8} {latency:>8.1} ms  {} errors{}",
                text("name"),
                text("kind"),
                text("state"),
                provider["errors"].as_u64().unwrap_or(0),
                match provider["last_error"].as_str() {
                    Some(error) => format!("  (last: {error})"),
                    None => String::new(),
                }
            ));
        }
    }
}
