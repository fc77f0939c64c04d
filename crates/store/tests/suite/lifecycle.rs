//! Lifecycle: what is due ends, and nothing else does.

use std::collections::BTreeMap;
use std::time::Duration;

use dolium_catalog::ContainerId;
use dolium_store::{
    Condition, ContainerLock, ContainerName, ContainerRequest, DeleteRequest, Description,
    ErrorKind, Expiration, Filter, Guards, Instant, LifecycleDone, ListEntry, ListRequest,
    NoncurrentExpiration, Reason, Rule, Selector, SettingChange, Transition, Versioning, When,
    access::Action, expiry_of,
};

use super::world::{World, bucket, path, request, source};

/// A day so short that waiting for its end is no wait.
const SHORT_DAY: Duration = Duration::from_millis(2);
/// Longer than two short days.
const TWO_DAYS: Duration = Duration::from_millis(6);
const PAST: Expiration = Expiration::At(When::Date(0));

fn rule(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        enabled: true,
        ..Rule::default()
    }
}

fn prefix(prefix: &str) -> Filter {
    Filter {
        prefix: prefix.to_owned(),
        ..Filter::default()
    }
}

async fn set(world: &World, rules: &[Rule]) {
    let rules = Some(rules.to_vec());
    world
        .store
        .set_lifecycle(&world.who, &bucket(), rules, Vec::new())
        .await
        .unwrap();
}

async fn apply(world: &World) -> LifecycleDone {
    world.store.apply_lifecycle().await.unwrap()
}

async fn versioning(world: &World, versioning: Versioning) {
    world
        .store
        .set_versioning(&world.who, &bucket(), versioning)
        .await
        .unwrap();
}

/// A version as the model sees it: its serial (none for a marker that the pass is to write), whether
/// it is a marker, whether it is null.
type Seen = (Option<i64>, bool, bool);

/// All versions by path, from the newest to the oldest.
async fn versions(world: &World) -> BTreeMap<String, Vec<Seen>> {
    let mut all: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut request = ListRequest {
        limit: 1000,
        ..ListRequest::default()
    };
    loop {
        let page = world
            .store
            .list_versions(&world.who, &bucket(), request.clone())
            .await
            .unwrap();
        for entry in &page.entries {
            let ListEntry::Version(version) = entry else {
                panic!("there is no delimiter");
            };
            request.after = Some(version.path.as_str().to_owned());
            request.after_version = Some(Selector::Serial(version.serial));
            let seen = (Some(version.serial.0), version.marker, version.null);
            let at = version.path.as_str().to_owned();
            all.entry(at).or_default().push(seen);
        }
        if !page.more {
            return all;
        }
    }
}

async fn paths(world: &World) -> Vec<String> {
    versions(world).await.into_keys().collect()
}

