//! How an object becomes durable in a directory, and how it goes.
//!
//! Promises: at every instant a path leads to a whole, synced object or to nothing new; what a crash
//! leaves behind lies in the hidden folder and is swept by a later write.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc;

use super::{PIECES_MAX, Root, sync_directory};
use crate::objects::{ObjectBody, ObjectKey, bad_stream, whole};
use crate::{Error, ErrorKind, Result};

/// Unfinished writes of this age were left by a crash: no write takes so long.
const STALE_AGE: Duration = Duration::from_secs(24 * 3600);
/// Attempts at a rename while others remove the directories that it needs.
const RENAMES_MAX: usize = 3;

/// Writes an object from a stream.
pub(super) async fn put(
    root: &Arc<Root>,
    key: &ObjectKey,
    len: Option<u64>,
    mut body: ObjectBody,
) -> Result<()> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let (root, name) = (Arc::clone(root), key.clone());
    let writer = tokio::task::spawn_blocking(move || root.take(&name, len, receiver));
    let mut fault = None;
    loop {
        // The end is said: a writer that is dropped in the middle must not look finished.
        let next = match body.next().await {
            Some(Ok(piece)) => Some(piece),
            Some(Err(source)) => {
                fault = Some(bad_stream(key, source));
                break;
            }
            None => None,
        };
        let ended = next.is_none();
        // The writer stopped, and tells why below.
        if sender.send(next).await.is_err() || ended {
            break;
        }
    }
    drop(sender);
    let written = writer.await.unwrap_or_else(|source| {
        let why = "the worker thread stopped";
        Err(Error::new(ErrorKind::Unexpected, "put", why).with_source(source))
    });
    fault.map_or(written, Err)
}

impl Root {
    /// Creates the root and its mark.
    pub(super) fn create(&self) -> Result<()> {
        let failed = |source| Error::from_io("prepare", self.path.display().to_string(), source);
        create_synced(&self.hidden).map_err(failed)
    }

    /// Takes pieces into a hidden file until `None` says that it is whole, then gives it its name.
    fn take(
        &self,
        key: &ObjectKey,
        len: Option<u64>,
        mut pieces: mpsc::Receiver<Option<Bytes>>,
    ) -> Result<()> {
        self.require("put")?;
        let target = self.path_of("put", key)?;
        self.sweep();
        let hidden = self.hidden.join(temp_name());
        let failed = |source| Error::from_io("put", key.as_str(), source);
        let mut file = File::create_new(&hidden).map_err(failed)?;
        let mut taken = 0;
        let result = loop {
            match pieces.blocking_recv() {
                Some(Some(piece)) => {
                    taken += piece.len() as u64;
                    if let Err(source) = file.write_all(&piece) {
                        break Err(failed(source));
                    }
                }
                Some(None) => {
                    break whole(key, len, taken)
                        .and_then(|()| file.sync_data().map_err(failed))
                        .and_then(|()| self.publish(&hidden, &target).map_err(failed));
                }
                None => break Err(Error::new(ErrorKind::Unexpected, "put", "given up")),
            }
        };
        if result.is_err()
            && let Err(error) = std::fs::remove_file(&hidden)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %hidden.display(), %error, "could not remove an unfinished object");
        }
        result
    }

    /// Gives a synced file its name, in place of what has it, and syncs all directories above.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        let parent = to.parent().unwrap_or(&self.path);
        for attempt in 1.. {
            create_synced(parent)?;
            match std::fs::rename(from, to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < RENAMES_MAX => {}
                other => {
                    other?;
                    break;
                }
            }
        }
        let mut above = parent
            .ancestors()
            .take_while(|path| path.starts_with(&self.path));
        above.try_for_each(sync_directory)
    }

    /// Removes a file and the directories that are empty without it.
    pub(super) fn remove(&self, key: &ObjectKey) -> Result<()> {
        self.require("rm")?;
        let path = self.path_of("rm", key)?;
        let failed = |source| Error::from_io("rm", key.as_str(), source);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if is_absent(&error) || path.is_dir() => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        let mut parent = path.parent().unwrap_or(&self.path);
        while parent != self.path && std::fs::remove_dir(parent).is_ok() {
            parent = parent.parent().unwrap_or(&self.path);
        }
        match sync_directory(parent) {
            // Somebody else emptied it too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed),
        }
    }

    /// Removes what crashes left long ago.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(&self.hidden) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|found| found.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > STALE_AGE) {
                // Left for the next one when it does not go now.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
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
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => Err(error),
        _ => sync_directory(parent),
    }
}

/// A name that no other write uses: when, who, and a count.
pub(in crate::objects) fn temp_name() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{}-{count}", now.as_nanos(), std::process::id()).into()
}
