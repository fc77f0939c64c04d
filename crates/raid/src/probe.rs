//! Whether services answer, and whether they do what is needed of them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dolium_provider::objects::{ObjectKey, ObjectService};
use dolium_provider::{Error as ServiceError, ErrorKind as ServiceErrorKind};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::timeout;

use crate::Raid;

/// Time for one step, with its retries.
const STEP_MAX: Duration = Duration::from_secs(30);
/// The length of what is written to try a service.
const PROBE_LEN: usize = 256 << 10;

/// How a service answers.
#[derive(Debug)]
pub struct ServiceState {
    /// Whether its bucket, container or root is there.
    pub ready: std::result::Result<bool, ServiceError>,
    /// How long it took to say so.
    pub took: Duration,
}

/// One step of a test.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What was done.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// What a test of one service found.
#[derive(Debug)]
pub struct Probe {
    /// Steps that went well.
    pub steps: Vec<Step>,
    /// What did not.
    pub fault: Option<ServiceError>,
}

fn late(operation: &'static str) -> ServiceError {
    ServiceError::new(
        ServiceErrorKind::Unavailable,
        operation,
        "no answer in time",
    )
}

impl Raid {
    /// Asks all services whether they are there.
    pub async fn states(&self) -> Vec<ServiceState> {
        let asked = self.services.iter().map(async |service| {
            let started = Instant::now();
            let ready = timeout(STEP_MAX, service.objects.ready()).await;
            let ready = ready.unwrap_or_else(|_| Err(late("status")));
            ServiceState {
                ready,
                took: started.elapsed(),
            }
        });
        join_all(asked).await
    }

    /// Writes, reads, lists and removes an object on every service.
    pub async fn probe(&self) -> Vec<Probe> {
        let prepared = self.prepared().await;
        let probes = self
            .services
            .iter()
            .zip(prepared)
            .map(async |(service, ready)| {
                let mut steps = Vec::new();
                let fault = match ready {
                    Ok(()) => probe(&*service.objects, &mut steps).await.err(),
                    Err(error) => Some(error),
                };
                Probe { steps, fault }
            });
        join_all(probes).await
    }
}

/// A key that nobody else uses.
fn probe_key() -> Result<ObjectKey, ServiceError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    ObjectKey::new(format!(
        "dolium-raid-probe-{:x}-{}",
        now.as_nanos(),
        std::process::id()
    ))
}

async fn probe(objects: &dyn ObjectService, steps: &mut Vec<Step>) -> Result<(), ServiceError> {
    let key = probe_key()?;
    let content: Vec<u8> = (0..PROBE_LEN).map(|at| (at % 251) as u8).collect();
    let content = Bytes::from(content);
    let wrong = |why: &str| ServiceError::new(ServiceErrorKind::Corrupt, "test", why);
    let result = async {
        let body = stream::iter([Ok(content.clone())]).boxed();
        step(
            steps,
            "write",
            objects.put(&key, Some(content.len() as u64), body),
        )
        .await?;
        let read = async {
            let pieces: Vec<Bytes> = objects
                .read(&key, 0)
                .await?
                .try_collect()
                .await
                .map_err(|error| wrong(&format!("reading broke off: {error}")))?;
            Ok(pieces.concat())
        };
        if step(steps, "read", read).await? != content {
            return Err(wrong("it gives back other bytes than it got"));
        }
        let listed = async { objects.list(key.as_str()).try_collect::<Vec<_>>().await };
        let listed = step(steps, "list", listed).await?;
        match listed
            .iter()
            .any(|info| info.key == key && info.len == content.len() as u64)
        {
            true => Ok(()),
            false => Err(wrong("it does not list what it got")),
        }
    };
    let result = result.await;
    let removed = step(steps, "remove", objects.remove(&key)).await;
    result.and(removed)
}

/// Does one step, and notes how long it took.
async fn step<T>(
    steps: &mut Vec<Step>,
    name: &'static str,
    work: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    let started = Instant::now();
    let done = timeout(STEP_MAX, work)
        .await
        .unwrap_or_else(|_| Err(late(name)))?;
    steps.push(Step {
        name,
        took: started.elapsed(),
    });
    Ok(done)
}
