//! What a Keystone says of a token.
//!
//! Promises: what does not parse is an error and never somebody.

use serde::Deserialize;

/// The longest answer: one with hundreds of roles is a few tens of kilobytes.
pub(super) const ANSWER_LEN_MAX: usize = 256 << 10;

/// A token in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) user: Named,
    pub(super) project: Option<Named>,
    pub(super) roles: Vec<String>,
    /// When it ends, in microseconds since the epoch.
    pub(super) ends: i64,
}

/// A user or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    /// The id of its domain.
    pub(super) domain: String,
}

#[derive(Deserialize)]
struct Answer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    user: Written,
    project: Option<Written>,
    #[serde(default)]
    roles: Vec<Role>,
    expires_at: jiff::Timestamp,
}

#[derive(Deserialize)]
struct Written {
    id: String,
    name: String,
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    id: String,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

impl From<Written> for Named {
    fn from(written: Written) -> Self {
        Self {
            id: written.id,
            name: written.name,
            domain: written.domain.id,
        }
    }
}

impl Words {
    /// Reads an answer; `None` when it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let Answer { token } = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            user: token.user.into(),
            project: token.project.map(Named::from),
            roles: token.roles.into_iter().map(|role| role.name).collect(),
            ends: token.expires_at.as_microsecond(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn answer() -> Value {
        json!({"token": {
            "user": {"id": "u", "name": "ada", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "home", "domain": {"id": "default"}},
            "roles": [{"id": "1", "name": "admin"}],
            "expires_at": "2026-11-20T11:03:49.000000Z",
        }})
    }

    fn parse(value: &Value) -> Option<Words> {
        Words::parse(value.to_string().as_bytes())
    }

    #[test]
    fn what_is_read() {
        let words = parse(&answer()).unwrap();
        assert_eq!(words.user.name, "ada");
        assert_eq!(
            words.project.map(|project| project.id).as_deref(),
            Some("p")
        );
        assert_eq!(words.roles, ["admin"]);
        assert_eq!(words.ends, 1_795_172_629_000_000);
        let mut unscoped = answer();
        unscoped["token"]["project"].take();
        assert_eq!(parse(&unscoped).unwrap().project, None);
    }

    proptest! {
        #[test]
        fn what_is_not_whole_is_nobody(
            key in "user|expires_at",
            value in prop_oneof![Just(json!(null)), Just(json!(1)), Just(json!("x")), Just(json!({})), Just(json!([]))],
        ) {
            let mut broken = answer();
            broken["token"][key] = value;
            prop_assert_eq!(parse(&broken), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Words::parse(&bytes);
        }
    }
}
