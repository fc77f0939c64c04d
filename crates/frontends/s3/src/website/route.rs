//! Redirects of a website: which rule holds, and where it leads.
//!
//! Promises: an address made here stays on the visitor's host unless the configuration names another.
//! Does not: look at objects.

use http::StatusCode;
use s3s::dto::{Redirect, RoutingRule, WebsiteConfiguration};
use s3s::{S3ErrorCode, S3Result};

use crate::error::refuse;
use crate::escape;

/// The most rules, as on AWS.
const RULES_MAX: usize = 50;
/// The longest key, prefix or host in a configuration.
const TEXT_LEN_MAX: usize = 1024;

/// Refuses a configuration that AWS would refuse.
pub(super) fn validate(configuration: &WebsiteConfiguration) -> S3Result<()> {
    let invalid = |message: &str| Err(refuse(S3ErrorCode::InvalidArgument, message));
    let rules = configuration.routing_rules.as_deref().unwrap_or_default();
    if let Some(all) = &configuration.redirect_all_requests_to {
        if configuration.index_document.is_some()
            || configuration.error_document.is_some()
            || configuration.routing_rules.is_some()
        {
            let message = "RedirectAllRequestsTo cannot be provided in conjunction with other \
                           Routing Rules or documents.";
            return invalid(message);
        }
        let protocol = all.protocol.as_ref().map(|protocol| protocol.as_str());
        return check_target(Some(&all.host_name), protocol);
    }
    let Some(index) = &configuration.index_document else {
        let message = "A value for IndexDocument Suffix must be provided if \
                       RedirectAllRequestsTo is empty";
        return invalid(message);
    };
    if index.suffix.is_empty() || index.suffix.contains('/') || index.suffix.len() > TEXT_LEN_MAX {
        return invalid("The IndexDocument Suffix is not well formed");
    }
    if let Some(error) = &configuration.error_document
        && (error.key.is_empty() || error.key.len() > TEXT_LEN_MAX)
    {
        return invalid("The ErrorDocument Key is not well formed");
    }
    if rules.len() > RULES_MAX {
        return invalid("A website has at most 50 routing rules");
    }
    rules.iter().try_for_each(validate_rule)
}

fn validate_rule(rule: &RoutingRule) -> S3Result<()> {
    let invalid = |message: &str| Err(refuse(S3ErrorCode::InvalidArgument, message));
    let Redirect {
        host_name,
        http_redirect_code,
        protocol,
        replace_key_prefix_with,
        replace_key_with,
    } = &rule.redirect;
    if replace_key_prefix_with.is_some() && replace_key_with.is_some() {
        return invalid("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
    }
    let protocol = protocol.as_ref().map(|protocol| protocol.as_str());
    let texts = [host_name, replace_key_prefix_with, replace_key_with];
    if protocol.is_none() && http_redirect_code.is_none() && texts.iter().all(|one| one.is_none()) {
        return invalid("A Redirect must name at least one change");
    }
    check_target(host_name.as_ref(), protocol)?;
    let within =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= TEXT_LEN_MAX);
    if !texts.iter().all(|one| within(one)) {
        return invalid("A text of the Redirect is too long");
    }
    if let Some(code) = http_redirect_code
        && !code_in(code, 301..=399)
    {
        let message = format!(
            "The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
        );
        return invalid(&message);
    }
    let Some(condition) = &rule.condition else {
        return Ok(());
    };
    if condition.http_error_code_returned_equals.is_none() && condition.key_prefix_equals.is_none()
    {
        return invalid("A Condition must name a prefix or an error code");
    }
    if let Some(code) = &condition.http_error_code_returned_equals
        && !code_in(code, 400..=599)
    {
        let message = format!(
            "The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."
        );
        return invalid(&message);
    }
    if !within(&condition.key_prefix_equals) {
        return invalid("The prefix of the Condition is too long");
    }
    Ok(())
}

