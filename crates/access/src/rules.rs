//! All that a bucket says about access, besides what its objects say.
//!
//! The texts are the caller's; these are their parsed forms. Without any, a bucket is its owner's
//! alone.

use serde::{Deserialize, Serialize};

use crate::acl::Acl;
use crate::policy::Policy;

/// Who owns what others write, and whether ACLs count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The bucket owner owns everything; ACLs do not count.
    BucketOwnerEnforced,
    /// Writers own what they write unless they hand it over with `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// Writers own what they write. Holds when nothing is said.
    ObjectWriter,
}

/// Switches against accidental publishing. The first and third are for those who accept new ACLs
/// and policies; [`decide`](crate::decide) reads the second and fourth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub struct PublicAccessBlock {
    /// Refuse ACLs that are public.
    pub block_public_acls: bool,
    /// Grants to everybody and to all authenticated users do not count.
    pub ignore_public_acls: bool,
    /// Refuse policies that are public.
    pub block_public_policy: bool,
    /// A public policy allows only the bucket owner's account.
    pub restrict_public_buckets: bool,
}

/// Everything a bucket says about access.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The bucket policy.
    pub policy: Option<Policy>,
    /// The bucket's ACL; `None` is private to the owner.
    pub acl: Option<Acl>,
    /// The switches.
    pub public_access_block: PublicAccessBlock,
    /// The ownership setting; `None` is [`Ownership::ObjectWriter`].
    pub ownership: Option<Ownership>,
}

impl Rules {
    /// Whether ACLs, of the bucket and of its objects, mean anything.
    pub fn acls_count(&self) -> bool {
        self.ownership != Some(Ownership::BucketOwnerEnforced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let block: PublicAccessBlock =
            serde_json::from_str(r#"{"IgnorePublicAcls": true}"#).expect("is a block");
        assert!(block.ignore_public_acls && !block.block_public_acls);
        assert!(serde_json::from_str::<PublicAccessBlock>(r#"{"Ignore": true}"#).is_err());
        let word = serde_json::to_string(&Ownership::ObjectWriter).expect("is a word");
        assert_eq!(word, r#""ObjectWriter""#);
        assert!(Rules::default().acls_count());
    }
}
