//! Lifecycle: objects, old versions and abandoned uploads that end by themselves.
//!
//! A container keeps its rules in namespace `lifecycle` of its attributes, key `rules`, as JSON. They are
//! the store's, so every protocol's objects obey them; a front end may keep beside them, in its own
//! namespace, the document that they were read from.
//!
//! Promises: rules and document change together; what is not due is not touched (`worker`).
//! Does not: move data itself: a rule sends a version to another array, and `movement` brings it there.

mod ending;
mod rule;
#[cfg(test)]
mod rule_tests;
mod worker;
#[cfg(test)]
mod worker_tests;

use std::time::Duration;

use dolium_access::Action;
use dolium_catalog::ContainerRow;

use crate::attributes::Attributes;
use crate::caller::Caller;
use crate::names::{ContainerName, Instant};
use crate::permission::{Target, permitted};
use crate::request::Version;
use crate::rows::{decode_attributes, mentions};
use crate::store::Store;
use crate::verbs::{SettingChange, change};
use crate::{Error, ErrorKind, Result, place};

pub use rule::{
    Expiration, Filter, NEWER_VERSIONS_MAX, NoncurrentExpiration, NoncurrentTransition,
    RULE_ID_LEN_MAX, RULES_MAX, Rule, Transition, When,
};
pub use worker::LifecycleDone;
pub(crate) use worker::WORK as LIFECYCLE_WORK;

use rule::{Standing, Subject};

/// The namespace of lifecycle settings.
pub(crate) const LIFECYCLE: &str = "lifecycle";
/// Its key for the rules.
const RULES: &str = "rules";

/// The length of a day in microseconds.
fn micros(day: Duration) -> i64 {
    i64::try_from(day.as_micros()).unwrap_or(i64::MAX).max(1)
}

/// When rules end a version, and the name of the rule that does. Only what is current and no delete
/// marker is told about.
pub fn expiry_of(rules: &[Rule], version: &Version, day: Duration) -> Option<(Instant, String)> {
    if !version.current || version.marker {
        return None;
    }
    let subject = Subject {
        path: version.path.as_str().as_bytes(),
        size: version.size,
        attributes: &version.attributes,
        created: version.created.0,
        standing: Standing::Current,
    };
    let (at, rule) = rule::first_due(rules, &subject, micros(day))?;
    Some((at, rule.id.clone()))
}

/// Notes on a version when its container's rules end it.
pub(crate) fn with_expiry(container: &ContainerRow, version: Version) -> Version {
    let expiry = match rules_of(container) {
        // A date is told in days of the calendar, also where a setting shortens those of the worker.
        Ok(rules) => expiry_of(&rules, &version, CALENDAR_DAY),
        Err(error) => {
            tracing::warn!(%error, container = %container.id, "unreadable lifecycle rules");
            None
        }
    };
    place::with_array(container, Version { expiry, ..version })
}

/// A day of the calendar.
const CALENDAR_DAY: Duration = Duration::from_secs(24 * 3600);

/// The rules of a container; most have none.
fn rules_of(container: &ContainerRow) -> Result<Vec<Rule>> {
    if !mentions(&container.attributes, LIFECYCLE) {
        return Ok(Vec::new());
    }
    Ok(read(&decode_attributes(&container.attributes)?)?.unwrap_or_default())
}

fn read(attributes: &Attributes) -> Result<Option<Vec<Rule>>> {
    let text = attributes.get(LIFECYCLE, RULES);
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.map_err(|error| {
        let context = format!("the catalog holds malformed lifecycle rules: {error}");
        Error::new(ErrorKind::Corrupt, context)
    })
}

impl Store {
    /// The lifecycle rules of a container.
    pub async fn lifecycle(&self, who: &Caller, name: &ContainerName) -> Result<Option<Vec<Rule>>> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| {
            let action = Action::GetLifecycleConfiguration;
            let row = permitted(tx, &who, &name, action, Target::Container)?;
            read(&decode_attributes(&row.attributes)?)
        })
        .await
    }

    /// Sets or removes the lifecycle rules of a container, together with what a protocol keeps of them.
    pub async fn set_lifecycle(
        &self,
        who: &Caller,
        name: &ContainerName,
        rules: Option<Vec<Rule>>,
        changes: Vec<SettingChange>,
    ) -> Result<()> {
        if let Some(rules) = &rules {
            rule::check(rules)?;
        }
        let store = self.clone();
        let text = rules
            .as_ref()
            .map(|rules| serde_json::to_string(rules).expect("plain structs are always JSON"));
        let action = Action::PutLifecycleConfiguration;
        self.edit_container(who, action, name, move |_, _, attributes| {
            let classes = rules.iter().flatten().flat_map(Rule::classes);
            for class in classes {
                store.inner.classes.array(class)?;
            }
            match &text {
                Some(text) => attributes.set(LIFECYCLE, RULES, text.clone()),
                None => attributes.remove(LIFECYCLE, RULES),
            }
            change(attributes, &changes)
        })
        .await
    }
}
