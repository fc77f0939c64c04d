//! `dolium recover`: rebuild a lost server from its providers and the recovery key.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use dolium_block::MasterKey;
use dolium_store::{Fence, Recovered, StoreParts, recover};

use super::{Outcome, output};
use crate::compose;
use crate::config::{self, Config};
use crate::data_dir::{DataDir, read_key};
use crate::roster;

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
        require_empty(dir.path())?;
        dir.create()?;
        let _lock = dir.lock()?;
        let key = read_key(&self.recovery_key)?;
        require_no_other_key(&dir, &key)?;
        let config = self.config(&dir)?;
        let (document, silent) = roster::recovered(&config, &key).await?;
        for provider in &silent {
            output::note(format!("warning: provider {provider}"));
        }
        let parts = StoreParts {
            catalog: compose::open_catalog(&config, &dir)?,
            arrays: compose::open_arrays(&config, &document, &key, None)?,
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
        roster::save(&parts.catalog, 0, &document, Fence::default()).await?;
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

/// What may lie in a new data directory: what an attempt with the wrong key leaves, the key that
/// somebody put there already, and the providers that survived in place.
const HARMLESS: [&str; 3] = ["lock", "recovery-key", "providers"];

/// Refuses a directory that somebody uses, before anything is made there.
fn require_empty(dir: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", dir.display()));
        }
    };
    for entry in entries {
        let name = entry?.file_name();
        if !HARMLESS.iter().any(|harmless| name == *harmless) {
            bail!(
                "{} is not empty: it holds {}. Recover into a new directory",
                dir.display(),
                name.display()
            );
        }
    }
    Ok(())
}

/// A key that lies in the new directory is overwritten at the end; it must not be another one.
fn require_no_other_key(dir: &DataDir, key: &MasterKey) -> Result<()> {
    let file = dir.recovery_key_file();
    if file.exists() && dir.read_key()?.to_recovery_text() != key.to_recovery_text() {
        bail!(
            "{} is another recovery key than the one given",
            file.display()
        );
    }
    Ok(())
}

/// Makes the providers' directory the new data directory's own, by a link unless it is there already.
fn link_providers(dir: &DataDir, providers: &Path) -> Result<()> {
    let providers = std::path::absolute(providers)?;
    if !providers.is_dir() {
        bail!("there is no directory {}", providers.display());
    }
    let own = dir.path().join("providers");
    let linked = std::fs::read_link(&own).is_ok_and(|target| target == providers);
    if own == providers || linked {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_directories_are_recovered_into() {
        let temporary = tempfile::tempdir().unwrap();
        assert!(require_empty(&temporary.path().join("new")).is_ok());
        for harmless in HARMLESS {
            std::fs::create_dir(temporary.path().join(harmless)).unwrap();
        }
        assert!(require_empty(temporary.path()).is_ok());
        std::fs::write(temporary.path().join("catalog.sqlite"), b"").unwrap();
        assert!(require_empty(temporary.path()).is_err());
    }

    #[test]
    fn a_link_left_by_a_failed_attempt_is_taken() {
        let temporary = tempfile::tempdir().unwrap();
        let (old, new) = (temporary.path().join("old"), temporary.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let dir = DataDir::new(new);
        dir.create().unwrap();
        link_providers(&dir, &old).unwrap();
        link_providers(&dir, &old).unwrap();
        assert!(link_providers(&dir, temporary.path()).is_err(), "another's");
    }
}
