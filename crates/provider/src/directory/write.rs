//! How a blob becomes durable in a directory.
//!
//! Promises: at every instant a name leads to a whole, synced blob or to nothing; what a crash
//! leaves behind lies in the temporary directory only.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Root, TEMP_DIR};
use crate::{BlobName, Error, Payload, Result};

/// How many segments go to the kernel in one call; Linux takes up to 1,024.
const SLICES_MAX: usize = 512;

impl Root {
    /// Creates the root and clears what an earlier process left unfinished.
    pub(super) fn prepare(&self) -> Result<()> {
        let failed =
            |path: &Path, source| Error::from_io("prepare", path.display().to_string(), source);
        create_synced(&self.path).map_err(|source| failed(&self.path, source))?;
        match std::fs::create_dir(&self.temp) {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => self.clear_temp(),
            Err(source) => Err(failed(&self.temp, source)),
            Ok(()) => sync_directory(&self.path).map_err(|source| failed(&self.path, source)),
        }
    }

    fn clear_temp(&self) -> Result<()> {
        let failed = |source| {
            Error::from_io(
                "prepare",
                format!("{TEMP_DIR} of {}", self.path.display()),
                source,
            )
        };
        for entry in std::fs::read_dir(&self.temp).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // A process that is still writing owns its file; only those of dead processes go.
            if !belongs_to_this_process(&path) {
                std::fs::remove_file(path).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes, syncs and publishes a blob.
    pub(super) fn put(&self, name: &BlobName, body: &Payload) -> Result<()> {
        let temp = self.temp.join(temp_name());
        let mut file = File::create_new(&temp).map_err(|source| self.explain("put", source))?;
        let written = write_all(&mut file, body)
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

    /// Gives a synced file its name, unless the name is taken, and syncs the directory.
    fn publish(&self, temp: &Path, name: &BlobName) -> Result<()> {
        let path = self.path_of(name);
        let parent = path.parent().unwrap_or(&self.path);
        let failed = |source| self.failed("put", name, source);
        match rename_new(temp, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.require("put")?;
                self.create_parents(name).map_err(failed)?;
                rename_new(temp, &path).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
        sync_directory(parent).map_err(failed)
    }

    /// Creates the directories of a name below the root, each synced into its parent.
    fn create_parents(&self, name: &BlobName) -> io::Result<()> {
        let mut at = self.path.clone();
        let segments: Vec<&str> = name.as_str().split('/').collect();
        for segment in &segments[..segments.len() - 1] {
            let parent = at.clone();
            at.push(segment);
            match std::fs::create_dir(&at) {
                // Another put made it a moment ago and may not have synced it yet.
                Ok(()) => sync_directory(&parent)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    sync_directory(&parent)?;
                }
                Err(error) => return Err(error),
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

fn write_all(file: &mut File, body: &Payload) -> io::Result<()> {
    for batch in body.segments().chunks(SLICES_MAX) {
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
