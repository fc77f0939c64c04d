//! Terms of the parameter `meta`: which objects a listing shows, by their user metadata.
//!
//! Terms that only name a key are alternatives; every key that must not be there is not; every comparison
//! holds. Values are compared as text.

use dolium_store::Attributes;

use crate::metadata::USER;

/// The most terms that are looked at: every one costs each object of the listing something.
const TERMS_MAX: usize = 64;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The spellings, the longer ones first.
const SPELT: [(&str, Comparison); 6] = [
    ("!=", Comparison::Different),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

/// What a listing asks of metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    any: Vec<String>,
    none: Vec<String>,
    all: Vec<(String, Comparison, String)>,
}

impl Terms {
    /// Reads a list of terms; what is none is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut terms = Self::default();
        for term in text.split(',').map(str::trim).take(TERMS_MAX) {
            let at = term.find(['!', '<', '>', '=']);
            match at {
                None if term.is_empty() => {}
                None => terms.any.push(key(term)),
                Some(0) => {
                    let rest = term.strip_prefix('!').unwrap_or_default().trim();
                    if !rest.is_empty() && !rest.contains(['!', '<', '>', '=']) {
                        terms.none.push(key(rest));
                    }
                }
                Some(at) => {
                    let (name, rest) = term.split_at(at);
                    let spelt = SPELT.iter().find_map(|(spelt, comparison)| {
                        Some((rest.strip_prefix(spelt)?, *comparison))
                    });
                    if let Some((value, comparison)) = spelt {
                        let value = value.trim().to_owned();
                        terms.all.push((key(name.trim()), comparison, value));
                    }
                }
            }
        }
        terms
    }

    /// Whether nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an object is shown.
    pub(super) fn admit(&self, attributes: &Attributes) -> bool {
        let value = |key: &str| attributes.get(USER, key);
        let any = self.any.is_empty() || self.any.iter().any(|key| value(key).is_some());
        let none = self.none.iter().all(|key| value(key).is_none());
        let all = self.all.iter().all(|(key, comparison, wanted)| {
            value(key).is_some_and(|value| holds(value, *comparison, wanted))
        });
        any && none && all
    }
}

fn key(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn holds(value: &str, comparison: Comparison, wanted: &str) -> bool {
    match comparison {
        Comparison::Equal => value == wanted,
        Comparison::Different => value != wanted,
        Comparison::Less => value < wanted,
        Comparison::AtMost => value <= wanted,
        Comparison::More => value > wanted,
        Comparison::AtLeast => value >= wanted,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn admits(terms: &str, pairs: &[(&str, &str)]) -> bool {
        let mut attributes = Attributes::default();
        for (key, value) in pairs {
            attributes.set(USER, *key, *value);
        }
        Terms::parse(terms).admit(&attributes)
    }

    #[test]
    fn combinations() {
        let pairs = [("quality", "aaa"), ("stock", "true"), ("n", "9")];
        for (terms, expected) in [
            ("", true),
            ("Quality", true),
            ("missing, stock", true),
            ("missing", false),
            ("!missing", true),
            ("!stock", false),
            ("quality=aaa", true),
            ("quality = aaa, stock != true", false),
            ("missing!=x", false),
            ("n>5", true),
            ("n<10", false),
            ("n>=9, n<=9", true),
            ("quality, !stock", false),
            ("=x, <, !!, !a=b", true),
        ] {
            assert_eq!(admits(terms, &pairs), expected, "{terms}");
        }
        assert!(admits("foo_BAR", &[("foo-bar", "1")]));
    }

    proptest! {
        #[test]
        fn hostile_terms_never_panic(text in "[a-zα!<>=, _-]{0,80}", value in ".{0,10}") {
            let _ = admits(&text, &[("a", &value)]);
        }
    }
}
