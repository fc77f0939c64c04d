//! A walk through a tree of files in the order of the bytes of their keys.
//!
//! Promises: memory for the names of one directory a level, and no more than a named number of them.
//! Does not: follow symbolic links.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tokio::sync::mpsc::Sender;

use super::{Root, info};
use crate::objects::tree::may_hold;
use crate::objects::{ObjectInfo, ObjectKey, RESERVED};
use crate::{Error, ErrorKind, Result};

/// Entries that wait for whoever takes them.
pub(super) const ENTRIES_AHEAD_MAX: usize = 256;
/// The most names that one directory may have; they are sorted in memory.
const NAMES_MAX: usize = 2_000_000;
/// The most directories above each other: a key has no more.
const DEPTH_MAX: usize = 1024;

/// What a walk carries along.
struct Walk<'a> {
    prefix: &'a str,
    to: &'a Sender<Result<ObjectInfo>>,
}

impl Root {
    /// Sends the objects whose keys begin with `prefix`.
    pub(super) fn walk(&self, prefix: &str, to: &Sender<Result<ObjectInfo>>) -> Result<()> {
        self.require("ls")?;
        let walk = Walk { prefix, to };
        walk.directory(&self.path, "", 0).map(drop)
    }
}

impl Walk<'_> {
    /// Walks one directory; false when nobody listens any more.
    fn directory(&self, path: &Path, above: &str, depth: usize) -> Result<bool> {
        if depth > DEPTH_MAX {
            return Ok(true);
        }
        for name in names(path, depth == 0)? {
            let (bare, directory) = match name.strip_suffix('/') {
                Some(bare) => (bare, true),
                None => (name.as_str(), false),
            };
            let relative = format!("{above}{bare}");
            let file = path.join(bare);
            let goes_on = match directory {
                true if may_hold(&format!("{relative}/"), self.prefix) => {
                    self.directory(&file, &format!("{relative}/"), depth + 1)?
                }
                true => true,
                false => self.file(&file, &relative),
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn file(&self, path: &Path, relative: &str) -> bool {
        let key = ObjectKey::from_path(relative);
        let Some(key) = key.filter(|key| key.as_str().starts_with(self.prefix)) else {
            return true;
        };
        // One that went meanwhile is not there.
        let Ok(found) = std::fs::symlink_metadata(path) else {
            return true;
        };
        self.to.blocking_send(Ok(info(key, &found))).is_ok()
    }
}

/// Names in a directory, directories with a slash behind, sorted as the keys below them are.
fn names(path: &Path, top: bool) -> Result<Vec<String>> {
    let failed = |source| Error::from_io("ls", path.display().to_string(), source);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        // Keys are text; what is not was put there by somebody else.
        let name = entry.file_name();
        let Ok(name) = std::str::from_utf8(name.as_bytes()) else {
            continue;
        };
        if top && name == RESERVED {
            continue;
        }
        if kind.is_dir() {
            names.push(format!("{name}/"));
        } else if kind.is_file() {
            names.push(name.to_owned());
        }
        if names.len() > NAMES_MAX {
            let why = format!("{} has more than {NAMES_MAX} entries", path.display());
            return Err(Error::new(ErrorKind::Unsupported, "ls", why));
        }
    }
    names.sort_unstable_by(|a, b| order(a).cmp(order(b)));
    Ok(names)
}

/// The bytes that a name counts as among its siblings: the mark of an empty segment counts as none.
fn order(name: &str) -> &[u8] {
    let bare = name.strip_suffix('/').unwrap_or(name);
    let marks = bare.bytes().all(|byte| byte == b'%');
    &name.as_bytes()[usize::from(marks)..]
}
