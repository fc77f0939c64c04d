//! Rules: which events of a container go to which target.
//!
//! A container keeps its rules as JSON; a front end writes them, checked, with [`rules_setting`].
//!
//! Promises: names of events are those of S3; matching looks at bytes, as keys are opaque.
//! Does not: know whether a rule's target is configured.

use dolium_store::{Attributes, EVENT, SettingChange};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Rules that one container may have, as on AWS.
pub const RULES_MAX: usize = 100;
/// The key of a container's rules.
const KEY: &str = "rules";

/// The events that happen here, by family.
const KNOWN: [(&str, &[&str]); 3] = [
    (
        "ObjectCreated",
        &["Put", "Post", "Copy", "CompleteMultipartUpload"],
    ),
    ("ObjectRemoved", &["Delete", "DeleteMarkerCreated"]),
    ("LifecycleExpiration", &["Delete", "DeleteMarkerCreated"]),
];

/// The event that has no kinds: an object is sent to another storage class.
const TRANSITION: &str = "s3:LifecycleTransition";

/// A rule of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name in the container's configuration.
    pub id: String,
    /// The target's name.
    pub target: String,
    /// The events, such as `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Only objects whose key begins so.
    #[serde(default)]
    pub prefix: String,
    /// Only objects whose key ends so.
    #[serde(default)]
    pub suffix: String,
}

/// Whether this is the name of an event that happens here, with `s3:` before it and perhaps `*` at its end.
pub fn is_event(name: &str) -> bool {
    if name == TRANSITION {
        return true;
    }
    let parts = name
        .strip_prefix("s3:")
        .and_then(|name| name.split_once(':'));
    parts.is_some_and(|(family, kind)| {
        let known = KNOWN.iter().find(|(known, _)| *known == family);
        known.is_some_and(|(_, kinds)| kind == "*" || kinds.contains(&kind))
    })
}

/// The setting of a container that keeps its rules; no rules switch events off.
pub fn rules_setting(rules: &[Rule]) -> SettingChange {
    SettingChange {
        namespace: EVENT,
        key: KEY,
        value: (!rules.is_empty()).then(|| encode(rules)),
    }
}

fn encode(rules: &[Rule]) -> String {
    serde_json::to_string(rules).expect("lists of strings are always JSON")
}

/// The rules among a container's settings, where [`rules_setting`] put them.
pub(crate) fn rules_of(attributes: &Attributes) -> Result<Vec<Rule>> {
    attributes.get(EVENT, KEY).map_or(Ok(Vec::new()), decode)
}

fn decode(text: &str) -> Result<Vec<Rule>> {
    let malformed = |error: serde_json::Error| Error::Rules(error.to_string());
    let rules: Vec<Rule> = serde_json::from_str(text).map_err(malformed)?;
    if rules.len() > RULES_MAX {
        return Err(Error::Rules(format!("there are more than {RULES_MAX}")));
    }
    Ok(rules)
}

impl Rule {
    /// Whether an event, named without `s3:`, of this key is meant.
    pub(crate) fn wants(&self, kind: &str, key: &[u8]) -> bool {
        let begins = key.starts_with(self.prefix.as_bytes());
        let ends = key.ends_with(self.suffix.as_bytes());
        begins && ends && self.events.iter().any(|pattern| fits(pattern, kind))
    }
}

fn fits(pattern: &str, kind: &str) -> bool {
    let Some(pattern) = pattern.strip_prefix("s3:") else {
        return false;
    };
    match pattern.strip_suffix('*') {
        Some(family) => kind.starts_with(family),
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(events: &[&str], prefix: &str, suffix: &str) -> Rule {
        Rule {
            id: "1".to_owned(),
            target: "hook".to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    #[test]
    fn patterns() {
        for good in [
            "s3:ObjectCreated:*",
            "s3:ObjectCreated:Put",
            "s3:ObjectRemoved:Delete",
            "s3:LifecycleExpiration:DeleteMarkerCreated",
            "s3:LifecycleTransition",
        ] {
            assert!(is_event(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "s3:*",
            "s3:ObjectCreated",
            "s3:ObjectCreated:",
            "s3:ObjectCreated:P*",
            "ObjectCreated:Put",
            "s3:ObjectRemoved:Put",
            "s3:ObjectRestore:Post",
            "s3:LifecycleTransition:*",
        ] {
            assert!(!is_event(bad), "{bad}");
        }
    }

    #[test]
    fn events_and_filters() {
        let created = rule(&["s3:ObjectCreated:*"], "in/", ".jpg");
        assert!(created.wants("ObjectCreated:Put", b"in/a.jpg"));
        assert!(created.wants("ObjectCreated:Copy", b"in/.jpg"));
        assert!(!created.wants("ObjectRemoved:Delete", b"in/a.jpg"));
        assert!(!created.wants("ObjectCreated:Put", b"in/a.png"));
        assert!(!created.wants("ObjectCreated:Put", b"out/a.jpg"));
        let removed = rule(&["s3:ObjectRemoved:Delete"], "", "");
        assert!(removed.wants("ObjectRemoved:Delete", b""));
        assert!(!removed.wants("ObjectRemoved:DeleteMarkerCreated", b""));
        assert!(!removed.wants("LifecycleExpiration:Delete", b""));
    }

    #[test]
    fn too_many_rules_are_refused() {
        let rules = vec![rule(&[], "", ""); RULES_MAX + 1];
        assert!(decode(&encode(&rules[1..])).is_ok());
        assert!(decode(&encode(&rules)).is_err());
    }

    proptest! {
        #[test]
        fn rules_survive(id in ".*", prefix in ".*", suffix in ".*", events in prop::collection::vec(".*", 0..4)) {
            let rule = Rule { id, target: "t".to_owned(), events, prefix, suffix };
            let text = encode(std::slice::from_ref(&rule));
            prop_assert_eq!(decode(&text).unwrap(), vec![rule]);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*", kind in ".*", key in prop::collection::vec(any::<u8>(), 0..20)) {
            for rule in decode(&text).unwrap_or_default() {
                rule.wants(&kind, &key);
            }
            is_event(&text);
        }

        #[test]
        fn a_family_takes_all_of_its_events(at in 0usize..3, key in prop::collection::vec(any::<u8>(), 0..20)) {
            let (family, kinds) = KNOWN[at];
            let all = rule(&[&format!("s3:{family}:*")], "", "");
            for (other, kinds_of_other) in KNOWN {
                for kind in kinds_of_other {
                    prop_assert_eq!(all.wants(&format!("{other}:{kind}"), &key), other == family);
                }
            }
            for kind in kinds {
                let name = format!("s3:{family}:{kind}");
                prop_assert!(is_event(&name));
            }
        }
    }
}
