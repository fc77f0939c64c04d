//! Signed URLs: a request that somebody who knows a key of the account or the container allowed
//! beforehand, for anyone who has the URL.
//!
//! The signature is an HMAC over method, end and path, or over a prefix of paths. What it opens is a pass
//! that the store checks: the account, or the one container whose key it was.
//!
//! Promises: compared in constant time; a URL reaches no further than its key; what the owner did not
//! make public of the metadata is not shown.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use dolium_identity::constant_time_eq;
use dolium_store::{Caller, Pass};
use http::{HeaderMap, Method, Response, StatusCode};

use super::Call;
use super::account::KEYS;
use crate::answer::set;
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::metadata::USER;
use crate::service::Front;
use crate::target::{Target, quote};
use crate::time::{http_date, now_seconds};

/// Parameters that make a request one with a signed URL.
const SIGNATURE: &str = "temp_url_sig";
const EXPIRES: &str = "temp_url_expires";
/// Headers that would let a URL reach what its key does not.
const FORBIDDEN: [&str; 2] = ["x-object-manifest", "x-symlink-target"];
/// Metadata that visitors see.
const PUBLIC: &str = "x-object-meta-public-";

/// What a valid URL makes of the answer.
pub(super) struct Visit {
    expires: i64,
    filename: Option<String>,
    inline: bool,
    name: String,
    is_read: bool,
}

/// Whether a request comes with a signed URL.
pub(super) fn is_signed(call: &Call) -> bool {
    call.query.has(SIGNATURE) || call.query.has(EXPIRES)
}

pub(super) fn invalid() -> Refusal {
    let text = "401 Unauthorized: Temp URL invalid\n";
    Refusal::text(StatusCode::UNAUTHORIZED, text)
}

/// Checks the URL of a request, and lets it in.
pub(super) async fn admit(front: &Front, call: &mut Call) -> Result<Visit> {
    let signature = call
        .query
        .get(SIGNATURE)
        .and_then(Signature::parse)
        .ok_or_else(invalid)?;
    let expires = call
        .query
        .get(EXPIRES)
        .and_then(moment)
        .ok_or_else(invalid)?;
    let is_read = matches!(call.method, Method::GET | Method::HEAD);
    let whole = is_read && call.query.get("temp_url_prefix") == Some("");
    let root = String::new();
    let (container, object) = match (&call.target.container, &call.target.object) {
        (Some(container), Some(object)) => (container, object),
        // All of a container, which only a website shows.
        (Some(container), None) if whole => (container, &root),
        _ => return Err(invalid()),
    };
    if expires <= now_seconds() {
        return Err(invalid());
    }
    let whole = format!("/v1/{}/{container}/", call.target.account);
    let path = match call.query.get("temp_url_prefix") {
        None => format!("{whole}{object}"),
        Some(prefix) if object.starts_with(prefix) => format!("prefix:{whole}{prefix}"),
        Some(_) => return Err(invalid()),
    };
    let range = call.query.get("temp_url_ip_range");
    if let Some(range) = range {
        let address = call.caller.context().get("aws:SourceIp");
        let address = address.and_then(|values| values.first());
        let within = address.is_some_and(|address| contains(range, address));
        if !within {
            return Err(invalid());
        }
    }
    let methods: &[&str] = match call.method.as_str() {
        "HEAD" => &["HEAD", "GET", "PUT"],
        "GET" => &["GET"],
        "PUT" => &["PUT"],
        "POST" => &["POST"],
        "DELETE" => &["DELETE"],
        _ => return Err(invalid()),
    };
    let texts: Vec<String> = methods
        .iter()
        .map(|method| {
            let text = format!("{method}\n{expires}\n{path}");
            match range {
                Some(range) => format!("ip={range}\n{text}"),
                None => text,
            }
        })
        .collect();
    let scope = keys(front, &call.target).await?;
    let fits = |key: &str| texts.iter().any(|text| signature.is_of(key, text));
    let container_only = match &scope {
        Keys { account, .. } if account.iter().any(|key| fits(key)) => None,
        Keys {
            container: keys, ..
        } if keys.iter().any(|key| fits(key)) => Some(container.clone()),
        Keys { .. } => return Err(invalid()),
    };
    for name in FORBIDDEN {
        if call.headers.contains_key(name) && call.method != Method::GET {
            let text = format!("The header {name:?} is not allowed in this tempurl");
            return Err(Refusal::bad(text));
        }
    }
    call.headers.remove("x-open-expired");
    let pass = Pass {
        account: call.target.account_name()?,
        container: container_only,
        read: is_read,
        write: !is_read,
    };
    let context = call.caller.context().clone();
    call.caller = Caller::anonymous().with_context(context).with_pass(pass);
    Ok(Visit {
        expires,
        filename: call.query.given("filename").map(str::to_owned),
        inline: call.query.has("inline"),
        name: object
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        is_read,
    })
}

