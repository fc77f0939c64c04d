//! The signature of version 2 itself.
//!
//! `s3s` verifies it again. It is verified here first because clients do not agree on one thing: the path
//! of a bucket may be signed with a slash behind it that is not sent. What `s3s` then sees is the path as
//! it was signed.
//! Promises: signatures are compared in constant time, here, before anybody else compares them.
//! Does not: look up secrets.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use http::request::Parts;
use http::uri::PathAndQuery;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::SIGNED;
use crate::error::refuse;
use crate::host::Domains;
use crate::query::Query;

/// What a request claims, and what it may have signed.
pub(crate) struct Claim {
    /// Whose key signed.
    pub(crate) access_key: String,
    tag: Vec<u8>,
    /// What is signed in front of the path, and behind it.
    around: (String, String),
    path: String,
    /// Whether the path is that of a bucket, without a slash behind it.
    bare: bool,
}

impl Claim {
    /// Reads a request that the guard found in order.
    pub(crate) fn of_request(parts: &Parts, domains: &Domains) -> S3Result<Self> {
        let query = Query::parse(parts.uri.query());
        let header = parts.headers.get(AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok());
        let (access_key, signature, date) = match header {
            Some(value) => {
                // The key of a login has a colon of its own; a signature has none.
                let fields = value
                    .strip_prefix("AWS ")
                    .and_then(|it| it.rsplit_once(':'));
                let (access_key, signature) = fields.ok_or_else(mismatch)?;
                (access_key, signature, date_line(parts))
            }
            None => {
                let only = |name: &str| query.only(name).ok_or_else(mismatch);
                (
                    only("AWSAccessKeyId")?,
                    only("Signature")?,
                    only("Expires")?,
                )
            }
        };
        let bucket = domains.of_request(parts);
        let path = parts.uri.path();
        let bare = bucket.is_none() && path.len() > 1 && !path[1..].contains('/');
        Ok(Self {
            access_key: access_key.to_owned(),
            tag: BASE64.decode(signature).unwrap_or_default(),
            around: (head(parts, date, bucket.as_deref()), sub_resources(&query)),
            path: path.to_owned(),
            bare,
        })
    }

    /// Verifies the claim with the secret of its access key, and writes the path as it was signed, and the
    /// key of a login so that its colon is not taken for the one before the signature.
    pub(crate) fn verify(&self, secret: &str, parts: &mut Parts) -> S3Result<()> {
        if self.access_key.contains(':') && parts.headers.contains_key(AUTHORIZATION) {
            let (key, tag) = (escape_key(&self.access_key), BASE64.encode(&self.tag));
            let value = HeaderValue::from_str(&format!("AWS {key}:{tag}"));
            parts
                .headers
                .insert(AUTHORIZATION, value.map_err(|_| mismatch())?);
        }
        if self.holds(secret, &self.path) {
            return Ok(());
        }
        let slashed = format!("{}/", self.path);
        if !self.bare || !self.holds(secret, &slashed) {
            return Err(mismatch());
        }
        let target = match parts.uri.query() {
            Some(query) => format!("{slashed}?{query}"),
            None => slashed,
        };
        let mut uri = std::mem::take(&mut parts.uri).into_parts();
        uri.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| mismatch())?);
        parts.uri = http::Uri::from_parts(uri).map_err(|_| mismatch())?;
        Ok(())
    }

    fn holds(&self, secret: &str, path: &str) -> bool {
        let (head, tail) = &self.around;
        let text = format!("{head}{path}{tail}");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        hmac::verify(&key, text.as_bytes(), &self.tag).is_ok()
    }
}

/// What stands for the colon of a login's key in a header that `s3s` reads.
const COLON: &str = "%3A";

fn escape_key(access_key: &str) -> String {
    access_key.replace(':', COLON)
}

/// The access key that a header means as it was written here. No key has a percent sign of its own.
pub(crate) fn unescape_key(written: &str) -> String {
    written.replace(COLON, ":")
}

fn mismatch() -> S3Error {
    refuse(
        S3ErrorCode::SignatureDoesNotMatch,
        "The signature does not match. Check the secret key, the clock and what was signed.",
    )
}

fn text<'a>(parts: &'a Parts, name: &str) -> &'a str {
    let value = parts.headers.get(name);
    let text = value.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    text.unwrap_or_default()
}

fn date_line(parts: &Parts) -> &str {
    if parts.headers.contains_key("x-amz-date") {
        return "";
    }
    text(parts, DATE.as_str())
}

