//! Principals of a statement: whom it is about.
//!
//! Services and federated users are read and match nobody, for there are none.

use crate::policy::PolicyError;
use crate::policy::document::{PrincipalText, Words};
use crate::policy::resource::PARTITIONS;
use crate::requester::{Requester, is_number};

/// The most digits an account number may have, zeros included.
const ACCOUNT_DIGITS_MAX: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Principal {
    /// Everybody, signed or not.
    Everybody,
    /// The users of an account; of any account when it is empty.
    Account(String),
    /// One user of an account, by login name or canonical id.
    User { account: String, user: String },
    /// One user by canonical id.
    Canonical(String),
    /// Somebody who never asks.
    Nobody,
}

/// The principals of one statement.
#[derive(Clone, Debug)]
pub(super) struct Principals {
    list: Vec<Principal>,
    negated: bool,
}

impl Principals {
    pub(super) fn parse(text: &PrincipalText, negated: bool) -> Result<Self, PolicyError> {
        let list = match text {
            PrincipalText::Word(word) if word == "*" => vec![Principal::Everybody],
            PrincipalText::Word(_) => return Err(PolicyError::Principal),
            PrincipalText::Kinds(kinds) => {
                let mut list = Vec::new();
                for (kind, Words(words)) in &kinds.0 {
                    for word in words {
                        list.push(Principal::parse(kind, word)?);
                    }
                }
                list
            }
        };
        Ok(Self { list, negated })
    }

    pub(super) fn has(&self, who: Option<&Requester<'_>>) -> bool {
        self.list.iter().any(|one| one.is(who)) != self.negated
    }

    /// Whether strangers are meant.
    pub(super) fn is_public(&self) -> bool {
        let open = |one: &Principal| match one {
            Principal::Everybody => true,
            Principal::Account(account) => account.is_empty(),
            _ => false,
        };
        self.negated || self.list.iter().any(open)
    }
}

impl Principal {
    fn parse(kind: &str, word: &str) -> Result<Self, PolicyError> {
        match kind {
            "AWS" if word == "*" => Ok(Self::Everybody),
            "AWS" if is_number(word) => Self::account(word),
            "AWS" => Self::arn(word).ok_or(PolicyError::Principal),
            "CanonicalUser" if is_name(word) => Ok(Self::Canonical(word.to_owned())),
            "Service" | "Federated" if is_name(word) => Ok(Self::Nobody),
            _ => Err(PolicyError::Principal),
        }
    }

    fn account(number: &str) -> Result<Self, PolicyError> {
        if number.len() > ACCOUNT_DIGITS_MAX {
            return Err(PolicyError::Principal);
        }
        Ok(Self::Account(number.to_owned()))
    }

    fn arn(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("arn:")?;
        let (partition, rest) = rest.split_once(':')?;
        let rest = rest.strip_prefix("iam::")?;
        let (account, whom) = rest.split_once(':')?;
        let plain = account.is_empty() || is_name(account);
        if !PARTITIONS.contains(&partition) || !plain {
            return None;
        }
        let account = account.to_owned();
        if whom == "root" {
            return Some(Self::Account(account));
        }
        let path = whom.strip_prefix("user/")?;
        let user = path.rsplit('/').next().filter(|user| is_name(user))?;
        let user = user.to_owned();
        Some(Self::User { account, user })
    }

    fn is(&self, who: Option<&Requester<'_>>) -> bool {
        let Some(who) = who else {
            return *self == Self::Everybody;
        };
        let of = |account: &str| account.is_empty() || who.is_of_account(account);
        match self {
            Self::Everybody => true,
            Self::Account(account) => of(account),
            Self::User { account, user } => {
                of(account) && (who.name == user || who.canonical_id == user)
            }
            Self::Canonical(id) => who.canonical_id == id,
            Self::Nobody => false,
        }
    }
}

