//! Shards that a write could not store, kept on the server's own disk until their member is back.
//!
//! One file a shard, named by blob, index and member; its bytes are those that the member would have got, with
//! their checksums, so that nothing here needs to be trusted.
//!
//! Promises: what [`Spool::keep`] accepted survives `kill -9` and a loss of power; never more bytes than its
//! limit; a file that is not whole is never taken for a shard.
//! Does not: count as a durable shard for a write's quorum; deliver by itself, see `care`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dolium_provider::Payload;
use serde::Serialize;

use crate::{BlobId, BlobKind, Error, ErrorKind, MemberId, Result};

/// What the name of a file that is being written begins with.
const PARTIAL: &str = "partial-";
/// Shards kept at most: each costs a little memory.
const SHARDS_MAX: usize = 100_000;

/// Where and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// A directory of this array alone. It is created.
    pub dir: PathBuf,
    /// Bytes kept at most; what does not fit is left to repair.
    pub bytes_max: u64,
}

/// A shard that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) id: BlobId,
    pub(crate) index: u8,
    /// Who was to have it.
    pub(crate) member: MemberId,
}

/// What a spool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SpoolStatus {
    /// Shards that wait for their member.
    pub shards: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that it may hold.
    pub bytes_max: u64,
    /// Shards that did not fit and were left to repair, since the start.
    pub refused: u64,
}

/// The shards of one array on the local disk. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    settings: Arc<SpoolSettings>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<Kept, u64>,
    bytes: u64,
    refused: u64,
    next: u64,
}

fn failed(path: &Path, source: io::Error) -> Error {
    let why = format!("{}: {source}", path.display());
    Error::new(ErrorKind::Unavailable, "spool", why).with_source(source)
}

impl Kept {
    fn file_name(&self) -> String {
        let kind = self.id.kind().folder().trim_end_matches('/');
        format!("{kind}.{}.{}.{}", self.id.name(), self.index, self.member)
    }

    fn parse(name: &str) -> Option<Self> {
        let mut words = name.split('.');
        let folder = words.next()?;
        let mut kinds = BlobKind::ALL.into_iter();
        let kind = kinds.find(|kind| kind.folder().trim_end_matches('/') == folder)?;
        let kept = Self {
            id: BlobId::new(kind, words.next()?).ok()?,
            index: words.next()?.parse().ok()?,
            member: MemberId(words.next()?.parse().ok()?),
        };
        (kept.file_name() == name).then_some(kept)
    }
}

impl Spool {
    /// Opens the directory, and drops files that a crash left half written. Blocks.
    pub(crate) fn open(settings: SpoolSettings) -> Result<Self> {
        let dir = &settings.dir;
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700);
        make.create(dir).map_err(|source| failed(dir, source))?;
        let mut state = State::default();
        for entry in fs::read_dir(dir).map_err(|source| failed(dir, source))? {
            let entry = entry.map_err(|source| failed(dir, source))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PARTIAL) {
                fs::remove_file(entry.path()).map_err(|source| failed(&entry.path(), source))?;
            } else if let Some(kept) = Kept::parse(&name) {
                let len = entry
                    .metadata()
                    .map_err(|source| failed(dir, source))?
                    .len();
                state.bytes += len;
                state.shards.insert(kept, len);
            }
        }
        Ok(Self {
            settings: Arc::new(settings),
            state: Arc::new(Mutex::new(state)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> SpoolStatus {
        let state = self.state();
        SpoolStatus {
            shards: state.shards.len() as u64,
            bytes: state.bytes,
            bytes_max: self.settings.bytes_max,
            refused: state.refused,
        }
    }

    /// Keeps a shard. Fails when it does not fit.
    pub(crate) async fn keep(&self, kept: Kept, shard: Payload) -> Result<()> {
        let number = self.reserve(&kept, shard.len())?;
        let (dir, name) = (self.settings.dir.clone(), kept.file_name());
        let work = move || write(&dir, &name, number, &shard);
        let written = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unexpected,
                "spool",
                "the writing thread stopped",
            ))
        });
        if written.is_err() {
            self.forget(&kept);
        }
        written
    }

    /// Makes room before the first byte is written; the number of the partial file.
    fn reserve(&self, kept: &Kept, len: u64) -> Result<u64> {
        let mut state = self.state();
        let before = state.shards.get(kept).copied().unwrap_or(0);
        let bytes = state.bytes - before + len;
        if bytes > self.settings.bytes_max || state.shards.len() >= SHARDS_MAX {
            state.refused += 1;
            let why = format!("full: {} of {} bytes", state.bytes, self.settings.bytes_max);
            return Err(Error::new(ErrorKind::Unavailable, "spool", why));
        }
        state.bytes = bytes;
        state.shards.insert(kept.clone(), len);
        state.next += 1;
        Ok(state.next)
    }

    fn forget(&self, kept: &Kept) {
        let mut state = self.state();
        let len = state.shards.remove(kept).unwrap_or(0);
        state.bytes -= len;
    }

    /// For whom shards wait.
    pub(crate) fn members(&self) -> BTreeSet<MemberId> {
        self.state().shards.keys().map(|kept| kept.member).collect()
    }

    /// At most `limit` kept shards after one, in order.
    pub(crate) fn page(&self, after: Option<&Kept>, limit: usize) -> Vec<Kept> {
        use std::ops::Bound::{Excluded, Unbounded};
        let state = self.state();
        let from = after.map_or(Unbounded, Excluded);
        let range = state.shards.range((from, Unbounded));
        range.take(limit).map(|(kept, _)| kept.clone()).collect()
    }

    /// The kept shard of a blob with an index, if there is one.
    pub(crate) fn find(&self, id: &BlobId, index: u8) -> Option<Kept> {
        let first = Kept {
            id: id.clone(),
            index,
            member: MemberId(0),
        };
        let state = self.state();
        let (kept, _) = state.shards.range(first..).next()?;
        (kept.id == *id && kept.index == index).then(|| kept.clone())
    }

    /// Bytes of a kept shard.
    pub(crate) async fn read(&self, kept: &Kept, range: Range<u64>) -> Result<Bytes> {
        let path = self.settings.dir.join(kept.file_name());
        let work = move || {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut bytes)?;
            Ok::<_, io::Error>(Bytes::from(bytes))
        };
        let read = tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the reading thread stopped")));
        read.map_err(|source| failed(Path::new(&kept.file_name()), source))
    }

    /// All of a kept shard.
    pub(crate) async fn read_all(&self, kept: &Kept) -> Result<Bytes> {
        let len = self.state().shards.get(kept).copied();
        let gone = || Error::new(ErrorKind::NotFound, "spool", kept.file_name());
        self.read(kept, 0..len.ok_or_else(gone)?).await
    }

    /// How long a shard has been kept, by the clock of the disk.
    pub(crate) fn age(&self, kept: &Kept) -> Option<Duration> {
        let metadata = fs::metadata(self.settings.dir.join(kept.file_name())).ok()?;
        SystemTime::now()
            .duration_since(metadata.modified().ok()?)
            .ok()
    }

    /// Drops a shard that is not needed any more.
    pub(crate) async fn drop(&self, kept: &Kept) -> Result<()> {
        let path = self.settings.dir.join(kept.file_name());
        let work = move || match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed(&path, source)),
            _ => Ok(()),
        };
        let dropped = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unexpected,
                "spool",
                "the deleting thread stopped",
            ))
        });
        if dropped.is_ok() {
            self.forget(kept);
        }
        dropped
    }
}

