//! What a request says about itself: the values of condition keys.
//!
//! Keys compare without regard to case up to the first slash; what follows is the key of a tag and
//! compares exactly. What the requester is (`aws:username`, `aws:PrincipalArn` …) is not taken from
//! here but from the [`Requester`](crate::Requester), so no request can choose it.

use std::collections::BTreeMap;

/// Values of condition keys, such as `aws:SourceIp` or `s3:prefix`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// A context that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the key this one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(canonical(key), vec![value.into()]);
    }

    /// Gives the key one value more.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(canonical(key)).or_default().push(value.into());
    }

    /// The values of a key, at least one.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&canonical(key)).map(Vec::as_slice)
    }
}

/// The one spelling of a condition key.
pub(crate) fn canonical(key: &str) -> String {
    match key.split_once('/') {
        Some((family, tag)) => format!("{}/{tag}", family.to_ascii_lowercase()),
        None => key.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let mut context = Context::new();
        assert_eq!(context.get("s3:prefix"), None);
        context.set("S3:Prefix", "a");
        context.add("s3:prefix", "b");
        context.set("s3:ExistingObjectTag/Kind", "c");
        let values = |key| context.get(key).map(<[String]>::to_vec);
        assert_eq!(values("s3:prefix"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(
            values("S3:existingobjecttag/Kind"),
            Some(vec!["c".to_owned()])
        );
        assert_eq!(values("s3:ExistingObjectTag/kind"), None);
        context.set("s3:prefix", "z");
        assert_eq!(context.get("s3:PREFIX"), Some(&["z".to_owned()][..]));
    }
}
