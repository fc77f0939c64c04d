//! Listings of accounts and containers: what is asked, and in which format it is answered.

pub(crate) mod entry;
pub(crate) mod format;

use dolium_store::ListRequest;

use crate::describe::is_true;
use crate::error::{Refusal, Result};
use crate::query::Query;

/// The most entries of one page, and how many there are when nothing is said.
pub(crate) const LIMIT_MAX: usize = 10_000;

/// What a request asks of a listing.
pub(crate) fn request(query: &Query) -> Result<ListRequest> {
    let marker = query.given("marker").map(str::to_owned);
    let end = query.given("end_marker").map(str::to_owned);
    let downwards = query
        .get("reverse")
        .is_some_and(|value| is_true(value.as_bytes()));
    Ok(ListRequest {
        prefix: query.get("prefix").unwrap_or_default().to_owned(),
        delimiter: query.given("delimiter").map(str::to_owned),
        after: marker,
        until: end,
        limit: limit(query)?,
        downwards,
        ..ListRequest::default()
    })
}

/// As [`request`], with the parameter that shows one level of a tree.
pub(crate) fn request_of_container(query: &Query) -> Result<ListRequest> {
    let mut request = request(query)?;
    if let Some(path) = query.get("path") {
        let path = path.trim_end_matches('/');
        let whole = query.get("path").unwrap_or_default();
        request.prefix = match (path, whole) {
            ("", "") => String::new(),
            (path, _) => format!("{path}/"),
        };
        request.delimiter = Some("/".to_owned());
        request.one_level = true;
        // The level itself is no entry of it, whichever way the listing goes.
        let below = Some(request.prefix.clone()).filter(|prefix| !prefix.is_empty());
        if request.downwards {
            request.until = request.until.max(below);
        } else {
            request.after = request.after.max(below);
        }
    }
    Ok(request)
}

fn limit(query: &Query) -> Result<usize> {
    let given = query
        .given("limit")
        .and_then(|text| text.trim().parse::<u64>().ok());
    match given {
        None => Ok(LIMIT_MAX),
        Some(limit) => match usize::try_from(limit) {
            Ok(limit) if limit <= LIMIT_MAX => Ok(limit),
            _ => Err(Refusal::failed(format!("Maximum limit is {LIMIT_MAX}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<ListRequest> {
        request_of_container(&Query::parse(Some(text))).ok()
    }

    #[test]
    fn parameters() {
        assert_eq!(of("").unwrap().limit, LIMIT_MAX);
        assert_eq!(of("limit=x").unwrap().limit, LIMIT_MAX);
        assert_eq!(of("limit=-1").unwrap().limit, LIMIT_MAX);
        assert_eq!(of("limit=0").unwrap().limit, 0);
        assert!(of("limit=10001").is_none());
        assert!(of("reverse=on").unwrap().downwards);
        assert!(!of("reverse=maybe").unwrap().downwards);
        assert_eq!(of("marker=x%00").unwrap().after.as_deref(), Some("x\0"));
    }

    #[test]
    fn levels() {
        for (path, prefix) in [
            ("", ""),
            ("/", "/"),
            ("a", "a/"),
            ("a/", "a/"),
            ("/a", "/a/"),
        ] {
            let request = of(&format!("path={path}")).unwrap();
            assert_eq!(request.prefix, prefix, "{path}");
            assert!(request.one_level);
        }
    }
}