fn write(dir: &Path, name: &str, number: u64, shard: &Payload) -> Result<()> {
    let partial = dir.join(format!("{PARTIAL}{number}"));
    let put = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&partial)?;
        for segment in shard.segments() {
            file.write_all(segment)?;
        }
        file.sync_all()?;
        fs::rename(&partial, dir.join(name))?;
        File::open(dir)?.sync_all()
    };
    put().map_err(|source| {
        // A partial file that stays is dropped at the next start.
        drop(fs::remove_file(&partial));
        failed(&dir.join(name), source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, index: u8) -> Kept {
        Kept {
            id: BlobId::new(BlobKind::Pack, name).unwrap(),
            index,
            member: MemberId(7),
        }
    }

    fn settings(dir: &Path) -> SpoolSettings {
        SpoolSettings {
            dir: dir.join("spool"),
            bytes_max: 100,
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_there_after_a_restart_and_half_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(settings(dir.path())).unwrap();
        let shard = Payload::from(b"hello world".to_vec());
        spool.keep(kept("aa", 3), shard).await.unwrap();
        fs::write(dir.path().join("spool/partial-9"), b"half").unwrap();
        fs::write(dir.path().join("spool/packs.aa.03.7"), b"no name").unwrap();
        let spool = Spool::open(settings(dir.path())).unwrap();
        assert_eq!(spool.page(None, 9), [kept("aa", 3)]);
        assert_eq!(spool.find(&kept("aa", 3).id, 3), Some(kept("aa", 3)));
        assert_eq!(spool.find(&kept("aa", 3).id, 2), None);
        assert_eq!(
            &spool.read(&kept("aa", 3), 6..11).await.unwrap()[..],
            b"world"
        );
        assert_eq!(spool.read_all(&kept("aa", 3)).await.unwrap().len(), 11);
        assert!(!dir.path().join("spool/partial-9").exists());
        spool.drop(&kept("aa", 3)).await.unwrap();
        spool.drop(&kept("aa", 3)).await.unwrap();
        assert_eq!((spool.status().shards, spool.status().bytes), (0, 0));
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(settings(dir.path())).unwrap();
        let shard = || Payload::from(vec![1; 60]);
        spool.keep(kept("aa", 0), shard()).await.unwrap();
        spool.keep(kept("aa", 0), shard()).await.unwrap();
        let full = spool.keep(kept("aa", 1), shard()).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Unavailable);
        assert_eq!(
            (
                spool.status().shards,
                spool.status().bytes,
                spool.status().refused
            ),
            (1, 60, 1)
        );
    }

    #[test]
    fn names_parse_back_and_others_do_not() {
        for kept in [kept("ab-1", 0), kept("0", 255)] {
            assert_eq!(Kept::parse(&kept.file_name()), Some(kept));
        }
        for name in [
            "",
            "packs",
            "packs.a",
            "packs.a.1",
            "packs.a.1.2.3",
            "other.a.1.2",
            "packs.A.1.2",
            "packs.a.256.1",
        ] {
            assert_eq!(Kept::parse(name), None, "{name}");
        }
    }
}
