//! Listings against a plain model, for many prefixes, delimiters, markers and page sizes.

use std::collections::BTreeSet;

use dolium_catalog::{
    Catalog, Cluster, ContainerId, ListItem, ListQuery, VersionListItem, VersionListQuery,
    VersionMarker,
};

use super::fixture::{container, objects, read, version, write};

pub(super) async fn run(catalog: &Catalog) {
    live(catalog).await;
    versions(catalog).await;
}

fn paths() -> BTreeSet<Vec<u8>> {
    let mut paths = BTreeSet::new();
    for dir in ["", "a/", "a/b/", "b", "p/", "\u{e9}/", "p//"] {
        for name in 0..12 {
            paths.insert(format!("{dir}{name}").into_bytes());
        }
    }
    paths.extend([
        b"a".to_vec(),
        b"a/".to_vec(),
        b"\xff\xff/1".to_vec(),
        b"\xff\xff".to_vec(),
    ]);
    paths.extend([b"\xff/\xff".to_vec(), b"a\0".to_vec(), b"a0".to_vec()]);
    paths
}

/// What one page of the listing must be: (marker, is a prefix), and whether there is more.
fn model(paths: &BTreeSet<Vec<u8>>, query: &ListQuery) -> (Vec<(Vec<u8>, bool)>, bool) {
    let fold = |path: &[u8]| {
        let delimiter = query.delimiter.as_ref()?;
        let rest = &path[query.prefix.len()..];
        let at = rest.windows(delimiter.len()).position(|w| w == delimiter)?;
        Some(path[..query.prefix.len() + at + delimiter.len()].to_vec())
    };
    let after = query.after.clone().unwrap_or_default();
    let whole = after.starts_with(&query.prefix) && fold(&after).as_ref() == Some(&after);
    let within = |path: &Vec<u8>| {
        let until = query.until.as_ref();
        if query.downwards {
            let below = query.after.as_ref().is_none_or(|after| path < after);
            return below && until.is_none_or(|until| path > until);
        }
        let passed = query.after.is_some() && (*path <= after || whole && path.starts_with(&after));
        !passed && until.is_none_or(|until| path < until)
    };
    let mut items: Vec<(Vec<u8>, bool)> = Vec::new();
    let mut found: Vec<&Vec<u8>> = paths
        .iter()
        .filter(|path| path.starts_with(&query.prefix) && within(path))
        .collect();
    if query.downwards {
        found.reverse();
    }
    for path in found {
        let item = match fold(path) {
            None => (path.clone(), false),
            Some(prefix) if query.one_level && prefix == *path => (prefix, false),
            Some(_) if query.one_level => continue,
            Some(prefix) => (prefix, true),
        };
        if items.last() != Some(&item) {
            items.push(item);
        }
    }
    let more = query.limit > 0 && items.len() > query.limit;
    items.truncate(query.limit);
    (items, more)
}

async fn live(catalog: &Catalog) {
    let id = container(catalog, "listing").await.id;
    let paths = paths();
    objects(catalog, id, paths.iter().cloned().collect()).await;
    let prefixes: [&[u8]; 8] = [
        b"",
        b"a",
        b"a/",
        b"p/",
        b"none",
        b"\xff",
        b"\xff\xff",
        b"\xc3",
    ];
    let markers: [Option<&[u8]>; 8] = [
        None,
        Some(b""),
        Some(b"a"),
        Some(b"a/"),
        Some(b"a/5"),
        Some(b"p//"),
        Some(b"z"),
        Some(b"\xff\xff"),
    ];
    let delimiters: [Option<&[u8]>; 3] = [None, Some(b"/"), Some(b"//")];
    for prefix in prefixes {
        for after in markers {
            for delimiter in delimiters {
                for limit in [0, 1, 3, 7, 1000] {
                    let query = ListQuery {
                        prefix: prefix.to_vec(),
                        after: after.map(<[u8]>::to_vec),
                        delimiter: delimiter.map(<[u8]>::to_vec),
                        limit,
                        ..ListQuery::default()
                    };
                    check(catalog, id, &paths, query.clone()).await;
                    for downwards in [false, true] {
                        let query = ListQuery {
                            until: [None, Some(b"a/4".to_vec()), Some(b"p".to_vec())][limit % 3]
                                .clone(),
                            downwards,
                            one_level: limit == 7,
                            ..query.clone()
                        };
                        check(catalog, id, &paths, query).await;
                    }
                }
            }
        }
    }
}

