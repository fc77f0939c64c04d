//! Logs and metrics of the process.
//!
//! Promises: logs go to standard error; no secret is logged (values that may be secret have no
//! `Debug` that shows them).

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `filter` is a level or `tracing` directives.
pub(crate) fn log(format: LogFormat, filter: &str) -> Result<()> {
    // s3s reports what clients do wrong as errors of its own; the S3 front end logs requests itself.
    // Clients of brokers report every connection; the notifier says what does not work.
    let filter = EnvFilter::try_new(format!("{filter},s3s=off,async_nats=off,lapin=off"))
        .with_context(|| format!("cannot read the log filter {filter:?}; try \"info\""))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Bounds of the histograms, in seconds: fixed, so that their memory is.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Pause between sweeps of what was measured. Samples wait in memory for one, whether or not anybody
/// ever asks for the metrics.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts metrics; the handle renders them.
pub(crate) fn metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .install_recorder()
        .context("cannot start metrics")
}

/// Sweeps what was measured into its sums for as long as it is polled.
pub(crate) async fn sweep(metrics: PrometheusHandle) {
    let mut due = tokio::time::interval(SWEEP_EVERY);
    loop {
        due.tick().await;
        metrics.run_upkeep();
    }
}
