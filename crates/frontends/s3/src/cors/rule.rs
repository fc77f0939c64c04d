//! One rule of a bucket's CORS configuration: what it lets pass, and whether it is a rule at all.
//!
//! Promises: patterns with one `*` match in time linear in the text.
//! Does not: know requests (`answer`).

use s3s::dto::{CORSConfiguration, CORSRule};
use s3s::{S3ErrorCode, S3Result};

use crate::error::refuse;

/// The most rules of a bucket, as on AWS.
const RULES_MAX: usize = 100;
/// The most entries in one list of a rule.
const ENTRIES_MAX: usize = 100;
/// The longest id of a rule, as on AWS.
const ID_LEN_MAX: usize = 255;
/// The methods that a rule may name.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// Refuses a configuration that AWS would refuse.
pub(super) fn validate(configuration: &CORSConfiguration) -> S3Result<()> {
    let rules = &configuration.cors_rules;
    if rules.is_empty() || rules.len() > RULES_MAX {
        let message = format!("A CORS configuration has 1 to {RULES_MAX} rules");
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    rules.iter().try_for_each(validate_rule)
}

fn validate_rule(rule: &CORSRule) -> S3Result<()> {
    let invalid = |message: String| Err(refuse(S3ErrorCode::InvalidRequest, message));
    let headers = rule.allowed_headers.as_deref().unwrap_or_default();
    let exposed = rule.expose_headers.as_deref().unwrap_or_default();
    let lists: [&[String]; 4] = [
        &rule.allowed_methods,
        &rule.allowed_origins,
        headers,
        exposed,
    ];
    let too_long = lists.iter().any(|list| list.len() > ENTRIES_MAX)
        || rule.id.as_ref().is_some_and(|id| id.len() > ID_LEN_MAX);
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() || too_long {
        let message = "A CORS rule has methods, origins, lists of up to 100 entries and an id of up \
                       to 255 bytes";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    for method in &rule.allowed_methods {
        if !METHODS.contains(&method.as_str()) {
            return invalid(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            ));
        }
    }
    for (kind, list) in [
        ("AllowedOrigin", rule.allowed_origins.as_slice()),
        ("AllowedHeader", headers),
    ] {
        if let Some(entry) = list.iter().find(|entry| entry.matches('*').count() > 1) {
            return invalid(format!(
                "{kind} \"{entry}\" can not have more than one wildcard."
            ));
        }
    }
    if let Some(entry) = exposed.iter().find(|entry| entry.contains('*')) {
        return invalid(format!(
            "ExposeHeader \"{entry}\" contains wildcard. We currently do not support wildcard for \
             ExposeHeader."
        ));
    }
    let printable = |entry: &String| entry.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if let Some(entry) = lists
        .iter()
        .flat_map(|list| *list)
        .find(|one| !printable(one))
    {
        return invalid(format!(
            "\"{entry}\" is not an origin or a name of a header"
        ));
    }
    if rule.max_age_seconds.is_some_and(|seconds| seconds < 0) {
        return invalid("MaxAgeSeconds must not be negative".to_owned());
    }
    Ok(())
}

/// The first rule that lets a request pass, and whether it does so for every origin.
pub(super) fn find<'a>(
    configuration: &'a CORSConfiguration,
    origin: &str,
    method: &str,
    headers: &[String],
) -> Option<(&'a CORSRule, bool)> {
    configuration.cors_rules.iter().find_map(|rule| {
        let pattern = rule
            .allowed_origins
            .iter()
            .find(|pattern| matches(pattern, origin))?;
        let allowed = rule.allowed_headers.as_deref().unwrap_or_default();
        let passes = rule.allowed_methods.iter().any(|one| one == method)
            && headers.iter().all(|header| {
                let header = header.to_ascii_lowercase();
                let mut allowed = allowed.iter().map(|one| one.to_ascii_lowercase());
                allowed.any(|pattern| matches(&pattern, &header))
            });
        passes.then_some((rule, pattern == "*"))
    })
}

/// Whether a text is what a pattern with at most one `*` says.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(methods: &[&str], origins: &[&str], headers: &[&str]) -> CORSRule {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        CORSRule {
            allowed_headers: Some(owned(headers)),
            allowed_methods: owned(methods),
            allowed_origins: owned(origins),
            expose_headers: None,
            id: None,
            max_age_seconds: None,
        }
    }

    fn code(rules: Vec<CORSRule>) -> Option<String> {
        let result = validate(&CORSConfiguration { cors_rules: rules });
        result.err().map(|error| error.code().as_str().to_owned())
    }

    #[test]
    fn what_is_a_configuration() {
        let good = rule(&["GET", "PUT"], &["*.get", "http://*"], &["x-*"]);
        assert_eq!(code(vec![good.clone()]), None);
        assert_eq!(code(vec![good.clone(); 100]), None);
        let malformed = Some("MalformedXML".to_owned());
        assert_eq!(code(vec![good.clone(); 101]), malformed);
        assert_eq!(code(Vec::new()), malformed);
        assert_eq!(code(vec![rule(&[], &["*"], &[])]), malformed);
        assert_eq!(code(vec![rule(&["GET"], &[], &[])]), malformed);
        let invalid = Some("InvalidRequest".to_owned());
        for bad in [
            rule(&["OPTIONS"], &["*"], &[]),
            rule(&["get"], &["*"], &[]),
            rule(&["GET"], &["*.*"], &[]),
            rule(&["GET"], &["*"], &["x*y*"]),
            rule(&["GET"], &["a\r\nb: c"], &[]),
            CORSRule {
                expose_headers: Some(vec!["x-*".into()]),
                ..good.clone()
            },
            CORSRule {
                max_age_seconds: Some(-1),
                ..good
            },
        ] {
            assert_eq!(code(vec![bad]), invalid);
        }
    }

    #[test]
    fn the_first_rule_that_fits() {
        let configuration = CORSConfiguration {
            cors_rules: vec![
                rule(&["GET"], &["start*end"], &[]),
                rule(&["PUT"], &["*.put"], &["X-Amz-*", "content-type"]),
                rule(&["HEAD"], &["*"], &["*"]),
            ],
        };
        let found = |origin: &str, method: &str, headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|one| (*one).to_owned()).collect();
            let (rule, any) = find(&configuration, origin, method, &headers)?;
            Some((rule.allowed_methods[0].clone(), any))
        };
        let get = Some(("GET".to_owned(), false));
        assert_eq!(found("startend", "GET", &[]), get);
        assert_eq!(found("start1end", "GET", &[]), get);
        assert_eq!(found("0startend", "GET", &[]), None);
        assert_eq!(found("star", "GET", &[]), None);
        assert_eq!(found("start1end", "GET", &["x-amz-acl"]), None);
        let put = Some(("PUT".to_owned(), false));
        assert_eq!(found("foo.put", "PUT", &["x-amz-acl", "Content-Type"]), put);
        assert_eq!(found("foo.put", "PUT", &["x-other"]), None);
        assert_eq!(
            found("any", "HEAD", &["x"]),
            Some(("HEAD".to_owned(), true))
        );
        assert_eq!(found("any", "DELETE", &[]), None);
    }

    proptest! {
        #[test]
        fn one_star_is_any_text(before in "[a-c]{0,3}", middle in "[a-c]{0,3}", after in "[a-c]{0,3}") {
            let text = format!("{before}{middle}{after}");
            let pattern = format!("{before}*{after}");
            prop_assert!(matches(&pattern, &text));
            prop_assert_eq!(matches(&text, &pattern), text == pattern);
        }
    }
}
