//! Server-side encryption: what headers ask for, what answers tell, the default of a bucket.
//!
//! Promises: a client's key is read, used and forgotten; it is in no log, no answer and no attribute.
//! Does not: encrypt, the store does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dolium_store::access::Action;
use dolium_store::{CustomerKey, DigestSet, Digester, EncryptedBy, Encryption};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, of_store, refuse};
use crate::names::container;
use crate::setting;

const KIND: &str = "x-amz-server-side-encryption";
const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
const SOURCE_CUSTOMER: &str = "x-amz-copy-source-server-side-encryption-customer-";
/// The only algorithm of client's keys, and the word for the repository's.
const AES256: &str = "AES256";
const KMS: &str = "aws:kms";
/// The setting that keeps the document of the default.
const SETTING: &str = "encryption";

fn invalid(message: impl Into<String>) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What the headers of a write ask for.
pub(crate) fn wanted(headers: &HeaderMap) -> S3Result<Option<Encryption>> {
    let customer = customer_key(headers, CUSTOMER)?;
    let kind = text(headers, KIND);
    let key_id = text(headers, KEY_ID);
    match (kind, key_id, customer) {
        (None, None, None) => Ok(None),
        (None, None, Some(key)) => Ok(Some(Encryption::Customer(key))),
        (Some(_), _, Some(_)) => Err(invalid(
            "Server Side Encryption with Customer provided key is incompatible with the encryption \
             method specified",
        )),
        (Some(AES256), None, None) => Ok(Some(Encryption::Repository)),
        (Some(KMS), Some(id), None) => Ok(Some(Encryption::Named(id.to_owned()))),
        (Some(KMS), None, None) => Err(invalid(
            "There is no default key: name one of the server's keys in \
             x-amz-server-side-encryption-aws-kms-key-id",
        )),
        (Some(AES256) | None, Some(_), _) => Err(invalid(
            "A key id can only be given with x-amz-server-side-encryption: aws:kms",
        )),
        (Some(_), _, None) => Err(invalid("The encryption method specified is not supported")),
    }
}

/// The client's key that a read needs. What asks for another encryption makes no sense in a read.
pub(crate) fn key_of_read(headers: &HeaderMap) -> S3Result<Option<CustomerKey>> {
    if headers.contains_key(KIND) || headers.contains_key(KEY_ID) {
        return Err(invalid(
            "x-amz-server-side-encryption header is not supported for this operation.",
        ));
    }
    customer_key(headers, CUSTOMER)
}

/// The client's key that a copy needs for its source.
pub(crate) fn key_of_source(headers: &HeaderMap) -> S3Result<Option<CustomerKey>> {
    customer_key(headers, SOURCE_CUSTOMER)
}

/// The client's key of a part; its upload says with what all of it is encrypted.
pub(crate) fn key_of_part(headers: &HeaderMap) -> S3Result<Option<Encryption>> {
    Ok(customer_key(headers, CUSTOMER)?.map(Encryption::Customer))
}

fn customer_key(headers: &HeaderMap, beginning: &str) -> S3Result<Option<CustomerKey>> {
    let get = |end: &str| text(headers, &format!("{beginning}{end}"));
    let (algorithm, key, md5) = (get("algorithm"), get("key"), get("key-md5"));
    if algorithm.is_none() && key.is_none() && md5.is_none() {
        return Ok(None);
    }
    let (Some(algorithm), Some(key), Some(md5)) = (algorithm, key, md5) else {
        return Err(invalid(
            "Requests specifying Server Side Encryption with Customer provided keys must provide \
             the algorithm, the key and the MD5 of the key.",
        ));
    };
    if algorithm != AES256 {
        return Err(refuse(
            S3ErrorCode::InvalidEncryptionAlgorithmError,
            "The encryption request you specified is not valid. The valid value is AES256.",
        ));
    }
    let bytes = BASE64.decode(key).ok();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let key =
        bytes.ok_or_else(|| invalid("The secret key was invalid for the specified algorithm."))?;
    if BASE64.decode(md5).ok().as_deref() != Some(&md5_of(&key)) {
        return Err(invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
        ));
    }
    Ok(Some(CustomerKey::new(key)))
}

fn md5_of(bytes: &[u8]) -> [u8; 16] {
    let mut digester = Digester::new(DigestSet {
        md5: true,
        ..DigestSet::default()
    });
    digester.update(bytes);
    digester.finish().md5.unwrap_or_default()
}

/// What an answer tells of the encryption of what it is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    customer_md5: Option<HeaderValue>,
}

