//! Objects: what goes in comes out, versions and conditions behave, outages do not matter.

use dolium_store::{
    ByteRange, Condition, CopyRequest, DeleteRequest, Deleted, EtagMatch, ListEntry, ListRequest,
    Reason, Selector, Versioning,
};

use super::world::{World, bucket, noise, path, request, source};

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_back_whole_and_in_ranges() {
    let world = World::new().await;
    for len in [0usize, 1, 4096, 4 << 20, (9 << 20) + 17] {
        let bytes = noise(len as u64, len);
        let version = world.put("a/b", bytes.clone()).await;
        assert_eq!(version.size, len as u64);
        assert_eq!(world.get("a/b").await.unwrap(), bytes);
        if len > 4096 {
            let range = ByteRange::From {
                first: 4000,
                last: Some(4 << 20),
            };
            let end = len.min((4 << 20) + 1);
            assert_eq!(
                world.read(&source("a/b"), range).await.unwrap(),
                bytes[4000..end]
            );
            let last = world
                .read(&source("a/b"), ByteRange::Last(17))
                .await
                .unwrap();
            assert_eq!(last, bytes[len - 17..]);
        }
    }
    let world = world.reopen().await;
    assert_eq!(world.get("a/b").await.unwrap().len(), (9 << 20) + 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_provider_does_not_matter() {
    let world = World::new().await;
    let bytes = noise(1, 6 << 20);
    world.put("before", bytes.clone()).await;
    std::fs::remove_dir_all(world.provider(2)).unwrap();
    assert_eq!(world.get("before").await.unwrap(), bytes);
    let more = noise(2, 1 << 20);
    world.put("after", more.clone()).await;
    assert_eq!(world.get("after").await.unwrap(), more);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_leaves_nothing() {
    let world = World::new().await;
    world.put("kept", "old").await;
    let mut put = request("new and longer".into());
    put.len = Some(3);
    let refused = world
        .store
        .put(
            &world.who,
            &bucket(),
            &path("kept"),
            Default::default(),
            Condition::default(),
            put,
        )
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::LengthMismatch));
    let mut put = request("wrong digest".into());
    put.finish = Box::new(|_| {
        Err(dolium_store::Error::because(
            dolium_store::ErrorKind::Invalid,
            Reason::DigestMismatch,
            "digest",
        ))
    });
    let refused = world
        .store
        .put(
            &world.who,
            &bucket(),
            &path("kept"),
            Default::default(),
            Condition::default(),
            put,
        )
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::DigestMismatch));
    assert_eq!(world.get("kept").await.unwrap(), b"old");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_decide_at_commit() {
    let world = World::new().await;
    let create = Condition {
        if_none_match: Some(EtagMatch::Any),
        ..Condition::default()
    };
    // Sixteen at once: exactly one may create.
    let racers = (0..16).map(|n| world.try_put("race", format!("{n}"), create.clone()));
    let won = futures::future::join_all(racers).await;
    assert_eq!(won.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in won.into_iter().filter_map(Result::err) {
        assert_eq!(lost.reason(), Some(Reason::ConditionFailed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_pile_up_and_come_back() {
    let world = World::new().await;
    let null = world.put("v", "null").await;
    assert!(null.null);
    world
        .store
        .set_versioning(&world.who, &bucket(), Versioning::On)
        .await
        .unwrap();
    let one = world.put("v", "one").await;
    let two = world.put("v", "two").await;
    assert!(two.serial > one.serial && !two.null);
    world.delete("v", None).await;
    let gone = world.get("v").await.unwrap_err();
    assert_eq!(gone.reason(), Some(Reason::DeleteMarker));
    let marker = gone.version().unwrap();
    let request = ListRequest {
        limit: 100,
        ..ListRequest::default()
    };
    let page = world
        .store
        .list_versions(&world.who, &bucket(), request.clone())
        .await
        .unwrap();
    assert_eq!(page.entries.len(), 4);
    assert!(
        world
            .store
            .list(&world.who, &bucket(), request)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
    world.delete("v", Some(Selector::Serial(marker))).await;
    assert_eq!(world.get("v").await.unwrap(), b"two");
    world.delete("v", Some(Selector::Serial(two.serial))).await;
    assert_eq!(world.get("v").await.unwrap(), b"one");
    world
        .store
        .set_versioning(&world.who, &bucket(), Versioning::Suspended)
        .await
        .unwrap();
    world.put("v", "three").await;
    let mut old = source("v");
    old.version = Selector::Null;
    assert_eq!(world.read(&old, ByteRange::Full).await.unwrap(), b"three");
    old.version = Selector::Serial(one.serial);
    assert_eq!(world.read(&old, ByteRange::Full).await.unwrap(), b"one");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_move_no_data() {
    let world = World::new().await;
    let bytes = noise(3, 8 << 20);
    let original = world.put("original", bytes.clone()).await;
    let before = world.stored_bytes();
    let copy = CopyRequest {
        source: source("original"),
        container: bucket(),
        path: path("copy"),
        condition: Condition::default(),
        replace: None,
        tags: None,
        class: None,
        encryption: None,
        guards: Default::default(),
        refuse_copy_onto_itself: true,
    };
    let copied = world.store.copy(&world.who, copy.clone()).await.unwrap();
    assert_eq!(copied.etag, original.etag);
    assert_eq!(world.stored_bytes(), before);
    world.delete("original", None).await;
    assert_eq!(world.get("copy").await.unwrap(), bytes);
    let itself = CopyRequest {
        source: source("copy"),
        path: path("copy"),
        ..copy
    };
    assert!(world.store.copy(&world.who, itself).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_hold_and_others_are_kept_out() {
    let world = World::new().await;
    world
        .store
        .set_container_quota(&world.who, &bucket(), Some(10), Some(2))
        .await
        .unwrap();
    world.put("a", "12345").await;
    let full = world
        .try_put("b", "123456", Condition::default())
        .await
        .unwrap_err();
    assert_eq!(full.reason(), Some(Reason::QuotaExceeded));
    world.put("a", "1234567890").await;
    world.put("b", "").await;
    assert!(world.try_put("c", "", Condition::default()).await.is_err());
    let mut other = world.who.principal().unwrap().clone();
    other.account_id.0 += 1;
    let other = other.into();
    let denied = world.store.head(&other, &source("a")).await.unwrap_err();
    assert_eq!(denied.kind(), dolium_store::ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_fold_and_page() {
    let world = World::new().await;
    for at in ["a", "b/1", "b/2", "c/x/1", "c/y", "d"] {
        world.put(at, at.to_owned()).await;
    }
    let mut request = ListRequest {
        delimiter: Some("/".to_owned()),
        limit: 2,
        ..ListRequest::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = world
            .store
            .list(&world.who, &bucket(), request.clone())
            .await
            .unwrap();
        for entry in &page.entries {
            seen.push(match entry {
                ListEntry::Version(version) => version.path.to_string(),
                ListEntry::Prefix(prefix) => prefix.clone(),
            });
        }
        request.after = seen.last().cloned();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["a", "b/", "c/", "d"]);
    let deleted = DeleteRequest::default();
    let nothing = world
        .store
        .delete(&world.who, &bucket(), &path("nope"), deleted)
        .await
        .unwrap();
    let expected = Deleted {
        absent: true,
        ..Deleted::default()
    };
    assert_eq!(nothing, expected);
}
