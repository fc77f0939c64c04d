//! Reading an object from the service that answers first, with the others behind it.
//!
//! All services are asked what they have. The content is the newest copy's; any service that agrees
//! with it will do. One that fails or stalls in the middle is left, and the next goes on where it
//! was. At the end the bytes must fit what any service says of that content; where they do not, the
//! object is read again from each other service alone.
//!
//! Promises: what was read is verified as far as checksums are known, and it is said how far. A tie
//! is not guessed.

use std::io;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use dolium_provider::Error as ServiceError;
use dolium_provider::objects::{ContentDigest, ContentTag, ObjectInfo, ObjectKey};
use futures::StreamExt;
use futures::future::join_all;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Copy, Error, ErrorKind, Raid, Remedy, Result, Watch, judge};

/// Time for a service to say what it has, with its retries.
const ASK_MAX: Duration = Duration::from_secs(20);
/// A service that sends nothing for this long is left.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Where an object is read to.
#[async_trait]
pub trait Sink: Send {
    /// Takes the next bytes.
    async fn write(&mut self, piece: Bytes) -> io::Result<()>;

    /// Forgets what was taken, to begin anew; false when that is not possible.
    async fn restart(&mut self) -> io::Result<bool>;
}

/// What was read.
#[derive(Debug)]
pub struct Got {
    /// The number of bytes.
    pub len: u64,
    /// Whether a checksum was there to compare with; otherwise the length alone was.
    pub verified: bool,
    /// The services that it was read from, in that order.
    pub from: Vec<usize>,
    /// Services that failed, or did not hold what they list, and why.
    pub faults: Vec<(usize, ServiceError)>,
    /// Services that could not be asked; they may have something newer.
    pub unknown: Vec<usize>,
}

/// What is known of an object before it is read.
struct Known {
    info: ObjectInfo,
    /// Services that have it, the fastest first.
    sources: Vec<usize>,
    tags: Vec<ContentTag>,
    faults: Vec<(usize, ServiceError)>,
    unknown: Vec<usize>,
}

/// How one reading ended, when the sink took all.
enum Read {
    Whole {
        verified: bool,
    },
    /// The bytes are not what is listed.
    Wrong,
}

impl Raid {
    /// Reads an object. `from` decides which service is right, where they differ.
    pub async fn get(
        &self,
        key: &ObjectKey,
        from: Option<usize>,
        sink: &mut dyn Sink,
        watch: &dyn Watch,
        stop: &CancellationToken,
    ) -> Result<Got> {
        let known = self.known(key, from).await?;
        let (len, unknown) = (known.info.len, known.unknown.clone());
        let mut got = Got {
            len,
            verified: false,
            from: Vec::new(),
            faults: Vec::new(),
            unknown,
        };
        tokio::select! {
            () = stop.cancelled() => Err(Error::new(ErrorKind::Stopped, format!("{key}: stopped"))),
            read = self.read_some_way(&known, sink, watch, &mut got) => {
                got.verified = read?;
                got.faults.extend(known.faults);
                Ok(got)
            }
        }
    }

    /// Asks all services what they have of an object.
    pub(crate) async fn copies(
        &self,
        key: &ObjectKey,
    ) -> Vec<(Copy, Duration, Option<ServiceError>)> {
        let asked = self.services.iter().map(async |service| {
            let started = Instant::now();
            let late = || {
                ServiceError::new(
                    dolium_provider::ErrorKind::Unavailable,
                    "info",
                    "no answer in time",
                )
            };
            let found = timeout(ASK_MAX, service.objects.info(key)).await;
            let found = found.unwrap_or_else(|_| Err(late()));
            let took = started.elapsed();
            match found {
                Err(error) if error.kind() != dolium_provider::ErrorKind::NotFound => {
                    (Copy::Unknown, took, Some(error))
                }
                found => (service.copy(found), took, None),
            }
        });
        join_all(asked).await
    }

    async fn known(&self, key: &ObjectKey, from: Option<usize>) -> Result<Known> {
        let (mut copies, mut times, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (copy, took, fault)) in self.copies(key).await.into_iter().enumerate() {
            copies.push(copy);
            times.push(took);
            faults.extend(fault.map(|fault| (at, fault)));
        }
        let unknown: Vec<usize> = faults.iter().map(|(at, _)| *at).collect();
        let has = |at: &usize| copies[*at].info().is_some();
        let mut sources: Vec<usize> = match (from, judge(&copies, &[]).remedy) {
            (Some(from), _) => vec![from],
            (None, Remedy::Copy { sources, .. }) => sources,
            (None, Remedy::Nothing) => (0..copies.len()).collect(),
            (None, Remedy::Lost | Remedy::Tie(_)) => {
                let why = format!(
                    "{key}: the services differ, and none is the newest; say --from SERVICE"
                );
                return Err(Error::new(ErrorKind::Tie, why));
            }
        };
        sources.retain(has);
        let Some(info) = sources.first().and_then(|at| copies[*at].info()).cloned() else {
            if let Some(from) = from.filter(|from| copies[*from] == Copy::Absent) {
                let why = format!("{key}: {} does not have it", self.services[from].name);
                return Err(Error::new(ErrorKind::NotFound, why));
            }
            let all = unknown.len() == copies.len();
            let kind = if unknown.is_empty() {
                ErrorKind::NotFound
            } else {
                ErrorKind::Unavailable
            };
            let told: Vec<String> = faults
                .iter()
                .map(|(at, fault)| format!("{}: {fault}", self.services[*at].name))
                .collect();
            let why = match (kind, all) {
                (ErrorKind::NotFound, _) => format!("{key}: no service has it"),
                (_, true) => format!("{key}: no service answers ({})", told.join("; ")),
                (_, false) => format!(
                    "{key}: those that answer do not have it ({})",
                    told.join("; ")
                ),
            };
            return Err(Error::new(kind, why));
        };
        sources.sort_by_key(|at| times[*at]);
        let tags = sources
            .iter()
            .filter_map(|at| copies[*at].info())
            .map(|info| info.tag.clone());
        let tags = tags.collect();
        Ok(Known {
            info,
            sources,
            tags,
            faults,
            unknown,
        })
    }

