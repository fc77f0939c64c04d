//! Percent-encoding, for the addresses and queries that this front end itself writes.
//!
//! Promises: what comes out is plain ASCII without any character that means something in a URI, `/` in
//! paths excepted.
//! Does not: decode (`query`).

use std::fmt::Write as _;

/// A key as the path of a URI.
pub(crate) fn path(text: &str) -> String {
    encode(text, |byte| byte == b'/')
}

/// A text as a name or value of a query.
pub(crate) fn whole(text: &str) -> String {
    encode(text, |_| false)
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
    use super::*;

    #[test]
    fn what_is_encoded() {
        assert_eq!(path("/a b/ü%~"), "/a%20b/%C3%BC%25~");
        assert_eq!(whole("a/b&c=d"), "a%2Fb%26c%3Dd");
    }
}
