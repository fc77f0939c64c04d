//! RabbitMQ: a message is published to an exchange, persistent and with confirmation.
//!
//! Promises: delivered means that the broker confirmed it and that it reached a queue; a message that
//! no queue takes is not delivered, and tried again.
//! Does not: declare exchanges, queues or bindings; those are the administrator's.

use async_trait::async_trait;
use bytes::Bytes;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::target::Target;
use crate::{Error, Result};

/// AMQP's delivery mode of messages that outlive the broker's restart.
const PERSISTENT: u8 = 2;

/// An exchange of RabbitMQ.
pub(crate) struct RabbitMq {
    /// Holds the password, and has no `Debug` here.
    uri: AMQPUri,
    exchange: String,
    routing_key: String,
    link: Mutex<Option<Link>>,
}

/// A connection that works as far as is known.
struct Link {
    /// Closed when it is dropped.
    _connection: Connection,
    channel: Channel,
}

fn failed(error: lapin::Error) -> Error {
    Error::refused("RabbitMQ", &error)
}

impl RabbitMq {
    pub(crate) fn new(url: &SecretString, exchange: String, routing_key: String) -> Result<Self> {
        // What is wrong with it is not repeated: it may hold a password.
        let bad = |_| Error::Settings("the url cannot be parsed".to_owned());
        let uri: AMQPUri = url.expose_secret().parse().map_err(bad)?;
        Ok(Self {
            uri,
            exchange,
            routing_key,
            link: Mutex::new(None),
        })
    }

    async fn connect(&self) -> Result<Link> {
        let properties = ConnectionProperties::default().with_connection_name("dolium".into());
        let connected = Connection::connect_uri(self.uri.clone(), properties).await;
        let connection = connected.map_err(failed)?;
        let channel = connection.create_channel().await.map_err(failed)?;
        let confirm = channel.confirm_select(ConfirmSelectOptions::default());
        confirm.await.map_err(failed)?;
        Ok(Link {
            _connection: connection,
            channel,
        })
    }

    async fn publish(&self, link: &Link, message: &[u8]) -> Result<()> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT);
        let published = link.channel.basic_publish(
            self.exchange.as_str().into(),
            self.routing_key.as_str().into(),
            options,
            message,
            properties,
        );
        match published.await.map_err(failed)?.await.map_err(failed)? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(returned)) => {
                let text = format!("RabbitMQ: no queue took it: {}", returned.reply_text);
                Err(Error::Refused(text))
            }
            Confirmation::Nack(_) => Err(Error::Refused("RabbitMQ refused it".to_owned())),
            Confirmation::NotRequested => {
                Err(Error::Refused("RabbitMQ does not confirm".to_owned()))
            }
        }
    }
}

#[async_trait]
impl Target for RabbitMq {
    async fn deliver(&self, message: Bytes) -> Result<()> {
        let mut place = self.link.lock().await;
        // Taken out: when this call fails or is dropped the connection goes with it.
        let link = match place.take() {
            Some(link) => link,
            None => self.connect().await?,
        };
        self.publish(&link, &message).await?;
        *place = Some(link);
        Ok(())
    }
}
