//! Who is speaking.
//!
//! `s3s` asks for the secret of an access key and verifies the signature. The principal found with that
//! secret is remembered for the length of the request, so that one look-up serves both.
//! Promises: no operation runs without a principal; secrets are only handed to the signature check.
//! Does not: decide what a principal may do, the store does.

use std::sync::{Arc, OnceLock};

use dolium_identity::{Identity, Principal, Secret};
use http::HeaderMap;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use crate::error::refuse;
use crate::unsupported;

tokio::task_local! {
    /// The principal of the request that this task serves, once its key was looked up.
    static CALLER: Arc<OnceLock<Arc<Principal>>>;
}

/// Runs the handling of one request with a place for its principal.
pub(crate) async fn in_request<F: Future>(future: F) -> F::Output {
    CALLER.scope(Arc::new(OnceLock::new()), future).await
}

/// The principal of a request that passed the gate.
pub(crate) fn caller<T>(request: &S3Request<T>) -> S3Result<Arc<Principal>> {
    request
        .extensions
        .get::<Arc<Principal>>()
        .cloned()
        .ok_or_else(anonymous)
}

fn anonymous() -> S3Error {
    refuse(S3ErrorCode::AccessDenied, "Anonymous access is forbidden")
}

/// In a request that `s3s` finds unsigned: the principal whose signature was verified before.
#[derive(Clone)]
pub(crate) struct Verified(pub(crate) Arc<Principal>);

/// The user and the secret of an access key.
pub(crate) async fn lookup(
    identity: &Identity,
    access_key: &str,
) -> S3Result<(Arc<Principal>, Secret)> {
    let found = identity.lookup(access_key).await.map_err(|error| {
        tracing::error!(%error, "an access key could not be looked up");
        refuse(S3ErrorCode::ServiceUnavailable, "Please try again later.")
    })?;
    let Some((principal, secret)) = found else {
        return Err(refuse(
            S3ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        ));
    };
    Ok((Arc::new(principal), secret))
}

/// Finds the secrets of access keys.
pub(crate) struct Keys(pub(crate) Identity);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let (principal, secret) = lookup(&self.0, access_key).await?;
        // Without a request around it (which does not happen) the gate finds no caller and refuses.
        let _ = CALLER.try_with(|caller| caller.set(principal));
        Ok(SecretKey::from(secret.expose()))
    }
}

/// Lets authenticated requests pass, after what no operation here understands was refused.
pub(crate) struct Gate;

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let verified = context.extensions_mut().remove::<Verified>();
        let caller = match (context.credentials(), verified) {
            (None, verified) => verified.map(|Verified(principal)| principal),
            (Some(_), _) => CALLER
                .try_with(|caller| caller.get().cloned())
                .ok()
                .flatten(),
        };
        let caller = caller.ok_or_else(anonymous)?;
        check_expected_owner(context.headers(), &caller)?;
        unsupported::check(context.headers())?;
        context.extensions_mut().insert(caller);
        Ok(())
    }
}

/// A client may say whom it expects to own a bucket. What a principal can reach here is its own.
fn check_expected_owner(headers: &HeaderMap, caller: &Principal) -> S3Result<()> {
    for name in [
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
    ] {
        let Some(expected) = headers.get(name) else {
            continue;
        };
        let is = |id: &str| expected.as_bytes() == id.as_bytes();
        if !is(&caller.canonical_id) && !is(&caller.account_id.to_string()) {
            return Err(refuse(
                S3ErrorCode::AccessDenied,
                "The bucket has another owner",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_owners() {
        let caller = Principal {
            user_id: dolium_identity::UserId(1),
            account_id: dolium_identity::AccountId(7),
            name: "a".into(),
            display_name: "A".into(),
            canonical_id: "ff".into(),
            admin: false,
        };
        for (expected, good) in [("ff", true), ("7", true), ("8", false), ("", false)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-expected-bucket-owner", expected.parse().unwrap());
            assert_eq!(
                check_expected_owner(&headers, &caller).is_ok(),
                good,
                "{expected}"
            );
        }
    }
}
