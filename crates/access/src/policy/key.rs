//! Condition keys: which exist, which tell a fixed group of people apart, which follow from who
//! asks.

use crate::context::canonical;
use crate::policy::PolicyError;

/// Keys that policies may use, in their one spelling.
const KNOWN: [&str; 81] = [
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpcsourceip",
    "s3:accesspointnetworkorigin",
    "s3:authtype",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:if-match",
    "s3:if-none-match",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
    "s3:x-amz-mp-object-size",
    "s3:x-amz-bypass-governance-retention",
    "s3:x-amz-tagging-directive",
    "s3:x-amz-copy-source-version-id",
    "s3:x-amz-create-session-mode",
];

/// Keys that end in the key of a tag.
const FAMILIES: [&str; 6] = [
    "aws:principaltag",
    "aws:requesttag",
    "aws:resourcetag",
    "s3:buckettag",
    "s3:existingobjecttag",
    "s3:requestobjecttag",
];

/// Keys whose fixed values keep a policy from being public, as AWS defines public. Addresses are
/// judged by their width besides.
const PINNING: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// A condition key that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

/// Keys whose values follow from who asks and what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derived {
    UserName,
    UserId,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    ResourceAccount,
}

impl Key {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let name = canonical(text);
        let exists = match name.split_once('/') {
            Some((family, tag)) => FAMILIES.contains(&family) && !tag.is_empty(),
            None => KNOWN.contains(&name.as_str()),
        };
        exists
            .then_some(Self(name))
            .ok_or(PolicyError::ConditionKey)
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    pub(super) fn derived(&self) -> Option<Derived> {
        Some(match self.0.as_str() {
            "aws:username" => Derived::UserName,
            "aws:userid" => Derived::UserId,
            "aws:principalarn" => Derived::PrincipalArn,
            "aws:principalaccount" => Derived::PrincipalAccount,
            "aws:principaltype" => Derived::PrincipalType,
            "aws:resourceaccount" | "s3:resourceaccount" => Derived::ResourceAccount,
            _ => return None,
        })
    }

    /// Whether its values are account numbers in twelve digits.
    pub(super) fn is_account(&self) -> bool {
        let derived = self.derived();
        matches!(
            derived,
            Some(Derived::PrincipalAccount | Derived::ResourceAccount)
        )
    }

    pub(super) fn pins(&self) -> bool {
        PINNING.contains(&self.0.as_str())
    }

    pub(super) fn is_address(&self) -> bool {
        self.0 == "aws:sourceip"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        for key in [
            "aws:SourceIp",
            "AWS:SOURCEIP",
            "s3:prefix",
            "s3:ExistingObjectTag/a b/c",
            "s3:x-amz-grant-full-control",
            "s3:object-lock-remaining-retention-days",
        ] {
            assert!(Key::parse(key).is_ok(), "{key}");
        }
        for key in [
            "",
            "s3:",
            "s3:nosuch",
            "s3:ExistingObjectTag/",
            "s3:prefix/x",
            "prefix",
        ] {
            assert_eq!(Key::parse(key), Err(PolicyError::ConditionKey), "{key}");
        }
    }

    #[test]
    fn tables_are_in_their_one_spelling() {
        let listed = KNOWN.iter().chain(&FAMILIES);
        assert!(listed.into_iter().all(|key| canonical(key) == **key));
        assert!(PINNING.iter().all(|key| Key::parse(key).is_ok()));
    }
}
