//! Webhooks: a message is the body of a POST request.
//!
//! Promises: delivered means a status of 200 to 299; redirections are not followed, so that a message
//! and its token go where the administrator said and nowhere else; of an answer no more is read than
//! keeps the connection usable.
//! Does not: use a proxy.

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::target::Target;
use crate::{Error, Result};

/// The most of an answer that is read before the connection is given up.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// A webhook.
pub(crate) struct Webhook {
    client: Client,
    url: Url,
    authorization: Option<HeaderValue>,
}

impl Webhook {
    pub(crate) fn new(url: &SecretString, token: Option<SecretString>) -> Result<Self> {
        let bad = |what: &str| Error::Settings(what.to_owned());
        let url = Url::parse(url.expose_secret()).map_err(|_| bad("the url cannot be parsed"))?;
        let header = |token: SecretString| {
            let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
            let mut value = value.map_err(|_| bad("the token cannot be sent in a header"))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let authorization = token.map(header).transpose()?;
        let client = Client::builder()
            .user_agent("Dolium")
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::Settings(format!("no HTTP client: {error}")))?;
        Ok(Self {
            client,
            url,
            authorization,
        })
    }
}

#[async_trait]
impl Target for Webhook {
    async fn deliver(&self, message: Bytes) -> Result<()> {
        let json = HeaderValue::from_static("application/json");
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, json);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let sent = request.body(message).send().await;
        // The URL may hold a password.
        let failed = |error: reqwest::Error| Error::refused("webhook", &error.without_url());
        let mut answer = sent.map_err(failed)?;
        let status = answer.status();
        let mut read = 0;
        while let (true, Ok(Some(piece))) = (read < ANSWER_LEN_MAX, answer.chunk().await) {
            read += piece.len();
        }
        if status.is_success() {
            return Ok(());
        }
        Err(Error::Refused(format!("the webhook answered {status}")))
    }
}
