//! A local directory that keeps each object as a file at the path of its key.
//!
//! Promises: an object is written to a hidden file, synced, and only then given its name; the
//! directories above are synced before `put` returns. A path that leads through a symbolic link is
//! refused, so nothing outside the root is read or written. A root without its mark is not there.
//! Does not: know checksums; remember who may read.

mod walk;
mod write;

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{
    ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey, ObjectService,
    RESERVED, no_access,
};
use crate::{Error, ErrorKind, Result};

pub(super) use write::temp_name;

/// Bytes read at once.
const READ_LEN: usize = 256 << 10;
/// Pieces that wait between the disk and whoever takes them.
const PIECES_MAX: usize = 4;

/// Objects as files of a directory.
#[derive(Debug)]
pub struct DirectoryObjects {
    root: Arc<Root>,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    hidden: PathBuf,
}

impl DirectoryObjects {
    /// The objects below `path`, which `create` creates.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let hidden = path.join(RESERVED);
        Self {
            root: Arc::new(Root { path, hidden }),
        }
    }

    /// Runs blocking work on a thread made for it.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Root) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.root);
        let done = tokio::task::spawn_blocking(move || work(&root)).await;
        done.unwrap_or_else(|source| {
            let why = "the worker thread stopped";
            Err(Error::new(ErrorKind::Unexpected, operation, why).with_source(source))
        })
    }
}

impl Root {
    /// The file of a key. Refuses paths through symbolic links: they may lead anywhere.
    fn path_of(&self, operation: &'static str, key: &ObjectKey) -> Result<PathBuf> {
        let relative = key.to_path()?;
        let mut path = self.path.clone();
        for segment in relative.split('/') {
            path.push(segment);
            match std::fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    let why = format!("{key}: {} is a symbolic link", path.display());
                    return Err(Error::new(ErrorKind::Denied, operation, why));
                }
                Ok(_) => {}
                // What is not there leads nowhere.
                Err(_) => return Ok(self.path.join(relative)),
            }
        }
        Ok(path)
    }

    /// Fails unless the root is there and was prepared.
    fn require(&self, operation: &'static str) -> Result<()> {
        match std::fs::symlink_metadata(&self.hidden) {
            Ok(_) => Ok(()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                let why = format!(
                    "{} is not there or was never prepared (unmounted?)",
                    self.path.display()
                );
                Err(Error::new(ErrorKind::Unavailable, operation, why).with_source(source))
            }
            Err(source) => Err(Error::from_io(
                operation,
                self.path.display().to_string(),
                source,
            )),
        }
    }

    fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        self.require("info")?;
        let path = self.path_of("info", key)?;
        let found = std::fs::symlink_metadata(path);
        let found = found.map_err(|source| Error::from_io("info", key.as_str(), source))?;
        if !found.is_file() {
            return Err(Error::new(ErrorKind::NotFound, "info", key.as_str()));
        }
        Ok(info(key.clone(), &found))
    }

    /// Reads a file piece by piece until it ends or nobody listens.
    fn read(&self, key: &ObjectKey, from: u64, to: &mpsc::Sender<io::Result<Bytes>>) -> Result<()> {
        let failed = |source| Error::from_io("get", key.as_str(), source);
        let mut file = std::fs::File::open(self.path_of("get", key)?).map_err(failed)?;
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        loop {
            let mut piece = Vec::with_capacity(READ_LEN);
            let read = (&mut file).take(READ_LEN as u64).read_to_end(&mut piece);
            if read.map_err(failed)? == 0 || to.blocking_send(Ok(piece.into())).is_err() {
                return Ok(());
            }
        }
    }
}

fn info(key: ObjectKey, found: &std::fs::Metadata) -> ObjectInfo {
    ObjectInfo {
        key,
        len: found.len(),
        tag: ContentTag::Nothing,
        modified: found.modified().ok(),
    }
}

/// What a thread sends, as a stream.
fn stream_of<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> BoxStream<'static, T> {
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
    .boxed()
}

#[async_trait]
impl ObjectService for DirectoryObjects {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn place(&self) -> String {
        self.root.path.display().to_string()
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: false,
            access: false,
            rooted: true,
        }
    }

    async fn ready(&self) -> Result<bool> {
        let ready = |root: &Root| match root.require("prepare") {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(false),
            Err(error) => Err(error),
        };
        self.blocking("prepare", ready).await
    }

    async fn create(&self) -> Result<()> {
        self.blocking("prepare", Root::create).await
    }

    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag> {
        write::put(&self.root, key, len, body).await?;
        Ok(ContentTag::Nothing)
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        // What is not there is told now, not in the middle of a stream.
        self.info(key).await?;
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let (root, key) = (Arc::clone(&self.root), key.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = root.read(&key, from, &sender) {
                // Nobody listens: nobody wants to know.
                let _ = sender.blocking_send(Err(io::Error::other(error)));
            }
        });
        Ok(stream_of(receiver))
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let key = key.clone();
        self.blocking("info", move |root| root.info(&key)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let (sender, receiver) = mpsc::channel(walk::ENTRIES_AHEAD_MAX);
        let (root, prefix) = (Arc::clone(&self.root), prefix.to_owned());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = root.walk(&prefix, &sender) {
                let _ = sender.blocking_send(Err(error));
            }
        });
        stream_of(receiver)
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        let key = key.clone();
        self.blocking("rm", move |root| root.remove(&key)).await
    }

    async fn set_access(&self, _: &ObjectKey, _: ObjectAccess) -> Result<()> {
        Err(no_access("a directory has no readers of its own"))
    }
}

