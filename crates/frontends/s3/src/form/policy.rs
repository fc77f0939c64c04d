//! The policy that the maker of a browser's form signs: what the form's user may send.
//!
//! Promises: a policy that is not understood in every part allows nothing; a field that no condition
//! names is refused, so a user cannot add what the maker did not think of.
//! Does not: verify the signature (`signature`), or count the file's bytes (`form`).

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::date;

/// The most conditions; a form has at most as many fields as fit in 20 KiB.
const CONDITIONS_MAX: usize = 500;
/// Fields that need no condition: what proves the policy, and the file itself.
const FREE: [&str; 5] = [
    "x-amz-signature",
    "file",
    "policy",
    "awsaccesskeyid",
    "signature",
];
/// Beginnings of fields that need no condition. The first is ignored by definition; the second can make
/// an upload fail and nothing else.
const FREE_BEGINNINGS: [&str; 2] = ["x-ignore-", "x-amz-checksum-"];

/// Why a form is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyError {
    /// The document is not a policy.
    Malformed(String),
    /// Its time is over.
    Expired,
    /// A condition does not hold, or a field has none.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals { field: String, value: String },
    StartsWith { field: String, prefix: String },
}

impl Condition {
    fn field(&self) -> &str {
        match self {
            Self::Equals { field, .. } | Self::StartsWith { field, .. } => field,
        }
    }

    fn holds(&self, given: &str) -> bool {
        match self {
            Self::Equals { value, .. } => given == value,
            // A type may be a list, of which each must begin so.
            Self::StartsWith { field, prefix } if field == "content-type" => given
                .split(',')
                .all(|one| one.trim_start().starts_with(prefix.as_str())),
            Self::StartsWith { prefix, .. } => given.starts_with(prefix.as_str()),
        }
    }
}

/// A parsed policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    expiration: i64,
    conditions: Vec<Condition>,
    len: (u64, u64),
}

