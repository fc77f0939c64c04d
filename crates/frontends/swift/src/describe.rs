//! What a client says of an object, between headers and attributes.
//!
//! Representation headers lie in namespace `http` and user metadata in `user`, where S3 has them too; the
//! moment an object ends lies where the store looks for it; what only Swift has lies in `swift`.
//!
//! Promises: what went in with a PUT comes out with a GET, byte for byte.

use dolium_store::{Attributes, Description, EXPIRE, EXPIRE_AT, Version};
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::answer::set;
use crate::error::{Refusal, Result};
use crate::metadata::{self, Owner, SWIFT, USER};
use crate::time::{http_date, last_modified, now_seconds, parse_http_date, timestamp};

/// The namespace of representation headers.
pub(crate) const HTTP: &str = "http";
/// The headers that are kept as they are.
const KEPT: [&str; 5] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "x-robots-tag",
];
/// The header of a date that S3 keeps as a number.
const EXPIRES: &str = "expires";
/// The key, in namespace `swift`, of the prefix whose objects a large object consists of.
pub(crate) const DLO: &str = "dlo";
/// What keys of a link begin with; they are no business of a POST.
const LASTING: [&str; 3] = ["slo", "symlink", "version"];
/// The media type of what nobody knows.
pub(crate) const DEFAULT_TYPE: &str = "application/octet-stream";
/// The last moment that can be said with ten digits.
const MOMENT_MAX: i64 = 9_999_999_999;

/// The description of a new object. The type is that of the request, or guessed from the name.
pub(crate) fn of_put(headers: &HeaderMap, path: &str) -> Result<Description> {
    let mut attributes = Attributes::default();
    describe(headers, &mut attributes)?;
    Ok(Description {
        content_type: type_of(headers, path),
        attributes,
        ..Description::default()
    })
}

/// Replaces all that a POST replaces.
pub(crate) fn of_post(headers: &HeaderMap, description: &mut Description) -> Result<()> {
    let attributes = &mut description.attributes;
    metadata::clear(attributes, USER);
    metadata::clear(attributes, HTTP);
    attributes.clear(EXPIRE);
    let gone: Vec<String> = attributes
        .namespace(SWIFT)
        .filter(|(key, _)| !LASTING.iter().any(|lasting| key.starts_with(lasting)))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in gone {
        attributes.remove(SWIFT, &key);
    }
    describe(headers, attributes)?;
    if let Some(given) = headers
        .get("content-type")
        .filter(|given| !given.is_empty())
    {
        description.content_type = String::from_utf8_lossy(given.as_bytes()).into_owned();
    }
    Ok(())
}

/// Lays what a copy's request says over what the source has.
pub(crate) fn of_copy(
    headers: &HeaderMap,
    source: &Version,
    fresh: bool,
    path: &str,
) -> Result<Description> {
    let given_type = headers.contains_key("content-type") || guesses(headers);
    let mut attributes = if fresh {
        Attributes::default()
    } else {
        source.attributes.clone()
    };
    // These are of the source's bytes or of its name, not of what is said about it.
    let own = [DLO, "slo", "slo-etag", "slo-size", "version"];
    for key in own {
        attributes.remove(SWIFT, key);
    }
    for namespace in ["access", "lock", "sealed", "upload", "checksum"] {
        attributes.clear(namespace);
    }
    describe(headers, &mut attributes)?;
    let content_type = if given_type {
        type_of(headers, path)
    } else {
        source.content_type.clone()
    };
    Ok(Description {
        content_type,
        attributes,
        ..Description::default()
    })
}

/// Keeps what makes a dynamic large object one, in a copy of its manifest.
pub(crate) fn keep_prefix(
    source: &Version,
    headers: &HeaderMap,
    fresh: bool,
    description: &mut Description,
) {
    let replaced = headers.contains_key("x-object-manifest");
    let prefix = source.attributes.get(SWIFT, DLO);
    if let Some(prefix) = prefix.filter(|_| !fresh && !replaced) {
        description.attributes.set(SWIFT, DLO, prefix);
    }
}

