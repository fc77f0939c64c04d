//! `dolium raid`: several services with the same objects, without a server.
//!
//! Exit codes: 0 all services did it, or agree; 1 some did not, or deviate; 2 none did, or the command
//! was wrong.

mod acl;
mod array_file;
mod bars;
mod care;
mod get;
mod ls;
mod put;
mod report;
mod rm;
mod state;
mod walk;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use dolium_raid::Raid as Array;
use tokio_util::sync::CancellationToken;

use super::Outcome;

/// Keep objects under their own names on several services at once, without a server.
///
/// The services are described in a file; docs/raid.md tells how. Every service has the whole of every
/// object, not encrypted, so any tool of that service can read it.
#[derive(Debug, Args)]
pub(super) struct Raid {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What all verbs take.
#[derive(Debug, Args)]
struct Common {
    /// The file that describes the array.
    #[arg(long, global = true, value_name = "FILE", env = "DOLIUM_RAID")]
    array: Option<PathBuf>,
    /// Leave this service out, as if the array did not have it. May be said more than once.
    #[arg(long, global = true, value_name = "SERVICE")]
    without: Vec<String>,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put files on all services.
    Put(put::Put),
    /// Get an object from the service that answers first.
    Get(get::Get),
    /// List objects, and whether all services agree on them.
    Ls(ls::Ls),
    /// Remove objects from all services.
    Rm(rm::Rm),
    /// Say who may read an object, on every service that can.
    Acl(acl::Acl),
    /// Compare what the services have; changes nothing.
    Check(care::Check),
    /// Copy what services lack from the newest complete copy; deletes nothing.
    Repair(care::Repair),
    /// Create buckets, containers and directories that are missing.
    Init,
    /// Show the services and whether they are there.
    Status,
    /// Write, read, list and remove an object on every service.
    Test,
}

impl Raid {
    pub(super) async fn run(self) -> Result<Outcome> {
        let Self { common, verb } = self;
        let Common {
            array,
            without,
            json,
        } = common;
        let array = array_file::open(array.as_deref(), &without)?;
        match verb {
            Verb::Put(put) => put.run(&array, json).await,
            Verb::Get(get) => get.run(&array, json).await,
            Verb::Ls(ls) => ls.run(&array, json).await,
            Verb::Rm(rm) => rm.run(&array, json).await,
            Verb::Acl(acl) => acl.run(&array, json).await,
            Verb::Check(check) => check.run(&array, json).await,
            Verb::Repair(repair) => repair.run(&array, json).await,
            Verb::Init => state::init(&array, json).await,
            Verb::Status => state::status(&array, json).await,
            Verb::Test => state::test(&array, json).await,
        }
    }
}

/// What Ctrl-C and SIGTERM stop. What was begun is undone; a second Ctrl-C does not wait for that.
fn stopped_by_signals() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            match first {
                true => token.cancel(),
                false => std::process::exit(2),
            }
        }
    });
    stop
}

/// Standard input or output as a file, which needs no thread of its own while nothing moves.
fn stream_of(standard: impl std::os::fd::AsFd) -> Result<tokio::fs::File> {
    let own = standard.as_fd().try_clone_to_owned()?;
    Ok(tokio::fs::File::from_std(own.into()))
}

/// The names of some services.
fn names(array: &Array, services: &[usize]) -> String {
    let names: Vec<&str> = services
        .iter()
        .map(|at| array.services()[*at].name.as_str())
        .collect();
    names.join(", ")
}
