//! Classes: content lies in the array that it belongs to, and gets there when that changes.

mod uploads;

use dolium_store::{
    ByteRange, CompleteRequest, Condition, CopyRequest, Description, Filter, Finish, Guards, Moved,
    NoncurrentTransition, Part, Reason, Result, Rule, Selector, Transition, Unwatched, Upload,
    Version, Versioning, When,
};

use super::world::{World, bucket, noise, path, request, source};

use uploads::{begin, complete, copy_part, send};

const HOT: [&str; 4] = ["p1", "p2", "p3", "p4"];
const COLD: [&str; 2] = ["c1", "c2"];

fn in_class(class: &str) -> Description {
    Description {
        class: Some(class.to_owned()),
        ..Description::default()
    }
}

async fn put_in(world: &World, class: &str, at: &str, bytes: Vec<u8>) -> Version {
    try_put_in(world, class, at, bytes).await.unwrap()
}

async fn try_put_in(world: &World, class: &str, at: &str, bytes: Vec<u8>) -> Result<Version> {
    let (store, put) = (&world.store, request(bytes.into()));
    let (name, at) = (bucket(), path(at));
    store
        .put(
            &world.who,
            &name,
            &at,
            in_class(class),
            Condition::default(),
            put,
        )
        .await
}

async fn copied(world: &World, from: &str, to: &str, class: Option<&str>) -> Version {
    world
        .store
        .copy(&world.who, copy(from, to, class))
        .await
        .unwrap()
}

fn copy(from: &str, to: &str, class: Option<&str>) -> CopyRequest {
    CopyRequest {
        source: source(from),
        container: bucket(),
        path: path(to),
        condition: Condition::default(),
        replace: None,
        tags: None,
        guards: Guards::default(),
        class: class.map(str::to_owned),
        encryption: None,
        refuse_copy_onto_itself: true,
    }
}

/// Days that last a microsecond: everything is due.
async fn rule_for(world: World, prefix: &str, class: &str) -> World {
    let world = world.with_day(std::time::Duration::from_micros(1)).await;
    let rule = Rule {
        id: "r".to_owned(),
        enabled: true,
        filter: Filter {
            prefix: prefix.to_owned(),
            ..Filter::default()
        },
        transitions: vec![Transition {
            at: When::Days(1),
            class: class.to_owned(),
        }],
        noncurrent_transitions: vec![NoncurrentTransition {
            days: 1,
            keep: 0,
            class: class.to_owned(),
        }],
        ..Rule::default()
    };
    let (who, name) = (&world.who, bucket());
    let set = world
        .store
        .set_lifecycle(who, &name, Some(vec![rule]), Vec::new());
    set.await.unwrap();
    world
}

async fn collect(world: &World) {
    // The first frees blocks and packs, and what nodes refer to; the second what that left.
    for _ in 0..2 {
        world.store.collect(&Unwatched).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_goes_where_its_class_says() {
    let world = World::with_cold().await;
    let bytes = noise(1, 300_000);
    let version = put_in(&world, "COLD", "a", bytes.clone()).await;
    assert_eq!(&*version.array, "cold");
    assert_eq!(world.store.class_of_array(&version.array), "COLD");
    assert_eq!(world.bytes_in(&HOT), 0);
    assert!(world.bytes_in(&COLD) >= 600_000);
    let usual = world.put("b", noise(2, 10_000)).await;
    assert_eq!(world.store.class_of_array(&usual.array), "STANDARD");
    let refused = try_put_in(&world, "GLACIER", "c", b"x".to_vec()).await;
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::BadStorageClass));
    // The usual array is gone, but for what is in it.
    for name in HOT {
        std::fs::remove_dir_all(world.dir.path().join(name).join("packs")).unwrap();
    }
    assert_eq!(world.get("a").await.unwrap(), bytes);
    assert!(world.get("b").await.is_err());
}

