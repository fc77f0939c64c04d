//! Decisions over whole rule sets: owners, ACLs, ownership, public access blocks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use dolium_access::{
    Acl, Action, Asked, Canned, Context, Decision, Grant, ObjectFacts, Owner, Ownership,
    Permission, Policy, Requester, Rules, decide,
};

const fn user(name: &'static str, account: &'static str) -> Requester<'static> {
    Requester {
        canonical_id: name,
        name,
        account,
        account_name: "",
    }
}

/// Owns the bucket.
const BOB: Requester<'static> = user("bob", "1");
/// In Bob's account.
const BEN: Requester<'static> = user("ben", "1");
/// Owns an object in Bob's bucket.
const ANN: Requester<'static> = user("ann", "2");
/// Owns nothing.
const EVE: Requester<'static> = user("eve", "3");

const BOB_OWNS: Owner<'static> = Owner {
    canonical_id: "bob",
    account: "1",
};

fn ask(
    rules: &Rules,
    who: Option<Requester<'_>>,
    action: Action,
    object: Option<ObjectFacts<'_>>,
) -> Decision {
    let context = Context::new();
    decide(
        rules,
        &Asked {
            who,
            action,
            bucket: "photos",
            key: action.is_on_object().then_some("x"),
            context: &context,
            bucket_owner: BOB_OWNS,
            object,
        },
    )
}

/// The actions this user may take.
fn may(rules: &Rules, who: Option<Requester<'_>>, object: Option<ObjectFacts<'_>>) -> Vec<Action> {
    let all = Action::ALL.iter().copied();
    all.filter(|action| ask(rules, who, *action, object).is_allowed())
        .collect()
}

fn with_acl(canned: Canned) -> Rules {
    Rules {
        acl: Some(Acl::canned(canned, ("bob", "Bob"), ("bob", "Bob"))),
        ..Rules::default()
    }
}

fn with_policy(statements: &str) -> Rules {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    Rules {
        policy: Some(Policy::parse(&text, "photos").unwrap()),
        ..Rules::default()
    }
}

const ALLOW_ALL: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:*",
    "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]}"#;
const DENY_ALL: &str = r#"{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
    "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]}"#;

const READS: [Action; 4] = [
    Action::GetObject,
    Action::GetObjectVersion,
    Action::GetObjectAttributes,
    Action::GetObjectVersionAttributes,
];
const ACLS: [Action; 4] = [
    Action::GetObjectAcl,
    Action::GetObjectVersionAcl,
    Action::PutObjectAcl,
    Action::PutObjectVersionAcl,
];
const TAG_READS: [Action; 2] = [Action::GetObjectTagging, Action::GetObjectVersionTagging];
const TAG_WRITES: [Action; 4] = [
    Action::PutObjectTagging,
    Action::PutObjectVersionTagging,
    Action::DeleteObjectTagging,
    Action::DeleteObjectVersionTagging,
];

fn sorted(mut actions: Vec<Action>) -> Vec<&'static str> {
    actions.dedup();
    let mut names: Vec<_> = actions.into_iter().map(Action::name).collect();
    names.sort_unstable();
    names
}

#[test]
fn no_rules_allow_the_owner_only() {
    let none = Rules::default();
    for object in [None, Some(ObjectFacts::default())] {
        for owner in [BOB, BEN] {
            assert_eq!(may(&none, Some(owner), object), Action::ALL);
        }
        for stranger in [None, Some(EVE)] {
            assert_eq!(may(&none, stranger, object), []);
        }
    }
}

