//! Side services that clients of Pithos+ ask: who a token is of and where the services are, which names
//! belong to which users, how much an account may store, feedback.
//!
//! Promises: only who has a token hears of users, and only of those it names; every request and answer is
//! bounded.
//! Does not: serve Keystone v3.

use std::collections::BTreeMap;

use bytes::Bytes;
use dolium_identity::Principal;
use dolium_store::{AccountName, Caller, Instant};
use http::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::moment::iso;
use super::{Asked, base, caller, not_allowed, reply, top};
use crate::answer::set;
use crate::auth::token;
use crate::body::{Body, document};
use crate::service::Front;

/// Where the services are.
const IDENTITY: &str = "/pithos/identity/v2.0";
const ACCOUNT: &str = "/pithos/account/v1.0";
/// The longest body of a request to them.
const BODY_LEN_MAX: usize = 256 << 10;
/// The most users that one request may ask about.
const USERS_MAX: usize = 1000;
/// The longest feedback that is passed on, in characters.
const FEEDBACK_LEN_MAX: usize = 4096;

/// A request to one of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Tokens,
    Endpoints(String),
    UserCatalogs,
    Quotas,
    Feedback,
}

impl Service {
    /// The service that a path is of.
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        if let Some(rest) = path.strip_prefix(IDENTITY) {
            let rest = rest.strip_prefix("/tokens")?;
            if rest.is_empty() {
                return Some(Self::Tokens);
            }
            let token = rest.strip_prefix('/')?.strip_suffix("/endpoints")?;
            return (!token.contains('/')).then(|| Self::Endpoints(token.to_owned()));
        }
        match path.strip_prefix(ACCOUNT)? {
            "/user_catalogs" => Some(Self::UserCatalogs),
            "/quotas" => Some(Self::Quotas),
            "/feedback" => Some(Self::Feedback),
            _ => None,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Tokens | Self::UserCatalogs | Self::Feedback => Method::POST,
            Self::Endpoints(_) | Self::Quotas => Method::GET,
        }
    }
}

/// Answers a request to a service.
pub(super) async fn answer(
    front: &Front,
    asked: Asked,
    service: Service,
) -> Result<Response<Body>> {
    if asked.method != service.method() {
        return Err(not_allowed(&[service.method().as_str()]));
    }
    match service {
        Service::Tokens => tokens(front, asked).await,
        Service::Endpoints(token) => {
            bearer(front, &token).await?;
            let endpoints = endpoints(&base(&asked));
            Ok(json_answer(
                &json!({"endpoints": endpoints, "endpoints_links": []}),
            ))
        }
        Service::UserCatalogs => {
            caller(front, &asked).await?;
            user_catalogs(front, asked).await
        }
        Service::Quotas => {
            let caller = caller(front, &asked).await?;
            quotas(front, &caller).await
        }
        Service::Feedback => {
            let caller = caller(front, &asked).await?;
            feedback(&caller, asked).await
        }
    }
}

fn json_answer(body: &Value) -> Response<Body> {
    reply::written(
        StatusCode::OK,
        Format::Json,
        HeaderMap::new(),
        body.to_string(),
    )
}

/// Who has a token that stands somewhere else than in a header.
async fn bearer(front: &Front, token: &str) -> Result<Caller> {
    let mut headers = HeaderMap::new();
    set(&mut headers, "x-auth-token", token);
    let caller = crate::auth::caller(front, &headers).await;
    let denied = || Fault::of(StatusCode::UNAUTHORIZED, "Access denied");
    let caller = caller.map_err(|refusal| Fault::of(refusal.status, "Access denied"))?;
    caller
        .principal()
        .is_some()
        .then_some(caller)
        .ok_or_else(denied)
}

