//! Who a request speaks for.

pub(crate) mod keystone;
pub(crate) mod temp_auth;
pub(crate) mod token;

use dolium_identity::{Guest, Principal, Role};
use dolium_store::{Caller, Instant};
use http::{HeaderMap, StatusCode};

use crate::error::{Refusal, Result};
use crate::service::Front;
use crate::time::now_seconds;
use keystone::token::ScopedToken;

/// Somebody who showed a token.
enum Shown {
    /// One of version 1.
    Plain(Principal),
    /// One of version 3.
    Scoped(Principal),
    /// One of a Keystone elsewhere.
    Guest(Guest),
}

/// The caller that a request's tokens name; nobody in particular without one. A token that is none is
/// refused, also where nobody in particular would be let in.
pub(crate) async fn caller(front: &Front, headers: &HeaderMap) -> Result<Caller> {
    let token = ["x-auth-token", "x-storage-token"];
    let Some(token) = token.iter().find_map(|name| headers.get(*name)) else {
        return Ok(Caller::anonymous());
    };
    let shown = check(front, token.as_bytes()).await?;
    let caller = match shown.ok_or_else(|| Refusal::of(StatusCode::UNAUTHORIZED))? {
        Shown::Plain(user) => Caller::user(user),
        Shown::Scoped(user) => scoped(user),
        Shown::Guest(guest) => Caller::user(guest.principal).known_as(guest.names),
    };
    let Some(token) = headers.get("x-service-token") else {
        return Ok(caller);
    };
    Ok(match check(front, token.as_bytes()).await? {
        Some(Shown::Plain(service) | Shown::Scoped(service)) => caller.vouched_for(&service),
        Some(Shown::Guest(guest)) if guest.is_service => {
            let role = Role::Service;
            caller.vouched_for(&Principal {
                role,
                ..guest.principal
            })
        }
        Some(Shown::Guest(_)) | None => caller,
    })
}

/// A caller with the names that lists of grantees have for a user of a project: by ids and by names, and
/// with `*` for either half. A project alone is none of them.
fn scoped(user: Principal) -> Caller {
    let project = &user.account;
    let (id, name) = (&user.canonical_id, keystone::user_name(&user));
    let names = vec![
        format!("{project}:{id}"),
        format!("{project}:{name}"),
        format!("{project}:*"),
        format!("*:{id}"),
        format!("*:{name}"),
    ];
    Caller::user(user).known_as(names)
}

async fn check(front: &Front, token: &[u8]) -> Result<Option<Shown>> {
    let (identity, key) = (&front.identity, &front.token_key);
    let found = if keystone::is_meant(token) {
        let found = ScopedToken::open(key, identity, token, Instant::now().0).await;
        // A token without a project opens nothing that is in one.
        found.map(|found| {
            let found = found.filter(|(token, _)| token.project.is_some());
            found.map(|(_, user)| Shown::Scoped(user))
        })
    } else if let Some(keystone) = front.keystone.as_ref().filter(|_| !token::is_meant(token)) {
        let found = keystone.check(token).await;
        found.map(|found| found.map(Shown::Guest))
    } else {
        let found = key.check(identity, token, now_seconds()).await;
        found.map(|found| found.map(Shown::Plain))
    };
    found.map_err(|error| {
        tracing::error!(%error, "a token could not be checked");
        Refusal::of(StatusCode::SERVICE_UNAVAILABLE)
    })
}

/// Where this server is, as a client sees it.
pub(crate) fn base(headers: &HeaderMap, secure: bool) -> String {
    let host = headers.get("host").and_then(|host| host.to_str().ok());
    let plain = |host: &&str| {
        let good = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        !host.is_empty() && host.chars().all(good)
    };
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}", host.filter(plain).unwrap_or("localhost"))
}