async fn tag(world: &World, at: &str, name: &str, value: &str) {
    let tags = [(name.to_owned(), value.to_owned())].into();
    world
        .store
        .set_object_tags(&world.who, &source(at), tags)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_ends_and_nothing_else_does() {
    let world = World::new().await;
    for at in ["keep/a", "old/a", "old/b", "tagged/a", "tagged/b"] {
        world.put(at, "four").await;
    }
    world.put("sized/big", "12345").await;
    world.put("sized/small", "1234").await;
    tag(&world, "tagged/a", "end", "yes").await;
    tag(&world, "tagged/b", "end", "no").await;
    let tagged = Filter {
        tags: [("end".to_owned(), "yes".to_owned())].into(),
        ..prefix("tagged/")
    };
    let big = Filter {
        larger_than: Some(4),
        ..prefix("sized/")
    };
    let with = |id: &str, filter: Filter| Rule {
        filter,
        expiration: Some(PAST),
        ..rule(id)
    };
    let disabled = Rule {
        enabled: false,
        ..with("disabled", Filter::default())
    };
    let later = Rule {
        expiration: Some(Expiration::At(When::Days(1))),
        ..rule("later")
    };
    let rules = [
        with("old", prefix("old/")),
        with("tagged", tagged),
        with("big", big),
        disabled,
        later,
    ];
    assert!(apply(&world).await.is_empty());
    set(&world, &rules).await;
    let done = apply(&world).await;
    let expected = LifecycleDone {
        expired: 4,
        ..LifecycleDone::default()
    };
    assert_eq!(done, expected);
    assert_eq!(paths(&world).await, ["keep/a", "sized/small", "tagged/b"]);
    assert!(apply(&world).await.is_empty());
    // The day of the store counts.
    let world = world.with_day(SHORT_DAY).await;
    tokio::time::sleep(TWO_DAYS).await;
    assert_eq!(apply(&world).await.expired, 3);
    assert_eq!(paths(&world).await, Vec::<String>::new());
}

/// What a pass leaves of a path, by the words of the rules and nothing of the code.
fn expected(old: &[Seen], rule: &Rule, on: bool) -> Vec<Seen> {
    let mut left = old.to_vec();
    if let Some(noncurrent) = rule.noncurrent {
        left.truncate(1 + noncurrent.keep as usize);
    }
    let lone_marker = old.len() == 1 && old[0].1;
    if lone_marker && rule.expiration.is_some() {
        return Vec::new();
    }
    if !old[0].1 && rule.expiration == Some(PAST) {
        if !on {
            left.retain(|(_, _, null)| !null);
        }
        left.insert(0, (None, true, !on));
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_end_as_a_model_says() {
    let world = World::new().await.with_day(SHORT_DAY).await;
    let keeping = |keep| Some(NoncurrentExpiration { days: 1, keep });
    let mut rules = Vec::new();
    for (index, expiration) in [None, Some(PAST), Some(Expiration::LoneMarkers)]
        .into_iter()
        .enumerate()
    {
        for (letter, noncurrent) in [("n", None), ("z", keeping(0)), ("t", keeping(2))] {
            let id = format!("{letter}{index}/");
            rules.push(Rule {
                filter: prefix(&id),
                expiration,
                noncurrent,
                ..rule(&id)
            });
        }
    }
    rules.remove(0);
    let mut state = 7u64;
    let mut roll = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
        (state >> 33) % sides
    };
    for (phase, count) in [
        (Versioning::Off, 10),
        (Versioning::On, 90),
        (Versioning::Suspended, 25),
        (Versioning::On, 30),
    ] {
        if phase != Versioning::Off {
            versioning(&world, phase).await;
        }
        for _ in 0..count {
            let rule = &rules[roll(rules.len() as u64) as usize];
            let at = format!("{}{}", rule.filter.prefix, roll(4));
            match roll(3) {
                0 => world.delete(&at, None).await,
                _ => drop(world.put(&at, "x").await),
            }
        }
    }
    set(&world, &rules).await;
    let mut on = true;
    for pass in 0..4 {
        tokio::time::sleep(TWO_DAYS).await;
        if pass == 1 {
            versioning(&world, Versioning::Suspended).await;
            on = false;
            world.put("n1/again", "x").await;
        }
        let before = versions(&world).await;
        let after = {
            apply(&world).await;
            versions(&world).await
        };
        for (at, old) in &before {
            let rule = rules
                .iter()
                .find(|rule| at.starts_with(&rule.filter.prefix));
            let known: Vec<i64> = old.iter().filter_map(|seen| seen.0).collect();
            let now = after.get(at).cloned().unwrap_or_default();
            let now: Vec<Seen> = now
                .into_iter()
                .map(|(serial, marker, null)| {
                    (serial.filter(|serial| known.contains(serial)), marker, null)
                })
                .collect();
            assert_eq!(now, expected(old, rule.unwrap(), on), "pass {pass}, {at}");
        }
    }
}

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
async fn rules_are_kept_with_their_document_and_checked() {
    let world = World::new().await;
    let (who, name) = (&world.who, bucket());
    let with = |class: &str| Rule {
        transitions: vec![Transition {
            at: When::Days(1),
            class: class.to_owned(),
        }],
        ..rule("r")
    };
    let document = |text: Option<&str>| {
        vec![SettingChange {
            namespace: "test",
            key: "document",
            value: text.map(str::to_owned),
        }]
    };
    let put = |rule: Rule| {
        world
            .store
            .set_lifecycle(who, &name, Some(vec![rule]), document(Some("text")))
    };
    let refused = put(with("GLACIER")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::BadStorageClass));
    let refused = put(rule("idle")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(world.store.lifecycle(who, &name).await.unwrap(), None);
    put(with("default")).await.unwrap();
    put(with("STANDARD")).await.unwrap();
    let kept = world.store.lifecycle(who, &name).await.unwrap();
    assert_eq!(kept, Some(vec![with("STANDARD")]));
    let setting = || {
        let action = Action::GetLifecycleConfiguration;
        world.store.setting(who, action, &name, "test", "document")
    };
    assert_eq!(setting().await.unwrap().as_deref(), Some("text"));
    let store = &world.store;
    let clear = store.set_lifecycle(who, &name, None, document(None));
    clear.await.unwrap();
    assert_eq!(world.store.lifecycle(who, &name).await.unwrap(), None);
    assert_eq!(setting().await.unwrap(), None);
    let nobody = dolium_store::Caller::anonymous();
    let refused = store.set_lifecycle(&nobody, &name, None, Vec::new());
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_say_when_they_end() {
    let world = World::new().await;
    let ends = Rule {
        filter: prefix("a/"),
        expiration: Some(Expiration::At(When::Days(1))),
        ..rule("ends")
    };
    set(&world, std::slice::from_ref(&ends)).await;
    let version = world.put("a/1", "x").await;
    let (Instant(at), by) = version.expiry.clone().unwrap();
    let day = 86_400_000_000;
    assert_eq!((at % day, by.as_str()), (0, "ends"));
    assert!((day..=2 * day).contains(&(at - version.created.0)));
    let head = world.store.head(&world.who, &source("a/1")).await.unwrap();
    assert_eq!(head.expiry, version.expiry);
    let computed = expiry_of(&[ends], &head, Duration::from_micros(day as u64));
    assert_eq!(computed, head.expiry);
    assert_eq!(world.put("b/1", "x").await.expiry, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_containers_are_left_alone_and_removed_ones_do_not_matter() {
    let world = World::new().await;
    let other = ContainerName::new("other-bucket").unwrap();
    let (who, store) = (&world.who, &world.store);
    store
        .create_container(who, &other, ContainerRequest::default())
        .await
        .unwrap();
    let put = request("x".into());
    store
        .put(
            who,
            &other,
            &path("a"),
            Description::default(),
            Condition::default(),
            put,
        )
        .await
        .unwrap();
    world.put("a", "x").await;
    let all = Rule {
        expiration: Some(PAST),
        ..rule("all")
    };
    set(&world, &[all]).await;
    assert_eq!(apply(&world).await.expired, 1);
    let request = DeleteRequest::default();
    store
        .delete(who, &other, &path("a"), request)
        .await
        .unwrap();
    store.delete_container(who, &other).await.unwrap();
    store.delete_container(who, &bucket()).await.unwrap();
    assert!(apply(&world).await.is_empty());
}