impl Told {
    /// Keeps what the answer will repeat of the request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let customer_md5 = headers.get(format!("{CUSTOMER}key-md5")).cloned();
        Self { customer_md5 }
    }

    /// Adds it to the answer.
    pub(crate) fn tell(self, encrypted: Option<&EncryptedBy>, headers: &mut HeaderMap) {
        let kms = HeaderValue::from_static(KMS);
        match encrypted {
            None => {}
            Some(EncryptedBy::Repository) => {
                headers.insert(KIND, HeaderValue::from_static(AES256));
            }
            Some(EncryptedBy::Named(name)) => {
                headers.insert(KIND, kms);
                if let Ok(name) = HeaderValue::from_str(name) {
                    headers.insert(KEY_ID, name);
                }
            }
            Some(EncryptedBy::Customer) => {
                let algorithm = HeaderValue::from_static(AES256);
                headers.insert("x-amz-server-side-encryption-customer-algorithm", algorithm);
                if let Some(md5) = self.customer_md5 {
                    headers.insert("x-amz-server-side-encryption-customer-key-md5", md5);
                }
            }
        }
    }
}

/// GetBucketEncryption.
pub(crate) async fn get_bucket(
    api: &Api,
    request: S3Request<GetBucketEncryptionInput>,
) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let found = api.store.default_encryption(&caller, &name).await;
    let (kind, id) = match found.map_err(of_store)? {
        None | Some(Encryption::Customer(_)) => {
            let code = S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError;
            return not_configured(code);
        }
        Some(Encryption::Repository) => (AES256, None),
        Some(Encryption::Named(id)) => (KMS, Some(id)),
    };
    let action = Action::GetEncryptionConfiguration;
    let bucket = &request.input.bucket;
    let kept =
        setting::load::<ServerSideEncryptionConfiguration>(api, &caller, action, bucket, SETTING);
    let made = || ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: id,
                sse_algorithm: ServerSideEncryption::from_static(kind),
            }),
            bucket_key_enabled: None,
        }],
    };
    Ok(S3Response::new(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(kept.await?.unwrap_or_else(made)),
    }))
}

/// PutBucketEncryption.
pub(crate) async fn put_bucket(
    api: &Api,
    request: S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let document = request.input.server_side_encryption_configuration;
    let [rule] = document.rules.as_slice() else {
        let message = "An encryption configuration has exactly one rule";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    };
    let default = rule
        .apply_server_side_encryption_by_default
        .as_ref()
        .ok_or_else(|| refuse(S3ErrorCode::MalformedXML, "The rule has no default"))?;
    let encryption = match (default.sse_algorithm.as_str(), &default.kms_master_key_id) {
        (AES256, None) => Encryption::Repository,
        (KMS, Some(id)) => Encryption::Named(id.clone()),
        (KMS, None) => return Err(invalid("There is no default key: name one of the server's")),
        (AES256, Some(_)) => return Err(invalid("A key id needs the algorithm aws:kms")),
        _ => return Err(refuse(S3ErrorCode::MalformedXML, "Unknown algorithm")),
    };
    let changes = vec![setting::change(SETTING, Some(setting::to_text(&document)?))];
    let done = api
        .store
        .set_default_encryption(&caller, &name, Some(encryption), changes);
    done.await.map_err(of_store)?;
    Ok(S3Response::new(PutBucketEncryptionOutput {}))
}

/// DeleteBucketEncryption.
pub(crate) async fn delete_bucket(
    api: &Api,
    request: S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
    let (caller, name) = (caller(&request)?, container(&request.input.bucket)?);
    let changes = vec![setting::change(SETTING, None)];
    let done = api
        .store
        .set_default_encryption(&caller, &name, None, changes);
    done.await.map_err(of_store)?;
    Ok(no_content(DeleteBucketEncryptionOutput {}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn what_a_write_may_ask_for() {
        const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
        const KEY: &str = "x-amz-server-side-encryption-customer-key";
        const MD5: &str = "x-amz-server-side-encryption-customer-key-md5";
        let key = BASE64.encode([7u8; 32]);
        let md5 = BASE64.encode(md5_of(&[7; 32]));
        let own = [
            (ALGORITHM, AES256),
            (KEY, key.as_str()),
            (MD5, md5.as_str()),
        ];
        let of = |pairs: &[_]| wanted(&headers(pairs));
        assert_eq!(of(&[]).unwrap(), None);
        let expected = Encryption::Customer(CustomerKey::new([7; 32]));
        assert_eq!(of(&own).unwrap(), Some(expected));
        assert_eq!(of(&[(KIND, AES256)]).unwrap(), Some(Encryption::Repository));
        let named = of(&[(KIND, KMS), (KEY_ID, "k")]).unwrap();
        assert_eq!(named, Some(Encryption::Named("k".into())));
        let short = BASE64.encode([7u8; 31]);
        for bad in [
            &own[..2],
            &own[1..],
            &[(ALGORITHM, AES256), (KEY, &short), (MD5, &md5)],
            &[(ALGORITHM, "DES"), (KEY, &key), (MD5, &md5)],
            &[own[0], own[1], own[2], (KIND, AES256)],
            &[(KIND, AES256), (KEY_ID, "k")],
            &[(KIND, KMS)],
            &[(KIND, "aes:kms")],
            &[(KEY_ID, "k")],
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(!format!("{:?}", of(&own)).contains(&key));
    }
}
