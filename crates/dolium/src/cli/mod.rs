//! The command line: one file a command.
//!
//! Promises: results go to standard output, everything else to standard error; exit code 0 means done
//! and well, 1 that something is wrong with the data, 2 that the command could not do its work.

mod access_key;
mod array;
mod care;
mod collect;
mod config;
mod follow;
mod output;
mod provider;
mod raid;
mod recover;
mod recovery_key;
mod reshape;
mod serve;
mod status;
mod target;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::telemetry::LogFormat;

/// What a command ended with, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Well,
    /// Something is missing or damaged.
    Wrong,
}

/// A personal cloud that outlives its providers.
#[derive(Debug, Parser)]
#[command(name = "dolium", version, propagate_version = true)]
struct Arguments {
    /// The form of log lines.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "DOLIUM_LOG_FORMAT"
    )]
    log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace, or directives such as "info,dolium_array=debug".
    #[arg(long, global = true, value_name = "FILTER", env = "DOLIUM_LOG")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Show arrays, providers and redundancy.
    Status(status::Status),
    /// Compare what the providers list with what should be there; downloads nothing.
    Check(care::Check),
    /// Read and verify every byte at every provider.
    Scrub(care::Scrub),
    /// Rebuild what is missing or damaged.
    Repair(care::Repair),
    /// Free what nothing refers to.
    Collect(collect::Collect),
    /// Manage the storage services that keep the data.
    Provider(provider::Provider),
    /// Show and change how data are cut and spread.
    Array(array::Array),
    /// Manage users.
    User(user::User),
    /// Manage the access keys of users.
    AccessKey(access_key::AccessKey),
    /// Check a configuration, or print an example.
    Config(config::ConfigCommand),
    /// Print the recovery key. Keep a copy away from this machine.
    RecoveryKey(recovery_key::RecoveryKey),
    /// Rebuild a lost server from its providers and the recovery key.
    Recover(recover::Recover),
    /// Keep objects under their own names on several services, without a server.
    Raid(raid::Raid),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Threads for work that blocks. Enough for every directory provider to hang with a few requests each;
/// every thread costs memory of its own.
const BLOCKING_THREADS_MAX: usize = 96;

/// Where data lie when nobody says otherwise.
fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    base.or_else(home)
        .map_or_else(|| PathBuf::from("dolium-data"), |base| base.join("dolium"))
}

/// Parses the arguments and runs the command.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(Outcome::Well) => ExitCode::SUCCESS,
        Ok(Outcome::Wrong) => ExitCode::from(1),
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<Outcome> {
    let Arguments {
        log_format,
        log,
        command,
    } = arguments;
    if let Command::Completions { shell } = command {
        let mut out = std::io::stdout();
        clap_complete::generate(shell, &mut Arguments::command(), "dolium", &mut out);
        return Ok(Outcome::Well);
    }
    let serves = matches!(command, Command::Serve(_));
    let filter = log
        .as_deref()
        .unwrap_or(if serves { "info" } else { "error" });
    crate::telemetry::log(log_format, filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run().await,
            Command::Status(status) => status.run().await,
            Command::Check(check) => check.run().await,
            Command::Scrub(scrub) => scrub.run().await,
            Command::Repair(repair) => repair.run().await,
            Command::Collect(collect) => collect.run().await,
            Command::Provider(provider) => provider.run().await,
            Command::Array(array) => array.run().await,
            Command::User(user) => user.run().await,
            Command::AccessKey(key) => key.run().await,
            Command::Config(config) => config.run(),
            Command::RecoveryKey(key) => key.run(),
            Command::Recover(recover) => recover.run().await,
            Command::Raid(raid) => raid.run().await,
            Command::Completions { .. } => Ok(Outcome::Well),
        }
    });
    // A read that hangs at a provider must not hold up the exit.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_server_meant_may_be_named_before_or_after_the_command() {
        for words in [
            "dolium user --data-dir d add anna",
            "dolium user add anna --data-dir d",
            "dolium user add anna --server http://h:1 --json",
            "dolium access-key list anna --data-dir d",
            "dolium status --data-dir d",
            // The environment may name a data directory; a server that is named wins.
            "dolium user add anna --data-dir d --server http://h:1",
        ] {
            let parsed = Arguments::try_parse_from(words.split(' '));
            assert!(parsed.is_ok(), "{words}: {parsed:?}");
        }
    }
}
