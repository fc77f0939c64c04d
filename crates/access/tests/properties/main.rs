//! What holds for every policy and every request.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod generators;

use dolium_access::{
    Acl, Action, Asked, Canned, Context, Decision, Grantees, GranteesDoor, Judged, ObjectFacts,
    Owner, Ownership, Policy, PublicAccessBlock, Requester, Rules, decide,
};
use generators::*;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["ann", "bob", "ben", "eve"];

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
