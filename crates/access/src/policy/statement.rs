//! One statement: whom it is about, what it is about, and whether it speaks in a request.

use std::collections::BTreeSet;

use crate::action::{Action, Floor};
use crate::context::canonical;
use crate::policy::PolicyError;
use crate::policy::condition::Condition;
use crate::policy::document::{Effect, Members, Scalars, StatementText, Words};
use crate::policy::facts::Facts;
use crate::policy::operator::Operator;
use crate::policy::pattern::{Grammar, Pattern};
use crate::policy::principal::Principals;
use crate::policy::resource::Resources;

#[derive(Clone, Debug)]
pub(super) struct Statement {
    effect: Effect,
    principals: Principals,
    actions: Actions,
    resources: Resources,
    conditions: Vec<Condition>,
}

/// The actions of one statement, looked up when the policy is read.
#[derive(Clone, Debug)]
struct Actions {
    named: Vec<Action>,
    /// What they are done to, together with those that exist elsewhere only.
    floors: Vec<Floor>,
    negated: bool,
}

impl Statement {
    pub(super) fn parse(
        text: &StatementText,
        bucket: &str,
        variables: bool,
    ) -> Result<Self, PolicyError> {
        let (principal, nobody) = one_of(
            "Principal",
            text.principal.as_ref(),
            text.not_principal.as_ref(),
        )?;
        if nobody && text.effect == Effect::Allow {
            return Err(PolicyError::AllowNotPrincipal);
        }
        let (action, no_action) = one_of("Action", text.action.as_ref(), text.not_action.as_ref())?;
        let (resource, elsewhere) = one_of(
            "Resource",
            text.resource.as_ref(),
            text.not_resource.as_ref(),
        )?;
        let statement = Self {
            effect: text.effect,
            principals: Principals::parse(principal, nobody)?,
            actions: Actions::parse(action, no_action)?,
            resources: Resources::parse(resource, elsewhere, bucket, variables)?,
            conditions: conditions(&text.condition, variables)?,
        };
        let mut floors = statement.actions.floors.iter();
        if !floors.any(|floor| statement.resources.can_be(*floor)) {
            return Err(PolicyError::ActionResource);
        }
        Ok(statement)
    }

    pub(super) fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the statement is about the request.
    pub(super) fn speaks(&self, facts: &Facts<'_>) -> bool {
        self.actions.has(facts.request.action)
            && self.principals.has(facts.request.who.as_ref())
            && self.resources_speak(facts)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(facts, self.effect))
    }

    /// A resource that cannot be told is named by no Allow. Of a Deny it is only outside what
    /// `NotResource` spares.
    fn resources_speak(&self, facts: &Facts<'_>) -> bool {
        let doubt = self.effect == Effect::Deny && self.resources.is_negated();
        self.resources.has(facts).unwrap_or(doubt)
    }

    /// Whether it opens the bucket to strangers.
    pub(super) fn is_public(&self) -> bool {
        self.effect == Effect::Allow
            && self.principals.is_public()
            && !self.conditions.iter().any(Condition::pins)
    }

    /// Whether a condition or a variable names a key that starts like this.
    pub(super) fn references(&self, prefix: &str) -> bool {
        let prefix = canonical(prefix);
        let keys = self.conditions.iter().flat_map(Condition::keys);
        keys.chain(self.resources.keys())
            .any(|key| key.name().starts_with(&prefix))
    }
}

/// A member or its negation, and which it is.
fn one_of<'a, T>(
    name: &'static str,
    plain: Option<&'a T>,
    negated: Option<&'a T>,
) -> Result<(&'a T, bool), PolicyError> {
    match (plain, negated) {
        (Some(member), None) => Ok((member, false)),
        (None, Some(member)) => Ok((member, true)),
        _ => Err(PolicyError::OneOf(name)),
    }
}

fn conditions(
    text: &Members<Members<Scalars>>,
    variables: bool,
) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for (operator, keys) in &text.0 {
        let operator = Operator::parse(operator)?;
        for (key, Scalars(values)) in &keys.0 {
            conditions.push(Condition::parse(operator, key, values, variables)?);
        }
    }
    Ok(conditions)
}

impl Actions {
    fn parse(words: &Words, negated: bool) -> Result<Self, PolicyError> {
        let grammar = Grammar {
            wildcards: true,
            variables: false,
        };
        let known: Vec<_> = Action::known()
            .map(|(name, _)| (name, name.to_ascii_lowercase()))
            .collect();
        let mut names = BTreeSet::new();
        for word in words.0.iter().collect::<BTreeSet<_>>() {
            let pattern = Pattern::parse(&word.to_ascii_lowercase(), grammar)?;
            let fits = known.iter().filter(|(_, folded)| pattern.could_be(folded));
            let mut fits = fits.map(|(name, _)| *name).peekable();
            if fits.peek().is_none() {
                return Err(PolicyError::Action);
            }
            names.extend(fits);
        }
        let about = |name: &str| names.contains(name) != negated;
        let floors = Action::known().filter(|(name, _)| about(name));
        let floors = floors.map(|(_, floor)| floor).collect();
        let ours = Action::ALL.iter().copied();
        Ok(Self {
            named: ours.filter(|one| names.contains(one.name())).collect(),
            floors,
            negated,
        })
    }

    fn has(&self, action: Action) -> bool {
        self.named.contains(&action) != self.negated
    }
}
