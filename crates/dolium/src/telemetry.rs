//! Logs and metrics of the process.
//!
//! Promises: logs go to standard error; no secret is logged (values that may be secret have no
//! `Debug` that shows them).

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

/// Starts metrics; the handle renders them.
pub(crate) fn metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .install_recorder()
        .context("cannot start metrics")
}