/// Each array holds all that its objects need: what ends in one takes nothing from the other.
#[tokio::test(flavor = "multi_thread")]
async fn arrays_do_not_share_blocks() {
    let world = World::with_cold().await;
    let bytes = noise(1, 300_000);
    world.put("hot", bytes.clone()).await;
    put_in(&world, "COLD", "cold", bytes.clone()).await;
    assert!(
        world.bytes_in(&COLD) >= 600_000,
        "it was taken for stored already"
    );
    world.delete("hot", None).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&HOT), 0);
    assert_eq!(world.get("cold").await.unwrap(), bytes);
    world.put("hot", bytes.clone()).await;
    world.delete("cold", None).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&COLD), 0);
    assert_eq!(world.get("hot").await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_moves_current_and_older_versions() {
    let world = World::with_cold().await;
    let (store, who) = (&world.store, &world.who);
    store
        .set_versioning(who, &bucket(), Versioning::On)
        .await
        .unwrap();
    let (old, new) = (noise(1, 9 << 20), noise(2, 50_000));
    let older = world.put("m/a", old.clone()).await;
    let newer = world.put("m/a", new.clone()).await;
    let stays = world.put("other", noise(3, 70_000)).await;
    let world = rule_for(world, "m/", "COLD").await;
    assert_eq!(world.store.apply_lifecycle().await.unwrap().sent, 2);
    let again = world.store.apply_lifecycle().await.unwrap();
    assert_eq!(again.sent, 0, "what is on its way is sent once");
    let moved = world.store.move_due().await.unwrap();
    assert_eq!((moved.versions, moved.waiting), (2, 0), "{moved:?}");
    assert_eq!(moved.blocks, 4);
    assert_eq!(world.store.move_due().await.unwrap(), Moved::default());
    assert_eq!(world.store.apply_lifecycle().await.unwrap().sent, 0);
    collect(&world).await;
    let hot = world.bytes_in(&HOT);
    assert!(
        (70_000..200_000).contains(&hot),
        "{hot} bytes are left behind"
    );
    let now = world.store.head(&world.who, &source("m/a")).await.unwrap();
    let same = |version: &Version| (version.serial, version.created, version.etag.clone());
    assert_eq!(same(&now), same(&newer));
    assert_eq!(&*now.array, "cold");
    let stays_now = world
        .store
        .head(&world.who, &source("other"))
        .await
        .unwrap();
    assert_eq!(stays_now.array, stays.array);
    for name in HOT {
        std::fs::remove_dir_all(world.dir.path().join(name).join("packs")).unwrap();
    }
    assert_eq!(world.get("m/a").await.unwrap(), new);
    let mut before = source("m/a");
    before.version = Selector::Serial(older.serial);
    assert_eq!(world.read(&before, ByteRange::Full).await.unwrap(), old);
}

/// A list of more blocks than fit one leaf has nodes, which must move too.
#[tokio::test(flavor = "multi_thread")]
async fn long_lists_move_with_their_nodes() {
    let world = World::with_cold().await;
    let part = noise(1, 6 << 20);
    world.put("source", part.clone()).await;
    let upload = begin(&world, "long", Description::default()).await;
    let mut parts = Vec::new();
    for number in 1..=1200u32 {
        // Ranges of their own, so that few extents are alike.
        let first = u64::from(number) * 64;
        let range = ByteRange::From {
            first,
            last: Some(first + (5 << 20) - 1),
        };
        parts.push(copy_part(&world, &upload, number, "source", range).await);
    }
    complete(&world, &upload, &parts).await;
    let world = rule_for(world, "long", "COLD").await;
    assert_eq!(world.store.apply_lifecycle().await.unwrap().sent, 1);
    let moved = world.store.move_due().await.unwrap();
    assert_eq!((moved.versions, moved.waiting), (1, 0));
    assert!(moved.blocks > 2, "two blocks of data and nodes: {moved:?}");
    world.delete("source", None).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&HOT), 0);
    let near_the_end = ByteRange::From {
        first: 1199 * (5 << 20),
        last: Some(1199 * (5 << 20) + 999),
    };
    let bytes = world.read(&source("long"), near_the_end).await.unwrap();
    assert_eq!(bytes, part[1200 * 64..1200 * 64 + 1000]);
    // And nothing is kept once it is gone.
    world.delete("long", None).await;
    for _ in 0..2 {
        collect(&world).await;
    }
    assert_eq!(world.bytes_in(&COLD), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_at_once_where_their_source_is_and_move_later() {
    let world = World::with_cold().await;
    let bytes = noise(1, 200_000);
    world.put("a", bytes.clone()).await;
    let second = copied(&world, "a", "b", Some("COLD")).await;
    assert_eq!(&*second.array, "cold", "its class is told at once");
    assert_eq!(world.bytes_in(&COLD), 0);
    assert_eq!(world.get("b").await.unwrap(), bytes);
    // A copy of what is on its way to nowhere else stays where the blocks are.
    let third = copied(&world, "b", "c", None).await;
    assert_eq!(&*third.array, "default");
    assert_eq!(world.store.movements_waiting(10).await.unwrap(), 1);
    assert_eq!(world.store.move_due().await.unwrap().versions, 1);
    // Back again, onto itself: that only changes the class.
    let back = copied(&world, "b", "b", Some("STANDARD")).await;
    assert_eq!(&*back.array, "default");
    world.delete("a", None).await;
    world.delete("c", None).await;
    assert_eq!(world.store.move_due().await.unwrap().versions, 1);
    collect(&world).await;
    assert_eq!(world.bytes_in(&COLD), 0);
    assert_eq!(world.get("b").await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_waits_and_what_is_gone_does_not_matter() {
    let world = World::with_cold().await;
    let bytes = noise(1, 200_000);
    world.put("a", bytes.clone()).await;
    world.put("gone", noise(2, 1000)).await;
    world.put("replaced", noise(3, 1000)).await;
    let world = rule_for(world, "", "COLD").await;
    assert_eq!(world.store.apply_lifecycle().await.unwrap().sent, 3);
    world.delete("gone", None).await;
    world.put("replaced", "new").await;
    for name in COLD {
        std::fs::rename(
            world.dir.path().join(name),
            world.dir.path().join(format!("{name}.away")),
        )
        .unwrap();
    }
    let moved = world.store.move_due().await.unwrap();
    assert_eq!((moved.versions, moved.waiting), (0, 1), "{moved:?}");
    assert_eq!(world.get("a").await.unwrap(), bytes);
    for name in COLD {
        std::fs::rename(
            world.dir.path().join(format!("{name}.away")),
            world.dir.path().join(name),
        )
        .unwrap();
    }
    let moved = world.store.move_due().await.unwrap();
    assert_eq!((moved.versions, moved.waiting), (1, 0), "{moved:?}");
    assert_eq!(world.get("a").await.unwrap(), bytes);
    assert_eq!(world.get("replaced").await.unwrap(), b"new");
    assert_eq!(world.store.movements_waiting(10).await.unwrap(), 0);
}

/// Ended anywhere, a pass is repeated: nothing is lost, nothing is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_short_goes_on() {
    let mut world = World::with_cold().await;
    for n in 0..6u64 {
        world.put(&format!("{n}"), noise(n, 700_000)).await;
    }
    world = rule_for(world, "", "COLD").await;
    assert_eq!(world.store.apply_lifecycle().await.unwrap().sent, 6);
    for micros in [500u64, 2_000, 8_000, 20_000, 40_000] {
        let cut = std::time::Duration::from_micros(micros);
        // Dropped in the middle, as a kill would end it.
        let _ = tokio::time::timeout(cut, world.store.move_due()).await;
        world = world.reopen().await;
        for n in 0..6u64 {
            assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 700_000));
        }
    }
    world.store.move_due().await.unwrap();
    assert_eq!(world.store.movements_waiting(10).await.unwrap(), 0);
    collect(&world).await;
    assert_eq!(world.bytes_in(&HOT), 0);
    for n in 0..6u64 {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 700_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_knows_where_everything_lies_and_where_it_goes() {
    let world = World::with_cold().await;
    let (a, b, c) = (noise(1, 300_000), noise(2, 300_000), noise(3, 300_000));
    world.put("hot", a.clone()).await;
    put_in(&world, "COLD", "cold", b.clone()).await;
    world.put("going", c.clone()).await;
    let upload = begin(&world, "u", in_class("COLD")).await;
    let part = send(&world, &upload, 1, noise(4, 90_000)).await;
    let sent = copied(&world, "going", "going", Some("COLD")).await;
    assert_eq!(&*sent.array, "cold");
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.incomplete, 0);
    assert_eq!(world.store.movements_waiting(10).await.unwrap(), 1);
    collect(&world).await;
    assert_eq!(world.get("hot").await.unwrap(), a);
    assert_eq!(world.get("cold").await.unwrap(), b);
    assert_eq!(world.get("going").await.unwrap(), c);
    assert_eq!(world.store.move_due().await.unwrap().versions, 1);
    world.delete("hot", None).await;
    complete(&world, &upload, &[part]).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&HOT), 0);
    assert_eq!(world.get("going").await.unwrap(), c);
    assert_eq!(world.get("u").await.unwrap(), noise(4, 90_000));
}
