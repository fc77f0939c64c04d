//! Who a request speaks for.

pub(crate) mod temp_auth;
pub(crate) mod token;

use dolium_identity::{Identity, Principal};
use dolium_store::Caller;
use http::{HeaderMap, StatusCode};

use crate::error::{Refusal, Result};
use crate::time::now_seconds;
use token::TokenKey;

/// The caller that a request's tokens name; nobody in particular without one. A token that is none is
/// refused, also where nobody in particular would be let in.
pub(crate) async fn caller(
    identity: &Identity,
    key: &TokenKey,
    headers: &HeaderMap,
) -> Result<Caller> {
    let token = ["x-auth-token", "x-storage-token"];
    let Some(token) = token.iter().find_map(|name| headers.get(*name)) else {
        return Ok(Caller::anonymous());
    };
    let principal = check(identity, key, token.as_bytes()).await?;
    let principal = principal.ok_or_else(|| Refusal::of(StatusCode::UNAUTHORIZED))?;
    let caller = Caller::user(principal);
    let Some(token) = headers.get("x-service-token") else {
        return Ok(caller);
    };
    Ok(match check(identity, key, token.as_bytes()).await? {
        Some(service) => caller.vouched_for(&service),
        None => caller,
    })
}

async fn check(identity: &Identity, key: &TokenKey, token: &[u8]) -> Result<Option<Principal>> {
    let found = key.check(identity, token, now_seconds()).await;
    found.map_err(|error| {
        tracing::error!(%error, "a token could not be checked");
        Refusal::of(StatusCode::SERVICE_UNAVAILABLE)
    })
}
