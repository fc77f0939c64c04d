//! What a request says in its headers, decoded, and how answers encode theirs.
//!
//! Names and values are ASCII; whatever holds a percent sign is encoded, names too. Two spellings of one name
//! (`_` for `-`, upper for lower case) are one header, whose values are joined by commas.
//!
//! Promises: no bytes of a client make anything fail but the request.

use http::HeaderMap;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::fault::{Fault, Result};
use crate::answer::set;

/// What stands as itself in the values of this dialect's own headers.
const OWN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b'=')
    .remove(b',')
    .remove(b':')
    .remove(b'@')
    .remove(b';')
    .remove(b' ')
    .remove(b'"');
/// What does not in the values of HTTP's: only what would be read as something else.
const HTTPS: &AsciiSet = &CONTROLS.add(b'%');
/// What stands as itself in names.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The headers of a request by their names in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(Vec<(String, String)>);

impl Words {
    /// Decodes headers.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut words: Vec<(String, String)> = Vec::new();
        for (name, value) in headers {
            let name = decode(name.as_str().as_bytes())?
                .to_lowercase()
                .replace('_', "-");
            let value = decode(value.as_bytes())?;
            match words.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => {
                    values.push(',');
                    values.push_str(&value);
                }
                None => words.push((name, value)),
            }
        }
        Ok(Self(words))
    }

    /// The value of a header.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a header, unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether a header is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The headers whose names begin like this, without it.
    pub(super) fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.0.iter().filter_map(move |(name, value)| {
            let rest = name.strip_prefix(prefix)?;
            Some((rest, value.as_str()))
        })
    }

    /// A header that is a whole number; whatever else it says is as if it were not there.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        whole_number(self.get(name)?)
    }
}

/// A non-negative decimal number; one beyond all numbers is the last one.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn decode(bytes: &[u8]) -> Result<String> {
    let bad = || Fault::bad("Bad character in headers.");
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.is_ascii());
    let text = text.ok_or_else(bad)?;
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    match percent_decode(bytes).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(bad()),
    }
}

/// A name as it is shown: each word begins with a capital.
pub(super) fn capitalised(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        first.unwrap_or_default() + &letters.as_str().to_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}

/// Sets a header of an answer, encoded as far as it must be.
pub(super) fn say(headers: &mut HeaderMap, name: &str, value: &str) {
    let encoded = if name.starts_with("content-") {
        utf8_percent_encode(value, HTTPS)
    } else {
        utf8_percent_encode(value, OWN)
    };
    let name = utf8_percent_encode(name, NAME).to_string();
    set(headers, &name, encoded.to_string());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pairs: &[(&str, &[u8])]) -> Result<Words> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        Words::of(&headers)
    }

    #[test]
    fn decoding() {
        let words = of(&[
            ("X-Object-Meta-%CE%A0a_b", b"%CE%A0%25"),
            ("x-object-meta-foo_bar", b"1"),
            ("x-object-meta-FOO-bar", b"2"),
            ("x-object-bytes", b"-1"),
        ])
        .unwrap();
        assert_eq!(words.get("x-object-meta-πa-b"), Some("Π%"));
        assert_eq!(words.get("x-object-meta-foo-bar"), Some("1,2"));
        assert_eq!(words.number("x-object-bytes"), None);
        assert_eq!(words.below("x-object-meta-").count(), 2);
        assert!(of(&[("a", b"\xff")]).is_err());
        assert!(of(&[("a", b"%f2")]).is_err());
        assert!(of(&[("a", b"%00")]).is_err());
    }

    #[test]
    fn encoding() {
        let mut headers = HeaderMap::new();
        say(&mut headers, "x-object-sharing", "read=*; write=a,b:c");
        say(&mut headers, "x-object-meta-π", "Π");
        say(&mut headers, "content-type", "image/svg+xml; charset=UTF-8");
        assert_eq!(headers["x-object-sharing"], "read=%2A; write=a,b:c");
        assert_eq!(headers["x-object-meta-%cf%80"], "%CE%A0");
        assert_eq!(headers["content-type"], "image/svg+xml; charset=UTF-8");
        assert_eq!(capitalised("foo-bAR-πI"), "Foo-Bar-Πi");
    }

    #[test]
    fn numbers() {
        for (text, number) in [
            ("0", Some(0)),
            (" 12 ", Some(12)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("1.5", None),
            ("+1", None),
            ("", None),
            ("abc", None),
        ] {
            assert_eq!(whole_number(text), number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_comes_back(name in "[a-zα-ω]{1,9}", value in "[ -~α-ω]{0,40}") {
            let mut headers = HeaderMap::new();
            let name = format!("x-object-meta-{name}");
            say(&mut headers, &name, &value);
            let words = Words::of(&headers).unwrap();
            prop_assert_eq!(words.get(&name), Some(value.as_str()));
        }

        #[test]
        fn hostile_headers_never_panic(value in proptest::collection::vec(0x20u8..=0xff, 0..60)) {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                let mut headers = HeaderMap::new();
                headers.insert("x-object-meta-a", value);
                let _ = Words::of(&headers);
            }
        }
    }
}
