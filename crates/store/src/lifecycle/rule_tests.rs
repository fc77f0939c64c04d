//! Rules against examples of S3's documentation, and what holds for all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::rule::{
    Expiration, Filter, NoncurrentExpiration, NoncurrentTransition, Rule, Standing, Subject,
    Transition, When, check, class_due, due_after, first_due, prefixes,
};
use crate::attributes::Attributes;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2014-01-15T00:00:00Z.
const JANUARY_15: i64 = 1_389_744_000 * SECOND;

fn rule(expiration: Expiration) -> Rule {
    Rule {
        id: "r".to_owned(),
        enabled: true,
        expiration: Some(expiration),
        ..Rule::default()
    }
}

fn tagged(tags: &[(&str, &str)]) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in tags {
        attributes.set("tag", *name, *value);
    }
    attributes
}

fn subject<'a>(path: &'a str, size: u64, attributes: &'a Attributes) -> Subject<'a> {
    Subject {
        path: path.as_bytes(),
        size,
        attributes,
        created: JANUARY_15,
        standing: Standing::Current,
    }
}

#[test]
fn days_end_at_midnight() {
    // Made on the 15th at 10:30, three days: the 19th at midnight.
    let made = JANUARY_15 + (10 * 3600 + 30 * 60) * SECOND;
    assert_eq!(due_after(made, 3, DAY), JANUARY_15 + 4 * DAY);
    assert_eq!(due_after(JANUARY_15, 1, DAY), JANUARY_15 + DAY);
    assert_eq!(due_after(JANUARY_15 + 1, 1, DAY), JANUARY_15 + 2 * DAY);
    assert_eq!(due_after(JANUARY_15 - 1, 0, DAY), JANUARY_15);
    assert_eq!(due_after(3 * SECOND, 1, 2 * SECOND), 6 * SECOND);
}

#[test]
fn the_latest_move_that_is_due_counts() {
    let to = |days, class: &str| Transition {
        at: When::Days(days),
        class: class.to_owned(),
    };
    let older = |days, keep, class: &str| NoncurrentTransition {
        days,
        keep,
        class: class.to_owned(),
    };
    let moving = Rule {
        id: "moves".to_owned(),
        enabled: true,
        transitions: vec![to(90, "ICE"), to(30, "COLD")],
        noncurrent_transitions: vec![older(10, 2, "ICE")],
        ..Rule::default()
    };
    let idle = Rule {
        enabled: false,
        transitions: vec![to(1, "NEVER")],
        ..moving.clone()
    };
    let elsewhere = Rule {
        filter: Filter {
            prefix: "y".to_owned(),
            ..Filter::default()
        },
        ..idle.clone()
    };
    let rules = [idle, moving, elsewhere];
    let attributes = Attributes::default();
    let class = |standing, days: i64| {
        let subject = Subject {
            standing,
            ..subject("x", 1, &attributes)
        };
        class_due(&rules, &subject, DAY, JANUARY_15 + days * DAY)
    };
    let current = |days| class(Standing::Current, days);
    assert_eq!(current(29), None);
    assert_eq!(current(30), Some("COLD"));
    assert_eq!(current(89), Some("COLD"));
    assert_eq!(current(90), Some("ICE"));
    let noncurrent = |newer, marker, days| {
        let since = JANUARY_15 + 100 * DAY;
        class(
            Standing::Noncurrent {
                since,
                newer,
                marker,
            },
            days,
        )
    };
    assert_eq!(noncurrent(2, false, 109), None);
    assert_eq!(noncurrent(2, false, 110), Some("ICE"));
    assert_eq!(
        noncurrent(1, false, 110),
        None,
        "it is one of those that stay"
    );
    assert_eq!(noncurrent(2, true, 110), None, "markers have no content");
    assert_eq!(class(Standing::LoneMarker, 400), None);
}

