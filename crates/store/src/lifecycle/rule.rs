//! Rules of a container's lifecycle: what they are about, and when what they ask for is due.
//!
//! Days are counted as S3 counts them: so many days after a version came to be, and then to the end of
//! that day in UTC. The length of a day is a setting, so that tests need not wait.
//!
//! Promises: pure; a rule that does not apply to something never makes it due; nothing is due early.
//! Does not: know locks, nor what is in the catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::names::Instant;
use crate::permission::TAGS;
use crate::{Error, ErrorKind, Result};

/// Rules of one container, as on AWS.
pub const RULES_MAX: usize = 1000;
/// The longest name of a rule, in bytes, as on AWS.
pub const RULE_ID_LEN_MAX: usize = 255;
/// The most noncurrent versions that a rule may keep, as on AWS.
pub const NEWER_VERSIONS_MAX: u32 = 100;

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique in the container.
    pub id: String,
    /// A rule that is not enabled does nothing.
    pub enabled: bool,
    /// What it is about.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filter: Filter,
    /// When current objects end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expiration: Option<Expiration>,
    /// When older versions end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub noncurrent: Option<NoncurrentExpiration>,
    /// Days after which an upload that was not completed ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub abort_incomplete_days: Option<u32>,
    /// When current objects move.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transitions: Vec<Transition>,
    /// When older versions move.
    #[serde(default, skip_serializing_if = "is_default")]
    pub noncurrent_transitions: Vec<NoncurrentTransition>,
}

/// What a rule is about: all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The path starts with it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefix: String,
    /// It carries these tags.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tags: BTreeMap<String, String>,
    /// It is larger.
    #[serde(default, skip_serializing_if = "is_default")]
    pub larger_than: Option<u64>,
    /// It is smaller.
    #[serde(default, skip_serializing_if = "is_default")]
    pub smaller_than: Option<u64>,
}

/// A moment in the life of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// So many days after it was made.
    Days(u32),
    /// On this day, in microseconds since the epoch.
    Date(i64),
}

/// When current objects end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// Then; a delete marker that hides nothing any more, too.
    At(When),
    /// Never; but delete markers that hide nothing any more end at once.
    LoneMarkers,
}

/// When older versions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    /// So many days after a newer one was made.
    pub days: u32,
    /// So many of them are kept, the newest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: u32,
}

/// A move of current objects to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: When,
    /// Where to.
    pub class: String,
}

/// A move of older versions to another storage class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentTransition {
    /// So many days after a newer one was made.
    pub days: u32,
    /// So many of them stay, the newest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keep: u32,
    /// Where to.
    pub class: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a version stands among those of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The newest, and no delete marker.
    Current,
    /// A delete marker and the only version.
    LoneMarker,
    /// Not the newest.
    Noncurrent {
        /// When the next newer one was made.
        since: i64,
        /// Noncurrent versions that are newer.
        newer: u32,
        /// Whether it is a delete marker.
        marker: bool,
    },
}

/// A version as rules look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) size: u64,
    pub(crate) attributes: &'a Attributes,
    pub(crate) created: i64,
    pub(crate) standing: Standing,
}

impl Filter {
    /// Whether it looks at more than the path: then neither delete markers nor uploads can match.
    fn looks_inside(&self) -> bool {
        !self.tags.is_empty() || self.larger_than.is_some() || self.smaller_than.is_some()
    }

    fn holds_for_path(&self, path: &[u8]) -> bool {
        path.starts_with(self.prefix.as_bytes())
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        let marker = matches!(
            subject.standing,
            Standing::LoneMarker | Standing::Noncurrent { marker: true, .. }
        );
        if marker {
            return self.holds_for_path(subject.path) && !self.looks_inside();
        }
        let tagged = |(name, value): (&String, &String)| {
            subject.attributes.get(TAGS, name) == Some(value.as_str())
        };
        self.holds_for_path(subject.path)
            && self.larger_than.is_none_or(|size| subject.size > size)
            && self.smaller_than.is_none_or(|size| subject.size < size)
            && self.tags.iter().all(tagged)
    }
}

/// The end of the day that lies so many days after a moment; `day` is the length of a day.
pub(crate) fn due_after(from: i64, days: u32, day: i64) -> i64 {
    let earliest = from.saturating_add(i64::from(days).saturating_mul(day));
    match earliest.rem_euclid(day) {
        0 => earliest,
        over => earliest.saturating_add(day - over),
    }
}

impl When {
    fn due(self, created: i64, day: i64) -> i64 {
        match self {
            Self::Days(days) => due_after(created, days, day),
            Self::Date(date) => date,
        }
    }
}

impl Rule {
    /// When this rule ends the version, if it ever does.
    pub(crate) fn due(&self, subject: &Subject<'_>, day: i64) -> Option<i64> {
        if !self.enabled || !self.filter.holds(subject) {
            return None;
        }
        match subject.standing {
            Standing::Current | Standing::LoneMarker => match self.expiration? {
                Expiration::At(when) => Some(when.due(subject.created, day)),
                Expiration::LoneMarkers => {
                    (subject.standing == Standing::LoneMarker).then_some(subject.created)
                }
            },
            Standing::Noncurrent { since, newer, .. } => {
                let rule = self.noncurrent?;
                (newer >= rule.keep).then(|| due_after(since, rule.days, day))
            }
        }
    }