/// Everything up to the path: method, digest, type, date, `x-amz-*` headers and the host's bucket.
fn head(parts: &Parts, date: &str, bucket: Option<&str>) -> String {
    let mut head = format!(
        "{}\n{}\n{}\n{date}\n",
        parts.method,
        text(parts, "content-md5"),
        text(parts, CONTENT_TYPE.as_str()),
    );
    let names = parts.headers.keys().map(http::HeaderName::as_str);
    let mut names: Vec<&str> = names.filter(|name| name.starts_with("x-amz-")).collect();
    names.sort_unstable();
    for name in names {
        let values = parts.headers.get_all(name).iter();
        let values: Vec<&str> = values
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or_default())
            .map(str::trim)
            .collect();
        head.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    if let Some(bucket) = bucket {
        head.push('/');
        head.push_str(bucket);
    }
    head
}

/// The parameters that are signed, in their order.
fn sub_resources(query: &Query) -> String {
    let given = SIGNED.iter().filter_map(|name| {
        let value = query.only(name)?;
        Some(match value {
            "" => (*name).to_owned(),
            value => format!("{name}={value}"),
        })
    });
    let given: Vec<String> = given.collect();
    if given.is_empty() {
        return String::new();
    }
    format!("?{}", given.join("&"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The secret of the examples in AWS's documentation of version 2.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn verify(parts: &mut Parts) -> bool {
        let domains = Domains::new(&["s3.us-west-1.amazonaws.com".into()]);
        let claim = Claim::of_request(parts, &domains).unwrap();
        assert_eq!(claim.access_key, "AKIAIOSFODNN7EXAMPLE");
        claim.verify(SECRET, parts).is_ok()
    }

    #[test]
    fn examples_of_the_documentation() {
        let host = ("host", "awsexamplebucket1.s3.us-west-1.amazonaws.com");
        for (method, uri, tag, more) in [
            (
                "GET",
                "/photos/puppy.jpg",
                "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
                vec![("date", "Tue, 27 Mar 2007 19:36:42 +0000")],
            ),
            (
                "PUT",
                "/photos/puppy.jpg",
                "iqRzw+ileNPu1fhspnRs8nOjjIA=",
                vec![
                    ("content-type", "image/jpeg"),
                    ("date", "Tue, 27 Mar 2007 21:15:45 +0000"),
                ],
            ),
            (
                "GET",
                "/?prefix=photos&max-keys=50&marker=puppy",
                "m0WP8eCtspQl5Ahe6L1SozdX9YA=",
                vec![("date", "Tue, 27 Mar 2007 19:42:41 +0000")],
            ),
            (
                "GET",
                "/?acl",
                "82ZHiFIjc+WbcwFKGUVEQspPn+0=",
                vec![("date", "Tue, 27 Mar 2007 19:44:46 +0000")],
            ),
        ] {
            let authorization = format!("AWS AKIAIOSFODNN7EXAMPLE:{tag}");
            let mut headers = vec![host, ("authorization", authorization.as_str())];
            headers.extend(more);
            assert!(verify(&mut parts(method, uri, &headers)), "{uri}");
            let mut other = parts("DELETE", uri, &headers);
            assert!(!verify(&mut other), "{uri}");
            headers.push(("x-amz-acl", "public-read"));
            assert!(!verify(&mut parts(method, uri, &headers)), "{uri}");
        }
    }

    #[test]
    fn a_bucket_may_be_signed_with_a_slash() {
        let date = "Tue, 27 Mar 2007 19:36:42 +0000";
        let sign = |path: &str| {
            let text = format!("GET\n\n\n{date}\n{path}?acl");
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
            let tag = BASE64.encode(hmac::sign(&key, text.as_bytes()));
            format!("AWS AKIAIOSFODNN7EXAMPLE:{tag}")
        };
        for (sent, signed, becomes) in [
            ("/b?acl", "/b", Some("/b?acl")),
            ("/b?acl", "/b/", Some("/b/?acl")),
            ("/b/?acl", "/b/", Some("/b/?acl")),
            ("/b/?acl", "/b", None),
            ("/b/k?acl", "/b/k/", None),
            ("/?acl", "//", None),
        ] {
            let authorization = sign(signed);
            let headers = [("authorization", authorization.as_str()), ("date", date)];
            let mut parts = parts("GET", sent, &headers);
            let good = verify(&mut parts).then(|| parts.uri.to_string());
            assert_eq!(good.as_deref(), becomes, "{sent} signed as {signed}");
        }
    }
}
