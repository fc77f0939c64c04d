//! Which files are to be put, and under which keys.
//!
//! Promises: a tree is walked as it is put; one open directory a level is kept, not a list of all
//! files. Symbolic links in a tree are not followed, since they may lead anywhere or in circles.

use std::fs::ReadDir;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use dolium_raid::ObjectKey;

/// The most directories above each other.
const DEPTH_MAX: usize = 256;

/// One thing to put.
#[derive(Debug)]
pub(super) struct Item {
    /// The file; nothing for standard input.
    pub(super) file: Option<PathBuf>,
    /// Its key.
    pub(super) key: ObjectKey,
}

/// What was named on the command line, with its key or the beginning of its keys.
#[derive(Debug)]
pub(super) enum Named {
    File(PathBuf, String),
    Tree(PathBuf, String),
    Input(String),
}

/// Reads the words of the command line.
pub(super) fn named(words: &[String], prefix: Option<&str>, recursive: bool) -> Result<Vec<Named>> {
    let (files, target) = match (prefix, words) {
        (Some(prefix), files) => (files, Some(prefix.to_owned())),
        (None, [only]) => (std::slice::from_ref(only), None),
        (None, [files @ .., key]) => (files, Some(key.clone())),
        (None, []) => bail!("put what?"),
    };
    let below = prefix.is_some() || target.as_ref().is_some_and(|key| key.ends_with('/'));
    if files.len() > 1 && !below {
        bail!("the last word is the key; for several files it must end in \"/\", or say --prefix");
    }
    files
        .iter()
        .map(|word| one(word, target.as_deref(), below, recursive))
        .collect()
}

fn one(word: &str, target: Option<&str>, below: bool, recursive: bool) -> Result<Named> {
    if word == "-" {
        return match target {
            Some(key) if !below => Ok(Named::Input(key.to_owned())),
            _ => bail!("standard input has no name: say a key for it"),
        };
    }
    let path = PathBuf::from(word);
    let found = std::fs::metadata(&path).with_context(|| format!("cannot read {word}"))?;
    let name = || -> Result<String> {
        let full = path
            .canonicalize()
            .with_context(|| format!("cannot read {word}"))?;
        let name = full.file_name().and_then(|name| name.to_str());
        name.map(str::to_owned)
            .ok_or_else(|| anyhow!("{word} has no name that could be a key"))
    };
    let key = match target {
        None => name()?,
        Some(key) if below && !found.is_dir() => format!("{key}{}", name()?),
        Some(key) => key.to_owned(),
    };
    if !found.is_dir() {
        return Ok(Named::File(path, key));
    }
    if !recursive {
        bail!("{word} is a directory: say -r to put all that is in it");
    }
    let slash = if key.is_empty() || key.ends_with('/') {
        ""
    } else {
        "/"
    };
    Ok(Named::Tree(path, format!("{key}{slash}")))
}

/// All items, one by one. What cannot be put is an error among them.
pub(super) fn items(named: Vec<Named>) -> impl Iterator<Item = Result<Item>> {
    named
        .into_iter()
        .flat_map(|named| -> Box<dyn Iterator<Item = Result<Item>> + Send> {
            match named {
                Named::File(path, key) => Box::new(std::iter::once(item(Some(path), key))),
                Named::Input(key) => Box::new(std::iter::once(item(None, key))),
                Named::Tree(path, prefix) => Box::new(Tree::new(path, prefix)),
            }
        })
}

fn item(file: Option<PathBuf>, key: String) -> Result<Item> {
    let key = ObjectKey::new(key)?;
    Ok(Item { file, key })
}

/// A walk through a directory.
struct Tree {
    levels: Vec<(ReadDir, String)>,
    unread: Option<anyhow::Error>,
}

impl Tree {
    fn new(path: PathBuf, prefix: String) -> Self {
        let mut tree = Self {
            levels: Vec::new(),
            unread: None,
        };
        tree.enter(&path, prefix);
        tree
    }

    fn enter(&mut self, path: &Path, prefix: String) {
        if self.levels.len() == DEPTH_MAX {
            self.unread = Some(anyhow!("{} lies too deep", path.display()));
            return;
        }
        match std::fs::read_dir(path) {
            Ok(entries) => self.levels.push((entries, prefix)),
            Err(error) => self.unread = Some(anyhow!("cannot read {}: {error}", path.display())),
        }
    }

    fn take(
        &mut self,
        entry: std::io::Result<std::fs::DirEntry>,
        prefix: &str,
    ) -> Option<Result<Item>> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error.into())),
        };
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return Some(Err(anyhow!("cannot read {}: {error}", path.display()))),
        };
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Some(Err(anyhow!(
                "{}: its name is no text, so it has no key",
                path.display()
            )));
        };
        let key = format!("{prefix}{name}");
        if kind.is_dir() {
            self.enter(&path, format!("{key}/"));
            return self.unread.take().map(Err);
        }
        kind.is_file().then(|| item(Some(path), key))
    }
}

impl Iterator for Tree {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        if let Some(unread) = self.unread.take() {
            return Some(Err(unread));
        }
        loop {
            let (entries, prefix) = self.levels.last_mut()?;
            let prefix = prefix.clone();
            let Some(entry) = entries.next() else {
                self.levels.pop();
                continue;
            };
            if let Some(item) = self.take(entry, &prefix) {
                return Some(item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(words: &[&str], prefix: Option<&str>, recursive: bool) -> Result<Vec<String>> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut keys = Vec::new();
        for item in items(named(&words, prefix, recursive)?) {
            keys.push(item?.key.as_str().to_owned());
        }
        keys.sort();
        Ok(keys)
    }

    #[test]
    fn words_become_keys() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(dir.path().join("tree/sub")).unwrap();
        for name in ["a", "b", "tree/c", "tree/sub/d"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink("/", dir.path().join("tree/link")).unwrap();
        let (a, b, tree) = (at("a"), at("b"), at("tree"));
        assert_eq!(keys(&[&a], None, false).unwrap(), ["a"]);
        assert_eq!(keys(&[&a, "k"], None, false).unwrap(), ["k"]);
        assert_eq!(keys(&[&a, &b, "p/"], None, false).unwrap(), ["p/a", "p/b"]);
        assert_eq!(keys(&[&a, &b], Some("p-"), false).unwrap(), ["p-a", "p-b"]);
        assert_eq!(
            keys(&[&tree], None, true).unwrap(),
            ["tree/c", "tree/sub/d"]
        );
        assert_eq!(keys(&[&tree, "x"], None, true).unwrap(), ["x/c", "x/sub/d"]);
        assert_eq!(keys(&[&tree], Some(""), true).unwrap(), ["c", "sub/d"]);
        assert_eq!(keys(&["-", "k"], None, false).unwrap(), ["k"]);
        for (words, recursive) in [
            (vec!["-"], false),
            (vec![tree.as_str()], false),
            (vec![a.as_str(), b.as_str(), "k"], false),
            (vec!["/nonexistent", "k"], false),
            (vec![a.as_str(), "../k"], false),
        ] {
            assert!(keys(&words, None, recursive).is_err(), "{words:?}");
        }
    }
}
