//! What a pass noted may be out of date when it acts: a batch that is, and what is left of it.

use dolium_catalog::{
    Catalog, CatalogSettings, Cluster, ContainerId, ContainerRow, NewContainer, UserId,
    VersionListItem, VersionListQuery, VersionRow, Versioning,
};

use super::ending::end_batch;
use super::rule::{Expiration, Filter, NoncurrentExpiration, Rule, When};
use super::worker::{LifecycleDone, Target};
use super::{LIFECYCLE, RULES};
use crate::Result;
use crate::attributes::Attributes;
use crate::clock::now;
use crate::place::Classes;
use crate::rows::encode_attributes;

const DAY: i64 = 86_400_000_000;

struct World {
    catalog: Catalog,
    container: ContainerId,
    _dir: tempfile::TempDir,
}

/// One version to begin with: path, age in days, whether it is a delete marker, the value of its tag.
type Given = (&'static str, i64, bool, &'static str);

fn rules(given: &[Rule]) -> Vec<u8> {
    let mut attributes = Attributes::default();
    attributes.set(LIFECYCLE, RULES, serde_json::to_string(given).unwrap());
    encode_attributes(&attributes)
}

fn tagged(value: &str) -> Filter {
    Filter {
        tags: [("t".to_owned(), value.to_owned())].into(),
        ..Filter::default()
    }
}

impl World {
    /// A container with these rules and versions, older ones first; serials count from 1.
    async fn new(given: &[Rule], versions: &'static [Given]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("catalog.sqlite");
        let catalog = Catalog::open_sqlite(file, CatalogSettings::default()).unwrap();
        let attributes = rules(given);
        let made = catalog.write(move |tx| {
            let account = tx.create_account("a", None, 1)?;
            let mut container = tx.create_container(NewContainer {
                account_id: account.id,
                name: b"c".to_vec(),
                created: 1,
                chunking: "fixed".to_owned(),
                block_size: 4 << 20,
                array_name: "default".to_owned(),
                attributes: attributes.clone(),
            })?;
            container.versioning = Versioning::On;
            tx.update_container(&container)?;
            for (at, (path, ..)) in versions.iter().enumerate() {
                let newest = !versions[at + 1..].iter().any(|later| later.0 == *path);
                let serial = tx.lock_container(container.id)?.seq;
                tx.insert_version(&row(&container, serial, &versions[at], newest))?;
            }
            Ok::<_, crate::Error>(container.id)
        });
        let container = made.await.unwrap().value;
        Self {
            catalog,
            container,
            _dir: dir,
        }
    }

    /// Acts on what somebody noted.
    async fn end(&self, targets: &[(&str, i64)]) -> LifecycleDone {
        let targets: Vec<Target> = targets
            .iter()
            .map(|(path, serial)| (path.as_bytes().to_vec(), *serial))
            .collect();
        let container = self.container;
        let classes = Classes::new(["default", "cold"], &[]);
        let ended = self
            .catalog
            .write(move |tx| end_batch(tx, &classes, container, DAY, &targets));
        ended.await.unwrap().value
    }

    async fn serials(&self) -> Vec<i64> {
        let (container, query) = (
            self.container,
            VersionListQuery {
                limit: 100,
                ..VersionListQuery::default()
            },
        );
        let listed = self
            .catalog
            .read(move |tx| Ok::<_, crate::Error>(tx.list_versions(container, &query)?));
        let items = listed.await.unwrap().items.into_iter();
        items
            .filter_map(|item| match item {
                VersionListItem::Version(item) => Some(item.version.serial),
                VersionListItem::Prefix(_) => None,
            })
            .collect()
    }

    async fn configure(&self, given: &[Rule]) {
        let (container, attributes) = (self.container, rules(given));
        let changed = self.catalog.write(move |tx| -> Result<()> {
            if let Some(mut row) = tx.container(container)? {
                row.attributes = attributes.clone();
                tx.update_container(&row)?;
            }
            Ok(())
        });
        changed.await.unwrap();
    }
}

