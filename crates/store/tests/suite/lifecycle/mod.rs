//! Lifecycle: what is due ends, and nothing else does.

mod passes;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use dolium_catalog::ContainerId;
use dolium_store::{
    Condition, ContainerLock, ContainerName, ContainerRequest, DeleteRequest, Description,
    ErrorKind, Expiration, Filter, Guards, Instant, LifecycleDone, ListEntry, ListRequest,
    NoncurrentExpiration, Reason, Rule, Selector, SettingChange, Transition, Versioning, When,
    access::Action, expiry_of,
};

use crate::suite::world::{World, bucket, path, request, source};

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
