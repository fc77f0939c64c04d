//! Whole policies: the grammar, every operator, and who is public.

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
fn operators_on_one_value() {
    // Operator, key, the policy's value, a value that fulfils it, one that does not.
    let table = [
        ("StringEquals", "s3:prefix", r#""a*""#, "a*", "ab"),
        ("StringEquals", "s3:prefix", r#"["a", "b"]"#, "b", "c"),
        ("StringNotEquals", "s3:prefix", r#"["a", "b"]"#, "c", "b"),
        ("StringEqualsIgnoreCase", "s3:prefix", r#""aB""#, "Ab", "a"),
        (
            "StringNotEqualsIgnoreCase",
            "s3:prefix",
            r#""aB""#,
            "a",
            "Ab",
        ),
        ("StringLike", "s3:prefix", r#""a?c*""#, "abcd", "ac"),
        ("StringNotLike", "s3:prefix", r#""a*""#, "ba", "ab"),
        (
            "StringLike",
            "s3:prefix",
            r#""${aws:username}/*""#,
            "ann/1",
            "bob/1",
        ),
        (
            "StringEquals",
            "s3:prefix",
            r#""${*}${aws:userid}""#,
            "*ann-id",
            "xann-id",
        ),
        ("NumericEquals", "s3:max-keys", "10", "10.0", "11"),
        ("NumericNotEquals", "s3:max-keys", r#""10""#, "11", "10"),
        ("NumericLessThan", "s3:max-keys", "10", "9", "10"),
        ("NumericLessThanEquals", "s3:max-keys", "10", "10", "10.1"),
        ("NumericGreaterThan", "s3:max-keys", "10", "11", "10"),
        ("NumericGreaterThanEquals", "s3:max-keys", "10", "10", "9"),
        (
            "DateEquals",
            "aws:CurrentTime",
            r#""2026-01-01""#,
            "2026-01-01T00:00:00Z",
            "0",
        ),
        (
            "DateNotEquals",
            "aws:CurrentTime",
            r#""2026-01-01""#,
            "2026-01-02",
            "2026-01-01",
        ),
        (
            "DateLessThan",
            "aws:CurrentTime",
            r#""2026-01-01""#,
            "2025-12-31",
            "2026-01-01",
        ),
        ("DateLessThanEquals", "aws:EpochTime", "100", "100", "101"),
        (
            "DateGreaterThan",
            "aws:CurrentTime",
            r#""2026-01-01""#,
            "2026-01-02",
            "2026-01-01",
        ),
        ("DateGreaterThanEquals", "aws:EpochTime", "100", "100", "99"),
        ("Bool", "aws:SecureTransport", "true", "true", "false"),
        ("Bool", "aws:SecureTransport", r#""False""#, "false", "true"),
        ("BinaryEquals", "s3:prefix", r#""QUJD""#, "QUJD", "QUJE"),
        (
            "IpAddress",
            "aws:SourceIp",
            r#"["10.0.0.0/8", "::1"]"#,
            "10.1.1.1",
            "11.1.1.1",
        ),
        (
            "NotIpAddress",
            "aws:SourceIp",
            r#""10.0.0.0/8""#,
            "11.1.1.1",
            "10.1.1.1",
        ),
        (
            "ArnEquals",
            "aws:SourceArn",
            r#""arn:aws:s3:::a*""#,
            "arn:aws:s3:::ab",
            "arn:aws:s3:::b",
        ),
        (
            "ArnLike",
            "aws:SourceArn",
            r#""arn:aws:*:::b""#,
            "arn:aws:s3:::b",
            "arn:aws:s3:x::b",
        ),
        (
            "ArnNotEquals",
            "aws:SourceArn",
            r#""arn:aws:s3:::a""#,
            "arn:aws:s3:::b",
            "arn:aws:s3:::a",
        ),
        (
            "ArnNotLike",
            "aws:SourceArn",
            r#""arn:*:*:::*""#,
            "arn:aws:s3:x::b",
            "arn:aws:s3:::b",
        ),
    ];
    for (operator, key, wanted, good, bad) in table {
        let condition = format!(r#"{{"{operator}": {{"{key}": {wanted}}}}}"#);
        let good = holds(&condition, &context(key, &[good]));
        assert_eq!(good, (true, true), "{condition}");
        let bad = holds(&condition, &context(key, &[bad]));
        assert_eq!(bad, (false, false), "{condition}");
        // Without a value only negations hold, and with IfExists everything.
        let negated = operator.contains("Not");
        let none = Context::new();
        assert_eq!(holds(&condition, &none), (negated, negated), "{condition}");
        let condition = format!(r#"{{"{operator}IfExists": {{"{key}": {wanted}}}}}"#);
        assert_eq!(holds(&condition, &none), (true, true), "{condition}");
        let bad = holds(&condition, &context(key, &["?"]));
        let readable = operator.starts_with("String");
        assert!(readable || bad == (false, true), "{condition}: doubt");
    }
}

#[test]
fn operators_on_many_values() {
    let key = "s3:RequestObjectTagKeys";
    let none: &[&str] = &[];
    // Operator, the request's values, whether an Allow and a Deny are fulfilled by ["a", "b"].
    for (operator, values, expected) in [
        ("ForAllValues:StringEquals", &["a", "b"][..], (true, true)),
        ("ForAllValues:StringEquals", &["a", "c"], (false, false)),
        ("ForAllValues:StringEquals", none, (true, true)),
        ("ForAllValues:StringNotEquals", &["c", "d"], (true, true)),
        ("ForAllValues:StringNotEquals", &["a", "c"], (false, false)),
        ("ForAnyValue:StringEquals", &["a", "c"], (true, true)),
        ("ForAnyValue:StringEquals", &["c"], (false, false)),
        ("ForAnyValue:StringEquals", none, (false, false)),
        ("ForAnyValue:StringNotEquals", &["a", "c"], (true, true)),
        ("ForAnyValue:StringNotEquals", &["a", "b"], (false, false)),
        ("ForAnyValue:StringNotEquals", none, (false, false)),
        ("ForAnyValue:StringEqualsIfExists", none, (true, true)),
        // Several values where one is meant count against the requester.
        ("StringEquals", &["a", "c"], (false, true)),
        ("StringNotEquals", &["a", "c"], (false, true)),
    ] {
        let condition = format!(r#"{{"{operator}": {{"{key}": ["a", "b"]}}}}"#);
        let held = holds(&condition, &context(key, values));
        assert_eq!(held, expected, "{operator} {values:?}");
    }
}

#[test]
fn null() {
    for (wanted, present, absent) in [
        (r#""true""#, false, true),
        ("false", true, false),
        (r#"["true", "false"]"#, true, true),
    ] {
        let condition = format!(r#"{{"Null": {{"s3:x-amz-acl": {wanted}}}}}"#);
        let held = holds(&condition, &context("s3:x-amz-acl", &["private"]));
        assert_eq!(held, (present, present), "{wanted}");
        assert_eq!(holds(&condition, &Context::new()), (absent, absent));
    }
}

#[test]
fn all_conditions_must_hold() {
    let condition = r#"{"StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"},
        "NumericLessThan": {"s3:max-keys": 5}}"#;
    let mut context = context("s3:prefix", &["a"]);
    context.set("s3:delimiter", "/");
    assert!(!holds(condition, &context).0);
    context.set("s3:max-keys", "4");
    assert!(holds(condition, &context).0);
    context.set("s3:delimiter", "-");
    assert!(!holds(condition, &context).0);
}

#[test]
fn accounts_are_padded() {
    let none = Context::new();
    for (value, holds_) in [("42", true), ("000000000042", true), ("43", false)] {
        let condition = format!(r#"{{"StringEquals": {{"aws:PrincipalAccount": "{value}"}}}}"#);
        assert_eq!(holds(&condition, &none).0, holds_, "{value}");
    }
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
fn members_of_a_statement() {
    // The statement, and what it says to Ann about photos/ann/x.jpg.
    let allow = r#""Effect": "Allow", "Principal": "*""#;
    let deny = r#""Effect": "Deny""#;
    for (statement, verdict) in [
        (format!(r#"{{{ALLOW}, {OBJECTS}}}"#), Verdict::Allow),
        (
            format!(r#"[{{"Sid": "a b", {ALLOW}, {OBJECTS}}}]"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{allow}, "Action": "*", {OBJECTS}}}"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{allow}, "Action": ["S3:getobject"], {OBJECTS}}}"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{allow}, "Action": "s3:Get*", {OBJECTS}}}"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{allow}, "Action": "s3:Put*", {OBJECTS}}}"#),
            Verdict::Silent,
        ),
        (
            format!(r#"{{{allow}, "Action": "s3:GetObjectTorrent", {OBJECTS}}}"#),
            Verdict::Silent,
        ),
        (
            format!(r#"{{{allow}, "NotAction": "s3:Put*", {OBJECTS}}}"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{allow}, "NotAction": "s3:Get*", {OBJECTS}}}"#),
            Verdict::Silent,
        ),
        (
            format!(r#"{{{ALLOW}, "NotResource": "arn:aws:s3:::photos/bob/*"}}"#),
            Verdict::Allow,
        ),
        (
            format!(r#"{{{ALLOW}, "NotResource": "arn:aws:s3:::photos/ann/*"}}"#),
            Verdict::Silent,
        ),
        // A variable without a value: neither allowed nor, outside what is spared, left alone.
        (
            format!(r#"{{{ALLOW}, "NotResource": "arn:aws:s3:::photos/${{s3:prefix}}"}}"#),
            Verdict::Silent,
        ),
        (
            format!(
                r#"{{{deny}, "Principal": "*", "Action": "s3:*",
                    "NotResource": "arn:aws:s3:::photos/${{s3:prefix}}"}}"#
            ),
            Verdict::Deny,
        ),
        (
            format!(r#"{{{deny}, "NotPrincipal": {{"AWS": "42"}}, "Action": "*", {OBJECTS}}}"#),
            Verdict::Silent,
        ),
        (
            format!(r#"{{{deny}, "NotPrincipal": {{"AWS": "43"}}, "Action": "*", {OBJECTS}}}"#),
            Verdict::Deny,
        ),
        (
            format!(
                r#"[{{{ALLOW}, {OBJECTS}}},
                    {{{deny}, "Principal": "*", "Action": "s3:GetObject", {OBJECTS}}}]"#
            ),
            Verdict::Deny,
        ),
    ] {
        let policy = policy(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert_eq!(judge(&policy, &Context::new()), verdict, "{statement}");
    }
}

#[test]
fn what_is_no_policy() {
    let base = format!("{ALLOW}, {OBJECTS}");
    let with = |member: &str| format!("{{{base}, {member}}}");
    let syntax = |error: &PolicyError| matches!(error, PolicyError::Syntax { .. });
    for statement in [
        "[[]]".to_owned(),
        "3".to_owned(),
        "{}".to_owned(),
        with(r#""Surprise": 1"#),
        with(r#""Action": "s3:*""#),
        with(r#""Condition": null"#),
        with(r#""Condition": {}"#),
        with(r#""Condition": {"StringEquals": {}}"#),
        with(r#""Condition": {"StringEquals": {"s3:prefix": []}}"#),
        with(r#""Condition": {"StringEquals": {"s3:prefix": [["a"]]}}"#),
        with(r#""Condition": {"Bool": {"s3:prefix": true}, "Bool": {"s3:prefix": true}}"#),
        format!(r#"{{"Effect": "Maybe", "Principal": "*", "Action": "*", {OBJECTS}}}"#),
        format!(r#"{{"Effect": "Allow", "Principal": "*", "Action": [], {OBJECTS}}}"#),
        format!(r#"{{"Effect": "Allow", "Principal": "*", "Action": 1, {OBJECTS}}}"#),
        format!(r#"{{"Effect": "Allow", "Principal": {{}}, "Action": "*", {OBJECTS}}}"#),
        format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": []}}, "Action": "*", {OBJECTS}}}"#),
        r#"[["a", "Allow", "*", null, "s3:*", null, "arn:aws:s3:::photos", null, null]]"#
            .to_owned(),
    ] {
        let error = policy(&statement).err();
        assert!(error.as_ref().is_some_and(syntax), "{statement}: {error:?}");
    }
    let action =
        |word| format!(r#"{{"Effect": "Allow", "Principal": "*", "Action": {word}, {OBJECTS}}}"#);
    let resource = |arn| format!(r#"{{{ALLOW}, "Resource": "{arn}"}}"#);
    let condition = |text| with(&format!(r#""Condition": {{{text}}}"#));
    for (statement, error) in [
        ("[]".to_owned(), PolicyError::Statements),
        (
            format!("[{}]", vec![with(r#""Sid": "a""#); 2].join(",")),
            PolicyError::DuplicateSid,
        ),
        (action(r#""s3:NoSuch""#), PolicyError::Action),
        (action(r#""s3:NoSuch*""#), PolicyError::Action),
        (action(r#"["s3:GetObject", "iam:*"]"#), PolicyError::Action),
        (action(r#""""#), PolicyError::Action),
        (action(r#""s3:ListBucket""#), PolicyError::ActionResource),
        (resource("arn:aws:s3:::others/*"), PolicyError::Resource),
        (resource("*"), PolicyError::Resource),
        (resource("arn:aws:s3:::photos/${x}"), PolicyError::Variable),
        (with(r#""NotAction": "s3:*""#), PolicyError::OneOf("Action")),
        (
            with(r#""NotResource": "arn:aws:s3:::photos""#),
            PolicyError::OneOf("Resource"),
        ),
        (
            format!(r#"{{"Effect": "Allow", "Action": "*", {OBJECTS}}}"#),
            PolicyError::OneOf("Principal"),
        ),
        (
            format!(r#"{{"Effect": "Allow", "NotPrincipal": "*", "Action": "*", {OBJECTS}}}"#),
            PolicyError::AllowNotPrincipal,
        ),
        (
            condition(r#""Equals": {"s3:prefix": "a"}"#),
            PolicyError::Operator,
        ),
        (
            condition(r#""Bool": {"s3:nosuch": "true"}"#),
            PolicyError::ConditionKey,
        ),
        (
            condition(r#""Bool": {"s3:prefix": "yes"}"#),
            PolicyError::ConditionValue,
        ),
        (
            condition(r#""Null": {"s3:prefix": "yes"}"#),
            PolicyError::ConditionValue,
        ),
        (
            condition(r#""IpAddress": {"aws:SourceIp": "1"}"#),
            PolicyError::ConditionValue,
        ),
        (
            condition(r#""DateEquals": {"aws:CurrentTime": "x"}"#),
            PolicyError::ConditionValue,
        ),
        (
            condition(r#""NumericEquals": {"s3:max-keys": "${s3:prefix}"}"#),
            PolicyError::ConditionValue,
        ),
    ] {
        assert_eq!(policy(&statement).err(), Some(error), "{statement}");
    }
}

#[test]
fn texts_around_the_statements() {
    let parse = |text: &str| Policy::parse(text, "photos").map(drop);
    let statement = format!("{{{ALLOW}, {OBJECTS}}}");
    assert_eq!(parse(""), Err(PolicyError::NotJson));
    assert_eq!(parse("{"), Err(PolicyError::NotJson));
    assert_eq!(
        parse(&format!(r#"[null, null, {statement}]"#)),
        Err(PolicyError::NotJson)
    );
    assert_eq!(
        parse(&format!(r#"{{"Statement": {statement}}} x"#)),
        Err(PolicyError::NotJson)
    );
    assert_eq!(
        parse(&format!(r#"{{"Id": "x", "Statement": {statement}}}"#)),
        Ok(())
    );
    for wrong in [
        r#"{"Version": "2012-10-17"}"#.to_owned(),
        format!(r#"{{"Version": "2020-01-01", "Statement": {statement}}}"#),
        format!(r#"{{"Version": null, "Statement": {statement}}}"#),
        format!(r#"{{"Statement": {statement}, "Statement": {statement}}}"#),
        format!(
            r#"{{"Statement": {}1{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
    ] {
        assert!(parse(&wrong).is_err(), "{wrong:.60}");
    }
    let many = |n| {
        format!(
            r#"{{"Statement": [{}]}}"#,
            vec![statement.as_str(); n].join(",")
        )
    };
    assert!(
        many(STATEMENTS_MAX + 1).len() > TEXT_LEN_MAX || parse(&many(STATEMENTS_MAX + 1)).is_err()
    );
    assert_eq!(
        parse(&" ".repeat(TEXT_LEN_MAX + 1)),
        Err(PolicyError::TooLong)
    );
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
