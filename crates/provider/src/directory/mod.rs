//! A local directory as a provider. Ours rather than a library's, because what survives a power cut
//! is decided by the order of the calls here.
//!
//! The root holds the blobs at the paths of their names, and `.tmp` with blobs that are still being
//! written. `.tmp` is also the mark of a prepared root: where it is missing, the directory is an
//! unmounted disk's mount point or somebody else's, and nothing is read, written or created.
//!
//! Promises: a blob is written, synced, and only then given its name, without replacing another;
//! its directory is synced before `put` returns. One hop to a blocking thread for each operation.
//! Does not: watch for files that others put there; foreign names are ignored.

mod direct;
mod list;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    BlobInfo, BlobName, Buffers, Capabilities, Error, ErrorKind, ListPage, Payload, Provider,
    Result,
};

/// The directory for unfinished blobs, hidden from listings because no name starts with a dot.
const TEMP_DIR: &str = ".tmp";

/// A provider that keeps each blob as a file.
#[derive(Debug)]
pub struct DirectoryProvider {
    root: Arc<Root>,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    temp: PathBuf,
    /// Directories whose own entries are known to be durable, up to the root.
    settled: Mutex<HashSet<PathBuf>>,
    /// Whether this process has looked for what crashed ones left in the temporary directory.
    swept: AtomicBool,
}

impl DirectoryProvider {
    /// A provider over `root`, which `prepare` creates.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let path = root.into();
        let temp = path.join(TEMP_DIR);
        let (settled, swept) = (Mutex::default(), AtomicBool::new(false));
        let root = Root {
            path,
            temp,
            settled,
            swept,
        };
        Self {
            root: Arc::new(root),
        }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root.path
    }

    /// Runs blocking work on a thread made for it.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Root) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.root);
        tokio::task::spawn_blocking(move || work(&root))
            .await
            .unwrap_or_else(|source| {
                let error = Error::new(
                    ErrorKind::Unexpected,
                    operation,
                    "the worker thread stopped",
                );
                Err(error.with_source(source))
            })
    }
}

impl Root {
    fn path_of(&self, name: &BlobName) -> PathBuf {
        self.path.join(name.as_str())
    }

    /// Fails unless the root is there and was prepared.
    fn require(&self, operation: &'static str) -> Result<()> {
        match std::fs::symlink_metadata(&self.temp) {
            Ok(_) => Ok(()),
            Err(source) => Err(self.explain(operation, source)),
        }
    }

    /// What it means that the temporary directory cannot be reached.
    fn explain(&self, operation: &'static str, source: io::Error) -> Error {
        let root = self.path.display();
        if source.kind() != io::ErrorKind::NotFound {
            return Error::from_io(operation, root.to_string(), source);
        }
        let why = format!("root missing: {root} is not there or was never prepared (unmounted?)");
        Error::new(ErrorKind::Unavailable, operation, why).with_source(source)
    }

    /// Tells a missing blob from a missing root.
    fn failed(&self, operation: &'static str, name: &BlobName, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::NotFound
            && let Err(error) = self.require(operation)
        {
            return error;
        }
        Error::from_io(operation, name.as_str(), source)
    }

    fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let invalid = || {
            let why = format!("{name}: range {range:?} passes the end");
            Error::new(ErrorKind::Invalid, "get", why)
        };
        let len = range.end.checked_sub(range.start).ok_or_else(invalid)?;
        let failed = |source| self.failed("get", name, source);
        let mut file = std::fs::File::open(self.path_of(name)).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::NotFound, "get", name.as_str()));
        }
        // A hostile or mistaken range must not reserve more memory than there is to read.
        if metadata.len() < range.end {
            return Err(invalid());
        }
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        }
        let buffers = Buffers::shared();
        let mut bytes = buffers.take(len as usize);
        file.take(len).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 == len {
            Ok(buffers.lend(bytes.into()))
        } else {
            Err(invalid())
        }
    }

    fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        let failed = |source| self.failed("head", name, source);
        let metadata = std::fs::symlink_metadata(self.path_of(name)).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::NotFound, "head", name.as_str()));
        }
        Ok(list::info(name.clone(), &metadata))
    }

    /// Removes blobs, then syncs each directory that held some.
    fn delete(&self, names: &[BlobName]) -> Result<()> {
        let mut changed = BTreeMap::new();
        for name in names {
            let path = self.path_of(name);
            match std::fs::remove_file(&path) {
                Ok(()) => {
                    let parent = path.parent().unwrap_or(&self.path).to_owned();
                    changed.insert(parent, name);
                }
                Err(source) => match self.failed("delete", name, source) {
                    error if error.kind() == ErrorKind::NotFound => {}
                    error => return Err(error),
                },
            }
        }
        for (directory, name) in changed {
            write::sync_directory(&directory).map_err(|e| self.failed("delete", name, e))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for DirectoryProvider {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_put_if_absent: true,
            consistent_list: true,
            list_has_md5: false,
            persistent: true,
        }
    }

    async fn prepare(&self) -> Result<()> {
        self.blocking("prepare", Root::prepare).await
    }

    async fn put(&self, name: &BlobName, body: Payload) -> Result<()> {
        let name = name.clone();
        self.blocking("put", move |root| root.put(&name, &body))
            .await
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let name = name.clone();
        self.blocking("get", move |root| root.get(&name, range))
            .await
    }

    async fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        let name = name.clone();
        self.blocking("head", move |root| root.head(&name)).await
    }

    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.blocking("list", move |root| {
            root.list(&prefix, after.as_ref(), limit)
        })
        .await
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.delete_all(std::slice::from_ref(name)).await
    }

    async fn delete_all(&self, names: &[BlobName]) -> Result<()> {
        let names = names.to_vec();
        self.blocking("delete", move |root| root.delete(&names))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    fn name(text: &str) -> BlobName {
        BlobName::new(text).unwrap()
    }

    async fn prepared(path: &Path) -> DirectoryProvider {
        let provider = DirectoryProvider::new(path);
        provider.prepare().await.unwrap();
        provider
    }

    #[tokio::test]
    async fn a_vanished_root_is_unavailable_and_not_recreated() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p1");
        let provider = prepared(&root).await;
        provider
            .put(&name("a/b"), Payload::from(vec![1]))
            .await
            .unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        let blob = name("a/b");
        let errors = [
            provider
                .put(&blob, Payload::from(vec![1]))
                .await
                .unwrap_err(),
            provider.get(&blob, 0..1).await.unwrap_err(),
            provider.head(&blob).await.unwrap_err(),
            provider.list("", None, 10).await.unwrap_err(),
            provider.delete(&blob).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert_eq!(error.status(), Status::Temporary, "{error}");
            assert!(error.to_string().contains("root missing"), "{error}");
        }
        assert!(!root.exists());
        // The mount point of an unmounted disk exists, but is empty.
        std::fs::create_dir(&root).unwrap();
        assert_eq!(
            provider.list("", None, 1).await.unwrap_err().kind(),
            ErrorKind::Unavailable
        );
        provider.prepare().await.unwrap();
        assert!(provider.list("", None, 1).await.unwrap().blobs.is_empty());
    }

    #[tokio::test]
    async fn stale_temporary_files_go_at_prepare_and_never_show() {
        let dir = tempfile::tempdir().unwrap();
        let provider = prepared(dir.path()).await;
        let stale = dir.path().join(".tmp/unfinished");
        std::fs::write(&stale, b"half").unwrap();
        assert!(provider.list("", None, 10).await.unwrap().blobs.is_empty());
        provider.prepare().await.unwrap();
        assert!(!stale.exists());
    }

    #[tokio::test]
    async fn the_first_put_sweeps_what_crashes_left_long_ago() {
        let dir = tempfile::tempdir().unwrap();
        prepared(dir.path()).await;
        let (old, new) = (dir.path().join(".tmp/old"), dir.path().join(".tmp/new"));
        std::fs::write(&new, b"another process is writing").unwrap();
        std::fs::File::create(&old)
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        let provider = DirectoryProvider::new(dir.path());
        provider
            .put(&name("x"), Payload::from(vec![1]))
            .await
            .unwrap();
        assert!(!old.exists() && new.exists());
    }

    #[tokio::test]
    async fn a_put_leaves_no_temporary_file_even_when_refused() {
        let dir = tempfile::tempdir().unwrap();
        let provider = prepared(dir.path()).await;
        provider
            .put(&name("x"), Payload::from(vec![1]))
            .await
            .unwrap();
        let again = provider
            .put(&name("x"), Payload::from(vec![2]))
            .await
            .unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(
            std::fs::read_dir(dir.path().join(".tmp")).unwrap().count(),
            0
        );
        assert_eq!(std::fs::read(dir.path().join("x")).unwrap(), [1]);
    }
}