/// The keys that may sign for a container.
pub(super) struct Keys {
    /// Those of the account, which sign for all of its containers.
    pub(super) account: Vec<String>,
    /// Its own.
    pub(super) container: Vec<String>,
}

/// The keys of a container and of its account.
pub(super) async fn keys(front: &Front, target: &Target) -> Result<Keys> {
    let of = |attributes: &dolium_store::Attributes| -> Vec<String> {
        let keys = KEYS.iter().filter_map(|key| attributes.get(USER, key));
        keys.filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let account = front
        .store
        .account_attributes(&target.account_name()?)
        .await;
    let container = front
        .store
        .container_attributes(&target.container_name()?)
        .await;
    Ok(Keys {
        account: account
            .map_err(of_store)?
            .as_ref()
            .map(of)
            .unwrap_or_default(),
        container: container
            .map_err(of_store)?
            .map(|(_, attributes)| of(&attributes))
            .unwrap_or_default(),
    })
}

/// A second, as a number or as a date.
fn moment(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let at: jiff::Timestamp = text.parse().ok().filter(|_| text.ends_with('Z'))?;
    Some(at.as_second())
}

/// Whether an address lies in a range: `a.b.c.d`, `a.b.c.d/n`, and the same of IPv6.
fn contains(range: &str, address: &str) -> bool {
    use std::net::IpAddr;
    let (network, len) = match range.split_once('/') {
        Some((network, len)) => (network, Some(len)),
        None => (range, None),
    };
    let (Ok(network), Ok(address)) = (network.parse::<IpAddr>(), address.parse::<IpAddr>()) else {
        return false;
    };
    let (network, address, bits) = match (network, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => (u128::from(n.to_bits()), u128::from(a.to_bits()), 32),
        (IpAddr::V6(n), IpAddr::V6(a)) => (n.to_bits(), a.to_bits(), 128),
        _ => return false,
    };
    let len = match len.map(str::parse::<u32>) {
        None => bits,
        Some(Ok(len)) if len <= bits => len,
        Some(_) => return false,
    };
    // A shift by all bits is no shift.
    len == 0 || (network ^ address) >> (bits - len) == 0
}

/// A signature with the digest that it was made with.
pub(super) struct Signature {
    algorithm: hmac::Algorithm,
    bytes: Vec<u8>,
}

impl Signature {
    /// Parses `sha256:<base64>` and its kin, or hexadecimal digits whose number says the digest.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let algorithm = |name: &str| match name {
            "sha1" | "40" => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            "sha256" | "64" => Some(hmac::HMAC_SHA256),
            "sha512" | "128" => Some(hmac::HMAC_SHA512),
            _ => None,
        };
        if let Some((name, encoded)) = text.split_once(':') {
            let urlsafe = encoded.contains(['-', '_']);
            let padded = format!("{}{}", encoded.trim_end_matches('='), padding(encoded));
            let bytes = match urlsafe {
                true => URL_SAFE.decode(padded),
                false => STANDARD.decode(padded),
            };
            return Some(Self {
                algorithm: algorithm(name)?,
                bytes: bytes.ok()?,
            });
        }
        Some(Self {
            algorithm: algorithm(&text.len().to_string())?,
            bytes: hex::decode(text).ok()?,
        })
    }

    /// Whether it is that of a text under a key.
    pub(super) fn is_of(&self, key: &str, text: &str) -> bool {
        let key = hmac::Key::new(self.algorithm, key.as_bytes());
        constant_time_eq(hmac::sign(&key, text.as_bytes()).as_ref(), &self.bytes)
    }
}