impl Policy {
    /// Parses a document.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, PolicyError> {
        let value: Value = serde_json::from_slice(document)
            .map_err(|_| malformed("Invalid Policy: Invalid JSON."))?;
        let Value::Object(members) = value else {
            return Err(malformed("Invalid Policy: Invalid JSON."));
        };
        if let Some(name) = members
            .keys()
            .find(|name| !["expiration", "conditions"].contains(&name.as_str()))
        {
            return Err(malformed(format!("Invalid Policy: Unexpected: '{name}'.")));
        }
        let expiration = members
            .get("expiration")
            .ok_or_else(|| malformed("Invalid Policy: Policy missing expiration."))?;
        let expiration = expiration.as_str().and_then(date::of_long);
        let expiration =
            expiration.ok_or_else(|| malformed("Invalid Policy: Invalid 'expiration' value."))?;
        let Some(Value::Array(conditions)) = members.get("conditions") else {
            return Err(malformed("Invalid Policy: Policy missing conditions."));
        };
        if conditions.len() > CONDITIONS_MAX {
            return Err(malformed("Invalid Policy: Too many conditions."));
        }
        let mut policy = Self {
            expiration,
            conditions: Vec::with_capacity(conditions.len()),
            len: (0, u64::MAX),
        };
        for condition in conditions {
            match condition {
                Value::Object(members) => policy.add_pair(members)?,
                Value::Array(terms) => policy.add_terms(terms)?,
                _ => return Err(malformed("Invalid Policy: Invalid condition.")),
            }
        }
        Ok(policy)
    }

    /// `{"field": "value"}`
    fn add_pair(&mut self, members: &Map<String, Value>) -> Result<(), PolicyError> {
        let mut members = members.iter();
        let (Some((name, Value::String(value))), None) = (members.next(), members.next()) else {
            let message = "Invalid Policy: Invalid Simple-Condition: it must have one property \
                           whose value is a string.";
            return Err(malformed(message));
        };
        self.conditions.push(Condition::Equals {
            field: name.to_ascii_lowercase(),
            value: value.clone(),
        });
        Ok(())
    }

    /// `["eq", "$field", "value"]` and its kin.
    fn add_terms(&mut self, terms: &[Value]) -> Result<(), PolicyError> {
        let [Value::String(operator), left, right] = terms else {
            return Err(malformed(
                "Invalid Policy: A condition must have an operator and two operands.",
            ));
        };
        let operator = operator.to_ascii_lowercase();
        if operator == "content-length-range" {
            let (Some(least), Some(most)) = (length(left), length(right)) else {
                let message = "Invalid Policy: content-length-range takes two numbers.";
                return Err(malformed(message));
            };
            self.len = (self.len.0.max(least), self.len.1.min(most));
            return Ok(());
        }
        let (Value::String(field), Value::String(value)) = (left, right) else {
            return Err(malformed("Invalid Policy: Operands must be strings."));
        };
        let Some(field) = field.strip_prefix('$').filter(|name| !name.is_empty()) else {
            let message = format!("Invalid Policy: Invalid match field '{field}'.");
            return Err(malformed(message));
        };
        let (field, value) = (field.to_ascii_lowercase(), value.clone());
        self.conditions.push(match operator.as_str() {
            "eq" => Condition::Equals { field, value },
            "starts-with" => Condition::StartsWith {
                field,
                prefix: value,
            },
            _ => {
                let message = format!("Invalid Policy: Unknown operator '{operator}'.");
                return Err(malformed(message));
            }
        });
        Ok(())
    }

    /// The least and the most bytes of the file.
    pub(crate) fn len(&self) -> (u64, u64) {
        self.len
    }

    /// Holds a form against the policy. `bucket` is where the form was sent; `now` in seconds since 1970.
    pub(crate) fn check(&self, fields: &Fields, bucket: &str, now: i64) -> Result<(), PolicyError> {
        if self.expiration <= now {
            return Err(PolicyError::Expired);
        }
        let given = |name: &str| match name {
            "bucket" => bucket,
            name => fields.get(name).unwrap_or_default(),
        };
        for condition in &self.conditions {
            if !condition.holds(given(condition.field())) {
                let message = format!("Policy Condition failed: {condition}");
                return Err(PolicyError::Failed(message));
            }
        }
        let names = fields.iter().map(|(name, _)| name);
        let extra: Vec<&str> = std::iter::once("bucket")
            .chain(names)
            .filter(|name| !is_free(name))
            .filter(|name| !self.conditions.iter().any(|one| one.field() == *name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        let message = format!("Extra input fields: {}", extra.join(", "));
        Err(PolicyError::Failed(message))
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equals { field, value } => write!(f, "[\"eq\", \"${field}\", \"{value}\"]"),
            Self::StartsWith { field, prefix } => {
                write!(f, "[\"starts-with\", \"${field}\", \"{prefix}\"]")
            }
        }
    }
}

fn malformed(message: impl Into<String>) -> PolicyError {
    PolicyError::Malformed(message.into())
}

