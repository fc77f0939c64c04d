//! Who signed a form's policy.
//!
//! Forms are signed with version 4, or with version 2 as old upload tools still do. The latter is allowed
//! by its own setting: what it signs is one policy with an end, and HMAC-SHA1 is not broken for that.
//! Promises: signatures are compared in constant time; a form with any part of a signature is never
//! anonymous.
//! Does not: read the policy.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::fields::Fields;
use crate::date;
use crate::error::refuse;

/// The algorithm of version 4, the only one.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Fields of which each is a part of a signature.
const PARTS: [&str; 7] = [
    "policy",
    "signature",
    "awsaccesskeyid",
    "x-amz-signature",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
];

/// A signature, and what it needs to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature<'a> {
    /// Whose key signed.
    pub(crate) access_key: &'a str,
    /// The policy as it was signed: base64.
    pub(crate) policy: &'a str,
    proof: Proof<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof<'a> {
    V2(&'a str),
    V4 {
        scope: Scope<'a>,
        signature: &'a str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scope<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
}

impl<'a> Signature<'a> {
    /// The signature of a form; none when it has no part of one.
    pub(crate) fn of_form(fields: &'a Fields, allow_v2: bool) -> S3Result<Option<Self>> {
        let v4 = fields.get("x-amz-signature").is_some()
            || fields.get("x-amz-algorithm").is_some()
            || fields.get("x-amz-credential").is_some();
        if !PARTS.iter().any(|name| fields.get(name).is_some()) {
            return Ok(None);
        }
        let policy = require(fields, "policy")?;
        if v4 {
            if fields.get("signature").is_some() || fields.get("awsaccesskeyid").is_some() {
                let message = "Only one auth mechanism allowed";
                return Err(refuse(S3ErrorCode::InvalidArgument, message));
            }
            return Self::v4(fields, policy).map(Some);
        }
        if !allow_v2 {
            return Err(crate::guard::wrong_mechanism());
        }
        let access_key = require(fields, "AWSAccessKeyId")?;
        Ok(Some(Self {
            access_key,
            policy,
            proof: Proof::V2(require(fields, "signature")?),
        }))
    }

    fn v4(fields: &'a Fields, policy: &'a str) -> S3Result<Self> {
        let bad = |message: &str| refuse(S3ErrorCode::InvalidArgument, message);
        if require(fields, "x-amz-algorithm")? != ALGORITHM {
            return Err(bad("x-amz-algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let credential = require(fields, "x-amz-credential")?;
        let scope = scope(credential).ok_or_else(|| bad("Error parsing x-amz-credential"))?;
        let moment = require(fields, "x-amz-date")?;
        if date::of_compact(moment).is_none() || !moment.starts_with(scope.date) {
            return Err(bad(
                "x-amz-date must be of the day that x-amz-credential names",
            ));
        }
        Ok(Self {
            access_key: scope.access_key,
            policy,
            proof: Proof::V4 {
                scope,
                signature: require(fields, "x-amz-signature")?,
            },
        })
    }

    /// Verifies the signature with the secret of its access key.
    pub(crate) fn verify(&self, secret: &str) -> S3Result<()> {
        let good = match &self.proof {
            Proof::V2(signature) => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
                let tag = BASE64.decode(signature).unwrap_or_default();
                hmac::verify(&key, self.policy.as_bytes(), &tag)
            }
            Proof::V4 { scope, signature } => {
                let key = sha256_key(&signing_key(secret, scope));
                let tag = hex::decode(signature).unwrap_or_default();
                hmac::verify(&key, self.policy.as_bytes(), &tag)
            }
        };
        good.map_err(|_| mismatch())
    }
}

fn mismatch() -> S3Error {
    refuse(
        S3ErrorCode::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your \
         key and signing method.",
    )
}

fn require<'a>(fields: &'a Fields, name: &str) -> S3Result<&'a str> {
    let value = fields.get(&name.to_ascii_lowercase());
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!(
            "Bucket POST must contain a field named '{name}'. If it is specified, please check the \
             order of the fields."
        );
        refuse(S3ErrorCode::InvalidArgument, message)
    })
}

