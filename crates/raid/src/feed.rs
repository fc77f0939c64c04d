//! One source, several services: every piece is read once and handed to each.
//!
//! The last piece is held back until whoever asked has seen the digests of all, and the end is said
//! expressly: a source that fails, or proves to be wrong, is committed nowhere.
//!
//! Promises: a few pieces wait for each service, no more; a service that takes nothing for a while is
//! given up, and the others go on; giving up undoes what was begun, within a time limit.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use dolium_provider::objects::{ContentDigest, ContentTag, Digests, ObjectBody, ObjectKey};
use dolium_provider::{Error as ServiceError, ErrorKind as ServiceErrorKind};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorKind, Raid, Result, Service};

/// Pieces that wait for one service.
const PIECES_MAX: usize = 8;
/// A service that takes no piece for this long is given up: a part of S3 at a megabit a second, and once more.
const STALL_MAX: Duration = Duration::from_secs(180);
/// Time for a service to finish what it took.
const FINISH_MAX: Duration = Duration::from_secs(300);
/// Time for a service to undo what it took.
const UNDO_MAX: Duration = Duration::from_secs(15);

/// What one service made of an operation.
#[derive(Debug)]
pub struct Outcome {
    /// Its place in the array.
    pub service: usize,
    /// Success, or why not.
    pub result: std::result::Result<(), ServiceError>,
}

/// Somebody who watches bytes pass.
pub trait Watch: Sync {
    /// A service took so many bytes more.
    fn moved(&self, service: usize, bytes: u64);
}

enum Piece {
    Data(Bytes),
    End,
}

/// The way to one service.
struct Lane {
    service: usize,
    /// None when it takes no more.
    pieces: Option<mpsc::Sender<Piece>>,
    task: JoinHandle<std::result::Result<ContentTag, ServiceError>>,
    stalled: bool,
}

/// What is to be written, and what may stop it.
pub(crate) struct Feed<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) len: Option<u64>,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) stop: &'a CancellationToken,
    /// How long the source may give nothing. A pipe may for ever, a service may not.
    pub(crate) patience: Option<Duration>,
}

impl Lane {
    fn start(service: &Service, at: usize, feed: &Feed<'_>) -> Self {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let (objects, key, len) = (service.objects.clone(), feed.key.clone(), feed.len);
        let body = body_of(receiver);
        let task = tokio::spawn(async move { objects.put(&key, len, body).await });
        Self {
            service: at,
            pieces: Some(sender),
            task,
            stalled: false,
        }
    }

    /// Hands over a piece; a lane that takes it no more is closed.
    async fn hand(&mut self, piece: Piece) -> bool {
        let Some(pieces) = &self.pieces else {
            return false;
        };
        match timeout(STALL_MAX, pieces.send(piece)).await {
            Ok(Ok(())) => return true,
            Ok(Err(_)) => {}
            Err(_) => self.stalled = true,
        }
        self.pieces = None;
        false
    }

    /// The end of a lane: what the service says, or that it says nothing.
    async fn end(mut self, limit: Duration, digests: Option<&Digests>, checksums: bool) -> Outcome {
        self.pieces = None;
        let limit = if self.stalled { UNDO_MAX } else { limit };
        let late = |why: &str| ServiceError::new(ServiceErrorKind::Unavailable, "put", why);
        let result = match timeout(limit, &mut self.task).await {
            Err(_) => {
                self.task.abort();
                Err(late("it did not finish in time"))
            }
            Ok(Err(_)) => Err(late("its task stopped")),
            Ok(Ok(_)) if self.stalled => Err(late("it took nothing for too long")),
            Ok(Ok(result)) => result,
        };
        let result = result.and_then(|tag| match digests.and_then(|digests| digests.fits(&tag)) {
            Some(false) if checksums => {
                let why = "the service says that it took another content";
                Err(ServiceError::new(ServiceErrorKind::Corrupt, "put", why))
            }
            _ => Ok(()),
        });
        Outcome {
            service: self.service,
            result,
        }
    }
}

/// What a lane receives, as a body. A lane that closes without an end is an error: nothing is to be
/// taken for whole that is not.
fn body_of(receiver: mpsc::Receiver<Piece>) -> ObjectBody {
    stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Piece::Data(piece)) => Some((Ok(piece), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("given up")), None)),
        }
    })
    .boxed()
}

