//! Conditions: If-Match and its kin, evaluated once for all protocols.
//!
//! For writes the version compared is the live one, inside the committing transaction; a delete
//! marker counts as absent (RFC 9110, section 13; S3 conditional writes).

use std::borrow::Cow;

use dolium_catalog::VersionRow;

use crate::envelope::SEALED;
use crate::request::{Condition, EtagMatch};
use crate::rows::mentions;
use crate::{Error, ErrorKind, Instant, Reason, Result};

/// What a condition is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present<'a> {
    pub(crate) etag: &'a str,
    pub(crate) created: Instant,
    pub(crate) size: u64,
    pub(crate) root: Option<&'a [u8]>,
}

impl<'a> Present<'a> {
    /// What a version is compared as.
    pub(crate) fn of(row: &'a VersionRow) -> Self {
        Self {
            etag: &row.etag,
            created: Instant(row.created),
            size: row.size as u64,
            root: row.root.as_deref().filter(|_| !mentions(&row.meta, SEALED)),
        }
    }

    fn tag(&self, by_root: bool) -> Cow<'a, str> {
        match self.root.filter(|_| by_root) {
            Some(root) => Cow::Owned(hex::encode(root)),
            None => Cow::Borrowed(self.etag),
        }
    }
}

impl EtagMatch {
    fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

fn failed() -> Error {
    Error::because(
        ErrorKind::Conflict,
        Reason::ConditionFailed,
        "a condition does not hold",
    )
}

/// Whole seconds: the resolution of HTTP dates.
fn seconds(instant: Instant) -> i64 {
    instant.0.div_euclid(1_000_000)
}

impl Condition {
    /// Checks a write against what is there now. `If-Match` on nothing is "no such object", as S3
    /// answers.
    pub(crate) fn check_write(&self, present: Option<Present<'_>>) -> Result<()> {
        match (&self.if_match, present) {
            (Some(_), None) => {
                let reason = Reason::NoSuchObject;
                return Err(Error::because(
                    ErrorKind::NotFound,
                    reason,
                    "no such object",
                ));
            }
            (Some(wanted), Some(present)) if !wanted.matches(&present.tag(self.by_root)) => {
                return Err(failed());
            }
            _ => {}
        }
        match (&self.if_none_match, present) {
            (Some(unwanted), Some(present)) if unwanted.matches(&present.tag(self.by_root)) => {
                Err(failed())
            }
            _ => {
                self.check_exact(present)?;
                self.check_dates(present)
            }
        }
    }

    /// The conditions that S3 has for deletions alone.
    fn check_exact(&self, present: Option<Present<'_>>) -> Result<()> {
        let Some(present) = present else {
            return Ok(());
        };
        let same_size = self.if_size.is_none_or(|size| size == present.size);
        let same_second = self
            .if_modified_at
            .is_none_or(|at| seconds(at) == seconds(present.created));
        if same_size && same_second {
            Ok(())
        } else {
            Err(failed())
        }
    }

    fn check_dates(&self, present: Option<Present<'_>>) -> Result<()> {
        let Some(present) = present else {
            return Ok(());
        };
        match self.if_unmodified_since {
            Some(date) if seconds(present.created) > seconds(date) => Err(failed()),
            _ => Ok(()),
        }
    }

    /// Checks a read. The order is RFC 9110's, section 13.2.2.
    pub(crate) fn check_read(&self, present: Present<'_>) -> Result<()> {
        match &self.if_match {
            Some(wanted) if !wanted.matches(&present.tag(self.by_root)) => {
                return Err(failed());
            }
            Some(_) => {}
            None => self.check_dates(Some(present))?,
        }
        let unchanged = match &self.if_none_match {
            Some(unwanted) => unwanted.matches(&present.tag(self.by_root)),
            None => self
                .if_modified_since
                .is_some_and(|date| seconds(present.created) <= seconds(date)),
        };
        if unchanged {
            let context = "the object has not changed";
            return Err(Error::because(
                ErrorKind::Conflict,
                Reason::NotModified,
                context,
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Option<EtagMatch> {
        Some(EtagMatch::OneOf(
            tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ))
    }

    fn reason(result: Result<()>) -> Option<Reason> {
        result.err().and_then(|error| error.reason())
    }

    #[test]
    fn writes() {
        let present = Some(Present {
            etag: "a",
            created: Instant(5_000_000),
            size: 1,
            root: None,
        });
        let create = Condition {
            if_none_match: Some(EtagMatch::Any),
            ..Condition::default()
        };
        assert_eq!(reason(create.check_write(None)), None);
        assert_eq!(
            reason(create.check_write(present)),
            Some(Reason::ConditionFailed)
        );
        let replace = Condition {
            if_match: tags(&["b", "a"]),
            ..Condition::default()
        };
        assert_eq!(reason(replace.check_write(present)), None);
        assert_eq!(
            reason(replace.check_write(None)),
            Some(Reason::NoSuchObject)
        );
        let other = Condition {
            if_match: tags(&["b"]),
            ..Condition::default()
        };
        assert_eq!(
            reason(other.check_write(present)),
            Some(Reason::ConditionFailed)
        );
    }

    #[test]
    fn reads() {
        let present = Present {
            etag: "a",
            created: Instant(5_900_000),
            size: 1,
            root: None,
        };
        let check = |condition: Condition| reason(condition.check_read(present));
        let none = Condition::default;
        assert_eq!(check(none()), None);
        assert_eq!(
            check(Condition {
                if_none_match: tags(&["a"]),
                ..none()
            }),
            Some(Reason::NotModified)
        );
        let since = |s: i64| Some(Instant(s * 1_000_000));
        assert_eq!(
            check(Condition {
                if_modified_since: since(5),
                ..none()
            }),
            Some(Reason::NotModified)
        );
        assert_eq!(
            check(Condition {
                if_modified_since: since(4),
                ..none()
            }),
            None
        );
        assert_eq!(
            check(Condition {
                if_unmodified_since: since(4),
                ..none()
            }),
            Some(Reason::ConditionFailed)
        );
        // If-Match that holds overrides If-Unmodified-Since, If-None-Match overrides dates.
        let both = Condition {
            if_match: tags(&["a"]),
            if_unmodified_since: since(4),
            ..none()
        };
        assert_eq!(check(both), None);
        let both = Condition {
            if_none_match: tags(&["b"]),
            if_modified_since: since(9),
            ..none()
        };
        assert_eq!(check(both), None);
    }
}
