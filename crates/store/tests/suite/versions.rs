//! Versions as protocols with gaps see them: an older one made current again, and paths that show nothing
//! although there are versions of them.

use dolium_store::{
    DeleteRequest, Deleted, ListEntry, ListRequest, Reason, Selector, Serial, Versioning,
};

use super::world::{World, bucket, path, source};

async fn set(world: &World, versioning: Versioning) {
    let (store, name) = (&world.store, bucket());
    let set = store.set_versioning(&world.who, &name, versioning);
    set.await.unwrap();
}

async fn remove(world: &World, at: &str, version: Option<Selector>) -> Deleted {
    let request = DeleteRequest {
        version,
        leaves_gap: true,
        ..DeleteRequest::default()
    };
    let (store, name, at) = (&world.store, bucket(), path(at));
    let deleted = store.delete(&world.who, &name, &at, request);
    deleted.await.unwrap()
}

/// All versions: serial, and whether it is what its object shows.
async fn listed(world: &World, downwards: bool) -> Vec<(Serial, bool)> {
    let request = ListRequest {
        limit: 100,
        downwards,
        ..ListRequest::default()
    };
    let (store, name) = (&world.store, bucket());
    let page = store.list_versions(&world.who, &name, request);
    let version = |entry| match entry {
        ListEntry::Version(version) => (version.serial, version.current),
        ListEntry::Prefix(prefix) => panic!("{prefix}"),
    };
    page.await
        .unwrap()
        .entries
        .into_iter()
        .map(version)
        .collect()
}

async fn why(world: &World, at: &str) -> Option<Reason> {
    world.get(at).await.unwrap_err().reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_is_made_current_again() {
    let world = World::new().await;
    set(&world, Versioning::On).await;
    let one = world.put("v", "one").await.serial;
    let two = world.put("v", "two").await.serial;
    let three = world.put("v", "three").await.serial;
    let back = async |serial| {
        let version = Selector::Serial(serial);
        let (store, name, at) = (&world.store, bucket(), path("v"));
        let made = store.make_current(&world.who, &name, &at, version);
        made.await
    };
    assert_eq!(back(two).await.unwrap().serial, two);
    assert_eq!(world.get("v").await.unwrap(), b"two");
    let expected = [(three, false), (two, true), (one, false)];
    assert_eq!(listed(&world, false).await, expected);
    let mut upwards = expected;
    upwards.reverse();
    assert_eq!(listed(&world, true).await, upwards);
    // Once more changes nothing, and what is not there is not made current.
    assert_eq!(back(two).await.unwrap().serial, two);
    let error = back(Serial(4711)).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NoSuchVersion));
    // The next write is the newest and the current one again.
    let four = world.put("v", "four").await.serial;
    let expected = [(four, true), (three, false), (two, false), (one, false)];
    assert_eq!(listed(&world, false).await, expected);
    // A deletion of what was made current brings the newest that is left to light.
    back(one).await.unwrap();
    world.delete("v", Some(Selector::Serial(one))).await;
    assert_eq!(world.get("v").await.unwrap(), b"four");
    // And past a marker: it stays and is not what the path shows.
    world.delete("v", None).await;
    assert_eq!(why(&world, "v").await, Some(Reason::DeleteMarker));
    back(three).await.unwrap();
    assert_eq!(world.get("v").await.unwrap(), b"three");
    let (marker, _) = listed(&world, false).await[0];
    let expected = [(marker, false), (four, false), (three, true), (two, false)];
    assert_eq!(listed(&world, false).await, expected);
    assert!(back(marker).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_may_leave_a_gap() {
    let world = World::new().await;
    set(&world, Versioning::On).await;
    let one = world.put("v", "one").await.serial;
    let two = world.put("v", "two").await.serial;
    let deleted = remove(&world, "v", Some(Selector::Serial(two))).await;
    assert_eq!(deleted.removed, Some((two, false)));
    assert_eq!(why(&world, "v").await, Some(Reason::NoSuchObject));
    assert_eq!(listed(&world, false).await, [(one, false)]);
    let container = world.store.container(&world.who, &bucket()).await.unwrap();
    assert_eq!((container.objects, container.version_bytes), (0, 3));
    // The null version that there is not is what the path shows.
    let three = world.put("v", "three").await.serial;
    assert!(!remove(&world, "v", Some(Selector::Null)).await.absent);
    assert!(remove(&world, "v", Some(Selector::Null)).await.absent);
    assert_eq!(why(&world, "v").await, Some(Reason::NoSuchObject));
    assert_eq!(listed(&world, false).await, [(three, false), (one, false)]);
    assert!(
        remove(&world, "v", Some(Selector::Serial(two)))
            .await
            .absent
    );
    // A marker says whether there was something.
    assert!(remove(&world, "v", None).await.absent);
    world.put("v", "four").await;
    let deleted = remove(&world, "v", None).await;
    assert!(!deleted.absent && deleted.marker.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_versioning_is_suspended_a_gap_has_no_marker() {
    let world = World::new().await;
    set(&world, Versioning::On).await;
    let one = world.put("v", "one").await.serial;
    set(&world, Versioning::Suspended).await;
    let deleted = remove(&world, "v", None).await;
    assert_eq!(deleted, Deleted::default());
    assert_eq!(listed(&world, false).await, [(one, false)]);
    assert_eq!(why(&world, "v").await, Some(Reason::NoSuchObject));
    let mut versioned = source("v");
    versioned.version = Selector::Serial(one);
    let read = world.read(&versioned, dolium_store::ByteRange::Full).await;
    assert_eq!(read.unwrap(), b"one");
    let null = world.put("v", "two").await;
    assert!(null.null);
    assert!(!remove(&world, "v", None).await.absent);
    assert_eq!(listed(&world, false).await, [(one, false)]);
    assert!(remove(&world, "v", None).await.absent);
    // Without the gap the same deletion leaves a marker.
    world.delete("v", None).await;
    assert_eq!(why(&world, "v").await, Some(Reason::DeleteMarker));
    assert_eq!(listed(&world, false).await.len(), 2);
}