/// What became of a stream.
pub(crate) struct Fed {
    /// What was read, or why not all of it was.
    pub(crate) digests: Result<Digests>,
    /// What each service made of it.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Raid {
    /// Writes a stream to services. `accept` sees the digests before anything is committed.
    pub(crate) async fn feed(
        &self,
        feed: Feed<'_>,
        source: ObjectBody,
        targets: &[usize],
        accept: impl FnOnce(&Digests) -> Result<()>,
    ) -> Fed {
        let mut lanes: Vec<Lane> = targets
            .iter()
            .map(|at| Lane::start(&self.services[*at], *at, &feed))
            .collect();
        let digests = pump(&feed, source, &mut lanes, accept).await;
        let read = digests.as_ref().ok();
        let limit = if read.is_some() { FINISH_MAX } else { UNDO_MAX };
        let ends = lanes.into_iter().map(|lane| {
            let checksums = self.services[lane.service].checksums;
            lane.end(limit, read, checksums)
        });
        let ended = futures::future::join_all(ends);
        let outcomes = tokio::select! {
            outcomes = ended => outcomes,
            // What is committed by now stays; whoever stopped it does not wait for the rest.
            () = late_stop(feed.stop) => {
                let digests = Err(stopped(feed.key));
                return Fed { digests, outcomes: Vec::new() };
            }
        };
        Fed { digests, outcomes }
    }
}

/// Waits for a stop, and then for the services to end by themselves.
async fn late_stop(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(UNDO_MAX).await;
}

/// Waits until patience ends.
async fn out_of(patience: Option<Duration>) {
    match patience {
        Some(patience) => tokio::time::sleep(patience).await,
        None => std::future::pending().await,
    }
}

fn stopped(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::Stopped, format!("{key}: stopped"))
}

/// Moves pieces from the source to all lanes.
async fn pump(
    feed: &Feed<'_>,
    mut source: ObjectBody,
    lanes: &mut [Lane],
    accept: impl FnOnce(&Digests) -> Result<()>,
) -> Result<Digests> {
    let mut digest = ContentDigest::new(feed.len);
    let mut held: Option<Bytes> = None;
    loop {
        let next = tokio::select! {
            () = feed.stop.cancelled() => return Err(stopped(feed.key)),
            () = out_of(feed.patience) => Some(Err(io::ErrorKind::TimedOut.into())),
            next = source.next() => next,
        };
        let Some(piece) = next else { break };
        let piece = piece.map_err(|source| {
            let why = format!("{}: the source failed: {source}", feed.key);
            Error::new(ErrorKind::Local, why).with_source(source)
        })?;
        if piece.is_empty() {
            continue;
        }
        digest.update(&piece);
        if let Some(ready) = held.replace(piece) {
            hand_to_all(feed, lanes, &ready).await?;
        }
    }
    let digests = digest.finish();
    if feed.len.is_some_and(|len| len != digests.len) {
        let why = format!(
            "{}: {} bytes came instead of {:?}",
            feed.key, digests.len, feed.len
        );
        return Err(Error::new(ErrorKind::Local, why));
    }
    accept(&digests)?;
    if let Some(last) = held {
        hand_to_all(feed, lanes, &last).await?;
    }
    for lane in lanes {
        lane.hand(Piece::End).await;
    }
    Ok(digests)
}

/// Hands a piece to all lanes. An error when none takes it: there is no use in reading on.
async fn hand_to_all(feed: &Feed<'_>, lanes: &mut [Lane], piece: &Bytes) -> Result<()> {
    let handed = lanes.iter_mut().map(async |lane| {
        let took = lane.hand(Piece::Data(piece.clone())).await;
        if took {
            feed.watch.moved(lane.service, piece.len() as u64);
        }
        took
    });
    let all = futures::future::join_all(handed);
    let taken = tokio::select! {
        () = feed.stop.cancelled() => return Err(stopped(feed.key)),
        taken = all => taken,
    };
    match taken.contains(&true) {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::Unavailable,
            format!("{}: no service takes it", feed.key),
        )),
    }
}
