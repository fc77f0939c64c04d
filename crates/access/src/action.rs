//! The actions of S3: what a request does, as policies name it.
//!
//! Policies may also name actions of S3 that Dolium does not have; they are known here so that a
//! policy made elsewhere is accepted, and match nothing.

macro_rules! actions {
    ($($floor:ident { $($name:ident)* })*) => {
        /// What a request does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(
                #[doc = concat!("`s3:", stringify!($name), "`")]
                $name,
            )*)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// The name in policies, such as `s3:GetObject`.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => concat!("s3:", stringify!($name)),)*)*
                }
            }

            fn floor(self) -> Floor {
                match self {
                    $($(Self::$name => Floor::$floor,)*)*
                }
            }
        }
    };
}

/// What kind of thing an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    Bucket,
    Object,
}

actions! {
    Object {
        GetObject GetObjectVersion PutObject DeleteObject DeleteObjectVersion
        GetObjectAcl GetObjectVersionAcl PutObjectAcl PutObjectVersionAcl
        GetObjectTagging GetObjectVersionTagging PutObjectTagging PutObjectVersionTagging
        DeleteObjectTagging DeleteObjectVersionTagging
        GetObjectAttributes GetObjectVersionAttributes
        GetObjectRetention PutObjectRetention GetObjectLegalHold PutObjectLegalHold
        BypassGovernanceRetention AbortMultipartUpload ListMultipartUploadParts RestoreObject
    }
    Bucket {
        ListBucket ListBucketVersions ListBucketMultipartUploads GetBucketLocation
        CreateBucket DeleteBucket GetBucketAcl PutBucketAcl
        GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus
        GetBucketPublicAccessBlock PutBucketPublicAccessBlock
        GetBucketOwnershipControls PutBucketOwnershipControls
        GetBucketVersioning PutBucketVersioning GetBucketTagging PutBucketTagging
        GetBucketCORS PutBucketCORS GetLifecycleConfiguration PutLifecycleConfiguration
        GetEncryptionConfiguration PutEncryptionConfiguration
        GetBucketLogging PutBucketLogging GetBucketNotification PutBucketNotification
        GetBucketWebsite PutBucketWebsite DeleteBucketWebsite
        GetBucketObjectLockConfiguration PutBucketObjectLockConfiguration
        GetBucketRequestPayment PutBucketRequestPayment
        GetAccelerateConfiguration PutAccelerateConfiguration
        GetReplicationConfiguration PutReplicationConfiguration ListAllMyBuckets
    }
}

/// Actions of S3 that no request to Dolium is.
const ELSEWHERE: [(&str, Floor); 19] = [
    ("s3:GetAnalyticsConfiguration", Floor::Bucket),
    ("s3:PutAnalyticsConfiguration", Floor::Bucket),
    ("s3:GetIntelligentTieringConfiguration", Floor::Bucket),
    ("s3:PutIntelligentTieringConfiguration", Floor::Bucket),
    ("s3:GetInventoryConfiguration", Floor::Bucket),
    ("s3:PutInventoryConfiguration", Floor::Bucket),
    ("s3:GetMetricsConfiguration", Floor::Bucket),
    ("s3:PutMetricsConfiguration", Floor::Bucket),
    ("s3:GetObjectTorrent", Floor::Object),
    ("s3:GetObjectVersionTorrent", Floor::Object),
    ("s3:GetObjectVersionForReplication", Floor::Object),
    ("s3:InitiateReplication", Floor::Object),
    ("s3:ObjectOwnerOverrideToBucketOwner", Floor::Object),
    ("s3:PauseReplication", Floor::Bucket),
    ("s3:ReplicateDelete", Floor::Object),
    ("s3:ReplicateObject", Floor::Object),
    ("s3:ReplicateTags", Floor::Object),
    ("s3:UpdateBucketMetadataTableConfiguration", Floor::Bucket),
    ("s3:UpdateObjectEncryption", Floor::Object),
];

impl Action {
    /// Whether the action is done to an object and not to a bucket.
    pub fn is_on_object(self) -> bool {
        self.floor() == Floor::Object
    }

    /// All names a policy may use, with what they are done to.
    pub(crate) fn known() -> impl Iterator<Item = (&'static str, Floor)> {
        let ours = Self::ALL.iter().map(|one| (one.name(), one.floor()));
        ours.chain(ELSEWHERE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names() {
        assert_eq!(Action::GetBucketCORS.name(), "s3:GetBucketCORS");
        assert!(Action::BypassGovernanceRetention.is_on_object());
        assert!(!Action::ListBucketVersions.is_on_object());
        let names = Action::known().map(|(name, _)| name.to_ascii_lowercase());
        let names: Vec<_> = names.collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
