//! From lines to objects: where lines go, and the task that takes them there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dolium_identity::Identity;
use dolium_store::{
    Caller, Condition, ContainerName, Description, DigestSet, Digests, Finish, ObjectPath,
    PutRequest, Store,
};
use futures::StreamExt;
use http::Response;
use metrics::counter;
use parking_lot::Mutex;
use s3s::{Body, S3Result};
use tokio::sync::Notify;

use super::configuration;
use super::entry::Entry;
use super::piles::{Added, Destination, Pile, Piles};
use super::witness::Witness;
use crate::error::of_store;
use crate::time::now_seconds;

/// How long it is remembered where a bucket's lines go. Elsewhere changes take hours.
const KNOWN_MAX_AGE: Duration = Duration::from_secs(5);
/// Buckets of which it is remembered.
const KNOWN_MAX: usize = 4096;

/// The access logs of all buckets. Clones share everything.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    store: Store,
    identity: Identity,
    region: String,
    piles: Mutex<Piles>,
    known: Mutex<HashMap<String, Known>>,
    full: Notify,
}

/// Where a bucket's lines go, if anywhere, and since when that is known.
type Known = (Instant, Option<Arc<Destination>>);

impl AccessLog {
    pub(crate) fn new(store: Store, identity: Identity, region: String) -> Self {
        Self(Arc::new(Inner {
            store,
            identity,
            region,
            piles: Mutex::default(),
            known: Mutex::default(),
            full: Notify::new(),
        }))
    }

    /// Writes objects every so often until `stop`. What is there then is for [`Self::flush`].
    pub async fn run(&self, every: Duration, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut due = tokio::time::interval(every.max(Duration::from_secs(1)));
        due.reset();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.0.full.notified() => self.write(false).await,
                _ = due.tick() => self.write(true).await,
            }
        }
    }

    /// Writes everything that waits.
    pub async fn flush(&self) {
        self.write(true).await;
    }

    /// Writes the answer down, now or at its end, if its bucket asks for that.
    pub(crate) async fn note(&self, witness: Witness, response: Response<Body>) -> Response<Body> {
        match self.destination(witness.bucket()).await {
            Some(to) => witness.of_answer(response, to, self),
            None => response,
        }
    }

    pub(super) fn add(&self, to: &Arc<Destination>, entry: &Entry) {
        let added = self.0.piles.lock().add(to, entry.time, &entry.line());
        match added {
            Added::Kept => {}
            Added::Full => self.0.full.notify_one(),
            Added::Dropped => {
                self.0.full.notify_one();
                counter!("dolium_access_log_dropped_total").increment(1);
            }
        }
    }

    /// A bucket's configuration changed.
    pub(super) fn forget(&self, bucket: &str) {
        self.0.known.lock().remove(bucket);
    }

    /// Where the lines of a bucket go.
    async fn destination(&self, bucket: &str) -> Option<Arc<Destination>> {
        let now = Instant::now();
        if let Some((since, known)) = self.0.known.lock().get(bucket)
            && now.duration_since(*since) < KNOWN_MAX_AGE
        {
            return known.clone();
        }
        let found = self.look_up(bucket).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error.code().as_str(), "an access log's target is not known");
            None
        });
        let mut known = self.0.known.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(bucket.to_owned(), (now, found.clone()));
        found
    }

    async fn look_up(&self, bucket: &str) -> S3Result<Option<Arc<Destination>>> {
        let Ok(name) = ContainerName::new(bucket) else {
            return Ok(None);
        };
        let found = self.0.store.container_attributes(&name).await;
        let Some((account, attributes)) = found.map_err(of_store)? else {
            return Ok(None);
        };
        let Some(enabled) = configuration::of_attributes(&attributes)? else {
            return Ok(None);
        };
        let owner = self.0.identity.owner_of(account).await;
        let owner = owner.unwrap_or_else(|error| {
            tracing::warn!(%error, "the owner of an access log could not be looked up");
            None
        });
        let target = ContainerName::new(&enabled.target_bucket);
        let (Some(owner), Ok(target)) = (owner, target) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Destination {
            source: bucket.to_owned(),
            owner,
            target,
            layout: configuration::layout(&enabled),
            prefix: enabled.target_prefix,
        })))
    }

    async fn write(&self, all: bool) {
        let piles = self.0.piles.lock().take(all);
        for pile in piles {
            let lines = pile.text.iter().filter(|byte| **byte == b'\n').count() as u64;
            let source = pile.destination.source.clone();
            match self.write_pile(pile).await {
                Ok(()) => counter!("dolium_access_log_lines_total").increment(lines),
                Err(error) => {
                    counter!("dolium_access_log_dropped_total").increment(lines);
                    tracing::warn!(source, lines, %error, "an access log could not be written");
                }
            }
        }
    }

    async fn write_pile(&self, pile: Pile) -> dolium_store::Result<()> {
        let key = pile.key(&self.0.region, now_seconds(), rand::random());
        let to = &pile.destination;
        let (caller, path) = (Caller::user(to.owner.clone()), ObjectPath::new(&key)?);
        let description = Description {
            content_type: "text/plain".to_owned(),
            ..Description::default()
        };
        let put = request(pile.text.into());
        let written = self.0.store.put(
            &caller,
            &to.target,
            &path,
            description,
            Condition::default(),
            put,
        );
        written.await.map(drop)
    }
}

fn request(text: Bytes) -> PutRequest {
    let len = text.len() as u64;
    PutRequest {
        body: futures::stream::once(std::future::ready(Ok(text))).boxed(),
        len: Some(len),
        len_max: len,
        encryption: None,
        digests: DigestSet {
            md5: true,
            ..DigestSet::default()
        },
        finish: Box::new(|digests: &Digests| {
            Ok(Finish {
                etag: digests.md5.map(hex::encode).unwrap_or_default(),
                checksums: Vec::new(),
            })
        }),
    }
}
