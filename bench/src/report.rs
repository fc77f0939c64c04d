//! Measurements, as JSON for machines and as Markdown tables for people.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// One scenario on one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) scenario: String,
    pub(crate) clients: usize,
    pub(crate) object_len: u64,
    pub(crate) ops: usize,
    pub(crate) seconds: f64,
    pub(crate) ops_per_s: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) server_cpu_s: Option<f64>,
    pub(crate) server_cpu_ms_per_op: Option<f64>,
    pub(crate) server_cpu_s_per_gib: Option<f64>,
    pub(crate) server_rss_peak_mib: Option<f64>,
}

/// All scenarios on one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) server: String,
    pub(crate) measurements: Vec<Measurement>,
}

impl Measurement {
    pub(crate) fn new(
        scenario: Scenario,
        mut latencies: Vec<Duration>,
        seconds: f64,
        server_cpu_s: Option<f64>,
        server_rss_peak_mib: Option<f64>,
    ) -> Self {
        latencies.sort();
        let ops = latencies.len();
        let bytes = ops as f64 * scenario.object_len as f64;
        let of_bytes = |cpu: f64| (bytes > 0.0).then(|| cpu / (bytes / GIB));
        Self {
            scenario: scenario.name.to_owned(),
            clients: scenario.clients,
            object_len: scenario.object_len,
            ops,
            seconds,
            ops_per_s: ops as f64 / seconds,
            mib_per_s: bytes / MIB / seconds,
            p50_ms: percentile_ms(&latencies, 50),
            p99_ms: percentile_ms(&latencies, 99),
            server_cpu_s,
            server_cpu_ms_per_op: server_cpu_s.map(|cpu| cpu * 1e3 / ops.max(1) as f64),
            server_cpu_s_per_gib: server_cpu_s.and_then(of_bytes),
            server_rss_peak_mib,
        }
    }

    /// One line for people who watch.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:8} {:6} ops {:8.1} ops/s {:8.1} MiB/s  p50 {:8.2} ms  p99 {:8.2} ms  \
             cpu/op {} ms  cpu/GiB {} s  rss {} MiB",
            self.scenario,
            self.ops,
            self.ops_per_s,
            self.mib_per_s,
            self.p50_ms,
            self.p99_ms,
            number(self.server_cpu_ms_per_op),
            number(self.server_cpu_s_per_gib),
            number(self.server_rss_peak_mib),
        )
    }
}

/// The latency that this many percent of operations do not exceed.
pub(crate) fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

impl Run {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            measurements: Vec::new(),
        }
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// Put measurements of several servers side by side.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// Measurements; ratios are of each further one to the first.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Table {
    pub(crate) fn run(self) -> Result<()> {
        let runs: Vec<Run> = self
            .files
            .iter()
            .map(|file| Run::read(file))
            .collect::<Result<_>>()?;
        say(&table(&runs))
    }
}

/// A Markdown table. "× CPU" above 1 means that the server uses more than the first.
fn table(runs: &[Run]) -> String {
    let mut text = String::from(
        "| scenario | server | ops/s | MiB/s | p50 ms | p99 ms | CPU ms/op | CPU s/GiB | peak RSS MiB | × rate | × CPU |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let Some(first) = runs.first() else {
        return text;
    };
    for base in &first.measurements {
        for run in runs {
            let of = run
                .measurements
                .iter()
                .find(|m| m.scenario == base.scenario);
            let Some(of) = of else { continue };
            let cpu = of.server_cpu_ms_per_op.zip(base.server_cpu_ms_per_op);
            let cells = [
                format!("{} × {}", of.scenario, of.clients),
                run.server.clone(),
                number(Some(of.ops_per_s)),
                number((of.object_len > 0).then_some(of.mib_per_s)),
                number(Some(of.p50_ms)),
                number(Some(of.p99_ms)),
                number(of.server_cpu_ms_per_op),
                number(of.server_cpu_s_per_gib),
                number(of.server_rss_peak_mib),
                number(Some(of.ops_per_s / base.ops_per_s)),
                number(cpu.map(|(of, base)| of / base)),
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

/// Prints a line.
pub(crate) fn say(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{}", text.trim_end()).context("cannot print")
}

/// Prints an error; when even that fails there is nobody to tell.
pub(crate) fn complain(error: &anyhow::Error) {
    drop(writeln!(io::stderr().lock(), "dolium-bench: {error:#}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&times, 50), 100.0);
        assert_eq!(percentile_ms(&times, 99), 198.0);
        assert_eq!(percentile_ms(&[], 99), 0.0);
    }

    #[test]
    fn ratios_are_to_the_first() {
        let scenario = crate::scenario::SCENARIOS[0];
        let run = |server: &str, ops: usize, cpu: f64| Run {
            server: server.to_owned(),
            measurements: vec![Measurement::new(
                scenario,
                vec![Duration::from_millis(1); ops],
                1.0,
                Some(cpu),
                None,
            )],
        };
        let text = table(&[run("a", 100, 1.0), run("b", 50, 1.0)]);
        let last = text.lines().last().unwrap();
        assert!(
            last.contains("| b |") && last.ends_with("| 0.50 | 2.00 |"),
            "{last}"
        );
    }
}
