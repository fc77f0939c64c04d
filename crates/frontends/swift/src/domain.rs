//! Hosts whose names are accounts and containers: `container.account.domain`.
//!
//! A host cannot hold the underscore of an account's prefix, so a hyphen may stand for it.

use dolium_store::SERVICE_PREFIX;
use http::HeaderMap;

use crate::error::{Refusal, Result};
use crate::target::{ACCOUNT_PREFIX, quote};

/// The path behind the version that a request means by its host; `None` when the host is no such name.
pub(crate) fn remapped(
    domains: &[String],
    headers: &HeaderMap,
    path: &str,
) -> Option<Result<String>> {
    if domains.is_empty() {
        return None;
    }
    // Not only letters of ASCII: clients of old send the names of containers as they are.
    let host = std::str::from_utf8(headers.get("host")?.as_bytes()).ok()?;
    let host = host.split(':').next().unwrap_or(host);
    let names = domains.iter().find_map(|domain| {
        let cut = host.len().checked_sub(domain.len())?;
        let (names, end) = (host.get(..cut)?, host.get(cut..)?);
        let names = names.strip_suffix('.')?;
        end.eq_ignore_ascii_case(domain).then_some(names)
    })?;
    let labels: Vec<&str> = names.split('.').collect();
    let found = match labels.as_slice() {
        [account] => format!("/{}", account_of(account)),
        [container, account] => format!("/{}/{}", account_of(account), quote(container)),
        _ => return Some(Err(Refusal::bad("Bad domain in host header"))),
    };
    // The root of a container is the container.
    let path = if path == "/" { "" } else { path };
    Some(Ok(format!("{found}{path}")))
}

/// An account as paths spell it.
fn account_of(label: &str) -> String {
    let spelt = [ACCOUNT_PREFIX, SERVICE_PREFIX].iter().find_map(|prefix| {
        let end = prefix.len();
        let begin = label.get(..end)?.replace('-', "_");
        begin
            .eq_ignore_ascii_case(prefix)
            .then(|| format!("{prefix}{}", &label[end..]))
    });
    quote(&spelt.unwrap_or_else(|| label.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let domains = ["example.com".to_owned()];
        let path = |host: &str, path: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            remapped(&domains, &headers, path).map(|path| path.unwrap_or_default())
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(path("AUTH_a.example.com", "/"), is("/AUTH_a"));
        assert_eq!(path("auth-a.Example.com:81", "/c/o"), is("/AUTH_a/c/o"));
        assert_eq!(path("c.AUTH_a.example.com", "//o"), is("/AUTH_a/c//o"));
        assert_eq!(path("x.c.AUTH_a.example.com", "/"), is(""));
        assert_eq!(path("example.com", "/"), None);
        assert_eq!(path("a.example.org", "/"), None);
    }
}
