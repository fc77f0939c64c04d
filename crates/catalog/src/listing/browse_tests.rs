//! The listing that looks back, against the slow way on random histories.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::engine::Engine;
use crate::engine::sqlite::SqliteConnection;
use crate::rows::{Cluster, ContainerId, UserId, VersionRow, VersionSummary};
use crate::{BrowseQuery, ListItem, NewContainer, ReadTx, WriteTx, migration};

/// A step: at which path, and whether it deletes.
type Steps = Vec<(String, bool)>;

fn version(container: ContainerId, path: &str, serial: i64, cluster: Cluster) -> VersionRow {
    VersionRow {
        container_id: container,
        path: path.as_bytes().to_vec(),
        serial,
        cluster,
        null_version: false,
        created: serial * 10,
        size: 1,
        etag: String::new(),
        content_type: String::new(),
        root: None,
        author: UserId(1),
        meta: Vec::new(),
        list: Vec::new(),
    }
}

/// Writes a history; the step with index `n` happens at moment `10 * (n + 1)`.
fn write(tx: &mut WriteTx<'_>, steps: &Steps) -> ContainerId {
    let account = tx.create_account("a", None, 0).unwrap();
    let container = NewContainer {
        account_id: account.id,
        name: b"c".to_vec(),
        created: 0,
        chunking: "fixed".to_owned(),
        block_size: 1024,
        array_name: "a".to_owned(),
        attributes: Vec::new(),
    };
    let container = tx.create_container(container).unwrap().id;
    for (at, (path, deletes)) in steps.iter().enumerate() {
        if let Some(live) = tx.live(container, path.as_bytes()).unwrap() {
            tx.set_cluster(container, path.as_bytes(), live.serial, Cluster::History)
                .unwrap();
        }
        let cluster = if *deletes {
            Cluster::Deleted
        } else {
            Cluster::Normal
        };
        tx.insert_version(&version(container, path, at as i64 + 1, cluster))
            .unwrap();
    }
    container
}

/// What is there just before a moment, the slow way.
fn there(steps: &Steps, before: i64) -> BTreeMap<String, i64> {
    let mut there = BTreeMap::new();
    for (at, (path, deletes)) in steps.iter().enumerate() {
        let serial = at as i64 + 1;
        if serial * 10 >= before {
            break;
        }
        if *deletes {
            there.remove(path);
        } else {
            there.insert(path.clone(), serial);
        }
    }
    there
}

/// The listing, the slow way. An object and the prefix that it spells are told apart by their serials.
fn listed(
    there: &BTreeMap<String, i64>,
    prefix: &str,
    odd: bool,
    folds: bool,
) -> Vec<(String, Option<i64>)> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, serial) in there {
        if !path.starts_with(prefix) || (odd && serial % 2 == 0) {
            continue;
        }
        let cut = path[prefix.len()..]
            .find('/')
            .map(|at| prefix.len() + at + 1);
        match cut.filter(|cut| folds && *cut < path.len()) {
            None => out.push((path.clone(), Some(*serial))),
            Some(cut) => {
                if seen.insert(path[..cut].to_owned()) {
                    out.push((path[..cut].to_owned(), None));
                }
            }
        }
    }
    out
}

fn browsed(
    tx: &mut ReadTx<'_>,
    container: ContainerId,
    query: &BrowseQuery,
    odd: bool,
) -> (Vec<(String, Option<i64>)>, bool) {
    let mut test = |row: &VersionSummary| row.serial % 2 == 1;
    let page = match odd {
        true => tx.browse(container, query, Some(&mut test)).unwrap(),
        false => tx.browse(container, query, None).unwrap(),
    };
    let items = page.items.into_iter().map(|item| match item {
        ListItem::Object(row) => (String::from_utf8(row.path).unwrap(), Some(row.serial)),
        ListItem::Prefix(prefix) => (String::from_utf8(prefix).unwrap(), None),
    });
    (items.collect(), page.more)
}

fn steps() -> impl Strategy<Value = Steps> {
    let path = "[ab]{1,2}(/[ab]{0,2}){0,2}";
    proptest::collection::vec((path, proptest::bool::weighted(0.3)), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn as_the_slow_way(
        steps in steps(), moment in 0i64..70, prefix in "([ab]/?)?", odd: bool, folds: bool,
        page in 2usize..9,
    ) {
        let mut engine = SqliteConnection::open_writer(std::path::Path::new(":memory:")).unwrap();
        migration::migrate(&mut engine).unwrap();
        engine.begin().unwrap();
        let mut tx = WriteTx::new(engine.sql(), 1);
        let container = write(&mut tx, &steps);
        for before in [Some(moment * 10 + 5), None] {
            let then = there(&steps, before.unwrap_or(i64::MAX));
            let expected = listed(&then, &prefix, odd, folds);
            let mut query = BrowseQuery {
                prefix: prefix.clone().into_bytes(),
                delimiter: folds.then(|| b"/".to_vec()),
                limit: 1000,
                before,
                ..BrowseQuery::default()
            };
            let (found, more) = browsed(&mut tx, container, &query, odd);
            prop_assert_eq!(&found, &expected);
            prop_assert!(!more);
            if folds {
                continue;
            }
            // Page by page it is the same.
            query.limit = page;
            let mut paged = Vec::new();
            loop {
                let (found, more) = browsed(&mut tx, container, &query, odd);
                query.after = found.last().map(|(path, _)| path.clone().into_bytes());
                paged.extend(found);
                if !more {
                    break;
                }
            }
            prop_assert_eq!(&paged, &expected);
        }
    }
}