#[test]
fn filters() {
    let attributes = tagged(&[("a", "1"), ("b", "2")]);
    let holds = |filter: Filter, path: &str, size: u64| {
        let rule = Rule {
            filter,
            ..rule(Expiration::At(When::Days(1)))
        };
        let due = rule.due(&subject(path, size, &attributes), DAY);
        assert!(due.is_none_or(|due| due == JANUARY_15 + DAY));
        due.is_some()
    };
    let prefix = |prefix: &str| Filter {
        prefix: prefix.to_owned(),
        ..Filter::default()
    };
    assert!(holds(Filter::default(), "x", 0));
    assert!(holds(prefix("logs/"), "logs/1", 0));
    assert!(!holds(prefix("logs/"), "logs", 0));
    assert!(!holds(prefix("logs/"), "old/logs/1", 0));
    let tags = |pairs: &[(&str, &str)]| Filter {
        tags: pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..Filter::default()
    };
    assert!(holds(tags(&[("a", "1")]), "x", 0));
    assert!(holds(tags(&[("a", "1"), ("b", "2")]), "x", 0));
    assert!(!holds(tags(&[("a", "1"), ("b", "1")]), "x", 0));
    assert!(!holds(tags(&[("c", "")]), "x", 0));
    let sizes = |larger_than, smaller_than| Filter {
        larger_than,
        smaller_than,
        ..Filter::default()
    };
    assert!(holds(sizes(Some(10), None), "x", 11));
    assert!(!holds(sizes(Some(10), None), "x", 10));
    assert!(holds(sizes(None, Some(10)), "x", 9));
    assert!(!holds(sizes(None, Some(10)), "x", 10));
    assert!(!holds(sizes(Some(10), Some(20)), "x", 20));
}

#[test]
fn what_is_disabled_or_asked_of_others_never_happens() {
    let attributes = Attributes::default();
    let current = subject("x", 1, &attributes);
    let marker = Subject {
        standing: Standing::LoneMarker,
        ..current
    };
    let old = |newer| Subject {
        standing: Standing::Noncurrent {
            since: JANUARY_15 + DAY,
            newer,
            marker: false,
        },
        ..current
    };
    let disabled = Rule {
        enabled: false,
        ..rule(Expiration::At(When::Days(1)))
    };
    assert_eq!(disabled.due(&current, DAY), None);
    let date = rule(Expiration::At(When::Date(7)));
    assert_eq!(date.due(&current, DAY), Some(7));
    assert_eq!(date.due(&marker, DAY), Some(7));
    assert_eq!(date.due(&old(0), DAY), None);
    let lone = rule(Expiration::LoneMarkers);
    assert_eq!(lone.due(&current, DAY), None);
    assert_eq!(lone.due(&marker, DAY), Some(JANUARY_15));
    let keeps = Rule {
        expiration: None,
        noncurrent: Some(NoncurrentExpiration { days: 2, keep: 3 }),
        ..lone
    };
    assert_eq!(keeps.due(&current, DAY), None);
    assert_eq!(keeps.due(&old(2), DAY), None);
    assert_eq!(keeps.due(&old(3), DAY), Some(JANUARY_15 + 3 * DAY));
}

#[test]
fn markers_and_uploads_have_no_tags_and_no_size() {
    let attributes = Attributes::default();
    let marker = Subject {
        standing: Standing::LoneMarker,
        ..subject("x", 0, &attributes)
    };
    let small = Rule {
        filter: Filter {
            smaller_than: Some(10),
            ..Filter::default()
        },
        abort_incomplete_days: Some(1),
        ..rule(Expiration::At(When::Days(1)))
    };
    assert_eq!(small.due(&marker, DAY), None);
    assert_eq!(small.upload_due(b"x", 0, DAY), None);
    let all = Rule {
        filter: Filter::default(),
        ..small
    };
    assert_eq!(all.due(&marker, DAY), Some(JANUARY_15 + DAY));
    assert_eq!(all.upload_due(b"x", 1, DAY), Some(2 * DAY));
}

