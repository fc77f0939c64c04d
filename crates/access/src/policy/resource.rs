//! Resources of a statement: ARNs of this bucket and of objects in it.

use crate::action::Floor;
use crate::policy::PolicyError;
use crate::policy::document::Words;
use crate::policy::facts::Facts;
use crate::policy::key::Key;
use crate::policy::pattern::{Grammar, Pattern};

/// The first part of ARNs; all mean the same here.
pub(super) const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// The resources of one statement.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    list: Vec<Resource>,
    negated: bool,
}

#[derive(Clone, Debug)]
struct Resource {
    pattern: Pattern,
    /// Whether it can mean the bucket.
    bucket: bool,
    /// Whether it can mean objects.
    objects: bool,
}

impl Resources {
    pub(super) fn parse(
        words: &Words,
        negated: bool,
        bucket: &str,
        variables: bool,
    ) -> Result<Self, PolicyError> {
        let list = words
            .0
            .iter()
            .map(|word| Resource::parse(word, bucket, variables))
            .collect::<Result<_, _>>()?;
        Ok(Self { list, negated })
    }

    /// Whether the request's resource is among them. `None` when only a variable without a value
    /// could tell.
    pub(super) fn has(&self, facts: &Facts<'_>) -> Option<bool> {
        let resource = facts.resource();
        let mut certain = true;
        for one in &self.list {
            match one.pattern.matches(&resource, facts) {
                Some(true) => return Some(!self.negated),
                Some(false) => {}
                None => certain = false,
            }
        }
        certain.then_some(self.negated)
    }

    pub(super) fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether actions on such things can be meant.
    pub(super) fn can_be(&self, floor: Floor) -> bool {
        let fits = |one: &Resource| match floor {
            Floor::Bucket => one.bucket,
            Floor::Object => one.objects,
        };
        self.negated || self.list.iter().any(fits)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.list.iter().flat_map(|one| one.pattern.keys())
    }
}

impl Resource {
    fn parse(word: &str, bucket: &str, variables: bool) -> Result<Self, PolicyError> {
        let rest = word.strip_prefix("arn:").ok_or(PolicyError::Resource)?;
        let (partition, rest) = rest.split_once(':').ok_or(PolicyError::Resource)?;
        let name = rest.strip_prefix("s3:::").ok_or(PolicyError::Resource)?;
        if !PARTITIONS.contains(&partition) {
            return Err(PolicyError::Resource);
        }
        let grammar = Grammar {
            wildcards: true,
            variables,
        };
        let pattern = Pattern::parse(name, grammar)?;
        let resource = Self {
            bucket: pattern.could_be(bucket),
            objects: pattern.could_start_with(&format!("{bucket}/")),
            pattern,
        };
        if resource.bucket || resource.objects {
            return Ok(resource);
        }
        Err(PolicyError::Resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_bucket_or_not() {
        // The ARN, then whether it can mean the bucket and objects.
        for (arn, meant) in [
            ("arn:aws:s3:::photos", Some((true, false))),
            ("arn:aws:s3:::photos/*", Some((false, true))),
            ("arn:aws-us-gov:s3:::photos/a/?.jpg", Some((false, true))),
            ("arn:aws:s3:::photos*", Some((true, true))),
            ("arn:aws:s3:::*", Some((true, true))),
            ("arn:aws:s3:::*/*", Some((false, true))),
            ("arn:aws:s3:::ph?tos", Some((true, false))),
            ("arn:aws:s3:::photos/${aws:username}/*", Some((false, true))),
            ("arn:aws:s3:::photo", None),
            ("arn:aws:s3:::photos2/*", None),
            ("arn:aws:s3:::", None),
            ("arn:aws:s3::42:photos", None),
            ("arn:aws:s3:eu::photos", None),
            ("arn:moon:s3:::photos", None),
            ("arn:aws:sqs:::photos", None),
            ("photos/*", None),
            ("*", None),
            ("", None),
        ] {
            let resource = Resource::parse(arn, "photos", true);
            let can = resource.as_ref().map(|one| (one.bucket, one.objects));
            assert_eq!(can.ok(), meant, "{arn}");
        }
    }
}
