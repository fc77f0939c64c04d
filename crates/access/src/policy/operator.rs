//! Condition operators: their names, what they read, how they compare.

use std::cmp::Ordering;

use crate::policy::PolicyError;
use crate::policy::date::Date;
use crate::policy::facts::Facts;
use crate::policy::network::Network;
use crate::policy::number::Number;
use crate::policy::pattern::{Grammar, Pattern};

/// An operator with its prefix and suffix: `ForAnyValue:StringNotLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
    pub(super) over: Option<Over>,
}

/// How many of a key's values a comparison is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    All,
    Any,
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsFolded,
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Names, what they test, and whether they hold when the test fails.
const NAMES: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::Equals, false),
    ("StringNotEquals", Test::Equals, true),
    ("StringEqualsIgnoreCase", Test::EqualsFolded, false),
    ("StringNotEqualsIgnoreCase", Test::EqualsFolded, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("NumericEquals", Test::Number(Order::Equal), false),
    ("NumericNotEquals", Test::Number(Order::Equal), true),
    ("NumericLessThan", Test::Number(Order::Less), false),
    (
        "NumericLessThanEquals",
        Test::Number(Order::LessOrEqual),
        false,
    ),
    ("NumericGreaterThan", Test::Number(Order::Greater), false),
    (
        "NumericGreaterThanEquals",
        Test::Number(Order::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Test::Date(Order::Equal), false),
    ("DateNotEquals", Test::Date(Order::Equal), true),
    ("DateLessThan", Test::Date(Order::Less), false),
    ("DateLessThanEquals", Test::Date(Order::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Order::Greater), false),
    (
        "DateGreaterThanEquals",
        Test::Date(Order::GreaterOrEqual),
        false,
    ),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Operator {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let (over, rest) = match text.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Over::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Over::Any), rest),
            _ => (None, text),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let known = NAMES.iter().find(|(known, ..)| *known == name);
        let (_, test, negated) = *known.ok_or(PolicyError::Operator)?;
        if test == Test::Null && (if_exists || over.is_some()) {
            return Err(PolicyError::Operator);
        }
        Ok(Self {
            test,
            negated,
            if_exists,
            over,
        })
    }
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A value of the policy, read for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Text(Pattern),
    Folded(Pattern),
    Number(Order, Number),
    Date(Order, Date),
    Bool(bool),
    Binary(String),
    Network(Network),
    Arn(Box<[Pattern; ARN_PARTS]>),
}

const ARN_PARTS: usize = 6;

impl Operand {
    pub(super) fn parse(test: Test, text: &str, variables: bool) -> Result<Self, PolicyError> {
        let pattern = |wildcards| {
            let grammar = Grammar {
                wildcards,
                variables,
            };
            Pattern::parse(text, grammar)
        };
        let read = match test {
            Test::Equals => Some(Self::Text(pattern(false)?)),
            Test::EqualsFolded => Some(Self::Folded(pattern(false)?)),
            Test::Like => Some(Self::Text(pattern(true)?)),
            Test::Number(order) => Number::parse(text).map(|n| Self::Number(order, n)),
            Test::Date(order) => Date::parse(text).map(|date| Self::Date(order, date)),
            Test::Bool | Test::Null => truth(text).map(Self::Bool),
            Test::Binary => is_base64(text).then(|| Self::Binary(text.to_owned())),
            Test::Address => Network::parse(text).map(Self::Network),
            Test::Arn => arn(text, variables)?.map(Self::Arn),
        };
        read.ok_or(PolicyError::ConditionValue)
    }

