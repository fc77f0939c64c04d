//! Every operator of a condition, on one value and on many.

use super::*;

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