/// Wildcards have no meaning in the name of a principal, so they are refused.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?', '$', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::facts::tests::ANN;

    fn principals(json: &str, negated: bool) -> Result<Principals, PolicyError> {
        let text = serde_json::from_str(json).map_err(|_| PolicyError::NotJson)?;
        Principals::parse(&text, negated)
    }

    #[test]
    fn whom_they_mean() {
        // The member, then whether it means Ann (account 42, "family") and the unsigned.
        for (json, ann, unsigned) in [
            (r#""*""#, true, true),
            (r#"{"AWS": "*"}"#, true, true),
            (r#"{"AWS": ["*"]}"#, true, true),
            (r#"{"AWS": "42"}"#, true, false),
            (r#"{"AWS": "000000000042"}"#, true, false),
            (r#"{"AWS": "43"}"#, false, false),
            (r#"{"AWS": "arn:aws:iam::42:root"}"#, true, false),
            (
                r#"{"AWS": "arn:aws-cn:iam::000000000042:root"}"#,
                true,
                false,
            ),
            (r#"{"AWS": "arn:aws:iam::family:root"}"#, true, false),
            (r#"{"AWS": "arn:aws:iam::others:root"}"#, false, false),
            (r#"{"AWS": "arn:aws:iam:::root"}"#, true, false),
            (r#"{"AWS": "arn:aws:iam::42:user/ann"}"#, true, false),
            (r#"{"AWS": "arn:aws:iam::42:user/staff/ann"}"#, true, false),
            (r#"{"AWS": "arn:aws:iam:::user/ann-id"}"#, true, false),
            (r#"{"AWS": "arn:aws:iam::43:user/ann"}"#, false, false),
            (r#"{"AWS": "arn:aws:iam::42:user/bob"}"#, false, false),
            (r#"{"AWS": ["arn:aws:iam::43:root", "42"]}"#, true, false),
            (r#"{"CanonicalUser": "ann-id"}"#, true, false),
            (r#"{"CanonicalUser": "ann"}"#, false, false),
            (r#"{"Service": "logging.s3.amazonaws.com"}"#, false, false),
            (r#"{"Federated": "ann"}"#, false, false),
            (r#"{"Service": "ann", "AWS": "42"}"#, true, false),
        ] {
            let plain = principals(json, false).expect(json);
            assert_eq!(plain.has(Some(&ANN)), ann, "{json}");
            assert_eq!(plain.has(None), unsigned, "{json}");
            let negated = principals(json, true).expect(json);
            assert_eq!(negated.has(Some(&ANN)), !ann, "not {json}");
            assert_eq!(negated.has(None), !unsigned, "not {json}");
        }
    }

    #[test]
    fn what_is_no_principal() {
        for json in [
            r#""ann""#,
            r#""""#,
            r#"{"AWS": ""}"#,
            r#"{"AWS": "ann"}"#,
            r#"{"AWS": "arn:aws:iam::42:user/*"}"#,
            r#"{"AWS": "arn:aws:iam::*:root"}"#,
            r#"{"AWS": "arn:aws:iam::42:user/"}"#,
            r#"{"AWS": "arn:aws:iam::42:role/x"}"#,
            r#"{"AWS": "arn:aws:s3:::photos"}"#,
            r#"{"AWS": "arn:moon:iam::42:root"}"#,
            r#"{"AWS": "999999999999999999999"}"#,
            r#"{"CanonicalUser": "*"}"#,
            r#"{"Service": "*"}"#,
            r#"{"Everyone": "*"}"#,
        ] {
            let error = principals(json, false).err();
            assert_eq!(error, Some(PolicyError::Principal), "{json}");
        }
    }

    #[test]
    fn who_is_public() {
        let public = |json| principals(json, false).expect(json).is_public();
        assert!(public(r#"{"AWS": ["42", "*"]}"#));
        assert!(public(r#"{"AWS": "arn:aws:iam:::root"}"#));
        assert!(!public(r#"{"AWS": "arn:aws:iam::42:root"}"#));
        assert!(!public(r#"{"CanonicalUser": "ann-id"}"#));
    }
}
