//! The decision: may this request go on.
//!
//! In this order: a policy that denies, a policy that allows, ownership, ACLs; what nothing allows
//! is denied.

use crate::acl::Acl;
use crate::action::Action;
use crate::context::Context;
use crate::grant::Permission;
use crate::policy::{Judged, Verdict};
use crate::requester::{Owner, Requester};
use crate::rules::Rules;

/// A request that needs a decision.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks; `None` is anonymous.
    pub who: Option<Requester<'a>>,
    /// What is asked for.
    pub action: Action,
    /// The bucket.
    pub bucket: &'a str,
    /// The object's key, for actions on objects.
    pub key: Option<&'a str>,
    /// What the request says about itself.
    pub context: &'a Context,
    /// Who owns the bucket.
    pub bucket_owner: Owner<'a>,
    /// The object the action is done to, when there is one. Tags that come with a new object are
    /// asked for without it, also when an older object has the same key.
    pub object: Option<ObjectFacts<'a>>,
}

/// What an object says about access.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectFacts<'a> {
    /// Its ACL; `None` is private to its owner.
    pub acl: Option<&'a Acl>,
    /// The canonical id of its owner; `None` is the bucket's owner.
    pub owner: Option<&'a str>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request may go on.
    Allow,
    /// It may not.
    Deny {
        /// Because a policy says so, and not because nothing allows it.
        explicit: bool,
    },
}

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }
}

/// Decides about a request.
pub fn decide(rules: &Rules, asked: &Asked<'_>) -> Decision {
    let owns_bucket = asked
        .who
        .is_some_and(|who| who.belongs_to(&asked.bucket_owner));
    match by_policy(rules, asked, owns_bucket) {
        // Who owns the bucket can always take back a policy that shut everybody out.
        Verdict::Deny if owns_bucket && asked.is_about_policy() => return Decision::Allow,
        Verdict::Deny => return Decision::Deny { explicit: true },
        Verdict::Allow => return Decision::Allow,
        Verdict::Silent => {}
    }
    let allowed = if asked.action.is_on_object() {
        Door::new(rules, asked, owns_bucket).allows_on_object()
    } else {
        owns_bucket || Door::new(rules, asked, owns_bucket).bucket_acl_allows()
    };
    if allowed {
        return Decision::Allow;
    }
    Decision::Deny { explicit: false }
}

fn by_policy(rules: &Rules, asked: &Asked<'_>, owns_bucket: bool) -> Verdict {
    let Some(policy) = &rules.policy else {
        return Verdict::Silent;
    };
    let verdict = policy.judge(&Judged {
        who: asked.who,
        action: asked.action,
        bucket: asked.bucket,
        key: asked.key,
        context: asked.context,
        resource_account: asked.bucket_owner.account,
    });
    let restricted = rules.public_access_block.restrict_public_buckets && policy.is_public();
    if verdict == Verdict::Allow && restricted && !owns_bucket {
        return Verdict::Silent;
    }
    verdict
}

impl Asked<'_> {
    fn is_about_policy(&self) -> bool {
        matches!(
            self.action,
            Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy
        )
    }
}

/// Ownership and ACLs, as they count for one request.
struct Door<'a> {
    rules: &'a Rules,
    asked: &'a Asked<'a>,
    owns_bucket: bool,
}

impl<'a> Door<'a> {
    fn new(rules: &'a Rules, asked: &'a Asked<'a>, owns_bucket: bool) -> Self {
        Self {
            rules,
            asked,
            owns_bucket,
        }
    }

    fn bucket_acl_allows(&self) -> bool {
        let wanted = bucket_permission(self.asked.action, self.asked.object.is_some());
        wanted.is_some_and(|wanted| self.granted(self.rules.acl.as_ref(), wanted))
    }

    fn allows_on_object(&self) -> bool {
        let wanted = object_permission(self.asked.action);
        let granted = |wanted| {
            let acl = self.asked.object.and_then(|object| object.acl);
            self.granted(acl, wanted)
        };
        if self.owns_bucket && (!self.object_is_foreign() || !is_the_owners(self.asked.action)) {
            return true;
        }
        if self.owns_object()
            && (is_the_owners(self.asked.action) || writes_tags(self.asked.action))
        {
            return true;
        }
        // Tags can be read by whoever owns the bucket and was granted the object.
        let wanted = wanted
            .or((self.owns_bucket && reads_tags(self.asked.action)).then_some(Permission::Read));
        wanted.is_some_and(granted) || self.bucket_acl_allows()
    }

    /// The owner of the object, when that is not the owner of the bucket.
    fn foreign_owner(&self) -> Option<&str> {
        let owner = self.asked.object.and_then(|object| object.owner);
        let foreign = |owner: &&str| *owner != self.asked.bucket_owner.canonical_id;
        owner.filter(foreign).filter(|_| self.rules.acls_count())
    }

    fn object_is_foreign(&self) -> bool {
        self.foreign_owner().is_some()
    }

    /// Whether the requester owns an object in somebody else's bucket.
    fn owns_object(&self) -> bool {
        match (self.asked.who, self.foreign_owner()) {
            (Some(who), Some(owner)) => !owner.is_empty() && who.canonical_id == owner,
            _ => false,
        }
    }

    fn granted(&self, acl: Option<&Acl>, wanted: Permission) -> bool {
        let Some(acl) = acl.filter(|_| self.rules.acls_count()) else {
            return false;
        };
        let who = self.asked.who.as_ref();
        if self.rules.public_access_block.ignore_public_acls {
            return acl.grants_unpublicly_to(who, wanted);
        }
        acl.grants_to(who, wanted)
    }
}

/// The permission on a bucket that is enough for an action.
fn bucket_permission(action: Action, object_exists: bool) -> Option<Permission> {
    use Action as A;
    match action {
        A::ListBucket | A::ListBucketVersions | A::ListBucketMultipartUploads => {
            Some(Permission::Read)
        }
        A::PutObject | A::DeleteObject | A::AbortMultipartUpload | A::ListMultipartUploadParts => {
            Some(Permission::Write)
        }
        // Tags that come with a new object need what the object needs.
        A::PutObjectTagging if !object_exists => Some(Permission::Write),
        A::GetBucketAcl => Some(Permission::ReadAcp),
        A::PutBucketAcl => Some(Permission::WriteAcp),
        _ => None,
    }
}

/// The permission on an object that is enough for an action.
fn object_permission(action: Action) -> Option<Permission> {
    use Action as A;
    match action {
        A::GetObject
        | A::GetObjectVersion
        | A::GetObjectAttributes
        | A::GetObjectVersionAttributes => Some(Permission::Read),
        A::GetObjectAcl | A::GetObjectVersionAcl => Some(Permission::ReadAcp),
        A::PutObjectAcl | A::PutObjectVersionAcl => Some(Permission::WriteAcp),
        _ => None,
    }
}

/// Whether an action is for the object's owner to allow, and not for the bucket's.
fn is_the_owners(action: Action) -> bool {
    object_permission(action).is_some() || reads_tags(action)
}

fn reads_tags(action: Action) -> bool {
    matches!(
        action,
        Action::GetObjectTagging | Action::GetObjectVersionTagging
    )
}

fn writes_tags(action: Action) -> bool {
    matches!(
        action,
        Action::PutObjectTagging
            | Action::PutObjectVersionTagging
            | Action::DeleteObjectTagging
            | Action::DeleteObjectVersionTagging
    )
}
