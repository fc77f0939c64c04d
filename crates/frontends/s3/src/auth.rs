//! Who is speaking.
//!
//! `s3s` asks for the secret of an access key and verifies the signature. The principal found with that
//! secret is remembered for the length of the request, so that one look-up serves both. A request
//! without a signature goes on as nobody in particular.
//! Promises: a caller with a principal has signed; secrets are only handed to the signature check.
//! Does not: decide what a caller may do, the store does.

use std::sync::{Arc, OnceLock};

use dolium_identity::{Identity, Principal, Secret};
use dolium_store::access::Context;
use dolium_store::{Caller, ContainerName, REQUEST_ID, Store};
use http::{Extensions, HeaderMap};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use crate::access_log::Requester;
use crate::answer::RequestId;
use crate::circumstances::{self, Peer};
use crate::error::{of_store, refuse};
use crate::guard::unescape_key;
use crate::names::container;
use crate::unsupported;

tokio::task_local! {
    /// The principal of the request that this task serves, once its key was looked up.
    static CALLER: Arc<OnceLock<Arc<Principal>>>;
}

/// Runs the handling of one request with a place for its principal.
pub(crate) async fn in_request<F: Future>(future: F) -> F::Output {
    CALLER.scope(Arc::new(OnceLock::new()), future).await
}

/// The caller of a request that passed the gate.
pub(crate) fn caller<T>(request: &S3Request<T>) -> S3Result<Caller> {
    request
        .extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(denied)
}

fn denied() -> S3Error {
    refuse(S3ErrorCode::AccessDenied, "Access denied.")
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
        let access_key = unescape_key(access_key);
        let (principal, secret) = lookup(&self.0, &access_key).await?;
        // Without a request around it (which does not happen) the gate finds no caller and refuses.
        let _ = CALLER.try_with(|caller| caller.set(principal));
        Ok(SecretKey::from(secret.expose()))
    }
}

/// Says who the caller is, after what no operation here understands was refused.
pub(crate) struct Gate {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        unsupported::check(context.headers())?;
        self.check_expected_owners(context).await?;
        let signed = context.credentials().is_some();
        let peer = context.extensions_mut().get::<Peer>().copied();
        let circumstances = circumstances::gather(context.headers(), context.uri(), peer);
        enter(signed, circumstances, context.extensions_mut())
    }
}

/// Puts the caller of a request, with its circumstances, among the extensions.
pub(crate) fn enter(
    signed: bool,
    mut circumstances: Context,
    extensions: &mut Extensions,
) -> S3Result<()> {
    let verified = extensions.remove::<Verified>();
    let by_form = verified.is_some();
    let looked_up = || CALLER.try_with(|caller| caller.get().cloned());
    let caller = match (signed, verified) {
        (true, _) => Caller::user(looked_up().ok().flatten().ok_or_else(denied)?),
        (false, Some(Verified(principal))) => Caller::user(principal),
        (false, None) => Caller::anonymous(),
    };
    if let Some(RequestId(id)) = extensions.get::<RequestId>() {
        circumstances.set(REQUEST_ID, id.clone());
    }
    if by_form {
        circumstances.set("s3:authType", "POST");
    }
    if let (Some(requester), Some(user)) = (extensions.get::<Requester>(), caller.principal()) {
        requester.note(&user.canonical_id);
    }
    extensions.insert(caller.with_context(circumstances));
    Ok(())
}

impl Gate {
    /// A client may say whom it expects to own the buckets that it names.
    async fn check_expected_owners(&self, context: &S3AccessContext<'_>) -> S3Result<()> {
        let headers = context.headers();
        let expected = |name: &str| headers.get(name).map(http::HeaderValue::as_bytes);
        if let (Some(owner), Some(bucket)) = (
            expected("x-amz-expected-bucket-owner"),
            context.s3_path().get_bucket_name(),
        ) {
            self.check_owner(&container(bucket)?, owner).await?;
        }
        if let (Some(owner), Some(bucket)) = (
            expected("x-amz-source-expected-bucket-owner"),
            source_bucket(headers),
        ) {
            self.check_owner(&bucket, owner).await?;
        }
        Ok(())
    }

    async fn check_owner(&self, bucket: &ContainerName, expected: &[u8]) -> Result<(), S3Error> {
        let found = self.store.container_attributes(bucket).await;
        let Some((account, _)) = found.map_err(of_store)? else {
            // The operation says that there is no such bucket.
            return Ok(());
        };
        if expected == account.to_string().as_bytes() {
            return Ok(());
        }
        let owner = self.identity.owner_of(account).await.map_err(|error| {
            tracing::error!(%error, "the owner of an account could not be looked up");
            S3Error::from(S3ErrorCode::ServiceUnavailable)
        })?;
        if owner.is_some_and(|owner| owner.canonical_id.as_bytes() == expected) {
            return Ok(());
        }
        Err(denied())
    }
}

/// The bucket that `x-amz-copy-source` names.
fn source_bucket(headers: &HeaderMap) -> Option<ContainerName> {
    let text = headers.get("x-amz-copy-source")?.to_str().ok()?;
    let bucket = text.trim_start_matches('/').split('/').next()?;
    container(bucket).ok()
}