fn is_free(name: &str) -> bool {
    FREE.contains(&name)
        || FREE_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// A number of bytes; some tools write it as a text.
fn length(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_767_225_600;
    const LATER: &str = "2026-01-02T00:00:00Z";

    fn parse(conditions: Value) -> Result<Policy, PolicyError> {
        let document = json!({"expiration": LATER, "conditions": conditions});
        Policy::parse(document.to_string().as_bytes())
    }

    fn check(conditions: Value, fields: &[(&str, &str)]) -> Result<(), PolicyError> {
        let mut form = Fields::default();
        for (name, value) in fields {
            form.add(name, (*value).to_owned()).unwrap();
        }
        parse(conditions)?.check(&form, "b", NOW)
    }

    #[test]
    fn conditions_hold_or_not() {
        let all = json!([
            {"bUcKeT": "b"},
            ["StArTs-WiTh", "$KeY", "foo"],
            ["eq", "$acl", "private"],
            ["starts-with", "$Content-Type", "image/"],
            ["starts-with", "$x-amz-meta-any", ""]
        ]);
        let good = [
            ("key", "foo.txt"),
            ("AcL", "private"),
            ("content-type", "image/png, image/jpeg"),
            ("x-ignore-me", "x"),
            ("policy", "…"),
            ("AWSAccessKeyId", "…"),
            ("signature", "…"),
            ("x-amz-checksum-crc32", "…"),
        ];
        assert_eq!(check(all.clone(), &good), Ok(()));
        for (name, value) in [
            ("key", "fo"),
            ("acl", "Private"),
            ("content-type", "image/png, text/html"),
        ] {
            let changed = good.map(|(given, old)| match given.eq_ignore_ascii_case(name) {
                true => (given, value),
                false => (given, old),
            });
            let result = check(all.clone(), &changed);
            assert!(matches!(result, Err(PolicyError::Failed(_))), "{name}");
        }
        let mut more = good.to_vec();
        more.push(("x-amz-meta-other", "v"));
        let message = "Extra input fields: x-amz-meta-other".to_owned();
        assert_eq!(check(all, &more), Err(PolicyError::Failed(message)));
    }

    #[test]
    fn the_bucket_is_the_one_that_was_sent_to() {
        let failed = |result| matches!(result, Err(PolicyError::Failed(_)));
        assert!(failed(check(json!([]), &[])));
        assert!(failed(check(json!([{"bucket": "c"}]), &[])));
        assert!(failed(check(json!([{"bucket": "c"}]), &[("bucket", "c")])));
        assert_eq!(check(json!([{"bucket": "b"}]), &[]), Ok(()));
        assert_eq!(check(json!([["starts-with", "$bucket", ""]]), &[]), Ok(()));
    }

    #[test]
    fn a_condition_on_a_field_that_is_not_there_fails() {
        let conditions = json!([{"bucket": "b"}, ["starts-with", "$x-amz-meta-foo", "bar"]]);
        let result = check(conditions, &[]);
        assert!(matches!(result, Err(PolicyError::Failed(_))));
    }

    #[test]
    fn lengths() {
        let len = |value: Value| parse(value).map(|policy| policy.len());
        assert_eq!(len(json!([])), Ok((0, u64::MAX)));
        assert_eq!(len(json!([["content-length-range", 1, "9"]])), Ok((1, 9)));
        let both = json!([
            ["content-length-range", 1, 9],
            ["content-length-range", 3, 20]
        ]);
        assert_eq!(len(both), Ok((3, 9)));
        for bad in [
            json!([["content-length-range", 0]]),
            json!([["content-length-range", -1, 0]]),
            json!([["content-length-range", 0.5, 1]]),
            json!([["content-length-range", "", "x"]]),
        ] {
            assert!(len(bad).is_err());
        }
    }

    #[test]
    fn what_is_no_policy() {
        for bad in [
            json!([{}]),
            json!([{"a": "b", "c": "d"}]),
            json!([{"a": 1}]),
            json!([["eq", "key", "v"]]),
            json!([["eq", "$", "v"]]),
            json!([["matches", "$key", "v"]]),
            json!([["eq", "$key", "v", "w"]]),
            json!(["eq"]),
            json!({}),
        ] {
            assert!(matches!(parse(bad), Err(PolicyError::Malformed(_))));
        }
        for bad in [
            "",
            "[]",
            "{",
            "{\"expiration\": \"2026-01-02T00:00:00Z\"}",
            "{\"EXPIRATION\": \"2026-01-02T00:00:00Z\", \"conditions\": []}",
            "{\"expiration\": \"2026-01-02T00:00:00Z\", \"CONDITIONS\": []}",
            "{\"expiration\": \"2026-01-02 00:00:00+00:00\", \"conditions\": []}",
            "{\"expiration\": 1, \"conditions\": []}",
            "{\"expiration\": \"2026-01-02T00:00:00Z\", \"conditions\": [], \"more\": 1}",
        ] {
            let result = Policy::parse(bad.as_bytes());
            assert!(matches!(result, Err(PolicyError::Malformed(_))), "{bad}");
        }
        let deep = "[".repeat(20_000);
        assert!(Policy::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn policies_expire() {
        let policy = parse(json!([{"bucket": "b"}])).unwrap();
        let fields = Fields::default();
        assert_eq!(policy.check(&fields, "b", NOW + 86_399), Ok(()));
        let late = policy.check(&fields, "b", NOW + 86_400);
        assert_eq!(late, Err(PolicyError::Expired));
    }

    proptest! {
        #[test]
        fn hostile_documents_do_not_panic(text in "[\\[\\]{}\",:$0-9a-z -]{0,60}") {
            let _ = Policy::parse(text.as_bytes());
        }

        #[test]
        fn a_field_without_a_condition_never_passes(name in "[a-z-]{1,12}", value in "[a-z]{0,5}") {
            prop_assume!(!is_free(&name) && name != "bucket");
            let result = check(json!([{"bucket": "b"}]), &[(&name, &value)]);
            prop_assert!(matches!(result, Err(PolicyError::Failed(_))));
        }
    }
}
