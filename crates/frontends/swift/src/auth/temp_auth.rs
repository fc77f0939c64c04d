//! Signing in over version 1 of the authentication protocol: `GET /auth/v1.0`.
//!
//! Promises: secrets are compared in constant time; who does not know the secret does not learn
//! whether there is such a user.

use dolium_identity::{Identity, constant_time_eq};
use http::{HeaderMap, Method, Response, StatusCode};

use super::base;
use super::token::TokenKey;
use crate::answer::{bare, set};
use crate::body::Body;
use crate::error::{Refusal, Result};
use crate::target::{ACCOUNT_PREFIX, quote};
use crate::time::now_seconds;

/// Credentials longer than this are none.
const CREDENTIAL_LEN_MAX: usize = 1024;

/// What signing in needs.
pub(crate) struct Desk<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) key: &'a TokenKey,
    /// Whether the request came over TLS.
    pub(crate) secure: bool,
}

/// What a request says of who signs in.
struct Claim {
    account: String,
    user: String,
    secret: String,
}

impl Desk<'_> {
    /// Answers a request below `/auth`.
    pub(crate) async fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Body>> {
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        let account = match words.as_slice() {
            ["auth", "v1" | "v1.0" | "auth"] => None,
            ["auth", "v1", account, "auth"] => Some(*account),
            _ => return Err(Refusal::of(StatusCode::BAD_REQUEST)),
        };
        if *method != Method::GET {
            return Err(Refusal::of(StatusCode::METHOD_NOT_ALLOWED));
        }
        let claim = claim(headers, account)?;
        let found = self.identity.sign_in(&claim.account, &claim.user).await;
        let found = found.map_err(|error| {
            tracing::error!(%error, "a login could not be looked up");
            Refusal::of(StatusCode::SERVICE_UNAVAILABLE)
        })?;
        let good = found.filter(|(_, secret, _)| {
            constant_time_eq(secret.expose().as_bytes(), claim.secret.as_bytes())
        });
        let Some((_, secret, access_key)) = good else {
            return Err(unauthorized(&claim.account));
        };
        let (token, seconds) = self.key.issue(&access_key, &secret, now_seconds());
        let base = base(headers, self.secure);
        let url = format!("{base}/v1/{ACCOUNT_PREFIX}{}", quote(&claim.account));
        let mut answer = HeaderMap::new();
        set(&mut answer, "x-auth-token", &token);
        set(&mut answer, "x-storage-token", &token);
        set(&mut answer, "x-auth-token-expires", seconds.to_string());
        set(&mut answer, "x-storage-url", url);
        Ok(bare(StatusCode::OK, answer))
    }
}

fn unauthorized(realm: &str) -> Refusal {
    let mut refusal = Refusal::of(StatusCode::UNAUTHORIZED);
    let value = format!("Swift realm=\"{}\"", quote(realm));
    set(&mut refusal.headers, "www-authenticate", value);
    refusal
}

fn claim(headers: &HeaderMap, account: Option<&str>) -> Result<Claim> {
    let text = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| headers.get(*name))?;
        let text = std::str::from_utf8(found.as_bytes()).ok()?;
        (text.len() <= CREDENTIAL_LEN_MAX).then(|| text.to_owned())
    };
    let user = text(["x-auth-user", "x-storage-user"]);
    let secret = text(["x-auth-key", "x-storage-pass"]);
    let (Some(user), Some(secret)) = (user, secret) else {
        return Err(unauthorized(account.unwrap_or("unknown")));
    };
    let (in_user, user) = match user.split_once(':') {
        Some((account, user)) => (Some(account.to_owned()), user.to_owned()),
        None => (None, user),
    };
    let account = match (account, in_user) {
        (None, Some(account)) => account,
        (Some(account), None) => account.to_owned(),
        (Some(account), Some(same)) if account == same => same,
        (account, _) => return Err(unauthorized(account.unwrap_or("unknown"))),
    };
    Ok(Claim {
        account,
        user,
        secret,
    })
}
