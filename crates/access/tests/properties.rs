//! What holds for every policy and every request.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use dolium_access::{
    Acl, Action, Asked, Canned, Context, Decision, Grantees, GranteesDoor, Judged, ObjectFacts,
    Owner, Ownership, Policy, PublicAccessBlock, Requester, Rules, decide,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["ann", "bob", "ben", "eve"];

/// Words of the grammar and words beside it.
fn word() -> impl Strategy<Value = String> {
    let known = select(vec![
        "*",
        "Allow",
        "Deny",
        "2012-10-17",
        "s3:*",
        "s3:GetObject",
        "s3:Put?bject*",
        "s3:prefix",
        "arn:aws:s3:::photos",
        "arn:aws:s3:::photos/${aws:username}/*",
        "arn:aws:s3:::*",
        "arn:aws:iam::1:user/ann",
        "arn:aws:iam:::root",
        "${",
        "${s3:prefix}",
        "${s3:prefix, 'x'}",
        "true",
        "10.0.0.0/8",
        "1e9",
        "-5.25",
        "2026-11-20T16:49:00Z",
        "QUJD",
        "aws:SourceIp",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[a*?:/${},'é]{0,12}"]
}

fn name() -> impl Strategy<Value = String> {
    let known = select(vec![
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "AWS",
        "CanonicalUser",
        "Service",
        "StringLike",
        "ForAllValues:StringEqualsIfExists",
        "NumericLessThan",
        "DateGreaterThan",
        "ArnLike",
        "IpAddress",
        "Null",
        "Bool",
        "BinaryEquals",
        "s3:prefix",
        "aws:SourceIp",
    ]);
    prop_oneof![5 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        5 => word().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..8).prop_map(Value::from_iter),
        ]
    })
}

/// Operators with values they can read.
fn condition() -> impl Strategy<Value = Value> {
    let values = prop::collection::vec(select(vec!["a", "a*", "?b", "${aws:username}"]), 1..3);
    let text = (
        select(vec!["", "ForAllValues:", "ForAnyValue:"]),
        select(vec![
            "StringEquals",
            "StringNotLike",
            "StringLike",
            "StringNotEqualsIgnoreCase",
        ]),
        select(vec!["", "IfExists"]),
        select(vec!["s3:prefix", "aws:username", "s3:ExistingObjectTag/k"]),
        values,
    );
    let text = text.prop_map(|(over, name, exists, key, values)| {
        json!({ format!("{over}{name}{exists}"): { key: values } })
    });
    let other = select(vec![
        json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        json!({"NumericLessThan": {"s3:max-keys": 10}}),
        json!({"Null": {"s3:prefix": "true"}}),
        json!({"Bool": {"aws:SecureTransport": true}}),
    ]);
    prop_oneof![text, other]
}

fn statement() -> impl Strategy<Value = Value> {
    let principal = select(vec![
        json!("*"),
        json!({"AWS": "1"}),
        json!({"AWS": ["arn:aws:iam::2:user/ann", "3"]}),
        json!({"CanonicalUser": "eve"}),
        json!({"Service": "x"}),
    ]);
    let action = select(vec![
        "s3:*",
        "s3:Get*",
        "s3:GetObject",
        "s3:PutObject*",
        "s3:*Bucket*",
    ]);
    let resource = select(vec![
        "*",
        "photos*",
        "photos/*",
        "photos/${aws:username}*",
        "photos",
    ]);
    let members = (
        any::<[bool; 4]>(),
        principal,
        action,
        resource,
        prop::option::of(condition()),
    );
    members.prop_map(|(flags, principal, action, resource, condition)| {
        let [deny, other_principal, other_action, other_resource] = flags;
        let name = |not: bool, name: &str| {
            if not {
                format!("Not{name}")
            } else {
                name.to_owned()
            }
        };
        let mut statement = json!({
            "Effect": if deny { "Deny" } else { "Allow" },
            name(other_principal && deny, "Principal"): principal,
            name(other_action, "Action"): action,
            name(other_resource, "Resource"): format!("arn:aws:s3:::{resource}"),
        });
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        statement
    })
}

