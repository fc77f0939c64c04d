//! NATS: a message is published to a subject.
//!
//! Core NATS confirms nothing. So each message is followed by an echo to ourselves: the server reads
//! in order, and when the echo is back it had the message. It keeps no message for subscribers that
//! are away; with `jetstream` a message counts as delivered when a stream has stored it.
//!
//! Does not: reconnect behind the back; a connection that failed is dropped and made anew by the next
//! try, so nothing is sent later that was counted as failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subscriber};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::target::Target;
use crate::{Error, Result};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A NATS subject.
pub(crate) struct Nats {
    server: ServerAddr,
    subject: String,
    token: Option<SecretString>,
    credentials: Option<SecretString>,
    jetstream: bool,
    link: Mutex<Option<Link>>,
}

/// A connection that works as far as is known.
struct Link {
    client: Client,
    inbox: String,
    echoes: Subscriber,
    /// The server complained, of a subject that we may not use for example.
    complained: Arc<AtomicBool>,
}

/// What a stream answers.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    stream: String,
    error: Option<StreamError>,
}

#[derive(Deserialize)]
struct StreamError {
    #[serde(default)]
    description: String,
}

impl Nats {
    pub(crate) fn new(
        url: &SecretString,
        subject: String,
        token: Option<SecretString>,
        credentials: Option<SecretString>,
        jetstream: bool,
    ) -> Result<Self> {
        // What is wrong with it is not repeated: it may hold a password.
        let bad = |_| Error::Settings("the url cannot be parsed".to_owned());
        let server: ServerAddr = url.expose_secret().parse().map_err(bad)?;
        Ok(Self {
            server,
            subject,
            token,
            credentials,
            jetstream,
            link: Mutex::new(None),
        })
    }

    async fn connect(&self) -> Result<Link> {
        let complained = Arc::new(AtomicBool::new(false));
        let seen = complained.clone();
        let mut options = ConnectOptions::new()
            .name("dolium")
            .connection_timeout(CONNECT_MAX)
            .max_reconnects(1)
            .event_callback(move |event| {
                let seen = seen.clone();
                async move {
                    if matches!(event, Event::ServerError(_) | Event::Disconnected) {
                        seen.store(true, Ordering::Release);
                    }
                }
            });
        if let Some(token) = &self.token {
            options = options.token(token.expose_secret().to_owned());
        }
        if let Some(credentials) = &self.credentials {
            let read = options.credentials(credentials.expose_secret());
            options = read.map_err(|error| Error::refused("NATS credentials", &error))?;
        }
        let connected = options.connect(self.server.clone()).await;
        let client = connected.map_err(|error| Error::refused("NATS", &error))?;
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(inbox.clone()).await;
        let echoes = subscribed.map_err(|error| Error::refused("NATS", &error))?;
        Ok(Link {
            client,
            inbox,
            echoes,
            complained,
        })
    }

    /// Publishes to whoever listens.
    async fn publish(&self, link: &mut Link, message: Bytes) -> Result<()> {
        let failed = |error| Error::refused("NATS", &error);
        let sent = link.client.publish(self.subject.clone(), message).await;
        sent.map_err(failed)?;
        let sent = link.client.publish(link.inbox.clone(), Bytes::new()).await;
        sent.map_err(failed)?;
        let lost = || Error::Refused("NATS: the connection was lost".to_owned());
        link.echoes.next().await.ok_or_else(lost)?;
        if link.complained.load(Ordering::Acquire) {
            return Err(Error::Refused("NATS: the server complained".to_owned()));
        }
        Ok(())
    }

    /// Publishes to a stream.
    async fn store(&self, link: &Link, message: Bytes) -> Result<()> {
        let asked = link.client.request(self.subject.clone(), message).await;
        let answer = asked.map_err(|error| Error::refused("NATS JetStream", &error))?;
        let stored: Stored = serde_json::from_slice(&answer.payload)
            .map_err(|_| Error::Refused("NATS: the answer is not JetStream's".to_owned()))?;
        match stored.error {
            None if !stored.stream.is_empty() => Ok(()),
            None => Err(Error::Refused("NATS: no stream stored it".to_owned())),
            Some(error) => {
                let text = format!("NATS JetStream: {}", error.description);
                Err(Error::Refused(text))
            }
        }
    }
}

#[async_trait]
impl Target for Nats {
    async fn deliver(&self, message: Bytes) -> Result<()> {
        let mut place = self.link.lock().await;
        // Taken out: when this call fails or is dropped the connection goes with it.
        let mut link = match place.take() {
            Some(link) => link,
            None => self.connect().await?,
        };
        if self.jetstream {
            self.store(&link, message).await?;
        } else {
            self.publish(&mut link, message).await?;
        }
        *place = Some(link);
        Ok(())
    }
}
