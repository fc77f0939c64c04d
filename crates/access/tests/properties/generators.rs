//! Policies, rules and requests of every kind, also such as nobody would write.

use super::*;

/// Words of the grammar and words beside it.
pub(crate) fn word() -> impl Strategy<Value = String> {
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

pub(crate) fn name() -> impl Strategy<Value = String> {
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

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
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
pub(crate) fn condition() -> impl Strategy<Value = Value> {
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

pub(crate) fn statement() -> impl Strategy<Value = Value> {
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

pub(crate) fn policy(statements: &[Value]) -> Option<Policy> {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(&text, "photos").ok()
}

/// A request with everything in it that rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) who: Option<usize>,
    pub(crate) action: Action,
    pub(crate) key: String,
    pub(crate) context: Context,
    pub(crate) acl: Option<Acl>,
    pub(crate) owner: Option<usize>,
}

pub(crate) fn acl() -> impl Strategy<Value = Option<Acl>> {
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

pub(crate) fn request() -> impl Strategy<Value = Request> {
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

pub(crate) fn rules() -> impl Strategy<Value = Rules> {
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
