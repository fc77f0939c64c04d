//! A probe: writes, reads, lists and deletes a blob, and tells how long that took.
//!
//! Promises: what it wrote it removes, also when a step fails; every byte that comes back is compared.
//! Does not: need an empty service, or touch any other blob.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{BlobName, Error, ErrorKind, Payload, Provider, Result};

/// Where probes lie.
const FOLDER: &str = "dolium/probe/";
/// The small blob, for latency, and the large one, for throughput.
const SMALL_LEN: usize = 1 << 10;
const LARGE_LEN: usize = 4 << 20;
/// How long one step may take.
const STEP_MAX: Duration = Duration::from_secs(60);

/// What a probe measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The driver.
    pub kind: String,
    /// To write 1 KiB, in milliseconds.
    pub put_ms: f64,
    /// To read it.
    pub get_ms: f64,
    /// To list it.
    pub list_ms: f64,
    /// To delete it.
    pub delete_ms: f64,
    /// Bytes a second, of 4 MiB written.
    pub put_bytes_per_second: f64,
    /// Bytes a second, of 4 MiB read.
    pub get_bytes_per_second: f64,
    /// Of several puts of one name at once, exactly one succeeds.
    pub atomic_put_if_absent: bool,
    /// A listing shows every put that was acknowledged before it began.
    pub consistent_list: bool,
    /// Listings tell the MD5 of the content.
    pub list_has_md5: bool,
}

/// Probes a provider under a name made of `word`, which no other probe may use at the same time.
pub async fn probe(provider: &dyn Provider, word: &str) -> Result<Probe> {
    let name = |part: &str| BlobName::new(format!("{FOLDER}{word}-{part}"));
    let (small, large) = (name("small")?, name("large")?);
    let measured = measure(provider, &small, &large).await;
    if measured.is_err() {
        for name in [&small, &large] {
            // The error that is told is the one that came first.
            drop(limited("delete", provider.delete(name)).await);
        }
    }
    measured
}

async fn limited<T>(operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
    let silent = |_| {
        let why = format!("no answer within {STEP_MAX:?}");
        Error::new(ErrorKind::Unavailable, operation, why)
    };
    tokio::time::timeout(STEP_MAX, call).await.map_err(silent)?
}

async fn measure(provider: &dyn Provider, small: &BlobName, large: &BlobName) -> Result<Probe> {
    let capabilities = provider.capabilities();
    let mut probe = Probe {
        kind: provider.kind().to_owned(),
        atomic_put_if_absent: capabilities.atomic_put_if_absent,
        consistent_list: capabilities.consistent_list,
        list_has_md5: capabilities.list_has_md5,
        ..Probe::default()
    };
    let body = bytes(SMALL_LEN);
    let started = Instant::now();
    limited("put", provider.put(small, body.clone())).await?;
    probe.put_ms = millis(started);
    let started = Instant::now();
    read_back(provider, small, &body).await?;
    probe.get_ms = millis(started);
    let started = Instant::now();
    let page = limited("list", provider.list(small.as_str(), None, 10)).await?;
    probe.list_ms = millis(started);
    let listed = page
        .blobs
        .iter()
        .any(|info| info.name == *small && info.len == body.len());
    if capabilities.consistent_list && !listed {
        let why = format!("{small} was written and is not listed");
        return Err(Error::new(ErrorKind::Corrupt, "list", why));
    }
    let started = Instant::now();
    limited("delete", provider.delete(small)).await?;
    probe.delete_ms = millis(started);
    let body = bytes(LARGE_LEN);
    let started = Instant::now();
    limited("put", provider.put(large, body.clone())).await?;
    probe.put_bytes_per_second = rate(started);
    let started = Instant::now();
    read_back(provider, large, &body).await?;
    probe.get_bytes_per_second = rate(started);
    limited("delete", provider.delete(large)).await?;
    Ok(probe)
}

async fn read_back(provider: &dyn Provider, name: &BlobName, body: &Payload) -> Result<()> {
    let got = limited("get", provider.get(name, 0..body.len())).await?;
    if got != body.to_bytes() {
        let why = format!("{name}: other bytes came back than were written");
        return Err(Error::new(ErrorKind::Corrupt, "get", why));
    }
    Ok(())
}

/// Bytes that do not compress, so that no service is faster than it is.
fn bytes(len: usize) -> Payload {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut all = Vec::with_capacity(len + 8);
    while all.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.extend_from_slice(&state.to_le_bytes());
    }
    all.truncate(len);
    Payload::from(all)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn rate(since: Instant) -> f64 {
    LARGE_LEN as f64 / since.elapsed().as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Fault, FaultPlan, FaultProvider, MemoryProvider};

    #[tokio::test]
    async fn a_good_provider_is_measured_and_left_as_it_was() {
        let provider = MemoryProvider::new();
        let probe = probe(&provider, "one").await.unwrap();
        assert_eq!(probe.kind, "memory");
        assert!(probe.put_bytes_per_second > 0.0 && probe.get_bytes_per_second > 0.0);
        assert!(provider.list("", None, 9).await.unwrap().blobs.is_empty());
    }

    #[tokio::test]
    async fn a_bad_one_says_why() {
        let memory: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
        let (provider, handle) = FaultProvider::new(memory, 1);
        handle.set(FaultPlan::failing(Fault::Permanent));
        assert!(probe(provider.as_ref(), "one").await.is_err());
    }
}
