//! Random trees and shares against a model that follows the description word by word: every path, every
//! level, no index.

use std::collections::{BTreeMap, BTreeSet};

use dolium_store::{Caller, ErrorKind};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::listings::{SHARED, list};
use super::{DIRECTORY, Home, sharing};

/// Paths that lie above, below and beside each other, with bytes on both sides of the slash.
const PATHS: [&str; 12] = [
    "a", "a!", "a/", "a/b", "a/b-", "a/b/", "a/b/c", "a/b/c/d", "a0", "b", "b/c", "b//c",
];
const SHARES: [&str; 6] = [
    "",
    "read=bob",
    "write=bob",
    "read=carl",
    "read=*",
    "write=*;read=carl",
];

#[derive(Clone, Debug)]
struct Object {
    is_directory: bool,
    /// Of [`SHARES`].
    share: usize,
}

type Tree = BTreeMap<&'static str, Object>;

fn tree() -> impl Strategy<Value = Tree> {
    let object = proptest::option::of((any::<bool>(), 0..SHARES.len()));
    proptest::collection::vec(object, PATHS.len()).prop_map(|objects| {
        let mut tree = Tree::new();
        for (path, object) in PATHS.into_iter().zip(objects) {
            if let Some((is_directory, share)) = object {
                tree.insert(
                    path,
                    Object {
                        is_directory,
                        share,
                    },
                );
            }
        }
        tree
    })
}

/// What bob may do: nothing, read, write.
fn allowed(tree: &Tree, path: &str) -> (bool, bool) {
    match governing(tree, path).map(|object| SHARES[object.share]) {
        Some("read=bob" | "read=*") => (true, false),
        Some("write=bob" | "write=*;read=carl") => (true, true),
        _ => (false, false),
    }
}

fn governing<'t>(tree: &'t Tree, path: &str) -> Option<&'t Object> {
    let mut levels: BTreeSet<(usize, String)> = BTreeSet::new();
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    for n in 1..=parts.len() {
        let level = parts[..n].join("/");
        for level in [level.clone(), format!("{level}/")] {
            if path.starts_with(&level) {
                levels.insert((level.len(), level));
            }
        }
    }
    let closest_first = levels.iter().rev();
    let shared = closest_first.filter_map(|(_, level)| {
        let object = tree.get(level.as_str()).filter(|object| object.share > 0)?;
        (level == path || object.is_directory).then_some(object)
    });
    shared.into_iter().next()
}

async fn check(home: &Home, bob: &Caller, tree: &Tree) {
    for (path, object) in tree {
        let kind = if object.is_directory {
            DIRECTORY
        } else {
            "a/b"
        };
        let share = sharing(SHARES[object.share]);
        home.put_with(&home.ada, path, kind, share).await.unwrap();
    }
    for path in PATHS.into_iter().chain(["a/b/new", "b/new", "new"]) {
        let (reads, writes) = allowed(tree, path);
        let expect = match (reads, tree.contains_key(path)) {
            (false, _) => Some(ErrorKind::Denied),
            (true, false) => Some(ErrorKind::NotFound),
            (true, true) => None,
        };
        assert_eq!(home.head(bob, path).await, expect, "{path} in {tree:?}");
        let told = home.told(bob, path).await.ok();
        assert_eq!(told.is_some(), reads, "{path} in {tree:?}");
        if let Some(told) = told {
            let share = told.allowed == Some(dolium_store::access::Share::Write);
            assert_eq!(share, writes, "{path} in {tree:?}");
        }
    }
    let seen = tree.keys().filter(|path| allowed(tree, path).0);
    let seen: Vec<String> = seen.map(|path| (*path).to_owned()).collect();
    let named = tree
        .values()
        .any(|object| object.share > 0 && object.share != 3);
    let shared = tree.keys().filter(|path| governing(tree, path).is_some());
    let shared: Vec<String> = shared.map(|path| (*path).to_owned()).collect();
    for limit in [1, 2, 50] {
        let listed = list(home, bob, Default::default(), ("", None), limit).await;
        assert_eq!(listed, named.then(|| seen.clone()), "{tree:?}");
        let listed = list(home, &home.ada, SHARED, ("", None), limit).await;
        assert_eq!(listed.unwrap(), shared, "{tree:?}");
    }
    for path in tree.keys() {
        home.delete(&home.ada, path).await.unwrap();
    }
}

#[test]
fn shares_are_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (home, bob) = runtime.block_on(async {
        let home = Home::new().await;
        let bob = home.owner("bob").await;
        (home, bob)
    });
    let config = ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&tree(), |tree| {
            runtime.block_on(check(&home, &bob, &tree));
            Ok(())
        })
        .unwrap();
}
