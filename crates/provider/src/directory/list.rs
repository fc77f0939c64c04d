//! Ordered, paged listing of a directory tree.
//!
//! Promises: the order of names as bytes, across directories; memory for one directory at each
//! depth; directories that cannot hold a wanted name are not read.

use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::Path;

use super::Root;
use crate::{BlobInfo, BlobName, Error, ListPage, Result};

/// A listing under way.
struct Walk<'a> {
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    page: ListPage,
}

impl Root {
    /// Lists blobs below the root.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&BlobName>,
        limit: usize,
    ) -> Result<ListPage> {
        self.require("list")?;
        let after = after.map_or("", BlobName::as_str);
        let mut walk = Walk {
            prefix,
            after,
            limit,
            page: ListPage::default(),
        };
        match walk.directory(&self.path, "") {
            Ok(()) => Ok(walk.page),
            Err(source) => Err(Error::from_io(
                "list",
                self.path.display().to_string(),
                source,
            )),
        }
    }
}

impl Walk<'_> {
    /// Adds what lies under `path`, whose names start with `base`.
    fn directory(&mut self, path: &Path, base: &str) -> io::Result<()> {
        for (name, is_directory) in self.children(path, base)? {
            if self.page.more {
                break;
            }
            let path = path.join(&name[base.len()..]);
            let added = if is_directory {
                self.directory(&path, &name)
            } else {
                self.blob(&path, name)
            };
            match added {
                // Deleted since its directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// The wanted children of a directory in the order of names. A directory's name ends in `/`, so
    /// that it sorts where its blobs do.
    fn children(&self, path: &Path, base: &str) -> io::Result<Vec<(String, bool)>> {
        let mut children = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if let Some((name, is_directory)) = child(&entry, base)?
                && self.wants(&name, is_directory)
            {
                children.push((name, is_directory));
            }
        }
        children.sort_unstable();
        Ok(children)
    }

    fn wants(&self, name: &str, is_directory: bool) -> bool {
        if is_directory {
            let may_match = name.starts_with(self.prefix) || self.prefix.starts_with(name);
            may_match && (name > self.after || self.after.starts_with(name))
        } else {
            name.starts_with(self.prefix) && name > self.after
        }
    }

    fn blob(&mut self, path: &Path, name: String) -> io::Result<()> {
        let Ok(name) = BlobName::new(name) else {
            return Ok(());
        };
        if self.page.blobs.len() == self.limit {
            self.page.more = true;
            return Ok(());
        }
        self.page
            .blobs
            .push(info(name, &std::fs::symlink_metadata(path)?));
        Ok(())
    }
}

/// A blob or a directory of blobs; nothing for files that cannot be ours.
fn child(entry: &DirEntry, base: &str) -> io::Result<Option<(String, bool)>> {
    let name = entry.file_name();
    let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
        return Ok(None);
    };
    let kind = entry.file_type()?;
    if kind.is_dir() {
        Ok(Some((format!("{base}{name}/"), true)))
    } else if kind.is_file() {
        Ok(Some((format!("{base}{name}"), false)))
    } else {
        Ok(None)
    }
}

pub(super) fn info(name: BlobName, metadata: &Metadata) -> BlobInfo {
    BlobInfo {
        name,
        len: metadata.len(),
        etag: None,
        modified: metadata.modified().ok(),
    }
}