/// Writes into attributes what headers say.
fn describe(headers: &HeaderMap, attributes: &mut Attributes) -> Result<()> {
    for (name, value) in metadata::of_headers(headers, Owner::Object)? {
        metadata::keep(attributes, USER, &name, &value);
    }
    for name in KEPT {
        if let Some(value) = headers.get(name) {
            metadata::keep(attributes, HTTP, name, value.as_bytes());
        }
    }
    if let Some(value) = headers.get(EXPIRES) {
        metadata::keep(attributes, SWIFT, EXPIRES, value.as_bytes());
        match value.to_str().ok().and_then(parse_http_date) {
            Some(seconds) => attributes.set(HTTP, EXPIRES, seconds.to_string()),
            None => attributes.remove(HTTP, EXPIRES),
        }
    }
    if let Some(at) = moment(headers)? {
        attributes.set(EXPIRE, EXPIRE_AT, at.to_string());
    }
    if let Some(value) = headers
        .get("x-object-manifest")
        .filter(|value| !value.is_empty())
    {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        check_manifest(&value)?;
        attributes.set(SWIFT, DLO, value);
    }
    Ok(())
}

fn check_manifest(value: &str) -> Result<()> {
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    let good = decoded.split_once('/').is_some_and(|(container, prefix)| {
        !container.is_empty() && !prefix.is_empty() && !prefix.starts_with('/')
    });
    if good && !decoded.contains(['?', '&']) {
        return Ok(());
    }
    let text = "X-Object-Manifest must be in the format container/prefix";
    Err(Refusal::bad(text))
}

/// The second at which headers end an object.
fn moment(headers: &HeaderMap) -> Result<Option<i64>> {
    let number = |name: &str, shown: &str| -> Result<Option<i64>> {
        let Some(value) = headers.get(name) else {
            return Ok(None);
        };
        let parsed = value.to_str().ok().and_then(whole_number);
        let parsed = parsed.ok_or_else(|| Refusal::bad(format!("Non-integer {shown}")))?;
        Ok(Some(parsed))
    };
    let now = now_seconds();
    if let Some(after) = number("x-delete-after", "X-Delete-After")? {
        let at = now.saturating_add(after);
        if at <= now {
            return Err(Refusal::bad("X-Delete-After in past"));
        }
        return Ok(Some(at.min(MOMENT_MAX)));
    }
    let Some(at) = number("x-delete-at", "X-Delete-At")? else {
        return Ok(None);
    };
    if at <= now {
        return Err(Refusal::bad("X-Delete-At in past"));
    }
    Ok(Some(at.min(MOMENT_MAX)))
}

/// A whole number of any length; beyond what can be counted it is the last that can.
fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let negative = text.starts_with('-');
    Some(
        text.parse()
            .unwrap_or(if negative { i64::MIN } else { i64::MAX }),
    )
}

fn guesses(headers: &HeaderMap) -> bool {
    headers
        .get("x-detect-content-type")
        .is_some_and(|value| is_true(value.as_bytes()))
}

/// The words that mean yes.
pub(crate) fn is_true(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    [&b"true"[..], b"1", b"yes", b"on", b"t", b"y"].contains(&value.as_slice())
}

/// Whether a header is there and means yes.
pub(crate) fn says_yes(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get(name)
        .is_some_and(|value| is_true(value.as_bytes()))
}

fn type_of(headers: &HeaderMap, path: &str) -> String {
    let given = headers
        .get("content-type")
        .filter(|given| !given.is_empty());
    match given {
        Some(given) if !guesses(headers) => String::from_utf8_lossy(given.as_bytes()).into_owned(),
        _ => guess(path),
    }
}

