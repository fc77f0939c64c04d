//! Writing an object to all services at once.

use bytes::BytesMut;
use dolium_provider::objects::{ObjectBody, ObjectKey};
use futures::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::{Outcome, Raid, Result, Watch};

/// Bytes read from a file at once.
const READ_LEN: usize = 256 << 10;

/// What became of an object that was put.
#[derive(Debug)]
pub struct Stored {
    /// Its length, when all of it was read.
    pub len: Option<u64>,
    /// What each service made of it, in the order of the array.
    pub outcomes: Vec<Outcome>,
}

impl Stored {
    /// The number of services that have it.
    pub fn kept(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.result.is_ok())
            .count()
    }
}

impl Raid {
    /// Puts an object on all services. An error when the source failed, or somebody stopped it: then
    /// no service has anything new of it.
    pub async fn put(
        &self,
        key: &ObjectKey,
        len: Option<u64>,
        source: impl AsyncRead + Send + Unpin + 'static,
        watch: &dyn Watch,
        stop: &CancellationToken,
    ) -> Result<Stored> {
        let prepared = self.prepared().await;
        let mut outcomes = Vec::new();
        let mut targets = Vec::new();
        for (service, ready) in prepared.into_iter().enumerate() {
            match ready {
                Ok(()) => targets.push(service),
                result => outcomes.push(Outcome { service, result }),
            }
        }
        let mut read = None;
        if !targets.is_empty() {
            let feed = Feed {
                key,
                len,
                watch,
                stop,
                patience: None,
            };
            let fed = self
                .feed(feed, pieces_of(source), &targets, |_| Ok(()))
                .await;
            outcomes.extend(fed.outcomes);
            match fed.digests {
                Ok(digests) => read = Some(digests.len),
                // Each service has told why it took no more.
                Err(error) if error.kind() == crate::ErrorKind::Unavailable => {}
                Err(error) => return Err(error),
            }
        }
        outcomes.sort_unstable_by_key(|outcome| outcome.service);
        Ok(Stored {
            len: read,
            outcomes,
        })
    }
}

/// A source as a stream of pieces.
fn pieces_of(source: impl AsyncRead + Send + Unpin + 'static) -> ObjectBody {
    stream::unfold(Some(source), |source| async move {
        let mut source = source?;
        let mut piece = BytesMut::with_capacity(READ_LEN);
        // Pipes give little at a time; small pieces cost as much as large ones.
        while piece.len() < READ_LEN {
            match source.read_buf(&mut piece).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Some((Err(error), None)),
            }
        }
        match piece.is_empty() {
            true => None,
            false => Some((Ok(piece.freeze()), Some(source))),
        }
    })
    .boxed()
}
