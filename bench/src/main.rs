//! `dolium-bench`: puts load on any S3 endpoint and measures what it costs the server.
//!
//! Promises: every body that is read is compared with what was written; no two objects share
//! content, so de-duplication cannot flatter; memory does not grow with object sizes.
//! Does not: start servers (`run.sh` does).

mod client;
mod dedup;
mod fill;
mod listing;
mod load;
mod multipart;
mod pattern;
mod report;
mod scenario;
mod server;
mod sign;
mod soak;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use client::Target;
use server::Server;

/// Load on any S3 endpoint, and what it costs the server.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The endpoint under load.
#[derive(Debug, Args)]
struct Endpoint {
    /// Where it listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    endpoint: String,
    /// Its access key.
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    access_key: String,
    /// Its secret key.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    secret_key: String,
    /// The server's process: gives CPU time and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// The bucket to use; it is made when it does not exist.
    #[arg(long, default_value = "bench")]
    bucket: String,
}

impl Endpoint {
    fn target(&self) -> Arc<Target> {
        Arc::new(Target::new(
            &self.endpoint,
            &self.access_key,
            &self.secret_key,
        ))
    }

    fn server(&self) -> Server {
        Server::new(self.pid)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios and write their measurements.
    Load(load::Load),
    /// Put measurements of several servers side by side.
    Table(report::Table),
    /// Send one huge object in parts and read it back.
    Multipart(multipart::Multipart),
    /// Store the same bytes twice, copy them, and look at the disk.
    Dedup(dedup::Dedup),
    /// Fill a bucket with empty objects through the catalog of a stopped server.
    Fill(fill::Fill),
    /// Measure listings of a filled bucket.
    Listing(listing::Measure),
    /// Mixed verbs for a long time, a line a minute.
    Soak(soak::Soak),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Load(load) => load.run().await,
            Command::Table(table) => table.run(),
            Command::Multipart(multipart) => multipart.run().await,
            Command::Dedup(dedup) => dedup.run().await,
            Command::Fill(fill) => fill.run().await,
            Command::Listing(measure) => measure.run().await,
            Command::Soak(soak) => soak.run().await,
        }
    })
}
