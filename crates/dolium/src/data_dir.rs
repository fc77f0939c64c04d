//! The data directory: what a server keeps on its own disk.
//!
//! ```text
//! DIR/lock               held while a process uses the directory
//! DIR/recovery-key       the repository's key in its text form, mode 0600
//! DIR/root-credentials   the first administrator's access key, when generated, mode 0600
//! DIR/catalog.sqlite     the catalog, with SQLite
//! DIR/admin.sock         the running server's socket for the command line, mode 0600
//! DIR/spool/ARRAY        shards that wait for a provider that does not take them
//! DIR/providers/p1 …     the providers, when nothing else is configured
//! ```
//!
//! Promises: files with secrets are never readable by others, not even for a moment, and are written
//! whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dolium_block::MasterKey;

/// A data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Says that this process owns the directory until it is dropped.
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.sqlite")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("admin.sock")
    }

    pub(crate) fn recovery_key_file(&self) -> PathBuf {
        self.path.join("recovery-key")
    }

    pub(crate) fn credentials_file(&self) -> PathBuf {
        self.path.join("root-credentials")
    }

    /// Where shards of an array wait for providers that do not take them.
    pub(crate) fn spool(&self, array: &str) -> PathBuf {
        self.path.join("spool").join(array)
    }

    pub(crate) fn provider(&self, name: &str) -> PathBuf {
        self.path.join("providers").join(name)
    }

    /// Creates the directory, readable by its owner only.
    pub(crate) fn create(&self) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| format!("cannot create the data directory {}", self.path.display()))
    }

    /// Takes the directory for this process, or says who has it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        match self.try_lock()? {
            Some(lock) => Ok(lock),
            None => bail!(
                "another dolium process uses {}. Stop it first, or give --data-dir another directory",
                self.path.display()
            ),
        }
    }

    /// Takes the directory if nobody has it.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>> {
        let path = self.path.join("lock");
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false).mode(0o600);
        let file = options
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// The repository's key.
    pub(crate) fn read_key(&self) -> Result<MasterKey> {
        read_key(&self.recovery_key_file())
    }

    /// The repository's key, made when there is none and the directory holds no catalog either.
    pub(crate) fn read_or_make_key(&self) -> Result<MasterKey> {
        let file = self.recovery_key_file();
        if file.exists() {
            return self.read_key();
        }
        if self.catalog().exists() {
            bail!(
                "{} is missing although this directory has a catalog. Put the recovery key back \
                 under that name",
                file.display()
            );
        }
        let key = MasterKey::random();
        write_secret(&file, &format!("{}\n", key.to_recovery_text()))?;
        Ok(key)
    }

    pub(crate) fn write_key(&self, key: &MasterKey) -> Result<()> {
        write_secret(
            &self.recovery_key_file(),
            &format!("{}\n", key.to_recovery_text()),
        )
    }
}

/// Reads a recovery key file.
pub(crate) fn read_key(file: &Path) -> Result<MasterKey> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read the recovery key {}", file.display()))?;
    MasterKey::from_recovery_text(&text).with_context(|| format!("in {}", file.display()))
}

/// Writes a file that only its owner may read: temporary file, fsync, rename, fsync of the directory.
pub(crate) fn write_secret(file: &Path, text: &str) -> Result<()> {
    let temporary = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut out = options
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&temporary, file)?;
        if let Some(parent) = file.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = DataDir::new(temporary.path().join("data"));
        dir.create().unwrap();
        let made = dir.read_or_make_key().unwrap().to_recovery_text();
        assert_eq!(dir.read_or_make_key().unwrap().to_recovery_text(), made);
        let mode = fs::metadata(dir.recovery_key_file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_file(dir.recovery_key_file()).unwrap();
        fs::write(dir.catalog(), b"").unwrap();
        assert!(
            dir.read_or_make_key().is_err(),
            "a lost key must not be replaced"
        );
    }

    #[test]
    fn one_process_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = DataDir::new(temporary.path());
        let held = dir.lock().unwrap();
        assert!(dir.lock().is_err());
        drop(held);
        assert!(dir.lock().is_ok());
    }
}
