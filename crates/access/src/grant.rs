//! Grants: one permission for one grantee.

use serde::{Deserialize, Serialize};

use crate::requester::Requester;

/// What a grant permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// List a bucket; read an object.
    Read,
    /// Create, replace and delete objects of a bucket. On an object it means nothing.
    Write,
    /// Read the ACL.
    ReadAcp,
    /// Replace the ACL.
    WriteAcp,
    /// All of these.
    FullControl,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::ReadAcp,
        Self::WriteAcp,
        Self::FullControl,
    ];

    /// The word of S3.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
            Self::FullControl => "FULL_CONTROL",
        }
    }

    /// The permission of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == word)
    }

    /// Whether holding this permission is enough for `wanted`.
    pub fn covers(self, wanted: Self) -> bool {
        self == Self::FullControl || self == wanted
    }
}

/// Users that S3 names together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Group {
    /// Everybody, also without a signature.
    AllUsers,
    /// Everybody whose signature holds.
    AuthenticatedUsers,
    /// The writer of access logs; no requester is in it.
    LogDelivery,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 3] = [Self::AllUsers, Self::AuthenticatedUsers, Self::LogDelivery];

    /// The name on the wire.
    pub fn uri(self) -> &'static str {
        match self {
            Self::AllUsers => "http://acs.amazonaws.com/groups/global/AllUsers",
            Self::AuthenticatedUsers => "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
            Self::LogDelivery => "http://acs.amazonaws.com/groups/s3/LogDelivery",
        }
    }

    /// The group of this name.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.uri() == uri)
    }

    /// Whether a grant to this group opens the door to strangers.
    pub fn is_public(self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }

    fn has(self, requester: Option<&Requester<'_>>) -> bool {
        match self {
            Self::AllUsers => true,
            Self::AuthenticatedUsers => requester.is_some(),
            Self::LogDelivery => false,
        }
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.uri().to_owned()
    }
}

/// The name is of no group.
#[derive(Debug, thiserror::Error)]
#[error("the URI names no group")]
pub struct NoSuchGroup;

impl TryFrom<String> for Group {
    type Error = NoSuchGroup;

    fn try_from(uri: String) -> Result<Self, NoSuchGroup> {
        Self::from_uri(&uri).ok_or(NoSuchGroup)
    }
}

/// Who is granted something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Grantee {
    /// One user.
    User {
        /// The canonical id.
        id: String,
        /// The name shown to people.
        display_name: String,
    },
    /// A group.
    Group(Group),
}

impl Grantee {
    /// Whether the requester is meant.
    pub fn has(&self, requester: Option<&Requester<'_>>) -> bool {
        match self {
            Self::User { id, .. } => {
                requester.is_some_and(|who| !id.is_empty() && who.canonical_id == id)
            }
            Self::Group(group) => group.has(requester),
        }
    }

    /// Whether strangers are meant.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Group(group) if group.is_public())
    }
}

/// One permission for one grantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// For whom.
    pub grantee: Grantee,
    /// For what.
    pub permission: Permission,
}

impl Grant {
    /// A grant to one user.
    pub fn to_user((id, display_name): (&str, &str), permission: Permission) -> Self {
        let grantee = Grantee::User {
            id: id.to_owned(),
            display_name: display_name.to_owned(),
        };
        Self {
            grantee,
            permission,
        }
    }

    /// A grant to a group.
    pub fn to_group(group: Group, permission: Permission) -> Self {
        Self {
            grantee: Grantee::Group(group),
            permission,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_uris() {
        for permission in Permission::ALL {
            let text = serde_json::to_string(&permission).expect("is a word");
            assert_eq!(text, format!("\"{}\"", permission.name()));
            assert_eq!(Permission::parse(permission.name()), Some(permission));
        }
        assert_eq!(Permission::parse("read"), None);
        for group in Group::ALL {
            let text = serde_json::to_string(&group).expect("is a name");
            let back: Group = serde_json::from_str(&text).expect("is a group");
            assert_eq!(back, group);
        }
        assert!(serde_json::from_str::<Group>("\"http://example.org/\"").is_err());
    }

    #[test]
    fn coverage() {
        for held in Permission::ALL {
            for wanted in Permission::ALL {
                let covers = held == wanted || held == Permission::FullControl;
                assert_eq!(held.covers(wanted), covers);
            }
        }
    }
}
