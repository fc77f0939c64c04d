//! Events: each change of an object in a container that asked is announced once, in order.

use dolium_catalog::EventRow;
use dolium_store::{
    Attributes, Condition, ContainerName, CopyRequest, EVENT, Selector, Versioning,
};

use super::world::{World, bucket, path, request, source};

/// Asks for events of the world's container, as a front end does.
async fn ask(world: &World) {
    let mut attributes = Attributes::default();
    attributes.set(EVENT, "rules", "asked");
    let bytes = serde_json::to_vec(&attributes).unwrap();
    let op = move |tx: &mut dolium_catalog::WriteTx<'_>| {
        let mut row = tx.container_by_bucket(bucket().as_str())?.unwrap();
        row.attributes = bytes.clone();
        tx.update_container(&row)
    };
    let written: Result<_, dolium_catalog::Error> = world.store.catalog().write(op).await;
    written.unwrap();
}

async fn events(world: &World) -> Vec<EventRow> {
    let events: Result<_, dolium_catalog::Error> =
        world.store.catalog().read(|tx| tx.events(0, 1000)).await;
    events.unwrap()
}

fn seen(events: &[EventRow]) -> Vec<(&str, &str)> {
    let seen = events.iter();
    seen.map(|event| {
        (
            event.kind.as_str(),
            std::str::from_utf8(&event.path).unwrap(),
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_announced_to_those_who_asked() {
    let world = World::new().await;
    world.put("unheard", b"x".to_vec()).await;
    assert_eq!(events(&world).await, []);
    ask(&world).await;
    let version = world.put("a", b"one".to_vec()).await;
    world.put("a", b"two".to_vec()).await;
    let copy = CopyRequest {
        source: source("a"),
        container: bucket(),
        path: path("b"),
        condition: Condition::default(),
        replace: None,
        tags: None,
        class: None,
        encryption: None,
        guards: Default::default(),
        refuse_copy_onto_itself: true,
    };
    world.store.copy(&world.who, copy).await.unwrap();
    world.delete("a", None).await;
    world.delete("a", None).await;
    let found = events(&world).await;
    let expect = [
        ("ObjectCreated:Put", "a"),
        ("ObjectCreated:Put", "a"),
        ("ObjectCreated:Copy", "b"),
        ("ObjectRemoved:Delete", "a"),
    ];
    assert_eq!(seen(&found), expect, "a delete of nothing is no event");
    assert!(found.is_sorted_by(|a, b| (a.id, a.seq) < (b.id, b.seq)));
    let first = &found[0];
    assert_eq!((first.size, &first.etag), (3, &version.etag));
    assert_eq!(first.author, world.who.principal().map(|user| user.user_id));
    assert!(first.null_version);
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_and_versions() {
    let world = World::new().await;
    ask(&world).await;
    let name: ContainerName = bucket();
    let on = world
        .store
        .set_versioning(&world.who, &name, Versioning::On);
    on.await.unwrap();
    let version = world.put("a", b"one".to_vec()).await;
    world.delete("a", None).await;
    world
        .delete("a", Some(Selector::Serial(version.serial)))
        .await;
    let found = events(&world).await;
    let expect = [
        ("ObjectCreated:Put", "a"),
        ("ObjectRemoved:DeleteMarkerCreated", "a"),
        ("ObjectRemoved:Delete", "a"),
    ];
    assert_eq!(seen(&found), expect);
    assert_eq!(found[2].serial, version.serial.0);
    assert!(found[2].seq > found[1].seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_not_announced() {
    let world = World::new().await;
    ask(&world).await;
    let none = Condition {
        if_none_match: Some(dolium_store::EtagMatch::Any),
        ..Condition::default()
    };
    world.put("a", b"one".to_vec()).await;
    world.try_put("a", b"two".to_vec(), none).await.unwrap_err();
    let mut short = request(b"three".to_vec().into());
    short.len = Some(9);
    let (name, at) = (bucket(), path("a"));
    let (description, condition) = (Default::default(), Condition::default());
    let put = world
        .store
        .put(&world.who, &name, &at, description, condition, short);
    put.await.unwrap_err();
    assert_eq!(events(&world).await.len(), 1);
}
