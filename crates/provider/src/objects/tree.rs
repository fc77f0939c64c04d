//! A walk through folders of a service that lists one folder at a time.
//!
//! Promises: objects come in the order of the bytes of their keys; one folder is asked for at a time;
//! memory for the entries of one folder a level.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use super::{ContentTag, ObjectInfo, ObjectKey, RESERVED};
use crate::{ErrorKind, Result};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// A file: its length, and when it was written.
    File(u64, Option<SystemTime>),
    /// A folder.
    Folder,
}

impl Resource {
    /// What is told of the object that a file is.
    pub(super) fn info(self, key: ObjectKey) -> Option<ObjectInfo> {
        match self {
            Self::Folder => None,
            Self::File(len, modified) => Some(ObjectInfo {
                key,
                len,
                tag: ContentTag::Nothing,
                modified,
            }),
        }
    }
}

/// A service that lists one folder at a time.
#[async_trait]
pub(super) trait Folders: Send + Sync + 'static {
    /// Names in a folder, and what they are. A path is empty or ends in a slash.
    async fn entries(&self, path: &str) -> Result<Vec<(String, Resource)>>;
}

/// What is still to be told or looked into.
type Waiting = Vec<(String, Resource)>;

/// All objects whose keys begin with a prefix.
pub(super) fn walk(
    folders: Arc<dyn Folders>,
    prefix: &str,
) -> BoxStream<'static, Result<ObjectInfo>> {
    let prefix = prefix.to_owned();
    // The next is last.
    let begin: Waiting = vec![(String::new(), Resource::Folder)];
    stream::unfold(Some(begin), move |waiting| {
        let (folders, prefix) = (Arc::clone(&folders), prefix.clone());
        async move { next(&*folders, waiting?, &prefix).await }
    })
    .boxed()
}

async fn next(
    folders: &dyn Folders,
    mut waiting: Waiting,
    prefix: &str,
) -> Option<(Result<ObjectInfo>, Option<Waiting>)> {
    loop {
        let (path, resource) = waiting.pop()?;
        if resource != Resource::Folder {
            let key = ObjectKey::from_path(&path).filter(|key| key.as_str().starts_with(prefix));
            match key.and_then(|key| resource.info(key)) {
                Some(info) => return Some((Ok(info), Some(waiting))),
                None => continue,
            }
        }
        match folders.entries(&path).await {
            Ok(entries) => waiting.extend(within(&path, entries, prefix)),
            // One that went meanwhile holds nothing.
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_empty() => {}
            Err(error) => return Some((Err(error), None)),
        }
    }
}

/// The entries of a folder that matter, the last first.
fn within(above: &str, mut entries: Vec<(String, Resource)>, prefix: &str) -> Waiting {
    entries.retain(|(name, _)| !(above.is_empty() && name == RESERVED));
    entries.sort_unstable_by(|a, b| order(b).cmp(order(a)));
    let mut waiting = Vec::with_capacity(entries.len());
    for (name, resource) in entries {
        let slash = if resource == Resource::Folder {
            "/"
        } else {
            ""
        };
        let path = format!("{above}{name}{slash}");
        if resource != Resource::Folder || may_hold(&path, prefix) {
            waiting.push((path, resource));
        }
    }
    waiting
}

/// Whether keys below a folder may begin with a prefix.
pub(super) fn may_hold(folder: &str, prefix: &str) -> bool {
    // Marks of empty segments make paths longer than keys; those are looked into.
    folder.contains('%') || folder.starts_with(prefix) || prefix.starts_with(folder)
}

/// What an entry counts as among its siblings: as the keys below it begin, without the mark of an
/// empty segment.
fn order((name, resource): &(String, Resource)) -> impl Iterator<Item = &u8> {
    let marks = name.bytes().all(|byte| byte == b'%');
    let bare = &name.as_bytes()[usize::from(marks)..];
    let slash: &[u8] = if *resource == Resource::Folder {
        b"/"
    } else {
        b""
    };
    bare.iter().chain(slash)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;
    use crate::{Error, Result};

    /// A tree by the paths of its files.
    struct Tree(Vec<&'static str>);

    #[async_trait]
    impl Folders for Tree {
        async fn entries(&self, path: &str) -> Result<Vec<(String, Resource)>> {
            let mut found: Vec<(String, Resource)> = Vec::new();
            for file in self.0.iter().filter_map(|file| file.strip_prefix(path)) {
                let entry = match file.split_once('/') {
                    Some((folder, _)) => (folder.to_owned(), Resource::Folder),
                    None => (file.to_owned(), Resource::File(1, None)),
                };
                if !found.contains(&entry) {
                    found.push(entry);
                }
            }
            match found.is_empty() {
                true => Err(Error::new(ErrorKind::NotFound, "ls", path)),
                false => Ok(found),
            }
        }
    }

    async fn keys(files: &[&'static str], prefix: &str) -> Vec<String> {
        let infos: Vec<ObjectInfo> = walk(Arc::new(Tree(files.to_vec())), prefix)
            .try_collect()
            .await
            .unwrap();
        infos
            .into_iter()
            .map(|info| info.key.as_str().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn keys_come_in_the_order_of_bytes() {
        let files = [
            "b/x",
            "a/b",
            "a.txt",
            "a/%/c",
            "a/%",
            "a-b/c",
            "a0",
            "%/z",
            ".dolium-raid/t",
        ];
        let found = keys(&files, "").await;
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(found, sorted);
        assert_eq!(
            found,
            ["/z", "a-b/c", "a.txt", "a/", "a//c", "a/b", "a0", "b/x"]
        );
        assert_eq!(keys(&files, "a/").await, ["a/", "a//c", "a/b"]);
        assert_eq!(keys(&files, "a/b").await, ["a/b"]);
    }
}