fn row(container: &ContainerRow, serial: i64, given: &Given, newest: bool) -> VersionRow {
    let (path, age, marker, tag) = given;
    let mut attributes = Attributes::default();
    attributes.set("tag", "t", *tag);
    VersionRow {
        container_id: container.id,
        path: path.as_bytes().to_vec(),
        serial,
        cluster: match (marker, newest) {
            (true, _) => Cluster::Deleted,
            (false, true) => Cluster::Normal,
            (false, false) => Cluster::History,
        },
        null_version: false,
        created: now().0 - age * DAY,
        size: 1,
        etag: String::new(),
        content_type: String::new(),
        root: None,
        author: UserId(1),
        meta: encode_attributes(&attributes),
        list: Vec::new(),
    }
}

fn rule(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        enabled: true,
        ..Rule::default()
    }
}

fn expire(days: u32) -> Rule {
    Rule {
        expiration: Some(Expiration::At(When::Days(days))),
        ..rule("expire")
    }
}

#[tokio::test]
async fn what_is_not_due_any_more_stays() {
    let only_old = Rule {
        filter: tagged("old"),
        ..expire(1)
    };
    // Written anew, tagged anew, and one that is gone.
    let world = World::new(
        &[only_old],
        &[
            ("a", 9, false, "old"),
            ("a", 0, false, "old"),
            ("b", 9, false, "new"),
        ],
    )
    .await;
    let stale = [("a", 1), ("a", 2), ("b", 3), ("c", 4)];
    assert!(world.end(&stale).await.is_empty());
    assert_eq!(world.serials().await, [2, 1, 3]);
}

#[tokio::test]
async fn rules_count_as_they_are_now() {
    let world = World::new(&[expire(1)], &[("a", 9, false, "")]).await;
    world.configure(&[expire(30)]).await;
    assert!(world.end(&[("a", 1)]).await.is_empty());
    world.configure(&[expire(2)]).await;
    assert_eq!(world.end(&[("a", 1)]).await.expired, 1);
    assert_eq!(world.serials().await.len(), 2);
}

#[tokio::test]
async fn a_marker_that_hides_something_stays() {
    let markers = Rule {
        expiration: Some(Expiration::LoneMarkers),
        ..rule("markers")
    };
    let world = World::new(
        &[markers],
        &[("a", 9, false, ""), ("a", 8, true, ""), ("b", 9, true, "")],
    )
    .await;
    assert_eq!(world.end(&[("a", 2), ("b", 3)]).await.markers, 1);
    assert_eq!(world.serials().await, [2, 1]);
}

#[tokio::test]
async fn the_newest_that_a_rule_keeps_stay() {
    let keep = Rule {
        noncurrent: Some(NoncurrentExpiration { days: 1, keep: 2 }),
        ..rule("keep")
    };
    let world = World::new(
        &[keep],
        &[
            ("a", 9, false, ""),
            ("a", 8, false, ""),
            ("a", 7, false, ""),
            ("a", 6, false, ""),
        ],
    )
    .await;
    assert_eq!(
        world
            .end(&[("a", 4), ("a", 3), ("a", 2), ("a", 1)])
            .await
            .removed,
        1
    );
    assert_eq!(world.serials().await, [4, 3, 2]);
}

#[tokio::test]
async fn an_older_version_goes_before_the_one_that_made_it_so() {
    let noncurrent = |id: &str, days| Rule {
        filter: tagged(id),
        noncurrent: Some(NoncurrentExpiration { days, keep: 0 }),
        ..rule(id)
    };
    let world = World::new(
        &[noncurrent("short", 1), noncurrent("long", 30)],
        &[
            ("a", 50, false, "long"),
            ("a", 40, false, "short"),
            ("a", 3, false, ""),
        ],
    )
    .await;
    assert_eq!(world.end(&[("a", 2), ("a", 1)]).await.removed, 2);
    assert_eq!(world.serials().await, [3]);
}
