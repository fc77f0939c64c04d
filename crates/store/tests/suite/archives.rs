//! Old versions in another container: what is overwritten is there, deletions bring it back or are kept.

use std::sync::Arc;

use dolium_identity::Role;
use dolium_store::{
    ARCHIVE, ARCHIVE_HISTORY, ARCHIVE_MODE, ARCHIVE_STACK, ARCHIVE_TO, ARCHIVED_DELETION,
    ByteRange, Caller, ContainerName, DeleteRequest, ListEntry, ListRequest, Reason, Source,
    Version,
};

use super::accounts::{make, put, user, within};
use super::world::{World, path, source};

struct Kept {
    world: World,
    owner: Caller,
    container: ContainerName,
    archive: ContainerName,
}

impl Kept {
    async fn new(mode: &'static str) -> Self {
        let world = World::new().await;
        let owner = user(&world, "home:ada", Role::Owner).await;
        let (container, archive) = (within("home", "now"), within("home", "then"));
        for name in [&container, &archive] {
            make(&world, &owner, name).await.unwrap();
        }
        let edit = Arc::new(move |settings: &mut dolium_store::ContainerSettings, _| {
            settings.attributes.set(ARCHIVE, ARCHIVE_TO, "then");
            settings.attributes.set(ARCHIVE, ARCHIVE_MODE, mode);
            Ok(())
        });
        world
            .store
            .change_container(&owner, &container, edit)
            .await
            .unwrap();
        Self {
            world,
            owner,
            container,
            archive,
        }
    }

    async fn put(&self, text: &'static str) {
        put(&self.world, &self.owner, &self.container, "o", text)
            .await
            .unwrap();
    }

    /// Deletes; whether there was something.
    async fn delete(&self) -> bool {
        let request = DeleteRequest::default();
        let store = &self.world.store;
        let deleted = store
            .delete(&self.owner, &self.container, &path("o"), request)
            .await;
        !deleted.unwrap().absent
    }

    async fn archived(&self) -> Vec<Version> {
        let request = ListRequest {
            limit: 100,
            ..ListRequest::default()
        };
        let page = self
            .world
            .store
            .list(&self.owner, &self.archive, request)
            .await;
        let entries = page.unwrap().entries.into_iter();
        let versions = entries.filter_map(|entry| match entry {
            ListEntry::Version(version) => Some(version),
            ListEntry::Prefix(_) => None,
        });
        versions.collect()
    }

    async fn content(&self) -> Option<Vec<u8>> {
        let source = Source {
            container: self.container.clone(),
            ..source("o")
        };
        let reading = self
            .world
            .store
            .get(&self.owner, &source, ByteRange::Full)
            .await
            .ok()?;
        let pieces: Vec<bytes::Bytes> = futures::TryStreamExt::try_collect(reading.body)
            .await
            .unwrap();
        Some(pieces.concat())
    }
}

#[tokio::test]
async fn a_deletion_brings_the_newest_version_back() {
    let kept = Kept::new(ARCHIVE_STACK).await;
    for text in ["one", "two", "three"] {
        kept.put(text).await;
    }
    let names: Vec<String> = kept
        .archived()
        .await
        .iter()
        .map(|v| v.path.to_string())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        names.iter().all(|name| name.starts_with("001o/")),
        "{names:?}"
    );
    for text in ["two", "one"] {
        assert!(kept.delete().await);
        assert_eq!(kept.content().await.as_deref(), Some(text.as_bytes()));
    }
    assert!(kept.archived().await.is_empty());
    assert!(kept.delete().await);
    assert_eq!(kept.content().await, None);
    assert!(!kept.delete().await);
}

#[tokio::test]
async fn a_history_keeps_deletions_too() {
    let kept = Kept::new(ARCHIVE_HISTORY).await;
    kept.put("one").await;
    kept.put("two").await;
    assert!(kept.delete().await);
    assert_eq!(kept.content().await, None);
    let types = |versions: Vec<Version>| -> Vec<bool> {
        versions
            .iter()
            .map(|v| v.content_type == ARCHIVED_DELETION)
            .collect()
    };
    assert_eq!(types(kept.archived().await), [false, false, true]);
    assert!(!kept.delete().await);
    assert_eq!(types(kept.archived().await), [false, false, true, true]);
}

#[tokio::test]
async fn a_write_without_its_archive_is_refused_and_everything_survives_recovery() {
    let kept = Kept::new(ARCHIVE_STACK).await;
    kept.put("one").await;
    kept.put("two").await;
    let Kept {
        world,
        owner,
        container,
        archive,
    } = kept;
    let kept = Kept {
        world: world.recover().await.0,
        owner,
        container,
        archive,
    };
    assert!(kept.delete().await);
    assert_eq!(kept.content().await.as_deref(), Some(&b"one"[..]));
    kept.world
        .store
        .delete_container(&kept.owner, &kept.archive)
        .await
        .unwrap();
    let refused = put(&kept.world, &kept.owner, &kept.container, "o", "three").await;
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::NoArchive));
    assert_eq!(kept.content().await.as_deref(), Some(&b"one"[..]));
}
