//! `dolium config`: check a configuration, or print an example.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Outcome, output};
use crate::config::{EXAMPLE, load};

/// Check a configuration, or print an example.
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Explain every mistake of a file.
    Check {
        /// The file.
        #[arg(env = "DOLIUM_CONFIG")]
        file: PathBuf,
    },
    /// Print a commented file to start from.
    Example,
}

impl ConfigCommand {
    pub(super) fn run(self) -> Result<Outcome> {
        match self.command {
            What::Example => output::line(EXAMPLE.trim_end()),
            What::Check { file } => {
                let config = load(&file)?;
                // Secrets are not shown, but that they can be read is worth knowing now.
                for provider in &config.providers {
                    for (option, value) in &provider.options {
                        if let Err(error) = value.resolve() {
                            let name = provider.name.get_ref();
                            output::note(format!("warning: provider {name}, {option}: {error:#}"));
                        }
                    }
                }
                output::line(format!(
                    "{}: {} providers, {} arrays, no mistakes",
                    file.display(),
                    config.providers.len(),
                    config.arrays.len()
                ));
            }
        }
        Ok(Outcome::Well)
    }
}