    /// The last of this rule's moves of the version that is due by `now`, and when it was.
    fn move_due(&self, subject: &Subject<'_>, day: i64, now: i64) -> Option<(i64, &str)> {
        if !self.enabled || !self.filter.holds(subject) {
            return None;
        }
        let past = |(at, _): &(i64, &str)| *at <= now;
        match subject.standing {
            Standing::Current => {
                let moves = self.transitions.iter();
                let moves = moves.map(|to| (to.at.due(subject.created, day), to.class.as_str()));
                moves.filter(past).max_by_key(|(at, _)| *at)
            }
            Standing::Noncurrent {
                since,
                newer,
                marker: false,
            } => {
                let moves = self.noncurrent_transitions.iter();
                let moves = moves.filter(|to| newer >= to.keep);
                let moves = moves.map(|to| (due_after(since, to.days, day), to.class.as_str()));
                moves.filter(past).max_by_key(|(at, _)| *at)
            }
            Standing::Noncurrent { marker: true, .. } | Standing::LoneMarker => None,
        }
    }

    /// When this rule ends an upload that was begun then.
    pub(crate) fn upload_due(&self, path: &[u8], created: i64, day: i64) -> Option<i64> {
        let applies =
            self.enabled && self.filter.holds_for_path(path) && !self.filter.looks_inside();
        let days = self.abort_incomplete_days.filter(|_| applies)?;
        Some(due_after(created, days, day))
    }

    /// Whether it can ever end or move a version.
    pub(crate) fn acts_on_versions(&self) -> bool {
        let moves = !self.transitions.is_empty() || !self.noncurrent_transitions.is_empty();
        self.enabled && (self.expiration.is_some() || self.noncurrent.is_some() || moves)
    }

    /// Whether it can ever end an upload.
    pub(crate) fn ends_uploads(&self) -> bool {
        self.enabled && self.abort_incomplete_days.is_some()
    }

    fn does_something(&self) -> bool {
        self.expiration.is_some()
            || self.noncurrent.is_some()
            || self.abort_incomplete_days.is_some()
            || !self.transitions.is_empty()
            || !self.noncurrent_transitions.is_empty()
    }

    /// The classes that it names.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        let current = self.transitions.iter().map(|to| to.class.as_str());
        let noncurrent = self.noncurrent_transitions.iter();
        current.chain(noncurrent.map(|to| to.class.as_str()))
    }

    fn check(&self) -> Result<()> {
        let refuse = |why: &str| {
            let context = format!("the lifecycle rule {:?} {why}", self.id);
            Err(Error::new(ErrorKind::Invalid, context))
        };
        if self.id.is_empty() || self.id.len() > RULE_ID_LEN_MAX {
            return refuse("needs a name of 1 to 255 bytes");
        }
        if !self.does_something() {
            return refuse("asks for nothing");
        }
        let days = [
            match self.expiration {
                Some(Expiration::At(When::Days(days))) => Some(days),
                _ => None,
            },
            self.noncurrent.map(|rule| rule.days),
            self.abort_incomplete_days,
        ];
        if days.contains(&Some(0)) {
            return refuse("must wait a day or more");
        }
        let mut kept = self.noncurrent_transitions.iter().map(|to| to.keep);
        if kept.any(|keep| keep > NEWER_VERSIONS_MAX)
            || self
                .noncurrent
                .is_some_and(|rule| rule.keep > NEWER_VERSIONS_MAX)
        {
            return refuse("may keep 100 noncurrent versions");
        }
        let blind = self.abort_incomplete_days.is_some()
            || self.expiration == Some(Expiration::LoneMarkers);
        if blind && self.filter.looks_inside() {
            return refuse("cannot look at tags or sizes of uploads and delete markers");
        }
        Ok(())
    }
}

/// Refuses rules that make no sense.
pub(crate) fn check(rules: &[Rule]) -> Result<()> {
    if rules.is_empty() || rules.len() > RULES_MAX {
        let context = format!("a lifecycle has 1 to {RULES_MAX} rules");
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    rules.iter().try_for_each(Rule::check)?;
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        let context = "the names of lifecycle rules must differ";
        return Err(Error::new(ErrorKind::Invalid, context));
    }
    Ok(())
}

/// The first moment at which a rule ends the version, and that rule.
pub(crate) fn first_due<'r>(
    rules: &'r [Rule],
    subject: &Subject<'_>,
    day: i64,
) -> Option<(Instant, &'r Rule)> {
    let due = |rule: &'r Rule| Some((Instant(rule.due(subject, day)?), rule));
    rules.iter().filter_map(due).min_by_key(|(at, _)| *at)
}

/// The class that rules want the version to have by now: the one of the latest move that is due.
pub(crate) fn class_due<'r>(
    rules: &'r [Rule],
    subject: &Subject<'_>,
    day: i64,
    now: i64,
) -> Option<&'r str> {
    let due = |rule: &'r Rule| rule.move_due(subject, day, now);
    let last = rules.iter().filter_map(due).max_by_key(|(at, _)| *at);
    last.map(|(_, class)| class)
}

/// The prefixes to walk for rules: in byte order, none within another.
pub(crate) fn prefixes<'r>(rules: impl Iterator<Item = &'r Rule>) -> Vec<&'r str> {
    let mut all: Vec<&str> = rules.map(|rule| rule.filter.prefix.as_str()).collect();
    all.sort_unstable();
    let mut kept: Vec<&str> = Vec::new();
    for prefix in all {
        if kept.last().is_none_or(|last| !prefix.starts_with(last)) {
            kept.push(prefix);
        }
    }
    kept
}
