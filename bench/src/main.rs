//! `dolium-bench`: puts load on any S3 or Swift endpoint and measures what it costs the server.
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

use client::{Protocol, Target};
use server::Server;
use sign::Signer;

/// Load on any S3 or Swift endpoint, and what it costs the server.
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
    #[arg(
        long,
        env = "AWS_ACCESS_KEY_ID",
        required_unless_present = "swift_token"
    )]
    access_key: Option<String>,
    /// Its secret key.
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        required_unless_present = "swift_token"
    )]
    secret_key: Option<String>,
    /// A token: the endpoint is spoken to over Swift's API instead of S3's (puts, gets and deletions only).
    #[arg(
        long,
        env = "DOLIUM_BENCH_SWIFT_TOKEN",
        hide_env_values = true,
        requires = "swift_path"
    )]
    swift_token: Option<String>,
    /// The path of the account that the token is for, such as `/v1/AUTH_home`.
    #[arg(long)]
    swift_path: Option<String>,
    /// The server's processes: give CPU time and memory, those of their children too.
    #[arg(long = "pid", value_delimiter = ',')]
    pids: Vec<u32>,
    /// The bucket to use; it is made when it does not exist.
    #[arg(long, default_value = "bench")]
    bucket: String,
}

impl Endpoint {
    fn target(&self) -> Arc<Target> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let protocol = match &self.swift_token {
            Some(token) => Protocol::Swift {
                path: text(&self.swift_path),
                token: token.clone(),
            },
            None => Protocol::S3(Signer::new(
                &text(&self.access_key),
                &text(&self.secret_key),
            )),
        };
        Arc::new(Target::new(&self.endpoint, protocol))
    }

    fn server(&self) -> Server {
        Server::new(self.pids.clone())
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