    /// Whether a value of the request fits. `None` when that cannot be said: the value is not of
    /// the operator's kind, or a variable has no value.
    pub(super) fn fits(&self, value: &str, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Text(pattern) => pattern.matches(value, facts),
            Self::Folded(pattern) => pattern.matches_folded(value, facts),
            Self::Number(order, number) => {
                Number::parse(value).map(|value| order.holds(value.cmp(number)))
            }
            Self::Date(order, date) => Date::parse(value).map(|value| order.holds(value.cmp(date))),
            Self::Bool(wanted) => truth(value).map(|value| value == *wanted),
            Self::Binary(bytes) => is_base64(value).then(|| value == bytes),
            Self::Network(network) => network.has(value),
            Self::Arn(patterns) => {
                let parts = arn_parts(value)?;
                let fits = patterns.iter().zip(parts);
                fits.map(|(pattern, part)| pattern.matches(part, facts))
                    .try_fold(true, |all, fits| Some(all && fits?))
            }
        }
    }

    /// The patterns inside, for those who ask about variables and wildcards.
    pub(super) fn patterns(&self) -> &[Pattern] {
        match self {
            Self::Text(pattern) | Self::Folded(pattern) => std::slice::from_ref(pattern),
            Self::Arn(patterns) => patterns.as_slice(),
            _ => &[],
        }
    }
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// The six parts of an ARN; the last may contain colons. A wildcard does not cross parts.
fn arn_parts(text: &str) -> Option<[&str; ARN_PARTS]> {
    let parts: Vec<_> = text.splitn(ARN_PARTS, ':').collect();
    parts.try_into().ok()
}

/// An ARN pattern. Colons inside `${…}` part nothing.
fn arn(text: &str, variables: bool) -> Result<Option<Box<[Pattern; ARN_PARTS]>>, PolicyError> {
    let grammar = Grammar {
        wildcards: true,
        variables,
    };
    let parts = if variables {
        split_outside_variables(text)
    } else {
        text.splitn(ARN_PARTS, ':').collect()
    };
    // A lone star means every ARN.
    let parts = if text == "*" {
        vec!["*"; ARN_PARTS]
    } else {
        parts
    };
    let patterns: Result<Vec<_>, _> = parts
        .into_iter()
        .map(|part| Pattern::parse(part, grammar))
        .collect();
    let patterns: Option<[Pattern; ARN_PARTS]> = patterns?.try_into().ok();
    Ok(patterns.map(Box::new))
}

fn split_outside_variables(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() + 1 < ARN_PARTS => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether the text is base64 in its one spelling, so that equal bytes are equal texts.
fn is_base64(text: &str) -> bool {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let last = digits.bytes().last().and_then(digit).unwrap_or(0);
    // The bits of the last digit that stand for no byte are zero.
    let clean = match padding {
        0 => true,
        1 => last & 0b11 == 0,
        2 => last & 0b1111 == 0,
        _ => false,
    };
    text.len().is_multiple_of(4) && clean && digits.bytes().all(|b| digit(b).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").expect("exists");
        assert_eq!(
            (
                operator.test,
                operator.negated,
                operator.if_exists,
                operator.over
            ),
            (Test::Like, true, true, Some(Over::Any))
        );
        for (name, ..) in NAMES {
            assert!(Operator::parse(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "StringMatches",
            "stringequals",
            "IfExists",
            "NullIfExists",
            "ForAnyValue:Null",
            "ForSomeValues:StringLike",
            "ForAllValues:",
            "ForAllValues:ForAnyValue:StringLike",
            "StringLikeIfExistsIfExists",
        ] {
            assert_eq!(Operator::parse(name), Err(PolicyError::Operator), "{name}");
        }
    }

    #[test]
    fn base64() {
        for (text, is) in [
            ("", true),
            ("QUJD", true),
            ("QUI=", true),
            ("QQ==", true),
            ("QR==", false),
            ("QUJ=", false),
            ("Q===", false),
            ("QUJ", false),
            ("QU-D", false),
        ] {
            assert_eq!(is_base64(text), is, "{text}");
        }
    }

    #[test]
    fn arns() {
        assert_eq!(
            split_outside_variables("arn:aws:iam::${aws:PrincipalAccount}:user/a:b"),
            [
                "arn",
                "aws",
                "iam",
                "",
                "${aws:PrincipalAccount}",
                "user/a:b"
            ]
        );
        assert!(Operand::parse(Test::Arn, "arn:aws:s3", true).is_err());
        assert!(Operand::parse(Test::Arn, "*", true).is_ok());
    }
}