fn check_target(host: Option<&String>, protocol: Option<&str>) -> S3Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let good =
        |host: &String| !host.is_empty() && host.len() <= TEXT_LEN_MAX && host.bytes().all(plain);
    if !host.is_none_or(good) {
        let message = "The HostName is not the name of a host";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    if !protocol.is_none_or(|protocol| ["http", "https"].contains(&protocol)) {
        let message = "Invalid protocol, protocol can be http or https. If not defined the \
                       protocol will be selected automatically.";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    Ok(())
}

fn code_in(text: &str, range: std::ops::RangeInclusive<u16>) -> bool {
    text.len() == 3 && text.parse().is_ok_and(|code| range.contains(&code))
}

/// The redirect that the first rule for a key gives: before the object was looked for (`status` none),
/// or after that failed.
pub(super) fn find(
    rules: &[RoutingRule],
    key: &str,
    status: Option<StatusCode>,
    secure: bool,
) -> Option<(StatusCode, String)> {
    let rule = rules.iter().find(|rule| {
        let condition = rule.condition.as_ref();
        let prefix = condition.and_then(|condition| condition.key_prefix_equals.as_deref());
        let code =
            condition.and_then(|condition| condition.http_error_code_returned_equals.as_deref());
        let code_holds = match (code, status) {
            (None, None) => true,
            (Some(code), Some(status)) => code == status.as_str(),
            _ => false,
        };
        code_holds && prefix.is_none_or(|prefix| key.starts_with(prefix))
    })?;
    let code = rule.redirect.http_redirect_code.as_deref();
    let code = code.and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok());
    Some((
        code.unwrap_or(StatusCode::MOVED_PERMANENTLY),
        target(rule, key, secure),
    ))
}

fn target(rule: &RoutingRule, key: &str, secure: bool) -> String {
    let redirect = &rule.redirect;
    let prefix = rule
        .condition
        .as_ref()
        .and_then(|condition| condition.key_prefix_equals.as_deref())
        .unwrap_or_default();
    let key = match (
        &redirect.replace_key_with,
        &redirect.replace_key_prefix_with,
    ) {
        (Some(key), _) => key.clone(),
        (None, Some(replacement)) => {
            let rest = key.strip_prefix(prefix).unwrap_or(key);
            format!("{replacement}{rest}")
        }
        (None, None) => key.to_owned(),
    };
    let protocol = redirect.protocol.as_ref();
    let protocol = protocol.map(|protocol| protocol.as_str());
    address(
        redirect.host_name.as_deref(),
        protocol,
        &escape::path(&key),
        secure,
    )
}

/// An address on a host; on the visitor's own when none is named. `path` has no leading slash.
pub(super) fn address(
    host: Option<&str>,
    protocol: Option<&str>,
    path: &str,
    secure: bool,
) -> String {
    let protocol = protocol.unwrap_or(if secure { "https" } else { "http" });
    match host {
        Some(host) => format!("{protocol}://{host}/{path}"),
        None => local(path),
    }
}

