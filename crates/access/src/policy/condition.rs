//! One condition: an operator, a key and the values it is compared with.
//!
//! What cannot be said for certain is held against the requester: it fails an Allow and fulfils a
//! Deny. That is so for values an operator cannot read, variables without a value, and several
//! values where the operator expects one.

use crate::policy::PolicyError;
use crate::policy::document::Effect;
use crate::policy::facts::{ANONYMOUS, Facts};
use crate::policy::key::Key;
use crate::policy::operator::{Operand, Operator, Over, Test};
use crate::requester::{is_number, padded_account};

/// What a comparison costs besides its characters.
const COMPARISON_STEPS: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    key: Key,
    operands: Vec<Operand>,
}

impl Condition {
    pub(super) fn parse(
        operator: Operator,
        key: &str,
        values: &[String],
        variables: bool,
    ) -> Result<Self, PolicyError> {
        let key = Key::parse(key)?;
        let operands = values.iter().map(|value| {
            if key.is_account() && is_number(value) {
                return Operand::parse(operator.test, &padded_account(value), variables);
            }
            Operand::parse(operator.test, value, variables)
        });
        Ok(Self {
            operator,
            operands: operands.collect::<Result<_, _>>()?,
            key,
        })
    }

    /// Whether the request fulfils the condition of a statement with this effect.
    pub(super) fn holds(&self, facts: &Facts<'_>, effect: Effect) -> bool {
        let values = facts.values(&self.key);
        if self.operator.test == Test::Null {
            let missing = values.is_none();
            return self.operands.contains(&Operand::Bool(missing));
        }
        let Some(values) = values else {
            return self.holds_without_value();
        };
        let doubt = effect == Effect::Deny;
        let mut each = values
            .iter()
            .map(|value| self.holds_for(value, facts).unwrap_or(doubt));
        match (self.operator.over, effect) {
            (Some(Over::All), _) | (None, Effect::Allow) => each.all(|holds| holds),
            (Some(Over::Any), _) | (None, Effect::Deny) => each.any(|holds| holds),
        }
    }

    fn holds_without_value(&self) -> bool {
        self.operator.if_exists
            || match self.operator.over {
                Some(Over::All) => true,
                Some(Over::Any) => false,
                None => self.operator.negated,
            }
    }

    /// Whether one value fulfils it; `None` when that cannot be said.
    fn holds_for(&self, value: &str, facts: &Facts<'_>) -> Option<bool> {
        let mut certain = true;
        for operand in &self.operands {
            facts.spend(COMPARISON_STEPS + value.len())?;
            match operand.fits(value, facts) {
                Some(true) => return Some(!self.operator.negated),
                Some(false) => {}
                None => certain = false,
            }
        }
        certain.then_some(self.operator.negated)
    }

    /// Whether it ties a statement to fixed users, networks or resources.
    pub(super) fn pins(&self) -> bool {
        let Operator {
            test,
            negated,
            if_exists,
            over,
        } = self.operator;
        // These hold when the request says nothing, or for all but a few.
        if negated || if_exists || over == Some(Over::All) {
            return false;
        }
        match test {
            Test::Address => self.key.is_address() && self.operands.iter().all(is_narrow),
            Test::Equals | Test::EqualsFolded | Test::Like | Test::Arn => {
                self.key.pins() && self.operands.iter().all(is_fixed)
            }
            Test::Number(_) | Test::Date(_) | Test::Bool | Test::Binary | Test::Null => false,
        }
    }

    /// The key, and those that variables in the values name.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let patterns = self.operands.iter().flat_map(Operand::patterns);
        std::iter::once(&self.key).chain(patterns.flat_map(|pattern| pattern.keys()))
    }
}

fn is_narrow(operand: &Operand) -> bool {
    matches!(operand, Operand::Network(network) if network.is_narrow())
}

/// Whether the operand is one text, and not the one that stands for everybody unsigned.
fn is_fixed(operand: &Operand) -> bool {
    operand.patterns().iter().all(|pattern| {
        let text = pattern.only_text();
        text.is_some_and(|text| text.to_lowercase() != ANONYMOUS)
    })
}
