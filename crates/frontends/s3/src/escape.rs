//! Percent-encoding: of what this front end itself writes, and of paths.
//!
//! Promises: what comes out is plain ASCII without any character that means something in a URI, `/` in
//! paths excepted.
//! Does not: decode queries (`query`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a name or value of a query cannot hold: all but the unreserved characters of RFC 3986, section 2.3.
const WHOLE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What a path cannot hold.
const PATH: &AsciiSet = &WHOLE.remove(b'/');

/// A key as the path of a URI.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// A text as a name or value of a query.
pub(crate) fn whole(text: &str) -> String {
    utf8_percent_encode(text, WHOLE).to_string()
}

/// A path decoded; none when it is no text. A broken escape stays as it is.
pub(crate) fn decode(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// A path decoded, with replacement characters for what is no text.
pub(crate) fn decode_lossy(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
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
