//! AWS Signature Version 4 over headers, with an unsigned payload: the load is on the server, and
//! hashing bodies twice on the same machine would slow the client as much as what it measures.

use aws_lc_rs::{digest, hmac};

const REGION: &str = "us-east-1";
const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs requests of one user to one host.
#[derive(Clone)]
pub(crate) struct Signer {
    access_key: String,
    secret_key: String,
}

/// What a signature covers.
pub(crate) struct Canonical<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Encoded and sorted.
    pub(crate) query: &'a str,
    pub(crate) host: &'a str,
    /// Further headers in lower case.
    pub(crate) headers: &'a [(&'static str, String)],
}

impl Signer {
    pub(crate) fn new(access_key: &str, secret_key: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
        }
    }

    /// The headers that make the request a signed one.
    pub(crate) fn sign(&self, request: &Canonical<'_>) -> Vec<(&'static str, String)> {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &time[..8];
        let mut signed = vec![
            ("host", request.host.to_owned()),
            ("x-amz-content-sha256", PAYLOAD.to_owned()),
            ("x-amz-date", time.clone()),
        ];
        signed.extend_from_slice(request.headers);
        signed.sort();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = signed.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        let canonical = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{PAYLOAD}",
            request.method, request.path, request.query
        );
        let hash = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let scope = format!("{day}/{REGION}/s3/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let signature = hex::encode(mac(&self.key(day), text.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        signed.push(("authorization", authorization));
        signed
    }

    fn key(&self, day: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret_key).into_bytes();
        [day, REGION, "s3", "aws4_request"]
            .iter()
            .fold(first, |key, part| mac(&key, part.as_bytes()))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the AWS documentation of the signing key.
    #[test]
    fn the_signing_key_is_derived_as_aws_does() {
        let signer = Signer::new("AKID", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let first = mac(b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", b"20150830");
        assert_eq!(
            hex::encode(&first),
            "0138c7a6cbd60aa727b2f653a522567439dfb9f3e72b21f9b25941a42f04a7cd"
        );
        assert_eq!(signer.key("20150830").len(), 32);
    }

    #[test]
    fn encoding() {
        assert_eq!(encode("a/b c~"), "a%2Fb%20c~");
    }
}
