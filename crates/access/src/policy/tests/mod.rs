//! Whole policies: who is public, and what all their tests share.

mod grammar;
mod operators;

use super::facts::tests::ANN;
use super::*;
use crate::action::Action;
use crate::context::Context;

const ALLOW: &str = r#""Effect": "Allow", "Principal": "*", "Action": "s3:*""#;
const OBJECTS: &str = r#""Resource": "arn:aws:s3:::photos/*""#;

fn policy(statements: &str) -> Result<Policy, PolicyError> {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
    Policy::parse(&text, "photos")
}

fn judge(policy: &Policy, context: &Context) -> Verdict {
    policy.judge(&Judged {
        who: Some(ANN),
        action: Action::GetObject,
        bucket: "photos",
        key: Some("ann/x.jpg"),
        context,
        resource_account: "7",
    })
}

/// What an Allow and a Deny on one condition make of a request.
fn holds(condition: &str, context: &Context) -> (bool, bool) {
    let judged = |effect: &str| {
        let statement = format!(
            r#"{{"Effect": "{effect}", "Principal": "*", "Action": "s3:*", {OBJECTS},
                "Condition": {condition}}}"#
        );
        let policy = policy(&statement).unwrap_or_else(|error| panic!("{condition}: {error}"));
        judge(&policy, context)
    };
    (
        judged("Allow") == Verdict::Allow,
        judged("Deny") == Verdict::Deny,
    )
}

fn context(key: &str, values: &[&str]) -> Context {
    let mut context = Context::new();
    values.iter().for_each(|value| context.add(key, *value));
    context
}

#[test]
fn variables_need_the_newer_version() {
    let text = |version: &str| {
        let resource = r#""Resource": "arn:aws:s3:::photos/${aws:username}/*""#;
        format!(r#"{{{version} "Statement": {{{ALLOW}, {resource}}}}}"#)
    };
    let verdict = |version| {
        let policy = Policy::parse(&text(version), "photos").expect("is a policy");
        judge(&policy, &Context::new())
    };
    assert_eq!(verdict(r#""Version": "2012-10-17","#), Verdict::Allow);
    assert_eq!(verdict(r#""Version": "2008-10-17","#), Verdict::Silent);
    assert_eq!(verdict(""), Verdict::Silent);
}

#[test]
fn what_is_public() {
    let public = |condition: &str| {
        let condition = match condition {
            "" => String::new(),
            text => format!(r#", "Condition": {{{text}}}"#),
        };
        let statement = format!("{{{ALLOW}, {OBJECTS}{condition}}}");
        policy(&statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
            .is_public()
    };
    for open in [
        "",
        r#""StringLike": {"aws:Referer": "http://example.org/*"}"#,
        r#""IpAddress": {"aws:SourceIp": "0.0.0.0/1"}"#,
        r#""IpAddress": {"aws:SourceIp": ["10.0.0.0/24", "::/0"]}"#,
        r#""IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/24"}"#,
        r#""NotIpAddress": {"aws:SourceIp": "10.0.0.0/24"}"#,
        r#""StringLike": {"aws:PrincipalArn": "arn:aws:iam::42:user/*"}"#,
        r#""StringEquals": {"aws:userid": "${aws:userid}"}"#,
        r#""StringEquals": {"aws:userid": ["ann-id", "anonymous"]}"#,
        r#""StringEqualsIgnoreCase": {"aws:PrincipalAccount": "ANONYMOUS"}"#,
        r#""ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}"#,
        r#""StringNotEquals": {"aws:PrincipalAccount": "42"}"#,
        r#""Null": {"aws:PrincipalArn": "false"}"#,
    ] {
        assert!(public(open), "{open}");
    }
    for closed in [
        r#""IpAddress": {"aws:SourceIp": ["10.0.0.0/32", "2001:db8::/32"]}"#,
        r#""StringEquals": {"aws:PrincipalAccount": ["42", "43"]}"#,
        r#""StringLike": {"aws:userid": "ann-id"}"#,
        r#""ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::42:user/ann"}"#,
        r#""ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1/"}"#,
        r#""StringEquals": {"aws:SourceVpce": "vpce-1", "s3:prefix": "*"}"#,
    ] {
        assert!(!public(closed), "{closed}");
    }
    let deny = format!(r#"{{"Effect": "Deny", "Principal": "*", "Action": "*", {OBJECTS}}}"#);
    assert!(!policy(&deny).expect("is a policy").is_public());
    let named =
        format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": "42"}}, "Action": "*", {OBJECTS}}}"#);
    assert!(!policy(&named).expect("is a policy").is_public());
}

#[test]
fn references() {
    let statement = format!(
        r#"{{{ALLOW}, "Resource": "arn:aws:s3:::photos/${{aws:username}}",
            "Condition": {{"StringEquals": {{"S3:ExistingObjectTag/Kind": "${{s3:prefix}}"}}}}}}"#
    );
    let policy = policy(&statement).expect("is a policy");
    for named in [
        "s3:ExistingObjectTag/",
        "s3:existingobjecttag/Kind",
        "s3:prefix",
        "aws:username",
    ] {
        assert!(policy.references(named), "{named}");
    }
    for other in [
        "s3:RequestObjectTag/",
        "s3:ExistingObjectTag/kind",
        "aws:SourceIp",
    ] {
        assert!(!policy.references(other), "{other}");
    }
}

#[test]
fn a_judgement_without_end_denies() {
    let wild = "*a".repeat(4) + &"a".repeat(4_000) + "b";
    let one = format!(
        r#""StringLikeIfExists": {{"aws:UserAgent": "{wild}"}},
           "StringLike": {{"aws:UserAgent": "{wild}"}}"#
    );
    let text = format!(r#"{{{ALLOW}, {OBJECTS}, "Condition": {{{one}}}}}"#);
    let policy = policy(&text).expect("is a policy");
    let request = context("aws:UserAgent", &[&"a".repeat(20_000)]);
    assert_eq!(judge(&policy, &request), Verdict::Deny);
    let request = context("aws:UserAgent", &["a"]);
    assert_eq!(judge(&policy, &request), Verdict::Silent);
}
