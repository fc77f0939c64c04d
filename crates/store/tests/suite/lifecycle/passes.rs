//! Passes: pages, locks, uploads, and what happens between them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_page_of_versions_of_one_path() {
    let world = World::new().await.with_day(SHORT_DAY).await;
    versioning(&world, Versioning::On).await;
    let many = (0..620).map(|_| world.put("many", "x"));
    futures::future::join_all(many).await;
    world.put("other", "x").await;
    let noncurrent = Rule {
        noncurrent: Some(NoncurrentExpiration { days: 1, keep: 3 }),
        ..rule("r")
    };
    set(&world, &[noncurrent]).await;
    tokio::time::sleep(TWO_DAYS).await;
    let before = versions(&world).await;
    assert_eq!(apply(&world).await.removed, 616);
    let after = versions(&world).await;
    assert_eq!(after["many"], before["many"][..4]);
    assert_eq!(after["other"], before["other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_past_a_lock() {
    let world = World::new().await.with_day(SHORT_DAY).await;
    versioning(&world, Versioning::On).await;
    world
        .store
        .set_container_lock(&world.who, &bucket(), ContainerLock::default())
        .await
        .unwrap();
    let held = Description {
        guards: Guards {
            hold: true,
            ..Guards::default()
        },
        ..Description::default()
    };
    let put = |description: Description| async {
        let put = request("x".into());
        let (who, condition) = (&world.who, Condition::default());
        world
            .store
            .put(who, &bucket(), &path("a"), description, condition, put)
            .await
    };
    let first = put(held).await.unwrap();
    let second = put(Description::default()).await.unwrap();
    let all = Rule {
        expiration: Some(PAST),
        noncurrent: Some(NoncurrentExpiration { days: 1, keep: 0 }),
        ..rule("all")
    };
    set(&world, &[all]).await;
    for _ in 0..3 {
        tokio::time::sleep(TWO_DAYS).await;
        apply(&world).await;
    }
    // The current one was hidden and then went; the one that is held stays, and with it the marker.
    let left = versions(&world).await.remove("a").unwrap();
    let serials: Vec<_> = left.iter().map(|seen| seen.0).collect();
    assert_eq!(left.len(), 2);
    assert_eq!(serials[1], Some(first.serial.0));
    assert!(left[0].1 && !serials.contains(&Some(second.serial.0)));
    let mut named = source("a");
    named.version = Selector::Serial(first.serial);
    let lift = world.store.set_legal_hold(&world.who, &named, false);
    lift.await.unwrap();
    for _ in 0..2 {
        apply(&world).await;
    }
    assert!(versions(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_were_abandoned_end() {
    let world = World::new().await.with_day(SHORT_DAY).await;
    let begin = |at: &'static str| async {
        let (who, description) = (&world.who, Description::default());
        let upload = world
            .store
            .create_upload(who, &bucket(), &path(at), description, None)
            .await
            .unwrap();
        let put = request(vec![7; 100_000].into());
        world
            .store
            .put_part(who, &bucket(), &path(at), &upload.id, 1, put)
            .await
            .unwrap();
        upload
    };
    let gone = begin("a/1").await;
    let kept = begin("b/1").await;
    let abort = Rule {
        filter: prefix("a/"),
        abort_incomplete_days: Some(1),
        ..rule("abort")
    };
    set(&world, &[abort]).await;
    tokio::time::sleep(TWO_DAYS).await;
    assert_eq!(apply(&world).await.uploads, 1);
    let list = |id: String, at: &'static str| {
        let store = world.store.clone();
        let who = world.who.clone();
        async move {
            store
                .list_parts(&who, &bucket(), &path(at), &id, 0, 9)
                .await
        }
    };
    let refused = list(gone.id, "a/1").await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NoSuchUpload));
    assert_eq!(list(kept.id, "b/1").await.unwrap().0.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_on_where_one_was_cut_off() {
    let world = World::new().await;
    for at in ["a", "m", "z"] {
        world.put(at, "x").await;
    }
    let all = Rule {
        expiration: Some(PAST),
        ..rule("all")
    };
    set(&world, &[all]).await;
    let container = world.store.container(&world.who, &bucket()).await.unwrap();
    let place = |container: i64| {
        let bytes = [&container.to_be_bytes()[..], b"m"].concat();
        world
            .store
            .catalog()
            .write(move |tx| tx.set_meta("lifecycle", &bytes))
    };
    place(container.id).await.unwrap();
    assert_eq!(apply(&world).await.expired, 2);
    assert_eq!(paths(&world).await, ["a"]);
    // The place was taken away, so the next pass sees everything; so it does after one that is gone.
    world.put("m", "x").await;
    assert_eq!(apply(&world).await.expired, 2);
    world.put("a", "x").await;
    place(ContainerId(container.id).0 - 1).await.unwrap();
    assert_eq!(apply(&world).await.expired, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_meanwhile_stays() {
    let world = World::new().await;
    let names: Vec<String> = (0..200).map(|n| format!("{n:03}")).collect();
    futures::future::join_all(names.iter().map(|at| world.put(at, "larger"))).await;
    let large = Rule {
        filter: Filter {
            larger_than: Some(2),
            ..Filter::default()
        },
        expiration: Some(PAST),
        ..rule("large")
    };
    set(&world, &[large]).await;
    let write = futures::future::join_all(names.iter().map(|at| world.put(at, "x")));
    let (_, done) = tokio::join!(write, apply(&world));
    assert!(done.expired <= 200);
    assert_eq!(paths(&world).await, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_current_again_is_no_older_version() {
    let world = World::new().await.with_day(SHORT_DAY).await;
    versioning(&world, Versioning::On).await;
    let one = world.put("v", "one").await.serial;
    let two = world.put("v", "two").await.serial;
    let three = world.put("v", "three").await.serial;
    let (store, at) = (&world.store, path("v"));
    let name = bucket();
    let made = store.make_current(&world.who, &name, &at, Selector::Serial(two));
    made.await.unwrap();
    let old = Rule {
        noncurrent: Some(NoncurrentExpiration { days: 1, keep: 0 }),
        ..rule("old")
    };
    set(&world, &[old]).await;
    tokio::time::sleep(TWO_DAYS).await;
    // The oldest ends. The newest stays: nobody knows since when it is not current.
    assert_eq!(apply(&world).await.removed, 1);
    assert_eq!(world.get("v").await.unwrap(), b"two");
    let seen = |serial| {
        let mut versioned = source("v");
        versioned.version = Selector::Serial(serial);
        let who = world.who.clone();
        let store = world.store.clone();
        async move { store.head(&who, &versioned).await.is_ok() }
    };
    assert_eq!(
        (seen(one).await, seen(two).await, seen(three).await),
        (false, true, true)
    );
    assert!(apply(&world).await.is_empty());
}