#[test]
fn the_first_rule_that_is_due_wins() {
    let attributes = Attributes::default();
    let named = |id: &str, days| Rule {
        id: id.to_owned(),
        ..rule(Expiration::At(When::Days(days)))
    };
    let rules = [named("late", 9), named("soon", 2), named("later", 5)];
    let (at, first) = first_due(&rules, &subject("x", 1, &attributes), DAY).unwrap();
    assert_eq!((at.0, first.id.as_str()), (JANUARY_15 + 2 * DAY, "soon"));
}

#[test]
fn rules_that_make_no_sense() {
    let good = rule(Expiration::At(When::Days(1)));
    assert!(check(std::slice::from_ref(&good)).is_ok());
    assert!(check(&[]).is_err());
    assert!(check(&[good.clone(), good.clone()]).is_err());
    let mut long = good.clone();
    long.id = "x".repeat(256);
    let idle = Rule {
        expiration: None,
        ..good.clone()
    };
    let hasty = rule(Expiration::At(When::Days(0)));
    let blind = Rule {
        filter: Filter {
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            ..Filter::default()
        },
        ..rule(Expiration::LoneMarkers)
    };
    let hoarder = Rule {
        noncurrent: Some(NoncurrentExpiration { days: 1, keep: 101 }),
        ..good.clone()
    };
    for bad in [long, idle, hasty, blind, hoarder] {
        assert!(check(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
    }
    let many: Vec<Rule> = (0..=1000)
        .map(|n| Rule {
            id: n.to_string(),
            ..good.clone()
        })
        .collect();
    assert!(check(&many[..1000]).is_ok());
    assert!(check(&many).is_err());
}

#[test]
fn prefixes_do_not_overlap() {
    let rules: Vec<Rule> = ["b/c", "a", "b/", "a/x", "c"]
        .iter()
        .map(|prefix| Rule {
            filter: Filter {
                prefix: (*prefix).to_owned(),
                ..Filter::default()
            },
            ..Rule::default()
        })
        .collect();
    assert_eq!(prefixes(rules.iter()), ["a", "b/", "c"]);
}

proptest! {
    #[test]
    fn nothing_is_due_early_nor_a_day_late(
        from in -(1i64 << 52)..(1i64 << 52),
        days in 0u32..40_000,
        day in prop::sample::select(vec![1_000, SECOND, 2 * SECOND, DAY]),
    ) {
        let due = due_after(from, days, day);
        let earliest = from + i64::from(days) * day;
        prop_assert!(due >= earliest && due < earliest + day);
        prop_assert_eq!(due.rem_euclid(day), 0);
    }

    #[test]
    fn no_number_overflows(from: i64, days: u32, day in 1..=i64::MAX) {
        due_after(from, days, day);
    }

    #[test]
    fn every_prefix_is_walked_once(given in prop::collection::vec("[ab]{0,3}", 1..8), path in "[ab]{0,4}") {
        let rules: Vec<Rule> = given.iter().map(|prefix| Rule {
            filter: Filter { prefix: prefix.clone(), ..Filter::default() },
            ..Rule::default()
        }).collect();
        let walked = prefixes(rules.iter()).into_iter().filter(|prefix| path.starts_with(prefix)).count();
        let wanted = given.iter().any(|prefix| path.starts_with(prefix.as_str()));
        prop_assert_eq!(walked, usize::from(wanted));
    }

    #[test]
    fn rules_survive_their_text(days: u32, keep: u32, prefix: String, larger_than: Option<u64>) {
        let rule = Rule {
            filter: Filter { prefix, larger_than, ..Filter::default() },
            noncurrent: Some(NoncurrentExpiration { days, keep }),
            abort_incomplete_days: Some(days),
            ..rule(Expiration::At(When::Days(days)))
        };
        let text = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
    }
}