    /// Reads with failover, and again from single services when the bytes prove wrong.
    async fn read_some_way(
        &self,
        known: &Known,
        sink: &mut dyn Sink,
        watch: &dyn Watch,
        got: &mut Got,
    ) -> Result<bool> {
        let mut blamed = Vec::new();
        match self.read(known, &known.sources, sink, watch, got).await? {
            Read::Whole { verified } => return Ok(verified),
            // Only one that was read alone is known to be wrong.
            Read::Wrong if got.from.len() == 1 => blamed.push(got.from[0]),
            Read::Wrong => {}
        }
        for at in known.sources.iter().filter(|at| !blamed.contains(at)) {
            if !sink.restart().await.map_err(local)? {
                break;
            }
            got.from.clear();
            match self
                .read(known, std::slice::from_ref(at), sink, watch, got)
                .await
            {
                Ok(Read::Whole { verified }) => {
                    got.faults
                        .extend(blamed.into_iter().map(|at| (at, wrong(&known.info.key))));
                    return Ok(verified);
                }
                Ok(Read::Wrong) => {}
                Err(error) if error.kind() == ErrorKind::Local => return Err(error),
                Err(_) => {}
            }
        }
        let key = &known.info.key;
        Err(Error::new(
            ErrorKind::Corrupt,
            format!("{key}: the bytes are not what the services list"),
        ))
    }

    /// Reads an object once, from the first of some services that is able, and the next when it fails.
    async fn read(
        &self,
        known: &Known,
        sources: &[usize],
        sink: &mut dyn Sink,
        watch: &dyn Watch,
        got: &mut Got,
    ) -> Result<Read> {
        let len = known.info.len;
        let mut digest = ContentDigest::new(Some(len));
        for at in sources {
            let from = digest.len();
            match self
                .read_from(*at, &known.info, sink, watch, &mut digest)
                .await?
            {
                None => got.from.push(*at),
                Some(fault) => {
                    if digest.len() > from {
                        got.from.push(*at);
                    }
                    got.faults.push((*at, fault));
                    continue;
                }
            }
            let digests = digest.finish();
            let fits: Vec<bool> = known
                .tags
                .iter()
                .filter_map(|tag| digests.fits(tag))
                .collect();
            return Ok(match fits.contains(&false) {
                true => Read::Wrong,
                false => Read::Whole {
                    verified: len == 0 || !fits.is_empty(),
                },
            });
        }
        let told: Vec<String> = got
            .faults
            .iter()
            .map(|(at, fault)| format!("{}: {fault}", self.services[*at].name))
            .collect();
        let why = format!(
            "{}: no service could be read to the end ({})",
            known.info.key,
            told.join("; ")
        );
        Err(Error::new(ErrorKind::Unavailable, why))
    }

    /// Reads on from one service. Gives what was wrong with it, when it did not come to the end.
    async fn read_from(
        &self,
        at: usize,
        info: &ObjectInfo,
        sink: &mut dyn Sink,
        watch: &dyn Watch,
        digest: &mut ContentDigest,
    ) -> Result<Option<ServiceError>> {
        let fault = |why: String| {
            Ok(Some(ServiceError::new(
                dolium_provider::ErrorKind::Unavailable,
                "get",
                why,
            )))
        };
        if digest.len() == info.len && info.len > 0 {
            return Ok(None);
        }
        let opened = timeout(
            STALL_MAX,
            self.services[at].objects.read(&info.key, digest.len()),
        )
        .await;
        let mut body = match opened {
            Err(_) => return fault("no answer in time".to_owned()),
            Ok(Err(error)) => return Ok(Some(error)),
            Ok(Ok(body)) => body,
        };
        loop {
            match timeout(STALL_MAX, body.next()).await {
                Err(_) => return fault("it stopped in the middle".to_owned()),
                Ok(Some(Err(error))) => return fault(format!("it broke off: {error}")),
                Ok(None) if digest.len() < info.len => {
                    return fault("it ended too early".to_owned());
                }
                Ok(None) => return Ok(None),
                Ok(Some(Ok(piece))) => {
                    if digest.len() + piece.len() as u64 > info.len {
                        return fault("it sends more than it lists".to_owned());
                    }
                    digest.update(&piece);
                    watch.moved(at, piece.len() as u64);
                    sink.write(piece).await.map_err(local)?;
                }
            }
        }
    }
}

fn local(source: io::Error) -> Error {
    Error::new(ErrorKind::Local, format!("the file here: {source}")).with_source(source)
}

fn wrong(key: &ObjectKey) -> ServiceError {
    let why = format!("{key}: its bytes are not what is listed");
    ServiceError::new(dolium_provider::ErrorKind::Corrupt, "get", why)
}
