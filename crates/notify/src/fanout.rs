//! From events to queues: each waiting event is matched with the rules of its container and becomes
//! one message for each target that wants it.
//!
//! Rules count as they are when the event is matched, milliseconds after it happened. Then the event
//! needs nothing more: the bucket may go, the message is complete.
//!
//! Promises: an event leaves in the transaction that queues its messages, so none is lost and, also
//! with several servers on one catalog, none is queued twice.

use std::collections::HashMap;
use std::sync::Arc;

use dolium_catalog::{
    Catalog, ContainerId, ContainerRow, DeliveryRow, EventRow, ReadTx, UserId, Versioning, WriteTx,
};
use dolium_store::Attributes;

use crate::queue::Queue;
use crate::record::{Scene, message};
use crate::rule::{Rule, rules_of};
use crate::{Error, Result};

/// Events matched in one transaction.
const BATCH_EVENTS: i64 = 256;

/// The matching side of the notifier.
pub(crate) struct Fanout {
    pub(crate) catalog: Catalog,
    pub(crate) region: Arc<str>,
    pub(crate) queues: Arc<[Arc<Queue>]>,
}

/// An event with the messages it became.
#[derive(Clone, Debug)]
struct Matched {
    id: i64,
    deliveries: Vec<DeliveryRow>,
}

/// What a batch knows of a container.
struct Known {
    row: ContainerRow,
    bucket: String,
    owner: String,
    rules: Vec<Rule>,
}

impl Fanout {
    /// Matches one batch of events; true when there may be more.
    pub(crate) async fn round(&self) -> Result<bool> {
        let (queues, region) = (self.queues.clone(), self.region.clone());
        let read = move |tx: &mut ReadTx<'_>| {
            let events = tx.events(0, BATCH_EVENTS)?;
            Batch::new(tx, &queues, &region).matched(events)
        };
        let matched: Vec<Matched> = self.catalog.read(read).await?;
        if matched.is_empty() {
            return Ok(false);
        }
        let more = matched.len() as i64 == BATCH_EVENTS;
        let hand_on = move |tx: &mut WriteTx<'_>| {
            let mut queued: HashMap<String, i64> = HashMap::new();
            for matched in &matched {
                if !tx.delete_event(matched.id)? {
                    continue;
                }
                for delivery in &matched.deliveries {
                    tx.push_delivery(delivery)?;
                    *queued.entry(delivery.target.clone()).or_default() += 1;
                }
            }
            Ok::<_, Error>(queued)
        };
        let queued = self.catalog.write(hand_on).await?.value;
        for queue in self.queues.iter() {
            if let Some(count) = queued.get(queue.name()) {
                queue.grew(*count);
            }
        }
        Ok(more)
    }
}

/// One batch: what was looked up for it.
struct Batch<'a, 'tx> {
    tx: &'a mut ReadTx<'tx>,
    queues: &'a [Arc<Queue>],
    region: &'a str,
    containers: HashMap<ContainerId, Option<Known>>,
    authors: HashMap<UserId, String>,
    /// Messages of this batch by target.
    made: HashMap<String, i64>,
}

impl<'a, 'tx> Batch<'a, 'tx> {
    fn new(tx: &'a mut ReadTx<'tx>, queues: &'a [Arc<Queue>], region: &'a str) -> Self {
        Self {
            tx,
            queues,
            region,
            containers: HashMap::new(),
            authors: HashMap::new(),
            made: HashMap::new(),
        }
    }

    fn matched(mut self, events: Vec<EventRow>) -> Result<Vec<Matched>> {
        let mut matched = Vec::with_capacity(events.len());
        for event in events {
            self.look_up(&event)?;
            let deliveries = self.deliveries(&event);
            matched.push(Matched {
                id: event.id,
                deliveries,
            });
        }
        Ok(matched)
    }

    /// Finds the event's container and author, once for the batch.
    fn look_up(&mut self, event: &EventRow) -> Result<()> {
        if !self.containers.contains_key(&event.container_id) {
            let known = known(self.tx, event.container_id)?;
            self.containers.insert(event.container_id, known);
        }
        if let Some(author) = event.author
            && !self.authors.contains_key(&author)
        {
            let user = self.tx.user(author)?;
            let id = user.map(|user| user.canonical_id).unwrap_or_default();
            self.authors.insert(author, id);
        }
        Ok(())
    }

    /// The messages of one event: at most one for each target, by the first rule that matches.
    fn deliveries(&mut self, event: &EventRow) -> Vec<DeliveryRow> {
        let Some(Some(known)) = self.containers.get(&event.container_id) else {
            return Vec::new();
        };
        let author = event.author.and_then(|author| self.authors.get(&author));
        let mut deliveries: Vec<DeliveryRow> = Vec::new();
        for rule in &known.rules {
            let again = deliveries.iter().any(|made| made.target == rule.target);
            let queue = self.queues.iter().find(|queue| queue.name() == rule.target);
            let Some(queue) = queue.filter(|_| !again && rule.wants(&event.kind, &event.path))
            else {
                continue;
            };
            let made = self.made.entry(rule.target.clone()).or_default();
            if !queue.has_room(*made) {
                queue.overflowed();
                continue;
            }
            *made += 1;
            let scene = Scene {
                region: self.region,
                bucket: &known.bucket,
                owner: &known.owner,
                unversioned: known.row.versioning == Versioning::Off,
                author: author.map_or("", String::as_str),
                rule: &rule.id,
            };
            deliveries.push(DeliveryRow {
                target: rule.target.clone(),
                id: event.id,
                created: event.created,
                body: message(event, &scene),
            });
        }
        deliveries
    }
}

/// A container with its rules; nothing when it is gone or keeps none that can be read.
fn known(tx: &mut ReadTx<'_>, id: ContainerId) -> Result<Option<Known>> {
    let Some(row) = tx.container(id)? else {
        return Ok(None);
    };
    let bucket = tx.buckets_of_container(id)?.into_iter().next();
    let owner = tx.users_of_account(row.account_id)?.into_iter().next();
    let rules = match rules(&row.attributes) {
        Ok(rules) => rules,
        Err(error) => {
            tracing::warn!(container = row.id.0, %error, "events of a container are not sent");
            return Ok(None);
        }
    };
    let name = String::from_utf8_lossy(&row.name).into_owned();
    Ok(Some(Known {
        bucket: bucket.map_or(name, |bucket| bucket.name),
        owner: owner.map(|user| user.canonical_id).unwrap_or_default(),
        rules,
        row,
    }))
}

fn rules(attributes: &[u8]) -> Result<Vec<Rule>> {
    if attributes.is_empty() {
        return Ok(Vec::new());
    }
    let malformed = |error: serde_json::Error| Error::Rules(error.to_string());
    let attributes: Attributes = serde_json::from_slice(attributes).map_err(malformed)?;
    rules_of(&attributes)
}
