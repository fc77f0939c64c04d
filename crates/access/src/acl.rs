//! Access control lists of buckets and objects.
//!
//! An ACL is an owner and a list of grants. What the owner may do without a grant is decided in
//! `decide.rs`; here only grants count.

use serde::{Deserialize, Serialize};

use crate::canned::Canned;
use crate::grant::{Grant, Permission};
use crate::requester::Requester;

/// The longest list of grants; S3's limit.
pub const GRANTS_MAX: usize = 100;

/// Who was granted what on a bucket or an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Listed")]
pub struct Acl {
    /// The owner's canonical id.
    pub owner: String,
    /// The owner's name as shown to people.
    pub owner_name: String,
    /// The grants, at most [`GRANTS_MAX`].
    pub grants: Vec<Grant>,
}

/// An ACL as it was read, before its length is known to be allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    owner: String,
    owner_name: String,
    grants: Vec<Grant>,
}

/// More grants than an ACL may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ACL holds at most {GRANTS_MAX} grants")]
pub struct TooManyGrants;

impl TryFrom<Listed> for Acl {
    type Error = TooManyGrants;

    fn try_from(listed: Listed) -> Result<Self, TooManyGrants> {
        if listed.grants.len() > GRANTS_MAX {
            return Err(TooManyGrants);
        }
        Ok(Self {
            owner: listed.owner,
            owner_name: listed.owner_name,
            grants: listed.grants,
        })
    }
}

impl Acl {
    /// Full control for the owner, nothing for others. The owner is a canonical id and a name.
    pub fn private(owner: (&str, &str)) -> Self {
        Self::canned(Canned::Private, owner, owner)
    }

    /// The ACL behind a word such as `public-read`. Owners are canonical ids and names.
    pub fn canned(canned: Canned, owner: (&str, &str), bucket_owner: (&str, &str)) -> Self {
        let mut grants = vec![Grant::to_user(owner, Permission::FullControl)];
        grants.extend(canned.grants(owner.0, bucket_owner));
        Self {
            owner: owner.0.to_owned(),
            owner_name: owner.1.to_owned(),
            grants,
        }
    }

    /// Whether a grant gives the requester this permission.
    pub fn grants_to(&self, requester: Option<&Requester<'_>>, wanted: Permission) -> bool {
        Self::any(self.grants.iter(), requester, wanted)
    }

    /// The same, without the grants to everybody and to all authenticated users.
    pub fn grants_unpublicly_to(
        &self,
        requester: Option<&Requester<'_>>,
        wanted: Permission,
    ) -> bool {
        let grants = self.grants.iter();
        Self::any(
            grants.filter(|grant| !grant.grantee.is_public()),
            requester,
            wanted,
        )
    }

    fn any<'a>(
        mut grants: impl Iterator<Item = &'a Grant>,
        requester: Option<&Requester<'_>>,
        wanted: Permission,
    ) -> bool {
        grants.any(|grant| grant.permission.covers(wanted) && grant.grantee.has(requester))
    }

    /// Whether strangers are granted anything.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| grant.grantee.is_public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Group;

    const ANN: Requester<'static> = Requester {
        canonical_id: "ann-id",
        name: "ann",
        account: "1",
        account_name: "a",
    };

    #[test]
    fn grants() {
        let mut acl = Acl::private(("bob-id", "Bob"));
        assert!(!acl.is_public());
        assert!(!acl.grants_to(Some(&ANN), Permission::Read));
        acl.grants
            .push(Grant::to_user(("ann-id", "Ann"), Permission::Read));
        assert!(acl.grants_to(Some(&ANN), Permission::Read));
        assert!(!acl.grants_to(Some(&ANN), Permission::Write));
        assert!(!acl.grants_to(None, Permission::Read));
        acl.grants
            .push(Grant::to_group(Group::AllUsers, Permission::Write));
        assert!(acl.is_public());
        assert!(acl.grants_to(None, Permission::Write));
        assert!(!acl.grants_unpublicly_to(Some(&ANN), Permission::Write));
        assert!(acl.grants_unpublicly_to(Some(&ANN), Permission::Read));
        acl.grants
            .push(Grant::to_user(("ann-id", "Ann"), Permission::FullControl));
        assert!(
            Permission::ALL
                .iter()
                .all(|p| acl.grants_to(Some(&ANN), *p))
        );
    }

    #[test]
    fn text() {
        let mut acl = Acl::canned(Canned::PublicRead, ("ann-id", "Ann"), ("bob-id", "Bob"));
        let text = serde_json::to_string(&acl).expect("is text");
        assert_eq!(serde_json::from_str::<Acl>(&text).expect("is an ACL"), acl);
        let grant = Grant::to_group(Group::AllUsers, Permission::Read);
        acl.grants.resize(GRANTS_MAX + 1, grant);
        let text = serde_json::to_string(&acl).expect("is text");
        assert!(serde_json::from_str::<Acl>(&text).is_err());
    }
}
