//! The top: the accounts that share something with the caller, and signing in without a token.

use dolium_identity::constant_time_eq;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::moment::iso;
use super::{Asked, base, caller, not_allowed, reply};
use crate::answer::set;
use crate::body::Body;
use crate::service::Front;
use crate::time::now_seconds;

/// Credentials longer than this are none.
const CREDENTIAL_LEN_MAX: usize = 1024;

/// Answers a request for the top.
pub(super) async fn answer(front: &Front, asked: Asked) -> Result<Response<Body>> {
    if asked.method != Method::GET {
        return Err(not_allowed(&["GET"]));
    }
    let has_token = asked.query.given("X-Auth-Token").is_some()
        || asked.headers.contains_key("x-auth-token")
        || asked.headers.contains_key("x-storage-token");
    if !has_token {
        return sign_in(front, &asked).await;
    }
    let caller = caller(front, &asked).await?;
    let format = Format::of(&asked.query, &asked.headers, Format::Text);
    let after = asked.query.given("marker").map(str::to_owned);
    let limit = listing::limit(&asked.query);
    let found = front.store.sharers(&caller, after, limit).await;
    let entries = found.map_err(of_store)?.into_iter().map(|(name, made)| {
        let fields = vec![("last_modified", json!(iso(made)))];
        Entry::Item(name.as_str().to_owned(), fields)
    });
    let entries: Vec<Entry> = entries.collect();
    let frame = ("accounts", None, "account");
    Ok(listing::answer(format, HeaderMap::new(), frame, &entries))
}

/// Gives a token for `X-Auth-User` (`account:user`) and `X-Auth-Key`, as Swift's `/auth/v1.0` does.
async fn sign_in(front: &Front, asked: &Asked) -> Result<Response<Body>> {
    let text = |name: &str| {
        let value = asked.headers.get(name)?.to_str().ok()?;
        (value.len() <= CREDENTIAL_LEN_MAX && !value.is_empty()).then(|| value.to_owned())
    };
    let (Some(user), Some(secret)) = (text("x-auth-user"), text("x-auth-key")) else {
        return Err(Fault::bad("Missing X-Auth-User or X-Auth-Key header"));
    };
    let (token, principal) = token_for(front, &user, &secret).await?;
    let mut headers = HeaderMap::new();
    set(&mut headers, "x-auth-token", token);
    let url = format!(
        "{}{}/{}",
        base(asked),
        super::target::STORAGE,
        crate::target::quote(&principal.grantee().unwrap_or_default())
    );
    set(&mut headers, "x-storage-url", url);
    Ok(reply::empty(StatusCode::NO_CONTENT, Format::Text, headers))
}

/// A token for a login and its secret.
pub(super) async fn token_for(
    front: &Front,
    user: &str,
    secret: &str,
) -> Result<(String, std::sync::Arc<dolium_identity::Principal>)> {
    let unknown = || Fault::of(StatusCode::UNAUTHORIZED, "Access denied");
    let (account, name) = user.split_once(':').ok_or_else(unknown)?;
    let found = front.identity.sign_in(account, name).await;
    let found = found.map_err(|error| {
        tracing::error!(%error, "a login could not be looked up");
        Fault::of(StatusCode::SERVICE_UNAVAILABLE, "Try again later")
    })?;
    let good =
        found.filter(|(_, kept, _)| constant_time_eq(kept.expose().as_bytes(), secret.as_bytes()));
    let (principal, kept, access_key) = good.ok_or_else(unknown)?;
    let (token, _) = front.token_key.issue(&access_key, &kept, now_seconds());
    Ok((token, principal))
}
