//! How a blob becomes durable in a directory.
//!
//! Promises: at every instant a name leads to a whole, synced blob or to nothing; what a crash
//! leaves behind lies in the temporary directory only.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Root, TEMP_DIR, direct};
use crate::{BlobName, Error, Payload, Result};

/// How many segments go to the kernel in one call; Linux takes up to 1,024.
const SLICES_MAX: usize = 512;
/// Directories remembered as settled; packs have 1,296 at most, so the limit is for strange uses.
const SETTLED_MAX: usize = 4096;
/// No put takes this long; what is older was left by a crash.
const STALE_AGE: Duration = Duration::from_secs(3600);

impl Root {
    /// Creates the root and clears what an earlier process left unfinished.
    pub(super) fn prepare(&self) -> Result<()> {
        let failed =
            |path: &Path, source| Error::from_io("prepare", path.display().to_string(), source);
        create_synced(&self.path).map_err(|source| failed(&self.path, source))?;
        match std::fs::create_dir(&self.temp) {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                self.clear_temp(Duration::ZERO)
            }
            Err(source) => Err(failed(&self.temp, source)),
            Ok(()) => sync_directory(&self.path).map_err(|source| failed(&self.path, source)),
        }
    }

    /// Removes what other processes left unfinished at least `age_min` ago.
    fn clear_temp(&self, age_min: Duration) -> Result<()> {
        let failed = |source| {
            Error::from_io(
                "prepare",
                format!("{TEMP_DIR} of {}", self.path.display()),
                source,
            )
        };
        for entry in std::fs::read_dir(&self.temp).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified
                .ok()
                .and_then(|modified| modified.elapsed().ok())
                .unwrap_or_default();
            if age < age_min || belongs_to_this_process(&entry.path()) {
                continue;
            }
            match std::fs::remove_file(entry.path()) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes, syncs and publishes a blob.
    pub(super) fn put(&self, name: &BlobName, body: &Payload) -> Result<()> {
        self.sweep_once();
        let temp = self.temp.join(temp_name());
        let mut file = File::create_new(&temp).map_err(|source| self.explain("put", source))?;
        let written = direct::write(&mut file, body)
            .and_then(|()| file.sync_data())
            .map_err(|source| Error::from_io("put", name.as_str(), source))
            .and_then(|()| self.publish(&temp, name));
        if written.is_err()
            && let Err(error) = std::fs::remove_file(&temp)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %temp.display(), %error, "could not remove an unfinished blob");
        }
        written
    }

    /// Clears long unfinished blobs, once in this process: `prepare` may never be called again.
    fn sweep_once(&self) {
        if !self.swept.swap(true, Ordering::Relaxed)
            && let Err(error) = self.clear_temp(STALE_AGE)
        {
            tracing::warn!(%error, "could not clear unfinished blobs");
        }
    }

    /// Gives a synced file its name, unless the name is taken, and syncs the directory.
    fn publish(&self, temp: &Path, name: &BlobName) -> Result<()> {
        let path = self.path_of(name);
        let parent = path.parent().unwrap_or(&self.path);
        let failed = |source| self.failed("put", name, source);
        match rename_new(temp, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.require("put")?;
                self.settled().clear();
                self.create_parents(name).map_err(failed)?;
                rename_new(temp, &path).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
        sync_directory(parent).map_err(failed)?;
        self.settle(parent).map_err(failed)
    }

    /// Syncs the directories above `directory`, the first time it is met: whoever made it, another
    /// put or a process that crashed, may not have got that far.
    fn settle(&self, directory: &Path) -> io::Result<()> {
        if self.settled().contains(directory) {
            return Ok(());
        }
        for above in directory
            .ancestors()
            .skip(1)
            .take_while(|path| path.starts_with(&self.path))
        {
            sync_directory(above)?;
        }
        let mut settled = self.settled();
        if settled.len() >= SETTLED_MAX {
            settled.clear();
        }
        settled.insert(directory.to_owned());
        Ok(())
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the directories of a name below the root.
    fn create_parents(&self, name: &BlobName) -> io::Result<()> {
        let mut at = self.path.clone();
        let segments: Vec<&str> = name.as_str().split('/').collect();
        for segment in &segments[..segments.len() - 1] {
            at.push(segment);
            match std::fs::create_dir(&at) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Makes the entries of a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a directory and its ancestors, each synced into its parent.
fn create_synced(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_synced(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_directory(parent),
    }
}

/// Renames without replacing. File systems that cannot do it in one step get a second name for the
/// file, which fails when taken, and lose the first.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes segments one after the other.
pub(super) fn write_all(file: &mut File, segments: &[Bytes]) -> io::Result<()> {
    for batch in segments.chunks(SLICES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut rest, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// A name no other put uses: this process and a count.
fn temp_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}{}", process_mark(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What the temporary files of this process start with. Process ids come again, in containers even
/// at once; so the mark also holds when it was first asked for.
fn process_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let age = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        format!("{}-{:x}-", std::process::id(), age.as_nanos())
    })
}

fn belongs_to_this_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(process_mark()))
}
