//! Query strings, decoded exactly as `s3s` decodes them.
//!
//! The guard looks at parameters before `s3s` does, so both must see the same names: a holder of a
//! presigned URL may spell `X-Amz-SignedHeaders` with escapes and the signature still holds.
//! Promises: never fails; broken escapes stay as they are.
//! Does not: judge parameters.

use crate::escape;

/// The parameters of a query, in order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a raw query apart.
    pub(crate) fn parse(raw: Option<&str>) -> Self {
        let pairs = raw
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Whether a parameter is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Whether any of some parameters is there.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        self.0
            .iter()
            .any(|(given, _)| names.contains(&given.as_str()))
    }

    /// The value of a parameter that is there exactly once.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(given, _)| given == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }

    /// All parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A plus is a space in queries.
fn decode(text: &str) -> String {
    if text.contains('+') {
        escape::decode_lossy(&text.replace('+', " "))
    } else {
        escape::decode_lossy(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse(Some(
            "X%2DAmz-SignedHeaders=host%3Bx-amz-acl&a+b=%zz&flag&c=%",
        ));
        assert_eq!(query.only("X-Amz-SignedHeaders"), Some("host;x-amz-acl"));
        assert_eq!(query.only("a b"), Some("%zz"));
        assert_eq!(query.only("c"), Some("%"));
        assert!(query.has("flag") && !query.has("a"));
        assert_eq!(Query::parse(Some("a=1&a=2")).only("a"), None);
    }

    proptest! {
        #[test]
        fn hostile_queries_do_not_panic(raw in "[%+&=a-f0-9\u{e9}]{0,60}") {
            let _ = Query::parse(Some(&raw)).iter().count();
        }
    }
}
