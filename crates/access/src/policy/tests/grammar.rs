//! What a policy may say, and what is none.

use super::*;

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