#[test]
fn an_object_of_somebody_else() {
    let acl = Acl::private(("ann", "Ann"));
    let object = Some(ObjectFacts {
        acl: Some(&acl),
        owner: Some("ann"),
    });
    let mut rules = Rules::default();
    for ownership in [
        None,
        Some(Ownership::ObjectWriter),
        Some(Ownership::BucketOwnerPreferred),
    ] {
        rules.ownership = ownership;
        let kept: Vec<_> = READS
            .iter()
            .chain(&ACLS)
            .chain(&TAG_READS)
            .copied()
            .collect();
        let bobs = Action::ALL.iter().copied();
        let bobs: Vec<_> = bobs.filter(|action| !kept.contains(action)).collect();
        assert_eq!(may(&rules, Some(BOB), object), bobs);
        assert_eq!(may(&rules, Some(BEN), object), bobs);
        let anns = kept.iter().chain(&TAG_WRITES).copied().collect();
        assert_eq!(sorted(may(&rules, Some(ANN), object)), sorted(anns));
        assert_eq!(may(&rules, Some(EVE), object), []);
        assert_eq!(may(&rules, None, object), []);
    }
    rules.ownership = Some(Ownership::BucketOwnerEnforced);
    assert_eq!(may(&rules, Some(BOB), object), Action::ALL);
    assert_eq!(may(&rules, Some(ANN), object), []);
}

#[test]
fn an_object_granted_to_the_bucket_owner() {
    let owners = (("ann", "Ann"), ("bob", "Bob"));
    let full = Acl::canned(Canned::BucketOwnerFullControl, owners.0, owners.1);
    let read = Acl::canned(Canned::BucketOwnerRead, owners.0, owners.1);
    let of = |acl| {
        Some(ObjectFacts {
            acl: Some(acl),
            owner: Some("ann"),
        })
    };
    let rules = Rules::default();
    assert_eq!(may(&rules, Some(BOB), of(&full)), Action::ALL);
    let actions = may(&rules, Some(BOB), of(&read));
    let withheld: Vec<_> = Action::ALL
        .iter()
        .filter(|a| !actions.contains(a))
        .copied()
        .collect();
    assert_eq!(sorted(withheld), sorted(ACLS.to_vec()));
    assert_eq!(may(&rules, Some(EVE), of(&full)), []);
}

#[test]
fn what_bucket_grants_give() {
    let lists = vec![
        Action::ListBucket,
        Action::ListBucketVersions,
        Action::ListBucketMultipartUploads,
    ];
    let writes = vec![
        Action::PutObject,
        Action::DeleteObject,
        Action::AbortMultipartUpload,
        Action::ListMultipartUploadParts,
    ];
    let acls = vec![Action::GetBucketAcl, Action::PutBucketAcl];
    for (permission, expected) in [
        (Permission::Read, lists.clone()),
        (Permission::Write, writes.clone()),
        (Permission::ReadAcp, acls[..1].to_vec()),
        (Permission::WriteAcp, acls[1..].to_vec()),
        (
            Permission::FullControl,
            [lists, writes.clone(), acls].concat(),
        ),
    ] {
        let mut acl = Acl::private(("bob", "Bob"));
        acl.grants.push(Grant::to_user(("eve", "Eve"), permission));
        let rules = Rules {
            acl: Some(acl),
            ..Rules::default()
        };
        let there = Some(ObjectFacts::default());
        let got = may(&rules, Some(EVE), there);
        assert_eq!(sorted(got), sorted(expected.clone()), "{permission:?}");
        assert_eq!(may(&rules, Some(ANN), there), [], "{permission:?}");
        // A new object may come with tags.
        let mut expected = expected;
        if expected.contains(&Action::PutObject) {
            expected.push(Action::PutObjectTagging);
        }
        assert_eq!(sorted(may(&rules, Some(EVE), None)), sorted(expected));
    }
}

#[test]
fn what_object_grants_give() {
    for (permission, expected) in [
        (Permission::Read, READS.to_vec()),
        (Permission::Write, Vec::new()),
        (Permission::ReadAcp, ACLS[..2].to_vec()),
        (Permission::WriteAcp, ACLS[2..].to_vec()),
        (Permission::FullControl, [READS, ACLS].concat()),
    ] {
        let mut acl = Acl::private(("bob", "Bob"));
        acl.grants.push(Grant::to_user(("eve", "Eve"), permission));
        let object = Some(ObjectFacts {
            acl: Some(&acl),
            owner: None,
        });
        let got = may(&Rules::default(), Some(EVE), object);
        assert_eq!(sorted(got), sorted(expected), "{permission:?}");
    }
}

