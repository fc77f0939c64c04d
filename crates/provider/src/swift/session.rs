//! Signing in: an account's URL and a token for it.
//!
//! Promises: many tasks that need a token at once sign in once; a refused token is forgotten only if it is still the
//! present one; secrets do not show.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::OPERATION_TIMEOUT;
use super::answer::{body_of, failed, refused};
use crate::{Error, ErrorKind, Result};

/// The domain that users and projects are looked for in unless the settings say otherwise.
const DEFAULT_DOMAIN: &str = "Default";

/// The most that an answer to a login may have: catalogs of large clouds have some hundred kilobytes.
const ANSWER_LEN_MAX: usize = 4 << 20;

/// How to sign in.
pub(super) enum Login {
    /// A token that somebody else got.
    Given(Arc<Account>),
    /// TempAuth: `GET /auth/v1.0`.
    V1 {
        auth: Url,
        user: String,
        key: String,
    },
    /// Keystone: `POST /v3/auth/tokens`.
    V3 {
        auth: Url,
        body: Value,
        region: Option<String>,
    },
}

/// Where an account is, and what opens it.
pub(super) struct Account {
    pub(super) url: Url,
    pub(super) token: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.url)
    }
}

fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, "provider settings", why)
}

fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .map_err(|source| invalid("swift: an address is no URL").with_source(source))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(invalid("swift: addresses begin with http:// or https://")),
    }
}

impl Login {
    /// What the options say.
    pub(super) fn of(options: &BTreeMap<String, String>) -> Result<Self> {
        let get = |name: &str| {
            options
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        if let (Some(url), Some(token)) = (get("endpoint"), get("token")) {
            let url = address(url)?;
            let token = token.to_owned();
            return Ok(Self::Given(Arc::new(Account { url, token })));
        }
        let Some(auth) = get("auth") else {
            let why = "swift needs \"auth\" (the address to sign in at) with \"user\" and \"key\", or \"endpoint\" with \"token\"";
            return Err(invalid(why));
        };
        let auth = address(auth)?;
        let id = get("application_credential_id").zip(get("application_credential_secret"));
        if let Some((id, secret)) = id {
            let credential = json!({"id": id, "secret": secret});
            let identity = json!({"methods": ["application_credential"], "application_credential": credential});
            let body = json!({"auth": {"identity": identity}});
            let region = get("region").map(str::to_owned);
            return Ok(Self::V3 { auth, body, region });
        }
        let (Some(user), Some(key)) = (get("user"), get("key")) else {
            return Err(invalid("swift needs \"user\" and \"key\" to sign in"));
        };
        if !auth.path().trim_end_matches('/').ends_with("/v3") {
            let (user, key) = (user.to_owned(), key.to_owned());
            return Ok(Self::V1 { auth, user, key });
        }
        let Some(project) = get("project") else {
            return Err(invalid("swift needs \"project\" to sign in at Keystone"));
        };
        let domain = json!({"name": get("domain").unwrap_or(DEFAULT_DOMAIN)});
        let user = json!({"name": user, "domain": domain, "password": key});
        let scope = json!({"project": {"name": project, "domain": domain}});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        Ok(Self::V3 {
            auth,
            body: json!({"auth": {"identity": identity, "scope": scope}}),
            region: get("region").map(str::to_owned),
        })
    }

    async fn sign_in(&self, http: &Client) -> Result<Arc<Account>> {
        match self {
            Self::Given(account) => Ok(Arc::clone(account)),
            Self::V1 { auth, user, key } => v1(http, auth, user, key).await,
            Self::V3 { auth, body, region } => v3(http, auth, body, region.as_deref()).await,
        }
    }
}

async fn v1(http: &Client, auth: &Url, user: &str, key: &str) -> Result<Arc<Account>> {
    let request = http
        .get(auth.clone())
        .header("x-auth-user", user)
        .header("x-auth-key", key)
        .timeout(OPERATION_TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|source| failed("sign in", user, source))?;
    if let Some(error) = refused("sign in", user, &response) {
        return Err(error);
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    let url = header("x-storage-url").ok_or_else(|| unexpected("there is no X-Storage-Url"))?;
    let token = header("x-auth-token").ok_or_else(|| unexpected("there is no X-Auth-Token"))?;
    Ok(Arc::new(Account {
        url: address(url)?,
        token: token.to_owned(),
    }))
}

fn unexpected(why: &str) -> Error {
    Error::new(ErrorKind::Unexpected, "sign in", why)
}

#[derive(Deserialize)]
struct Answer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    interface: String,
    region: Option<String>,
    url: String,
}

async fn v3(http: &Client, auth: &Url, body: &Value, region: Option<&str>) -> Result<Arc<Account>> {
    let mut url = auth.clone();
    let unusable = |()| invalid("swift: the address to sign in at has no path");
    url.path_segments_mut()
        .map_err(unusable)?
        .pop_if_empty()
        .extend(["auth", "tokens"]);
    let request = http
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string())
        .timeout(OPERATION_TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|source| failed("sign in", "Keystone", source))?;
    if let Some(error) = refused("sign in", "Keystone", &response) {
        return Err(error);
    }
    let token = response.headers().get("x-subject-token");
    let token = token
        .and_then(|token| token.to_str().ok())
        .map(str::to_owned);
    let token = token.ok_or_else(|| unexpected("there is no X-Subject-Token"))?;
    let bytes = body_of("sign in", "Keystone", response, ANSWER_LEN_MAX).await?;
    let answer: Answer = serde_json::from_slice(&bytes)
        .map_err(|source| unexpected("the answer is not Keystone's").with_source(source))?;
    let stores = answer
        .token
        .catalog
        .iter()
        .filter(|service| service.kind == "object-store");
    let mut endpoints = stores.flat_map(|service| &service.endpoints);
    let found = endpoints.find(|endpoint| {
        let here = region.is_none_or(|region| endpoint.region.as_deref() == Some(region));
        endpoint.interface == "public" && here
    });
    let found = found
        .ok_or_else(|| unexpected("the catalog has no public object store (in this region)"))?;
    Ok(Arc::new(Account {
        url: address(&found.url)?,
        token,
    }))
}

/// The present token, shared by all tasks.
pub(super) struct Sessions {
    login: Login,
    present: Mutex<Option<Arc<Account>>>,
}

impl Sessions {
    pub(super) fn new(login: Login) -> Self {
        Self {
            login,
            present: Mutex::default(),
        }
    }

    /// The account, signed in.
    pub(super) async fn account(&self, http: &Client) -> Result<Arc<Account>> {
        // Held while signing in, so that all who wait get the same token.
        let mut present = self.present.lock().await;
        if let Some(account) = &*present {
            return Ok(Arc::clone(account));
        }
        let account = self.login.sign_in(http).await?;
        *present = Some(Arc::clone(&account));
        Ok(account)
    }

    /// Forgets a token that was refused, unless there is a newer one.
    pub(super) async fn forget(&self, refused: &Arc<Account>) {
        let mut present = self.present.lock().await;
        if present
            .as_ref()
            .is_some_and(|account| Arc::ptr_eq(account, refused))
        {
            *present = None;
        }
    }
}
