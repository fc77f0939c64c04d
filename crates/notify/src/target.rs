//! A target: somebody who takes messages.

use async_trait::async_trait;
use bytes::Bytes;

use crate::nats::Nats;
use crate::rabbitmq::RabbitMq;
use crate::webhook::Webhook;
use crate::{Result, TargetKind, TargetSettings};

/// Somebody who takes messages, one at a time.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// Hands over a message; `Ok` when the other side has it. A call that is dropped may have been
    /// heard all the same, and does not harm the next.
    async fn deliver(&self, message: Bytes) -> Result<()>;
}

/// Makes a target. Nobody is contacted before the first message.
pub(crate) fn open(settings: &TargetSettings) -> Result<Box<dyn Target>> {
    settings.check()?;
    Ok(match settings.kind.clone() {
        TargetKind::Webhook { url, token } => Box::new(Webhook::new(&url, token)?),
        TargetKind::Nats {
            url,
            subject,
            token,
            credentials,
            jetstream,
        } => Box::new(Nats::new(&url, subject, token, credentials, jetstream)?),
        TargetKind::RabbitMq {
            url,
            exchange,
            routing_key,
        } => Box::new(RabbitMq::new(&url, exchange, routing_key)?),
    })
}