#[test]
fn public_acls_can_be_ignored() {
    let acl = Acl::canned(Canned::PublicRead, ("bob", "Bob"), ("bob", "Bob"));
    let object = Some(ObjectFacts {
        acl: Some(&acl),
        owner: None,
    });
    for canned in [Canned::PublicReadWrite, Canned::AuthenticatedRead] {
        let mut rules = with_acl(canned);
        assert!(ask(&rules, Some(EVE), Action::ListBucket, None).is_allowed());
        assert!(ask(&rules, None, Action::GetObject, object).is_allowed());
        rules.public_access_block.ignore_public_acls = true;
        assert_eq!(may(&rules, Some(EVE), object), []);
        assert_eq!(may(&rules, None, object), []);
        assert_eq!(may(&rules, Some(BOB), object), Action::ALL);
        rules.public_access_block.ignore_public_acls = false;
        rules.ownership = Some(Ownership::BucketOwnerEnforced);
        assert_eq!(may(&rules, Some(EVE), object), []);
    }
}

#[test]
fn public_policies_can_be_restricted() {
    let mut rules = with_policy(ALLOW_ALL);
    assert_eq!(may(&rules, None, None), Action::ALL);
    rules.public_access_block.restrict_public_buckets = true;
    assert_eq!(may(&rules, None, None), []);
    assert_eq!(may(&rules, Some(EVE), None), []);
    assert_eq!(may(&rules, Some(BEN), None), Action::ALL);
    // The owner's account keeps what only the policy gives it.
    let anns = Some(ObjectFacts {
        acl: None,
        owner: Some("ann"),
    });
    assert!(ask(&rules, Some(BEN), Action::GetObject, anns).is_allowed());
    let named = r#"{"Effect": "Allow", "Principal": {"AWS": "3"}, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::photos/*"}"#;
    let mut rules = with_policy(named);
    rules.public_access_block.restrict_public_buckets = true;
    assert_eq!(may(&rules, Some(EVE), None), [Action::GetObject]);
    // One statement that is public restricts all of the policy.
    let mut rules = with_policy(&format!("{named}, {ALLOW_ALL}"));
    rules.public_access_block.restrict_public_buckets = true;
    assert_eq!(may(&rules, Some(EVE), None), []);
}

#[test]
fn a_deny_wins() {
    let explicit = Decision::Deny { explicit: true };
    let mut rules = with_policy(&format!("{ALLOW_ALL}, {DENY_ALL}"));
    rules.acl = with_acl(Canned::PublicReadWrite).acl;
    for who in [None, Some(EVE), Some(BOB)] {
        assert_eq!(ask(&rules, who, Action::GetObject, None), explicit);
    }
    let policy = vec![
        Action::GetBucketPolicy,
        Action::PutBucketPolicy,
        Action::DeleteBucketPolicy,
    ];
    assert_eq!(may(&rules, Some(BOB), None), policy);
    assert_eq!(may(&rules, Some(EVE), None), []);
    let silent = Decision::Deny { explicit: false };
    assert_eq!(
        ask(&Rules::default(), None, Action::GetObject, None),
        silent
    );
}

#[test]
fn a_policy_opens_an_object_of_somebody_else_to_its_bucket_owner() {
    let rules = with_policy(ALLOW_ALL);
    let object = Some(ObjectFacts {
        acl: None,
        owner: Some("ann"),
    });
    assert!(ask(&rules, Some(BOB), Action::GetObject, object).is_allowed());
    let tags = ask(
        &Rules::default(),
        Some(BOB),
        Action::GetObjectTagging,
        object,
    );
    assert!(!tags.is_allowed());
}