async fn check(catalog: &Catalog, id: ContainerId, paths: &BTreeSet<Vec<u8>>, query: ListQuery) {
    let expect = model(paths, &query);
    let asked = query.clone();
    let page = read(catalog, move |tx| tx.list_live(id, &asked)).await;
    let items = page
        .items
        .iter()
        .map(|item| (item.marker().to_vec(), matches!(item, ListItem::Prefix(_))))
        .collect::<Vec<_>>();
    assert_eq!(items, expect.0, "{query:?}");
    // Where only one level is shown, what comes may turn out to be nothing of it.
    assert!(query.one_level || page.more == expect.1, "{query:?}");
}

async fn versions(catalog: &Catalog) {
    let id = container(catalog, "listing-versions").await.id;
    // Three versions of each path, interleaved; history must not show in the live listing.
    let paths = paths();
    let all: Vec<Vec<u8>> = paths.iter().cloned().collect();
    write(catalog, move |tx| {
        for cluster in [Cluster::History, Cluster::History, Cluster::Normal] {
            for path in &all {
                let serial = tx.lock_container(id)?.seq;
                tx.insert_version(&version(id, path, serial, cluster))?;
            }
        }
        Ok(())
    })
    .await;
    check(
        catalog,
        id,
        &paths,
        ListQuery {
            limit: 1000,
            ..ListQuery::default()
        },
    )
    .await;

    let count = paths.len() as i64;
    for delimiter in [None, Some(b"/".to_vec())] {
        for limit in [1, 2, 5, 64, 1000] {
            let query = VersionListQuery {
                delimiter: delimiter.clone(),
                limit,
                ..Default::default()
            };
            let seen = all_pages(catalog, id, query).await;
            let mut expect = Vec::new();
            for (at, path) in paths.iter().enumerate() {
                let slash = path.iter().position(|&byte| byte == b'/');
                if let (Some(_), Some(slash)) = (&delimiter, slash) {
                    let item = (path[..=slash].to_vec(), 0, false);
                    if expect.last() != Some(&item) {
                        expect.push(item);
                    }
                    continue;
                }
                let at = at as i64 + 1;
                expect.extend([
                    (path.clone(), at + 2 * count, true),
                    (path.clone(), at + count, false),
                ]);
                expect.push((path.clone(), at, false));
            }
            assert_eq!(seen, expect, "limit {limit}, {delimiter:?}");
            let query = VersionListQuery {
                delimiter: delimiter.clone(),
                limit,
                downwards: true,
                ..Default::default()
            };
            let seen = all_pages(catalog, id, query).await;
            expect.reverse();
            assert_eq!(seen, expect, "downwards, limit {limit}, {delimiter:?}");
        }
    }
}

/// Pages through a listing of versions: (path or prefix, serial, latest).
async fn all_pages(
    catalog: &Catalog,
    id: ContainerId,
    mut query: VersionListQuery,
) -> Vec<(Vec<u8>, i64, bool)> {
    let mut seen = Vec::new();
    loop {
        let asked = query.clone();
        let page = read(catalog, move |tx| tx.list_versions(id, &asked)).await;
        assert!(page.items.len() <= query.limit);
        for item in page.items {
            let marker = match item {
                VersionListItem::Prefix(prefix) => {
                    seen.push((prefix.clone(), 0, false));
                    VersionMarker {
                        path: prefix,
                        serial: None,
                    }
                }
                VersionListItem::Version(item) => {
                    let (path, serial) = (item.version.path, item.version.serial);
                    seen.push((path.clone(), serial, item.latest));
                    VersionMarker {
                        path,
                        serial: Some(serial),
                    }
                }
            };
            query.after = Some(marker);
        }
        if !page.more {
            return seen;
        }
    }
}