async fn body_of(asked: Asked) -> Result<Bytes> {
    let body = document(asked.body.open(), BODY_LEN_MAX).await;
    let body = body.map_err(of_store)?;
    body.ok_or_else(|| Fault::of(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"))
}

/// What `POST tokens` takes.
#[derive(Deserialize)]
struct TokenRequest {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    token: Option<GivenToken>,
    #[serde(rename = "passwordCredentials")]
    password: Option<Password>,
    #[serde(rename = "tenantName")]
    tenant: Option<String>,
}

#[derive(Deserialize)]
struct GivenToken {
    id: String,
}

#[derive(Deserialize)]
struct Password {
    username: String,
    password: String,
}

async fn tokens(front: &Front, asked: Asked) -> Result<Response<Body>> {
    let address = base(&asked);
    let body = body_of(asked).await?;
    let catalog = catalog(&address);
    if body.iter().all(u8::is_ascii_whitespace) {
        // Where the services are is no secret.
        return Ok(json_answer(&json!({"access": {"serviceCatalog": catalog}})));
    }
    let request: TokenRequest = serde_json::from_slice(&body)
        .map_err(|_| Fault::bad("The body is no request for a token"))?;
    let token = match (request.auth.token, request.auth.password) {
        (Some(token), _) => token.id,
        (None, Some(password)) => {
            top::token_for(front, &password.username, &password.password)
                .await?
                .0
        }
        (None, None) => return Err(Fault::bad("Malformed request")),
    };
    let caller = bearer(front, &token).await?;
    let denied = || Fault::of(StatusCode::UNAUTHORIZED, "Access denied");
    let user = caller.principal().ok_or_else(denied)?;
    let id = user.grantee().ok_or_else(denied)?;
    if request.auth.tenant.is_some_and(|tenant| tenant != id) {
        return Err(Fault::bad("Not conforming tenantName"));
    }
    let expires =
        token::end_of(token.as_bytes()).map(|end| iso(Instant(end.saturating_mul(1_000_000))));
    let name = display_name(user);
    let access = json!({
        "token": {
            "id": token,
            "expires": expires,
            "tenant": {"id": id, "name": name},
        },
        "user": {
            "id": id,
            "name": name,
            "roles": [{"id": "1", "name": "default"}],
            "roles_links": [],
            "projects": [id],
        },
        "serviceCatalog": catalog,
    });
    Ok(json_answer(&json!({ "access": access })))
}

/// The name that people know a user by: the login of who only belongs to an account, else the account's.
fn display_name(user: &Principal) -> String {
    if user.owns_account() {
        user.account.clone()
    } else {
        user.login.clone()
    }
}

/// What each service is called, with its version and where it is.
const SERVICES: [(&str, &str, &str, &str); 4] = [
    ("astakos_identity", "identity", "v2.0", IDENTITY),
    ("astakos_account", "account", "v1.0", ACCOUNT),
    (
        "pithos_object-store",
        "object-store",
        "v1",
        super::target::STORAGE,
    ),
    ("pithos_public", "public", "", "/public"),
];

fn catalog(address: &str) -> Vec<Value> {
    let one = |(name, kind, version, path): &(&str, &str, &str, &str)| {
        json!({
            "name": name,
            "type": kind,
            "endpoints_links": [],
            "endpoints": [{
                "publicURL": format!("{address}{path}"),
                "region": "default",
                "versionId": version,
                "SNF:uiURL": format!("{address}/"),
            }],
        })
    };
    SERVICES.iter().map(one).collect()
}

fn endpoints(address: &str) -> Vec<Value> {
    let one = |(name, kind, version, path): &(&str, &str, &str, &str)| {
        let url = format!("{address}{path}");
        json!({
            "name": name,
            "type": kind,
            "region": "default",
            "publicURL": url,
            "internalURL": url,
            "versionId": version,
            "id": name,
        })
    };
    SERVICES.iter().map(one).collect()
}

/// What `POST user_catalogs` takes.
#[derive(Deserialize)]
struct CatalogRequest {
    #[serde(default)]
    uuids: Option<Vec<String>>,
    #[serde(default)]
    displaynames: Option<Vec<String>>,
}

async fn user_catalogs(front: &Front, asked: Asked) -> Result<Response<Body>> {
    let body = body_of(asked).await?;
    let request: CatalogRequest = serde_json::from_slice(&body)
        .map_err(|_| Fault::bad("The body is no request for users"))?;
    let ids = request.uuids.unwrap_or_default();
    let names = request.displaynames.unwrap_or_default();
    if ids.len() + names.len() > USERS_MAX {
        let text = format!("At most {USERS_MAX} users are looked up at once");
        return Err(Fault::bad(text));
    }
    let known = front.identity.known_users(ids.clone(), names.clone()).await;
    let known = known.map_err(|error| {
        tracing::error!(%error, "users could not be looked up");
        Fault::of(StatusCode::SERVICE_UNAVAILABLE, "Try again later")
    })?;
    let pairs = |wanted: &[String], by_id: bool| -> BTreeMap<String, String> {
        let of = |user: &(String, String)| {
            let (id, name) = user.clone();
            if by_id { (id, name) } else { (name, id) }
        };
        let found = known.iter().map(of);
        found.filter(|(key, _)| wanted.contains(key)).collect()
    };
    Ok(json_answer(&json!({
        "uuid_catalog": pairs(&ids, true),
        "displayname_catalog": pairs(&names, false),
    })))
}

async fn quotas(front: &Front, caller: &Caller) -> Result<Response<Body>> {
    let mut projects = Map::new();
    let owner = caller.principal().filter(|user| user.owns_account());
    if let Some(user) = owner {
        let name = AccountName::new(&user.account).map_err(of_store)?;
        let account = front.store.account(caller, &name).await;
        let account = account.map_err(of_store)?;
        let usage: i64 = account.usage.iter().map(|usage| usage.version_bytes).sum();
        // Clients want a number: without a quota it is the greatest there is.
        let limit = account.settings.quota_bytes.unwrap_or(i64::MAX as u64);
        let space = json!({
            "usage": usage, "limit": limit, "pending": 0,
            "project_usage": usage, "project_limit": limit, "project_pending": 0,
        });
        projects.insert(user.account.clone(), json!({ "pithos.diskspace": space }));
    }
    Ok(json_answer(&Value::Object(projects)))
}

/// Feedback goes to whoever reads the log.
async fn feedback(caller: &Caller, asked: Asked) -> Result<Response<Body>> {
    let user = caller.grantee().unwrap_or_default();
    let body = body_of(asked).await?;
    let form = crate::query::Query::parse(std::str::from_utf8(&body).ok());
    let message = form.given("feedback_msg");
    let message = message.ok_or_else(|| Fault::bad("There is no feedback_msg"))?;
    let message: String = message.chars().take(FEEDBACK_LEN_MAX).collect();
    tracing::info!(user, message, "feedback");
    Ok(reply::empty(StatusCode::OK, Format::Json, HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths() {
        let of = |path: &str| Service::of(path);
        assert_eq!(of("/pithos/identity/v2.0/tokens"), Some(Service::Tokens));
        assert_eq!(of("/pithos/identity/v2.0/tokens/"), Some(Service::Tokens));
        let endpoints = Service::Endpoints("t".to_owned());
        assert_eq!(
            of("/pithos/identity/v2.0/tokens/t/endpoints"),
            Some(endpoints)
        );
        assert_eq!(of("/pithos/account/v1.0/quotas"), Some(Service::Quotas));
        for none in [
            "/pithos/identity/v2.0",
            "/pithos/identity/v2.0/tokensx",
            "/pithos/identity/v2.0/tokens/t",
            "/pithos/identity/v2.0/tokens/a/b/endpoints",
            "/pithos/account/v1.0",
            "/pithos/account/v1.0/users",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn bodies() {
        let token = |text: &str| serde_json::from_str::<TokenRequest>(text).is_ok();
        assert!(token(r#"{"auth":{"token":{"id":"t"},"tenantName":"a"}}"#));
        assert!(token(
            r#"{"auth":{"passwordCredentials":{"username":"a","password":"b"}}}"#
        ));
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"auth":3}"#,
            r#"{"auth":{"token":{"id":3}}}"#,
        ] {
            assert!(!token(bad), "{bad}");
        }
        let users = |text: &str| serde_json::from_str::<CatalogRequest>(text).is_ok();
        assert!(users(r#"{"uuids":["a"],"displaynames":null}"#));
        assert!(users("{}"));
        assert!(!users(r#"{"uuids":"a"}"#));
    }

    proptest! {
        #[test]
        fn hostile_paths_never_panic(path in "/pithos/(identity|account)/v[12].0[a-z/]{0,30}") {
            let _ = Service::of(&path);
        }
    }
}
