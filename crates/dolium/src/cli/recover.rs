//! `dolium recover`: rebuild a lost server from its providers and the recovery key.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dolium_store::{Recovered, StoreParts, recover};

use super::{Outcome, output};
use crate::compose;
use crate::config::{self, Config};
use crate::data_dir::{DataDir, read_key};

/// Rebuild a lost server from its providers and the recovery key.
///
/// Reads the providers only; nothing is changed there. The new data directory must be empty.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// The configuration that names the providers.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "providers",
        env = "DOLIUM_CONFIG"
    )]
    config: Option<PathBuf>,
    /// The directory with the embedded default's providers p1 … p4, instead of a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    providers: Option<PathBuf>,
    /// The file that holds the recovery key.
    #[arg(long, value_name = "FILE")]
    recovery_key: PathBuf,
    /// The new data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Recover {
    pub(super) async fn run(self) -> Result<Outcome> {
        let dir = DataDir::new(std::path::absolute(&self.data_dir)?);
        dir.create()?;
        let _lock = dir.lock()?;
        if dir.catalog().exists() {
            bail!(
                "{} has a catalog; recover into a new directory",
                dir.path().display()
            );
        }
        let key = read_key(&self.recovery_key)?;
        let config = self.config(&dir)?;
        let (members, silent) = compose::members_from_identities(&config, &key).await?;
        for provider in &silent {
            output::note(format!("warning: provider {provider}"));
        }
        let parts = StoreParts {
            catalog: compose::open_catalog(&config, &dir)?,
            arrays: compose::open_arrays(&config, &members, &key)?,
            master_key: key.clone(),
        };
        let bar = output::spinner("recover");
        let progress = |done: &Recovered| {
            bar.set_message(format!(
                "{} journal entries, {} packs, {} versions",
                done.journal_entries, done.packs, done.versions
            ));
        };
        let recovered = recover(&parts, &progress).await;
        bar.finish_and_clear();
        let recovered = recovered.context("the catalog could not be rebuilt")?;
        compose::write_members(&parts.catalog, &members).await?;
        dir.write_key(&key)?;
        self.say(&dir, &recovered);
        Ok(if recovered.incomplete == 0 {
            Outcome::Well
        } else {
            Outcome::Wrong
        })
    }

    fn config(&self, dir: &DataDir) -> Result<Config> {
        match (&self.config, &self.providers) {
            (Some(file), _) => config::load(file),
            (None, Some(providers)) => {
                link_providers(dir, providers)?;
                config::embedded(dir)
            }
            (None, None) => bail!("give --config or --providers"),
        }
    }

    fn say(&self, dir: &DataDir, recovered: &Recovered) {
        if self.json {
            return output::json(recovered);
        }
        output::line(format!(
            "Recovered {} changes and {} blocks in {} packs into {}.",
            recovered.journal_entries,
            recovered.blocks,
            recovered.packs,
            dir.path().display()
        ));
        if recovered.incomplete > 0 {
            output::line(format!(
                "{} of {} versions name blocks that no provider that answers holds. Make more \
                 providers reachable and recover again.",
                recovered.incomplete, recovered.versions
            ));
        }
        let with = match &self.config {
            Some(file) => format!(" --config {}", file.display()),
            None => String::new(),
        };
        output::line(format!(
            "Serve it: dolium serve --data-dir {}{with}",
            dir.path().display()
        ));
    }
}

/// Makes the providers' directory the new data directory's own, by a link unless it is there already.
fn link_providers(dir: &DataDir, providers: &Path) -> Result<()> {
    let providers = std::path::absolute(providers)?;
    if !providers.is_dir() {
        bail!("there is no directory {}", providers.display());
    }
    let own = dir.path().join("providers");
    if own == providers {
        return Ok(());
    }
    if own.symlink_metadata().is_ok() {
        bail!(
            "{} is in the way; recover into a new directory",
            own.display()
        );
    }
    std::os::unix::fs::symlink(&providers, &own)
        .with_context(|| format!("cannot link {} to the providers", own.display()))
}
