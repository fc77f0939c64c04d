//! Which bucket a `Host` header names.
//!
//! Only configured domains make virtual hosts: `photos.s3.home.example` is the bucket `photos` when
//! `s3.home.example` is configured, and any other host is path style. (The stock parsers of `s3s` take
//! every unknown host for a bucket, which breaks each access by another name of the machine.)
//! Promises: ports and letter case do not matter.
//! Does not: check bucket names (`names`).

use http::header;
use http::request::Parts;
use http::uri::Authority;
use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The configured domains, lower case and without ports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domains(Vec<String>);

impl Domains {
    /// Takes domains as configured; a longer one is tried before one that it ends with.
    pub(crate) fn new(domains: &[String]) -> Self {
        let mut domains: Vec<String> = domains
            .iter()
            .map(|domain| without_port(domain).to_ascii_lowercase())
            .collect();
        domains.retain(|domain| !domain.is_empty());
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Self(domains)
    }

    /// The bucket that a host names.
    pub(crate) fn bucket(&self, host: &str) -> Option<String> {
        let host = without_port(host).to_ascii_lowercase();
        for domain in &self.0 {
            if host == *domain {
                return None;
            }
            if let Some(bucket) = host.strip_suffix(domain.as_str())
                && let Some(bucket) = bucket.strip_suffix('.')
            {
                return Some(bucket.to_owned());
            }
        }
        None
    }

    /// The bucket that a request's host names.
    pub(crate) fn of_request(&self, parts: &Parts) -> Option<String> {
        of_request(parts).and_then(|host| self.bucket(host))
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let found = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => found.with_bucket(bucket),
            None => found,
        })
    }
}

/// A host that is never a domain: requests made here name their bucket in the path.
pub(crate) const PATH_STYLE: &str = "0.0.0.0";

/// The host that a request names.
fn of_request(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get(header::HOST);
    let host = host.and_then(|value| value.to_str().ok());
    host.or_else(|| parts.uri.authority().map(Authority::as_str))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_configured_domains_make_virtual_hosts() {
        let domains = Domains::new(&["s3.example.org:9000".into(), "example.org".into()]);
        let cases = [
            ("s3.example.org", None),
            ("S3.Example.Org:9000", None),
            ("photos.s3.example.org:9000", Some("photos")),
            ("a.b.s3.example.org", Some("a.b")),
            ("photos.example.org", Some("photos")),
            ("xs3.example.com", None),
            ("localhost:9000", None),
            ("nas.local", None),
            ("[::1]:9000", None),
        ];
        for (host, bucket) in cases {
            let parsed = domains.parse_host_header(host).unwrap();
            assert_eq!(parsed.bucket(), bucket, "{host}");
        }
    }

    #[test]
    fn without_domains_everything_is_path_style() {
        assert_eq!(Domains::new(&[]).bucket("photos.s3.amazonaws.com"), None);
    }
}