/// An address on the visitor's own host. Two slashes at its beginning would name another one.
pub(super) fn local(path: &str) -> String {
    match path.strip_prefix('/') {
        Some(rest) => format!("/%2F{rest}"),
        None => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use s3s::dto::{Condition, ErrorDocument, IndexDocument, Protocol, RedirectAllRequestsTo};

    use super::*;

    fn redirect(host: Option<&str>, prefix: Option<&str>, key: Option<&str>) -> Redirect {
        Redirect {
            host_name: host.map(str::to_owned),
            http_redirect_code: None,
            protocol: None,
            replace_key_prefix_with: prefix.map(str::to_owned),
            replace_key_with: key.map(str::to_owned),
        }
    }

    fn rule(prefix: Option<&str>, code: Option<&str>, redirect: Redirect) -> RoutingRule {
        let condition = Condition {
            http_error_code_returned_equals: code.map(str::to_owned),
            key_prefix_equals: prefix.map(str::to_owned),
        };
        let any = prefix.is_some() || code.is_some();
        RoutingRule {
            condition: any.then_some(condition),
            redirect,
        }
    }

    fn website(rules: Vec<RoutingRule>) -> WebsiteConfiguration {
        WebsiteConfiguration {
            error_document: Some(ErrorDocument { key: "e".into() }),
            index_document: Some(IndexDocument {
                suffix: "index.html".into(),
            }),
            redirect_all_requests_to: None,
            routing_rules: Some(rules),
        }
    }

    #[test]
    fn the_first_rule_that_holds() {
        let rules = [
            rule(
                Some("docs/"),
                None,
                redirect(None, Some("documents/"), None),
            ),
            rule(
                Some("old"),
                Some("404"),
                redirect(Some("h.example"), None, None),
            ),
            rule(None, Some("403"), redirect(None, None, Some("login page"))),
        ];
        let to = |key: &str, status: Option<u16>| {
            let status = status.and_then(|code| StatusCode::from_u16(code).ok());
            find(&rules, key, status, false).map(|(_, location)| location)
        };
        assert_eq!(to("docs/a b", None).as_deref(), Some("/documents/a%20b"));
        assert_eq!(to("docs/a", Some(404)), None);
        assert_eq!(to("old/x", None), None);
        assert_eq!(
            to("old/x", Some(404)).as_deref(),
            Some("http://h.example/old/x")
        );
        assert_eq!(to("any", Some(403)).as_deref(), Some("/login%20page"));
        assert_eq!(to("any", Some(404)), None);
    }

    #[test]
    fn codes_and_protocols() {
        let mut to = redirect(Some("h"), None, None);
        to.http_redirect_code = Some("307".into());
        to.protocol = Some(Protocol::from_static("https"));
        let found = find(&[rule(None, None, to)], "k", None, false);
        let expected = (StatusCode::TEMPORARY_REDIRECT, "https://h/k".to_owned());
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn redirects_stay_on_their_host() {
        let rules = [rule(None, None, redirect(None, Some(""), None))];
        let (_, location) = find(&rules, "/evil.example/x", None, true).unwrap();
        assert_eq!(location, "/%2Fevil.example/x");
        let (_, location) = find(&rules, "a\r\nb", None, true).unwrap();
        assert_eq!(location, "/a%0D%0Ab");
    }

    proptest! {
        #[test]
        fn addresses_are_plain_and_local(key in "\\PC{0,30}", prefix in "[/a]{0,4}") {
            let rules = [rule(None, None, redirect(None, Some(&prefix), None))];
            let (_, location) = find(&rules, &key, None, true).unwrap();
            prop_assert!(location.starts_with('/') && !location.starts_with("//"));
            prop_assert!(location.bytes().all(|byte| (0x21..0x7f).contains(&byte)));
        }
    }

    #[test]
    fn what_is_a_configuration() {
        let plain = || redirect(Some("h.example:8080"), None, None);
        let good = website(vec![rule(Some("a"), Some("404"), plain())]);
        assert!(validate(&good).is_ok());
        assert!(validate(&website(vec![rule(None, None, plain()); 51])).is_err());
        for bad in [
            redirect(None, None, None),
            redirect(None, Some("a"), Some("b")),
            redirect(Some("h/x"), None, None),
            redirect(Some(""), None, None),
            Redirect {
                http_redirect_code: Some("300".into()),
                ..plain()
            },
            Redirect {
                http_redirect_code: Some("200".into()),
                ..plain()
            },
            Redirect {
                protocol: Some(Protocol::from_static("javascript")),
                ..plain()
            },
        ] {
            assert!(validate(&website(vec![rule(None, None, bad)])).is_err());
        }
        assert!(validate(&website(vec![rule(None, Some("200"), plain())])).is_err());
        let mut none = good.clone();
        none.index_document = None;
        assert!(validate(&none).is_err());
        let mut slash = good.clone();
        slash.index_document = Some(IndexDocument {
            suffix: "a/b".into(),
        });
        assert!(validate(&slash).is_err());
        let all = RedirectAllRequestsTo {
            host_name: "h".into(),
            protocol: None,
        };
        let mut both = good;
        both.redirect_all_requests_to = Some(all.clone());
        assert!(validate(&both).is_err());
        let only = WebsiteConfiguration {
            redirect_all_requests_to: Some(all),
            ..WebsiteConfiguration::default()
        };
        assert!(validate(&only).is_ok());
    }
}
