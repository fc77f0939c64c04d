//! Events of objects: pushed by the transaction that changes the object, for containers that asked.
//!
//! Promises: an event is waiting exactly when its change is committed; a container that did not ask
//! costs a look at bytes that are in memory anyway; the number of waiting events is bounded.
//! Does not: know who listens or deliver anything; `notify` takes the events from the catalog.

use std::sync::atomic::{AtomicI64, Ordering};

use dolium_catalog::{ContainerRow, EventRow, VersionRow, WriteTx};
use serde::Serialize;

use crate::caller::Caller;
use crate::clock::now;
use crate::{Result, rows};

/// Events that may wait to be handed on. They wait for milliseconds while a server runs; beyond
/// this many something is wrong, and the writes of users matter more.
const EVENTS_MAX: i64 = 100_000;
/// Pause between warnings of dropped events.
const WARN_EVERY_US: i64 = 60_000_000;
/// The key of the address a request came from.
const SOURCE_IP: &str = "aws:SourceIp";
/// The key under which a front end names the request among its circumstances.
pub const REQUEST_ID: &str = "dolium:RequestId";
/// The key of how a request is authenticated, and its value for browsers' forms.
const AUTH_TYPE: &str = "s3:authType";
const BY_FORM: &str = "POST";
/// The namespace of a container that says who is told of events; events are kept while it holds anything.
pub const EVENT: &str = "event";

/// When the last warning of dropped events was logged.
static WARNED: AtomicI64 = AtomicI64::new(0);

/// What a caller did that changed an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An upload in one request.
    Put,
    /// An upload by a form.
    Post,
    /// A copy within the store.
    Copy,
    /// The end of an upload in parts.
    CompleteMultipartUpload,
    /// A new name for an object.
    Rename,
    /// A deletion by a user.
    Delete,
    /// A deletion by a rule of the container.
    LifecycleExpiration,
}

impl Cause {
    /// The name of the event when an object was made.
    fn of_creation(self) -> &'static str {
        match self {
            Self::Post => "ObjectCreated:Post",
            Self::Copy | Self::Rename => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Put | Self::Delete | Self::LifecycleExpiration => "ObjectCreated:Put",
        }
    }

    /// The name of the event when a version was removed for good.
    fn of_removal(self) -> &'static str {
        match self {
            Self::LifecycleExpiration => "LifecycleExpiration:Delete",
            _ => "ObjectRemoved:Delete",
        }
    }

    /// The name of the event when a delete marker was written.
    fn of_marker(self) -> &'static str {
        match self {
            Self::LifecycleExpiration => "LifecycleExpiration:DeleteMarkerCreated",
            _ => "ObjectRemoved:DeleteMarkerCreated",
        }
    }
}

/// Why an object changes, and for whom.
pub(crate) struct Occasion<'a> {
    cause: Cause,
    who: &'a Caller,
}

/// What is kept of the request with its event.
#[derive(Serialize)]
struct Facts<'a> {
    source_ip: &'a str,
    request_id: &'a str,
}

impl<'a> Occasion<'a> {
    /// What a caller does.
    pub(crate) fn new(cause: Cause, who: &'a Caller) -> Self {
        let auth = who.context().get(AUTH_TYPE).unwrap_or_default();
        let by_form = auth.iter().any(|value| value == BY_FORM);
        let cause = match cause {
            Cause::Put if by_form => Cause::Post,
            cause => cause,
        };
        Self { cause, who }
    }

    /// For whom.
    pub(crate) fn who(&self) -> &'a Caller {
        self.who
    }

    /// Whether what is written is another version of what was there, and not another object.
    pub(crate) fn is_of_the_same_object(&self) -> bool {
        matches!(
            self.cause,
            Cause::Put | Cause::Post | Cause::CompleteMultipartUpload
        )
    }

    fn facts(&self) -> Vec<u8> {
        let said = |key: &str| {
            let values = self.who.context().get(key).unwrap_or_default();
            values.first().map_or("", String::as_str)
        };
        let facts = Facts {
            source_ip: said(SOURCE_IP),
            request_id: said(REQUEST_ID),
        };
        serde_json::to_vec(&facts).expect("texts are always JSON")
    }
}

/// A version was written.
pub(crate) fn created(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    row: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    let kind = occasion.cause.of_creation();
    push(tx, container, row.serial, kind, row, occasion)
}

/// A delete marker was written.
pub(crate) fn marked(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    row: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    let kind = occasion.cause.of_marker();
    push(tx, container, row.serial, kind, row, occasion)
}

/// A version was removed for good, by the mutation `seq` of the container.
pub(crate) fn removed(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    seq: i64,
    gone: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    let kind = occasion.cause.of_removal();
    push(tx, container, seq, kind, gone, occasion)
}

/// A rule of the container sent a version to another class, by the mutation `seq` of the container.
pub(crate) fn sent(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    seq: i64,
    row: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    push(tx, container, seq, "LifecycleTransition", row, occasion)
}

fn push(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    seq: i64,
    kind: &str,
    row: &VersionRow,
    occasion: &Occasion<'_>,
) -> Result<()> {
    if !rows::mentions(&container.attributes, EVENT) {
        return Ok(());
    }
    if waiting(tx)? >= EVENTS_MAX {
        dropped();
        return Ok(());
    }
    tx.push_event(EventRow {
        id: 0,
        container_id: container.id,
        created: now().0,
        kind: kind.to_owned(),
        path: row.path.clone(),
        seq,
        serial: row.serial,
        size: row.size,
        etag: row.etag.clone(),
        null_version: row.null_version,
        author: occasion.who.principal().map(|user| user.user_id),
        meta: occasion.facts(),
    })?;
    Ok(())
}

/// How many events wait: ids have no gaps to speak of, and events leave in their order.
fn waiting(tx: &mut WriteTx<'_>) -> Result<i64> {
    let Some(oldest) = tx.oldest_event()? else {
        return Ok(0);
    };
    let newest = tx.newest_event()?.unwrap_or(oldest);
    Ok(newest - oldest + 1)
}

/// Counts an event that nobody will hear of, and says so now and then.
fn dropped() {
    metrics::counter!("dolium_events_dropped_total").increment(1);
    let (now, last) = (now().0, WARNED.load(Ordering::Relaxed));
    let due = now.saturating_sub(last) >= WARN_EVERY_US;
    let mine = || {
        let order = Ordering::Relaxed;
        WARNED.compare_exchange(last, now, order, order).is_ok()
    };
    if due && mine() {
        tracing::warn!("{EVENTS_MAX} events of objects wait to be handed on; new ones are dropped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attributes;

    #[test]
    fn only_containers_that_asked() {
        let asked = |attributes: &Attributes| {
            let attributes = rows::encode_attributes(attributes);
            rows::mentions(&attributes, EVENT)
        };
        let mut attributes = Attributes::default();
        assert!(!rows::mentions(b"", EVENT));
        assert!(!asked(&attributes));
        attributes.set("s3", "event", "x");
        attributes.set("s3", "policy", "\"event\":{");
        attributes.set("s3", "\"event\":{", "event");
        assert!(!asked(&attributes));
        attributes.set(EVENT, "any", "");
        assert!(asked(&attributes));
        attributes.remove(EVENT, "any");
        assert!(!asked(&attributes));
    }

    #[test]
    fn names() {
        assert_eq!(Cause::Put.of_creation(), "ObjectCreated:Put");
        assert_eq!(Cause::Rename.of_removal(), "ObjectRemoved:Delete");
        assert_eq!(
            Cause::LifecycleExpiration.of_marker(),
            "LifecycleExpiration:DeleteMarkerCreated"
        );
    }
}