/// Makes the entries of a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).unwrap()
    }

    fn body(pieces: &[&'static [u8]]) -> ObjectBody {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    async fn made() -> (tempfile::TempDir, DirectoryObjects) {
        let dir = tempfile::tempdir().unwrap();
        let objects = DirectoryObjects::new(dir.path().join("root"));
        assert!(!objects.ready().await.unwrap());
        objects.create().await.unwrap();
        assert!(objects.ready().await.unwrap());
        (dir, objects)
    }

    async fn content(objects: &DirectoryObjects, name: &str, from: u64) -> Vec<u8> {
        let pieces: Vec<Bytes> = objects
            .read(&key(name), from)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        pieces.concat()
    }

    #[tokio::test]
    async fn objects_are_written_read_listed_and_removed() {
        let (_dir, objects) = made().await;
        let keys = ["/z", "a//b", "a/b", "a.txt", "c/", "a0", "é", "b/c/d"];
        for name in keys {
            objects
                .put(&key(name), Some(4), body(&[b"ab", b"cd"]))
                .await
                .unwrap();
            assert_eq!(content(&objects, name, 1).await, b"bcd");
        }
        objects
            .put(&key("a0"), None, body(&[b"new"]))
            .await
            .unwrap();
        assert_eq!(content(&objects, "a0", 0).await, b"new");
        let listed: Vec<ObjectInfo> = objects.list("").try_collect().await.unwrap();
        let names: Vec<&str> = listed.iter().map(|info| info.key.as_str()).collect();
        let mut sorted = keys;
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        let some: Vec<ObjectInfo> = objects.list("a/").try_collect().await.unwrap();
        assert_eq!(some.len(), 2);
        for name in keys {
            objects.remove(&key(name)).await.unwrap();
            objects.remove(&key(name)).await.unwrap();
        }
        assert!(
            objects
                .list("")
                .try_collect::<Vec<_>>()
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn a_broken_stream_leaves_the_old_object_and_nothing_else() {
        let (dir, objects) = made().await;
        objects.put(&key("x"), None, body(&[b"old"])).await.unwrap();
        let broken = stream::iter([Ok(Bytes::from_static(b"ne")), Err(io::Error::other("gone"))]);
        assert!(objects.put(&key("x"), None, broken.boxed()).await.is_err());
        let short = objects
            .put(&key("x"), Some(9), body(&[b"short"]))
            .await
            .unwrap_err();
        assert_eq!(short.kind(), ErrorKind::Conflict);
        assert_eq!(content(&objects, "x", 0).await, b"old");
        let hidden = dir.path().join("root").join(RESERVED);
        assert_eq!(std::fs::read_dir(hidden).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_symbolic_link_leads_nowhere() {
        let (dir, objects) = made().await;
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), b"hush").unwrap();
        std::os::unix::fs::symlink(&outside, dir.path().join("root/link")).unwrap();
        let through = key("link/secret");
        let errors = [
            objects.info(&through).await.unwrap_err(),
            objects.read(&through, 0).await.err().unwrap(),
            objects
                .put(&through, None, body(&[b"x"]))
                .await
                .unwrap_err(),
            objects.remove(&through).await.unwrap_err(),
        ];
        assert!(
            errors.iter().all(|error| error.kind() == ErrorKind::Denied),
            "{errors:?}"
        );
        assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"hush");
        assert!(
            objects
                .list("")
                .try_collect::<Vec<_>>()
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn a_key_below_an_object_is_a_conflict_of_that_service() {
        let (_dir, objects) = made().await;
        objects.put(&key("a"), None, body(&[b"x"])).await.unwrap();
        assert!(objects.put(&key("a/b"), None, body(&[b"x"])).await.is_err());
        objects.put(&key("d/e"), None, body(&[b"x"])).await.unwrap();
        assert!(objects.put(&key("d"), None, body(&[b"x"])).await.is_err());
        assert_eq!(content(&objects, "a", 0).await, b"x");
        assert_eq!(content(&objects, "d/e", 0).await, b"x");
    }
}
