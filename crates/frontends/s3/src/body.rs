//! Bodies between `s3s` and the store, without copying a byte.
//!
//! Promises: an error of the client's stream reaches the store as a failed body and the answer with the
//! right code; an answer's body says its exact length.
//! Does not: buffer.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dolium_store::Reading;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};

use crate::verdict::Verdict;

/// The bytes of a request for the store.
pub(crate) fn incoming(blob: Option<StreamingBlob>, verdict: Verdict) -> dolium_store::Body {
    match blob {
        Some(blob) => blob
            .map(move |item| item.map_err(|error| verdict.judge_stream(&error)))
            .boxed(),
        None => stream::empty().boxed(),
    }
}

/// The bytes of an opened object for an answer.
pub(crate) fn outgoing(reading: Reading) -> StreamingBlob {
    let remaining = reading.range.end.saturating_sub(reading.range.start);
    StreamingBlob::new(Outgoing {
        inner: Mutex::new(reading.body),
        remaining,
    })
}

/// The mutex is never locked: it only makes the stream `Sync`, which `s3s` asks for.
struct Outgoing {
    inner: Mutex<BoxStream<'static, dolium_store::Result<Bytes>>>,
    remaining: u64,
}

impl Stream for Outgoing {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let inner = self
            .inner
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let item = ready!(inner.poll_next_unpin(cx));
        Poll::Ready(item.map(|item| match item {
            Ok(bytes) => {
                self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
                Ok(bytes)
            }
            Err(error) => {
                // The status is out already: all that can be done is to cut the connection.
                tracing::error!(
                    error = error.context(),
                    "an object could not be read to its end"
                );
                Err(StdError::from("the object could not be read to its end"))
            }
        }))
    }
}

impl ByteStream for Outgoing {
    fn remaining_length(&self) -> RemainingLength {
        match usize::try_from(self.remaining) {
            Ok(remaining) => RemainingLength::new_exact(remaining),
            Err(_) => RemainingLength::unknown(),
        }
    }
}
