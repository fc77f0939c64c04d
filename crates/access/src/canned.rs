//! Canned ACLs: lists of grants behind one word.

use crate::grant::{Grant, Group, Permission};

/// The words of `x-amz-acl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canned {
    /// Nothing for others.
    Private,
    /// Everybody reads.
    PublicRead,
    /// Everybody reads and writes.
    PublicReadWrite,
    /// All who sign read.
    AuthenticatedRead,
    /// The bucket's owner reads.
    BucketOwnerRead,
    /// The bucket's owner has full control.
    BucketOwnerFullControl,
    /// The log writer writes and reads the ACL.
    LogDeliveryWrite,
    /// Private: the reader it names in AWS does not exist here.
    AwsExecRead,
}

const NAMES: [(&str, Canned); 8] = [
    ("private", Canned::Private),
    ("public-read", Canned::PublicRead),
    ("public-read-write", Canned::PublicReadWrite),
    ("authenticated-read", Canned::AuthenticatedRead),
    ("bucket-owner-read", Canned::BucketOwnerRead),
    ("bucket-owner-full-control", Canned::BucketOwnerFullControl),
    ("log-delivery-write", Canned::LogDeliveryWrite),
    ("aws-exec-read", Canned::AwsExecRead),
];

impl Canned {
    /// The canned ACL of this word.
    pub fn parse(word: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, canned)| *canned)
    }

    /// The grants besides the owner's full control.
    pub(crate) fn grants(self, owner_id: &str, bucket_owner: (&str, &str)) -> Vec<Grant> {
        use Permission::{FullControl, Read, ReadAcp, Write};
        let to = Grant::to_group;
        let to_bucket_owner = |permission| {
            // The owner's own grant says more already.
            let other = owner_id != bucket_owner.0;
            other
                .then(|| Grant::to_user(bucket_owner, permission))
                .into_iter()
                .collect()
        };
        match self {
            Self::Private | Self::AwsExecRead => Vec::new(),
            Self::PublicRead => vec![to(Group::AllUsers, Read)],
            Self::PublicReadWrite => vec![to(Group::AllUsers, Read), to(Group::AllUsers, Write)],
            Self::AuthenticatedRead => vec![to(Group::AuthenticatedUsers, Read)],
            Self::BucketOwnerRead => to_bucket_owner(Read),
            Self::BucketOwnerFullControl => to_bucket_owner(FullControl),
            Self::LogDeliveryWrite => vec![
                to(Group::LogDelivery, Write),
                to(Group::LogDelivery, ReadAcp),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Acl;
    use crate::requester::Requester;

    type Gets = &'static [Permission];

    #[test]
    fn who_gets_what() {
        use Permission::{Read, ReadAcp, Write, WriteAcp};
        let user = |canonical_id| Requester {
            canonical_id,
            name: "n",
            account: "1",
            account_name: "a",
        };
        const ALL: Gets = &[Read, Write, ReadAcp, WriteAcp];
        // The word, then what the bucket's owner, a signed stranger and an unsigned one get.
        let table: [(&str, Gets, Gets, Gets); 8] = [
            ("private", &[], &[], &[]),
            ("public-read", &[Read], &[Read], &[Read]),
            (
                "public-read-write",
                &[Read, Write],
                &[Read, Write],
                &[Read, Write],
            ),
            ("authenticated-read", &[Read], &[Read], &[]),
            ("bucket-owner-read", &[Read], &[], &[]),
            ("bucket-owner-full-control", ALL, &[], &[]),
            ("log-delivery-write", &[], &[], &[]),
            ("aws-exec-read", &[], &[], &[]),
        ];
        for (word, bucket_owner, signed, unsigned) in table {
            let canned = Canned::parse(word).expect("is a word");
            let acl = Acl::canned(canned, ("ann", "Ann"), ("bob", "Bob"));
            let got = |who: Option<&Requester<'_>>| {
                let got = ALL.iter().copied().filter(|p| acl.grants_to(who, *p));
                got.collect::<Vec<_>>()
            };
            assert_eq!(got(Some(&user("ann"))), ALL, "{word}");
            assert_eq!(got(Some(&user("bob"))), bucket_owner, "{word}");
            assert_eq!(got(Some(&user("eve"))), signed, "{word}");
            assert_eq!(got(None), unsigned, "{word}");
        }
        assert_eq!(Canned::parse("Private"), None);
    }

    #[test]
    fn one_owner_is_named_once() {
        let owner = ("ann", "Ann");
        let acl = Acl::canned(Canned::BucketOwnerRead, owner, owner);
        assert_eq!(acl, Acl::private(owner));
    }
}
