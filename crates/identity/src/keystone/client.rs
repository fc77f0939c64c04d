//! Asking a Keystone.
//!
//! Promises: the password goes to the configured address only; no redirection is followed; an answer is
//! read up to a limit; a question ends in time.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Mutex;

use super::words::{ANSWER_LEN_MAX, Words};
use super::{KeystoneSettings, unavailable};
use crate::{Error, ErrorKind, Result};

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long a question may take: the client that waits for it has no more patience.
const QUESTION_MAX: Duration = Duration::from_secs(10);

/// A way to a Keystone.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    settings: KeystoneSettings,
    /// The token that this server asks with.
    own: Mutex<Option<SecretString>>,
}

impl Client {
    pub(super) fn new(settings: &KeystoneSettings) -> Result<Self> {
        let url = settings.url.trim_end_matches('/');
        let url = match url.ends_with("/v3") {
            true => url.to_owned(),
            false => format!("{url}/v3"),
        };
        let parsed = Url::parse(&url).ok();
        if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(Error::invalid("the url of Keystone is none"));
        }
        let http = reqwest::Client::builder()
            .user_agent("Dolium")
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .timeout(QUESTION_MAX)
            .build()
            .map_err(|error| {
                let context = format!("no HTTP client: {error}");
                Error::new(ErrorKind::Unexpected, "keystone", context)
            })?;
        Ok(Self {
            http,
            url,
            settings: settings.clone(),
            own: Mutex::default(),
        })
    }

    pub(super) fn url(&self) -> &str {
        self.url.strip_suffix("/v3").unwrap_or(&self.url)
    }

    /// What a token says; `None` when it is none.
    pub(super) async fn validate(&self, token: &str) -> Result<Option<Words>> {
        let own = self.own_token(None).await?;
        let mut answer = self.ask(&own, token).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // This server's own token has ended, not the one that is asked about.
            let own = self.own_token(Some(&own)).await?;
            answer = self.ask(&own, token).await?;
        }
        match answer.status() {
            StatusCode::OK => {
                let words = Words::parse(&read(answer).await?);
                let words = words.ok_or_else(|| unavailable("its answer is not understood"))?;
                Ok(Some(words))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(unavailable(&format!("it answered {status} to a question"))),
        }
    }

    async fn ask(&self, own: &SecretString, token: &str) -> Result<Response> {
        let request = self
            .http
            .get(format!("{}/auth/tokens?nocatalog", self.url))
            .header("x-auth-token", own.expose_secret())
            .header("x-subject-token", token);
        request.send().await.map_err(|error| failed(&error))
    }

    /// The token to ask with: the one there is, unless it is the one that is of no use any more.
    async fn own_token(&self, useless: Option<&SecretString>) -> Result<SecretString> {
        let mut own = self.own.lock().await;
        let is_useless = |token: &SecretString| {
            useless.is_some_and(|useless| useless.expose_secret() == token.expose_secret())
        };
        if let Some(token) = own.as_ref().filter(|token| !is_useless(token)) {
            return Ok(token.clone());
        }
        *own = None;
        let token = self.sign_in().await?;
        *own = Some(token.clone());
        Ok(token)
    }

    async fn sign_in(&self) -> Result<SecretString> {
        let settings = &self.settings;
        let user = json!({
            "name": settings.user,
            "domain": {"name": settings.user_domain},
            "password": settings.password.expose_secret(),
        });
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {
                "name": settings.project,
                "domain": {"name": settings.project_domain},
            }},
        }});
        let request = self
            .http
            .post(format!("{}/auth/tokens?nocatalog", self.url))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.map_err(|error| failed(&error))?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(unavailable(&format!(
                "it answered {status} to this server's login"
            )));
        }
        let token = answer.headers().get("x-subject-token");
        let token = token.and_then(|token| token.to_str().ok());
        let token = token.ok_or_else(|| unavailable("its answer to the login has no token"))?;
        Ok(SecretString::from(token))
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if bytes.len() + chunk.len() > ANSWER_LEN_MAX {
            return Err(unavailable("its answer is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An error without the address, which might hold more than a name.
fn failed(error: &reqwest::Error) -> Error {
    let why = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "the question failed"
    };
    unavailable(why)
}
