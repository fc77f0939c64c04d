//! `dolium recovery-key`: print the recovery key.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Outcome, default_data_dir, output};
use crate::data_dir::DataDir;

/// Print the recovery key. With it and the providers everything can be read: keep it safe, and keep a
/// copy away from this machine.
#[derive(Debug, Args)]
pub(super) struct RecoveryKey {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "DOLIUM_DATA_DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
}

impl RecoveryKey {
    pub(super) fn run(self) -> Result<Outcome> {
        output::line(DataDir::new(self.data_dir).read_key()?.to_recovery_text());
        Ok(Outcome::Well)
    }
}