/// The type that a name suggests.
fn guess(path: &str) -> String {
    if path.to_ascii_lowercase().ends_with(".wav") {
        // Clients of Swift know it by its old name.
        return "audio/x-wav".to_owned();
    }
    let guessed = mime_guess::from_path(path).first_raw();
    guessed.unwrap_or(DEFAULT_TYPE).to_owned()
}

/// The headers that a version answers with, but for its tag and length.
pub(crate) fn headers(version: &Version) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let attributes = &version.attributes;
    let content_type = match version.content_type.as_str() {
        "" => DEFAULT_TYPE,
        given => given,
    };
    set(&mut headers, "content-type", content_type);
    set(
        &mut headers,
        "last-modified",
        last_modified(version.created),
    );
    set(&mut headers, "x-timestamp", timestamp(version.created));
    set(&mut headers, "accept-ranges", "bytes");
    metadata::write(attributes, Owner::Object, &mut headers);
    for name in KEPT {
        if let Some(value) = metadata::kept(attributes, HTTP, name) {
            set(&mut headers, name, value);
        }
    }
    let seconds = attributes
        .get(HTTP, EXPIRES)
        .and_then(|text| text.parse().ok());
    let own = metadata::kept(attributes, SWIFT, EXPIRES);
    if let Some(value) = own.or_else(|| seconds.map(|at| http_date(at).into_bytes())) {
        set(&mut headers, EXPIRES, value);
    }
    if let Some(at) = attributes.get(EXPIRE, EXPIRE_AT) {
        set(&mut headers, "x-delete-at", at);
    }
    if let Some(prefix) = attributes.get(SWIFT, DLO) {
        set(&mut headers, "x-object-manifest", prefix);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            set(&mut headers, name, value);
        }
        headers
    }

    #[test]
    fn types() {
        let kind = |pairs: &[(&str, &str)], path| of_put(&map(pairs), path).unwrap().content_type;
        assert_eq!(kind(&[], "a.wav"), "audio/x-wav");
        assert_eq!(kind(&[], "a.zip"), "application/zip");
        assert_eq!(kind(&[], "a.txt"), "text/plain");
        assert_eq!(kind(&[], "a"), DEFAULT_TYPE);
        assert_eq!(kind(&[("content-type", "x/y")], "a.txt"), "x/y");
        let detect = [("content-type", "x/y"), ("x-detect-content-type", "True")];
        assert_eq!(kind(&detect, "a.txt"), "text/plain");
    }

    #[test]
    fn moments() {
        let of = |name, value: &str| moment(&map(&[(name, value)]));
        for bad in ["", "x", "1.5", "-1", "0"] {
            assert!(of("x-delete-at", bad).is_err(), "{bad}");
            assert!(of("x-delete-after", bad).is_err(), "{bad}");
        }
        let huge = of("x-delete-at", "99999999999999999999999").unwrap();
        assert_eq!(huge, Some(MOMENT_MAX));
        assert_eq!(
            of("x-delete-after", "99999999999").unwrap(),
            Some(MOMENT_MAX)
        );
    }

    #[test]
    fn manifests() {
        for (value, good) in [
            ("c/p", true),
            ("c/p%2Fq", true),
            ("c", false),
            ("c/", false),
            ("/p", false),
            ("c//p", false),
            ("c/p?x", false),
            ("c/p%26x", false),
        ] {
            assert_eq!(check_manifest(value).is_ok(), good, "{value}");
        }
    }

    #[test]
    fn a_post_replaces() {
        let put = [
            ("x-object-meta-a", "1"),
            ("content-encoding", "gzip"),
            ("expires", "never"),
        ];
        let mut description = of_put(&map(&put), "a").unwrap();
        description.attributes.set(SWIFT, "slo", "true");
        of_post(&map(&[("x-object-meta-b", "2")]), &mut description).unwrap();
        let mut expected = Attributes::default();
        expected.set(SWIFT, "slo", "true");
        expected.set(USER, "b", "2");
        assert_eq!(description.attributes, expected);
    }
}
