//! `dolium status`: arrays, providers and redundancy at a glance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use http::Method;
use indicatif::{HumanBytes, HumanDuration};

use super::target::Target;
use super::{Outcome, output};
use crate::admin::{ArrayReport, StatusReport};

/// Show arrays, providers and redundancy.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    target: Target,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Show it again every so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

impl Status {
    pub(super) async fn run(self) -> Result<Outcome> {
        loop {
            let report: StatusReport = self.target.ask(Method::GET, "/status", None::<&()>).await?;
            if self.json {
                output::json(&report);
            } else {
                if self.watch.is_some() {
                    output::clear();
                }
                show(&report);
            }
            let Some(seconds) = self.watch else {
                return Ok(Outcome::Well);
            };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
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
        show_array(array);
    }
}

fn show_array(array: &ArrayReport) {
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
    for line in work(array) {
        output::line(format!("  {line}"));
    }
    for provider in &array.providers {
        let text = |field: &str| provider[field].as_str().unwrap_or("-").to_owned();
        let latency = provider["latency_ms"].as_f64().unwrap_or(0.0);
        let state = if provider["draining"].as_bool() == Some(true) {
            "draining".to_owned()
        } else {
            text("state")
        };
        output::line(format!(
            "  {:<16} {:<10} {state:<8} {latency:>8.1} ms  {:>10}  {} errors{}",
            text("name"),
            text("kind"),
            HumanBytes(provider["used_bytes"].as_u64().unwrap_or(0)).to_string(),
            provider["errors"].as_u64().unwrap_or(0),
            match provider["last_error"].as_str() {
                Some(error) => format!("  (last: {error})"),
                None => String::new(),
            }
        ));
    }
}

/// What is waiting, under way or done in an array, a line each.
fn work(array: &ArrayReport) -> Vec<String> {
    let mut lines = Vec::new();
    if array.incomplete_blobs > 0 {
        let count = array.incomplete_blobs;
        lines.push(format!(
            "{count} blobs lack shards; they are rebuilt when there are providers for them"
        ));
    }
    let waiting = array.spool["shards"].as_u64().unwrap_or(0);
    if waiting > 0 {
        let bytes = HumanBytes(array.spool["bytes"].as_u64().unwrap_or(0));
        let max = HumanBytes(array.spool["bytes_max"].as_u64().unwrap_or(0));
        lines.push(format!(
            "{waiting} shards wait here for their provider: {bytes} of {max}"
        ));
    }
    let leaving: u64 = array.left.leaving.values().sum();
    if leaving > 0 {
        let bytes = HumanBytes(array.left.leaving_bytes);
        lines.push(format!("{leaving} shards are to move: {bytes}"));
    }
    if array.left.packs_cut_otherwise > 0 {
        let count = array.left.packs_cut_otherwise;
        lines.push(format!(
            "{count} packs are to be written again as {}",
            array.layout
        ));
    }
    let care = &array.care;
    let checked = ago(care.checked, care.check_findings);
    let mut scrubbed = ago(care.scrubbed, care.scrub_findings);
    if care.scrub_cursor.is_some() {
        scrubbed.push_str(", one is under way");
    }
    lines.push(format!("checked {checked}; scrubbed {scrubbed}"));
    if care.mended > 0 {
        lines.push(format!(
            "{} shards were mended without being asked",
            care.mended
        ));
    }
    lines
}

fn ago(micros: i64, findings: u64) -> String {
    if micros <= 0 {
        return "never".to_owned();
    }
    let then = UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs());
    let since = SystemTime::now().duration_since(then).unwrap_or_default();
    let found = match findings {
        0 => "all was well".to_owned(),
        count => format!("{count} findings"),
    };
    format!("{} ago ({found})", HumanDuration(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_like_people_say_them() {
        assert_eq!(ago(0, 0), "never");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let hours = (now - Duration::from_secs(2 * 3600)).as_micros() as i64;
        assert_eq!(ago(hours, 0), "2 hours ago (all was well)");
        assert_eq!(ago(hours, 3), "2 hours ago (3 findings)");
    }
}