fn padding(encoded: &str) -> &'static str {
    match encoded.trim_end_matches('=').len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    }
}

impl Visit {
    /// Shows a visitor what visitors may see.
    pub(super) fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        let success = response.status().is_success();
        let headers = response.headers_mut();
        let hidden: Vec<_> = headers
            .keys()
            .filter(|name| {
                let name = name.as_str();
                name.starts_with("x-object-meta-") && !name.starts_with(PUBLIC)
            })
            .cloned()
            .collect();
        for name in hidden {
            headers.remove(name);
        }
        if success && self.is_read {
            self.dispose(headers);
            set(headers, "expires", http_date(self.expires));
        }
        response
    }

    fn dispose(&self, headers: &mut HeaderMap) {
        let named = |kind: &str, name: &str| {
            let plain = name.replace(['"', '\\', '\r', '\n'], "_");
            let encoded = quote(name).replace('/', "%2F");
            format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
        };
        let kind = if self.inline { "inline" } else { "attachment" };
        let value = match (&self.filename, self.inline) {
            (Some(name), _) => named(kind, name),
            (None, true) => "inline".to_owned(),
            (None, false) if headers.contains_key("content-disposition") => return,
            (None, false) => named(kind, &self.name),
        };
        set(headers, "content-disposition", value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signatures_in_all_spellings() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let tag = hmac::sign(&key, b"GET\n1\n/v1/a/c/o");
        let urlsafe = URL_SAFE.encode(tag.as_ref());
        for text in [
            hex::encode(tag.as_ref()),
            format!("sha256:{}", STANDARD.encode(tag.as_ref())),
            format!("sha256:{urlsafe}"),
            format!("sha256:{}", urlsafe.trim_end_matches('=')),
        ] {
            let signature = Signature::parse(&text).unwrap();
            assert!(signature.is_of("k", "GET\n1\n/v1/a/c/o"), "{text}");
            assert!(!signature.is_of("l", "GET\n1\n/v1/a/c/o"));
        }
        for bad in ["", "ab", "md5:YQ==", "sha256:!", &"g".repeat(64)] {
            let parsed = Signature::parse(bad);
            assert!(parsed.is_none_or(|it| !it.is_of("k", "x")), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for (range, address, within) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.0/8", "127.1.2.3", true),
            ("127.0.0.0/29", "127.0.0.8", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("::1", "127.0.0.1", false),
            ("2001:db8::/32", "2001:db8::7", true),
            ("127.0.0.0/33", "127.0.0.0", false),
            ("x", "127.0.0.1", false),
        ] {
            assert_eq!(contains(range, address), within, "{range} {address}");
        }
    }

    #[test]
    fn moments() {
        assert_eq!(moment("784111777"), Some(784_111_777));
        assert_eq!(moment("1994-11-06T08:49:37Z"), Some(784_111_777));
        assert_eq!(moment("soon"), None);
    }

    proptest! {
        #[test]
        fn any_signature_is_of_no_text(text in "(sha1:|sha256:|sha512:|md5:)?[A-Za-z0-9+/=_-]{0,140}|\\PC{0,40}") {
            if let Some(signature) = Signature::parse(&text) {
                prop_assert!(!signature.is_of("k", "GET\n1\n/v1/a/c/o"));
            }
        }

        #[test]
        fn any_range_and_moment_is_read_or_none(text in "[0-9a-f.:/TZ-]{0,40}|\\PC{0,40}") {
            let _ = (contains(&text, "127.0.0.1"), contains(&text, "::1"), moment(&text));
        }
    }
}
