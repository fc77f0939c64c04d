//! Documents as clients send them, good and bad.

use s3s::xml::{Deserialize, Deserializer};

use super::*;

fn parse(rules: &str) -> BucketLifecycleConfiguration {
    let text = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
    BucketLifecycleConfiguration::deserialize(&mut Deserializer::new(text.as_bytes())).unwrap()
}

fn rule_with(members: &str) -> String {
    format!("<Rule><ID>r</ID><Status>Enabled</Status>{members}</Rule>")
}

fn code(rules: &str) -> Option<String> {
    let error = rules_of(&mut parse(rules)).err()?;
    Some(error.code().as_str().to_owned())
}

const DAYS: &str = "<Expiration><Days>3</Days></Expiration>";
const ALL: &str = "<Filter></Filter>";

#[test]
fn filters_in_all_their_shapes() {
    let filter = |text: &str| {
        let rules = rules_of(&mut parse(&rule_with(&format!("{text}{DAYS}")))).unwrap();
        rules.into_iter().next().unwrap().filter
    };
    let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>");
    assert_eq!(filter(ALL), Filter::default());
    assert_eq!(filter("<Prefix>a/</Prefix>").prefix, "a/");
    assert_eq!(filter("<Filter><Prefix>a/</Prefix></Filter>").prefix, "a/");
    let tagged = filter(&format!("<Filter>{}</Filter>", tag("k")));
    assert_eq!(tagged.tags.get("k").map(String::as_str), Some("v"));
    let all = filter(&format!(
        "<Filter><And><Prefix>p</Prefix>{}{}<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>\
         <ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>",
        tag("a"),
        tag("b")
    ));
    assert_eq!(all.prefix, "p");
    assert_eq!(all.tags.len(), 2);
    assert_eq!((all.larger_than, all.smaller_than), (Some(1), Some(9)));
}

#[test]
fn what_is_refused() {
    let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    let with = |members: &str| rule_with(&format!("{ALL}{members}"));
    let filtered = |filter: &str| rule_with(&format!("<Filter>{filter}</Filter>{DAYS}"));
    let marker = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>";
    let expiration = |inner: &str| with(&format!("<Expiration>{inner}</Expiration>"));
    let noncurrent = |inner: &str| {
        with(&format!(
            "<NoncurrentVersionExpiration>{inner}</NoncurrentVersionExpiration>"
        ))
    };
    let moved = "<Transition><Days>3</Days><StorageClass>STANDARD</StorageClass></Transition>";
    let cases = [
        (with(DAYS), None),
        (with(""), Some("InvalidRequest")),
        (rule_with(DAYS), Some("MalformedXML")),
        (
            rule_with(&format!("<Prefix/>{ALL}{DAYS}")),
            Some("MalformedXML"),
        ),
        (
            filtered(&format!("<Prefix>p</Prefix>{tag}")),
            Some("MalformedXML"),
        ),
        (filtered(&format!("<And>{tag}</And>")), Some("MalformedXML")),
        (
            filtered(&format!("<And>{tag}{tag}</And>")),
            Some("InvalidRequest"),
        ),
        (
            filtered("<ObjectSizeLessThan>-1</ObjectSizeLessThan>"),
            Some("InvalidRequest"),
        ),
        (expiration("<Days>0</Days>"), Some("InvalidArgument")),
        (expiration("<Days>-1</Days>"), Some("InvalidArgument")),
        (expiration(""), Some("MalformedXML")),
        (
            expiration(&format!("<Days>1</Days>{marker}")),
            Some("MalformedXML"),
        ),
        (expiration(marker), None),
        (expiration("<Date>2030-01-01T00:00:00.000Z</Date>"), None),
        (
            expiration("<Date>2030-01-01T00:00:01.000Z</Date>"),
            Some("InvalidArgument"),
        ),
        (noncurrent(""), Some("MalformedXML")),
        (
            noncurrent("<NoncurrentDays>0</NoncurrentDays>"),
            Some("InvalidArgument"),
        ),
        (
            noncurrent(
                "<NoncurrentDays>1</NoncurrentDays>\
                 <NewerNoncurrentVersions>101</NewerNoncurrentVersions>",
            ),
            Some("InvalidArgument"),
        ),
        (
            rule_with(&format!(
                "<Filter>{tag}</Filter><AbortIncompleteMultipartUpload>\
                 <DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
            )),
            Some("InvalidRequest"),
        ),
        (with(&format!("{DAYS}{moved}")), Some("InvalidArgument")),
        (
            "<Rule><Status>enabled</Status><Prefix/></Rule>".to_owned(),
            Some("MalformedXML"),
        ),
        (
            format!("{}{}", with(DAYS), with(DAYS)),
            Some("InvalidArgument"),
        ),
    ];
    for (rules, expected) in cases {
        assert_eq!(code(&rules).as_deref(), expected, "{rules}");
    }
    let long = with(DAYS).replace("<ID>r", &format!("<ID>{}", "r".repeat(256)));
    assert_eq!(code(&long).as_deref(), Some("InvalidArgument"));
    let many: String = (0..1001)
        .map(|n| with(DAYS).replace("<ID>r", &format!("<ID>{n}")))
        .collect();
    assert_eq!(code(&many).as_deref(), Some("MalformedXML"));
}

#[test]
fn rules_without_names_get_new_ones() {
    let plain = |id: &str| format!("<Rule>{id}<Status>Enabled</Status><Prefix/>{DAYS}</Rule>");
    let text = [plain(""), plain("<ID>rule-1</ID>"), plain("<ID></ID>")].concat();
    let mut given = parse(&text);
    let rules = rules_of(&mut given).unwrap();
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["rule-2", "rule-1", "rule-3"]);
    let kept: BucketLifecycleConfiguration =
        setting::of_text(&setting::to_text(&given).unwrap()).unwrap();
    assert_eq!(kept.rules, given.rules);
}
