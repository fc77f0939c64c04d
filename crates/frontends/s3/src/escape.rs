//! Percent-encoding, for the addresses and queries that this front end itself writes, and of paths.
//!
//! Promises: what comes out is plain ASCII without any character that means something in a URI, `/` in
//! paths excepted.
//! Does not: decode queries (`query`).

use std::fmt::Write as _;

/// A key as the path of a URI.
pub(crate) fn path(text: &str) -> String {
    encode(text, |byte| byte == b'/')
}

/// A text as a name or value of a query.
pub(crate) fn whole(text: &str) -> String {
    encode(text, |_| false)
}

/// A path decoded; none when it is no text. A broken escape stays as it is.
pub(crate) fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = &tail[2..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str, also: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_encoded() {
        assert_eq!(path("/a b/ü%~"), "/a%20b/%C3%BC%25~");
        assert_eq!(whole("a/b&c=d"), "a%2Fb%26c%3Dd");
    }

    #[test]
    fn what_is_decoded() {
        assert_eq!(decode("a%20b+%c3%BC%2F%zz%").as_deref(), Some("a b+ü/%zz%"));
        assert_eq!(decode("%ff"), None);
    }

    proptest! {
        #[test]
        fn paths_round_trip(text in "\\PC{0,40}") {
            prop_assert_eq!(decode(&path(&text)), Some(text.clone()));
            prop_assert_eq!(decode(&whole(&text)), Some(text));
        }
    }
}
