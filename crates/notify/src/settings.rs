//! What targets are configured with.
//!
//! Promises: secrets, among them URLs that hold passwords, do not show in `Debug`; what is plainly
//! wrong is said before anything starts.

use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

/// The longest NATS subject, AMQP exchange or routing key: what AMQP's short strings hold.
const NAME_LEN_MAX: usize = 255;

/// What the notifier is started with.
#[derive(Clone, Debug, Default)]
pub struct NotifySettings {
    /// The region that messages name.
    pub region: String,
    /// Whom messages can be sent to.
    pub targets: Vec<TargetSettings>,
}

/// A target by its name.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// Its name: the last part of its ARN.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
}

/// What a target is.
#[derive(Clone, Debug)]
pub enum TargetKind {
    /// Messages are bodies of POST requests.
    Webhook {
        /// `http://` or `https://`.
        url: SecretString,
        /// Sent as a bearer token.
        token: Option<SecretString>,
    },
    /// Messages are published to a NATS subject.
    Nats {
        /// `nats://` or `tls://`, with user and password if need be.
        url: SecretString,
        /// The subject.
        subject: String,
        /// Authenticates by token.
        token: Option<SecretString>,
        /// Authenticates by the contents of a credentials file.
        credentials: Option<SecretString>,
        /// A stream takes the subject, and a message counts as delivered when it said so.
        jetstream: bool,
    },
    /// Messages are published to an exchange of RabbitMQ, or another AMQP 0.9.1 broker that
    /// confirms.
    RabbitMq {
        /// `amqp://` or `amqps://`, with user and password.
        url: SecretString,
        /// The exchange; empty is the default one, whose routing keys are names of queues.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
}

impl TargetSettings {
    /// Says what is plainly wrong. Contacts nobody.
    pub fn check(&self) -> Result<()> {
        match &self.kind {
            TargetKind::Webhook { url, .. } => scheme(url, &["http://", "https://"]),
            TargetKind::Nats { url, subject, .. } => {
                scheme(url, &["nats://", "tls://"])?;
                let plain = |c: char| c.is_ascii_graphic() && c != '*' && c != '>';
                let tokens = subject.split('.').all(|token| !token.is_empty());
                if !tokens || !subject.chars().all(plain) {
                    let text = format!("`{subject}` is no subject that one can publish to");
                    return Err(Error::Settings(text));
                }
                short("subject", subject)
            }
            TargetKind::RabbitMq {
                url,
                exchange,
                routing_key,
            } => {
                scheme(url, &["amqp://", "amqps://"])?;
                short("exchange", exchange)?;
                short("routing_key", routing_key)?;
                if exchange.is_empty() && routing_key.is_empty() {
                    let text = "without an exchange the routing_key must name a queue";
                    return Err(Error::Settings(text.to_owned()));
                }
                Ok(())
            }
        }
    }
}

fn scheme(url: &SecretString, known: &[&str]) -> Result<()> {
    let url = url.expose_secret();
    let fits = |scheme: &&&str| url.len() > scheme.len() && url.starts_with(**scheme);
    if known.iter().any(|scheme| fits(&scheme)) {
        return Ok(());
    }
    let text = format!("the url must begin with {}", known.join(" or "));
    Err(Error::Settings(text))
}

fn short(what: &str, value: &str) -> Result<()> {
    if value.len() <= NAME_LEN_MAX {
        return Ok(());
    }
    let text = format!("the {what} is longer than {NAME_LEN_MAX} bytes");
    Err(Error::Settings(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: TargetKind) -> bool {
        let name = "t".to_owned();
        TargetSettings { name, kind }.check().is_ok()
    }

    #[test]
    fn what_is_plainly_wrong() {
        let webhook = |url: &str| TargetKind::Webhook {
            url: url.into(),
            token: None,
        };
        assert!(check(webhook("https://example.org/hook")));
        assert!(!check(webhook("https://")));
        assert!(!check(webhook("ftp://example.org")));
        let nats = |subject: &str| TargetKind::Nats {
            url: "nats://localhost:4222".into(),
            subject: subject.to_owned(),
            token: None,
            credentials: None,
            jetstream: false,
        };
        assert!(check(nats("dolium.events")));
        for bad in ["", "a..b", "a b", "a.*", "a.>", ".a"] {
            assert!(!check(nats(bad)), "{bad}");
        }
        let rabbit = |exchange: &str, routing_key: &str| TargetKind::RabbitMq {
            url: "amqp://localhost".into(),
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
        };
        assert!(check(rabbit("x", "")) && check(rabbit("", "queue")));
        assert!(!check(rabbit("", "")));
        assert!(!check(rabbit("x", &"k".repeat(256))));
    }

    #[test]
    fn secrets_do_not_show() {
        let kind = TargetKind::Webhook {
            url: "https://user:hunter2@example.org".into(),
            token: Some("hunter2".into()),
        };
        assert!(!format!("{kind:?}").contains("hunter2"));
    }
}