/// `KEY/DATE/REGION/s3/aws4_request`
fn scope(credential: &str) -> Option<Scope<'_>> {
    let mut terms = credential.rsplitn(5, '/');
    let fixed = terms.next() == Some("aws4_request") && terms.next() == Some("s3");
    let (region, date, access_key) = (terms.next()?, terms.next()?, terms.next()?);
    let good = fixed && date.len() == 8 && !region.is_empty() && !access_key.is_empty();
    good.then_some(Scope {
        access_key,
        date,
        region,
    })
}

fn sha256_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

fn signing_key(secret: &str, scope: &Scope<'_>) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for term in [scope.date, scope.region, "s3", "aws4_request"] {
        key = hmac::sign(&sha256_key(&key), term.as_bytes())
            .as_ref()
            .to_vec();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation of browser uploads with version 4.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add(name, (*value).to_owned()).unwrap();
        }
        fields
    }

    fn code(pairs: &[(&str, &str)], allow_v2: bool) -> String {
        let fields = fields(pairs);
        let error = Signature::of_form(&fields, allow_v2).unwrap_err();
        error.code().as_str().to_owned()
    }

    fn v4(signature: &str) -> Vec<(&'static str, String)> {
        vec![
            ("policy", "cG9saWN5".to_owned()),
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            (
                "x-amz-credential",
                "AK/20151229/us-east-1/s3/aws4_request".to_owned(),
            ),
            ("x-amz-date", "20151229T000000Z".to_owned()),
            ("x-amz-signature", signature.to_owned()),
        ]
    }

    fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (*name, value.as_str())).collect()
    }

    #[test]
    fn version_4() {
        let scope = scope("AK/20151229/us-east-1/s3/aws4_request").unwrap();
        let tag = hmac::sign(&sha256_key(&signing_key(SECRET, &scope)), b"cG9saWN5");
        let pairs = v4(&hex::encode(tag.as_ref()));
        let form = fields(&borrowed(&pairs));
        let signature = Signature::of_form(&form, false).unwrap().unwrap();
        assert_eq!(signature.access_key, "AK");
        assert!(signature.verify(SECRET).is_ok());
        assert!(signature.verify("other").is_err());
        for bad in ["00", "zz", "", "deadbeef"] {
            let pairs = v4(bad);
            let form = fields(&borrowed(&pairs));
            let good = Signature::of_form(&form, false)
                .ok()
                .flatten()
                .is_some_and(|signature| signature.verify(SECRET).is_ok());
            assert!(!good, "{bad}");
        }
    }

    #[test]
    fn the_signing_key_is_that_of_the_documentation() {
        // From "Examples of how to derive a signing key for Signature Version 4", for S3.
        let scope = Scope {
            access_key: "AK",
            date: "20130524",
            region: "us-east-1",
        };
        assert_eq!(
            hex::encode(signing_key(SECRET, &scope)),
            "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"
        );
    }

    #[test]
    fn version_2() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
        let tag = BASE64.encode(hmac::sign(&key, b"cG9saWN5"));
        let pairs = [
            ("policy", "cG9saWN5"),
            ("AWSAccessKeyId", "AK"),
            ("signature", tag.as_str()),
        ];
        let form = fields(&pairs);
        let signature = Signature::of_form(&form, true).unwrap().unwrap();
        assert!(signature.verify("secret").is_ok());
        let error = signature.verify("Secret").unwrap_err();
        assert_eq!(error.code().as_str(), "SignatureDoesNotMatch");
        assert_eq!(code(&pairs, false), "InvalidRequest");
    }

    #[test]
    fn half_a_signature_is_not_anonymous() {
        let none = fields(&[("key", "k")]);
        assert_eq!(Signature::of_form(&none, true).unwrap(), None);
        for name in PARTS {
            assert_eq!(code(&[(name, "x")], true), "InvalidArgument", "{name}");
        }
        let pairs = v4("00");
        for missing in 0..pairs.len() {
            let mut fewer = borrowed(&pairs);
            fewer.remove(missing);
            assert_eq!(code(&fewer, true), "InvalidArgument", "{missing}");
        }
        for credential in [
            "AK/1/r/s3/aws4_request",
            "AK/20151229/r/sts/aws4_request",
            "",
        ] {
            let mut pairs = v4("00");
            pairs[2].1 = credential.to_owned();
            assert_eq!(code(&borrowed(&pairs), true), "InvalidArgument");
        }
    }
}