fn policy(statements: &[Value]) -> Option<Policy> {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(&text, "photos").ok()
}

/// A request with everything in it that rules look at.
#[derive(Clone, Debug)]
struct Request {
    who: Option<usize>,
    action: Action,
    key: String,
    context: Context,
    acl: Option<Acl>,
    owner: Option<usize>,
}

fn acl() -> impl Strategy<Value = Option<Acl>> {
    let canned = select(vec![
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "bucket-owner-full-control",
    ]);
    let acl = (canned, select(NAMES.to_vec())).prop_map(|(word, owner)| {
        let canned = Canned::parse(word).unwrap();
        Acl::canned(canned, (owner, owner), ("bob", "bob"))
    });
    prop::option::of(acl)
}

fn request() -> impl Strategy<Value = Request> {
    let values = prop::collection::vec(
        (
            select(vec![
                "s3:prefix",
                "aws:SourceIp",
                "s3:max-keys",
                "s3:ExistingObjectTag/k",
            ]),
            select(vec!["a", "ab", "10.1.1.1", "5", "ann", "50"]),
        ),
        0..4,
    );
    let parts = (
        prop::option::of(0..NAMES.len()),
        select(Action::ALL.to_vec()),
        select(vec!["a", "ann/x", "eve"]),
        values,
        acl(),
        prop::option::of(0..NAMES.len()),
    );
    parts.prop_map(|(who, action, key, values, acl, owner)| {
        let mut context = Context::new();
        values
            .into_iter()
            .for_each(|(key, value)| context.add(key, value));
        Request {
            who,
            action,
            key: key.to_owned(),
            context,
            acl,
            owner,
        }
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let ownership = select(vec![
        None,
        Some(Ownership::ObjectWriter),
        Some(Ownership::BucketOwnerEnforced),
    ]);
    (acl(), any::<[bool; 2]>(), ownership).prop_map(|(acl, [ignore, restrict], ownership)| Rules {
        policy: None,
        acl,
        public_access_block: PublicAccessBlock {
            ignore_public_acls: ignore,
            restrict_public_buckets: restrict,
            ..PublicAccessBlock::default()
        },
        ownership,
    })
}

fn requester(index: usize) -> Requester<'static> {
    let accounts = ["2", "1", "1", "3"];
    Requester {
        canonical_id: NAMES[index],
        name: NAMES[index],
        account: accounts[index],
        account_name: "",
    }
}

fn decided(rules: &Rules, request: &Request) -> Decision {
    let object = ObjectFacts {
        acl: request.acl.as_ref(),
        owner: request.owner.map(|index| NAMES[index]),
    };
    let asked = Asked {
        who: request.who.map(requester),
        action: request.action,
        bucket: "photos",
        key: Some(&request.key),
        context: &request.context,
        bucket_owner: Owner {
            canonical_id: "bob",
            account: "1",
        },
        object: Some(object),
    };
    decide(rules, &asked)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reading_and_judging_never_panic(value in any_json(), request in request()) {
        if let Ok(policy) = Policy::parse(&value.to_string(), "photos") {
            let rules = Rules { policy: Some(policy), ..Rules::default() };
            let _ = decided(&rules, &request);
        }
    }

    #[test]
    fn statements_of_any_kind_never_panic(
        members in prop::collection::vec((name(), any_json()), 0..8),
        condition in any_json(),
        text in "\\PC{0,60}",
    ) {
        let _ = policy(&[Value::from_iter(members)]);
        let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": "arn:aws:s3:::photos/*"});
        statement["Condition"] = condition;
        let _ = policy(&[statement]);
        let _ = Policy::parse(&text, "photos");
    }

    #[test]
    fn a_deny_more_allows_nothing_more(
        statements in prop::collection::vec(statement(), 0..4),
        added in statement(),
        at in any::<prop::sample::Index>(),
        rules in rules(),
        request in request(),
    ) {
        let without = rules_with(&rules, &statements);
        let mut statements = statements;
        let mut added = added;
        added["Effect"] = "Deny".into();
        statements.insert(at.index(statements.len() + 1), added);
        let with = rules_with(&rules, &statements);
        if let (Some(without), Some(with)) = (without, with) {
            let before = decided(&without, &request).is_allowed();
            let after = decided(&with, &request).is_allowed();
            prop_assert!(!after || before);
        }
    }

    #[test]
    fn an_empty_rule_set_allows_only_owners(request in request()) {
        let request = Request { acl: None, ..request };
        let decision = decided(&Rules::default(), &request);
        let bucket_owner = request.who.is_some_and(|who| requester(who).account == "1");
        let object_owner = request.who.is_some() && request.who == request.owner;
        let allowed = decision.is_allowed();
        prop_assert!(!allowed || bucket_owner || (object_owner && request.action.is_on_object()));
        let foreign = request.owner.is_some_and(|owner| NAMES[owner] != "bob");
        prop_assert!(!bucket_owner || foreign || allowed);
        prop_assert_ne!(decision, Decision::Deny { explicit: true });
    }

    #[test]
    fn a_policy_that_is_not_public_allows_no_stranger(
        statements in prop::collection::vec(statement(), 1..4),
        request in request(),
    ) {
        // Without an address, nobody is inside a network that a condition names.
        let mut context = Context::new();
        for key in ["s3:prefix", "s3:max-keys"] {
            for value in request.context.get(key).into_iter().flatten() {
                context.add(key, value.clone());
            }
        }
        if let Some(policy) = policy(&statements).filter(|policy| !policy.is_public()) {
            let verdict = policy.judge(&Judged {
                who: None,
                action: request.action,
                bucket: "photos",
                key: Some(&request.key),
                context: &context,
                resource_account: "1",
            });
            prop_assert!(verdict != dolium_access::Verdict::Allow);
        }
    }
}

/// The properties say something only about statements that are read, and about strangers only when
/// some policy is not public.
#[test]
fn most_generated_statements_are_read() {
    let mut runner = TestRunner::deterministic();
    let mut policies = Vec::new();
    for _ in 0..200 {
        let statement = statement().new_tree(&mut runner).unwrap().current();
        policies.extend(policy(&[statement]));
    }
    let public = policies.iter().filter(|policy| policy.is_public()).count();
    assert!(policies.len() > 100, "{}", policies.len());
    assert!(public > 10 && policies.len() - public > 10, "{public}");
}

/// The rules with a policy of these statements; `None` when they make no policy.
fn rules_with(rules: &Rules, statements: &[Value]) -> Option<Rules> {
    let policy = match statements {
        [] => None,
        statements => Some(policy(statements)?),
    };
    Some(Rules {
        policy,
        ..rules.clone()
    })
}

proptest! {
    /// Whatever a list of grantees is made of: what parses is written in one spelling that parses again to
    /// the same, and admits nobody who is not named.
    #[test]
    fn lists_of_grantees(text in "(\\.r|\\.ref|\\.referrer|\\.rlistings|:|,|-|\\*|\\.|[a-c ]|\\PC){0,30}") {
        for door in [GranteesDoor::Read, GranteesDoor::Write] {
            let Ok(list) = Grantees::parse(&text, door) else { continue };
            let written = list.to_string();
            prop_assert_eq!(Grantees::parse(&written, door), Ok(list.clone()));
            let stranger = ["nobody:nobody".to_owned()];
            prop_assert!(!list.admits_groups(&stranger));
            prop_assert!(!list.admits_everybody(&[]));
            let _ = list.admits_referrer(Some(&text));
        }
    }
}
