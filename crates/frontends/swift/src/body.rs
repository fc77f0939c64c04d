//! Bodies between HTTP and the store, without copying a byte.
//!
//! Promises: an error of the client's stream reaches the store as a failed body, and an error of the store
//! cuts the answer off, so that a client never takes a part for the whole.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use dolium_store::{Error, ErrorKind, Reason};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Empty, Full, StreamBody};

/// Any error of a body.
pub type BoxError = Box<dyn StdError + Send + Sync>;
/// The body of a request or an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
/// The bytes of an answer.
pub(crate) type Bytestream = BoxStream<'static, dolium_store::Result<Bytes>>;

/// A body that waits to be read. The mutex is never locked: it only lets the request be looked at from
/// several places, which a body alone would forbid.
pub(crate) struct Waiting(Mutex<Body>);

impl Waiting {
    pub(crate) fn new(body: Body) -> Self {
        Self(Mutex::new(body))
    }

    /// The body.
    pub(crate) fn open(self) -> Body {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// No body, in an answer that says so: the HTTP library leaves the length of what is known to be empty
/// out of some answers where clients of Swift look for it.
pub(crate) fn nothing() -> Body {
    Nothing.boxed_unsync()
}

struct Nothing;

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

/// A body that is at hand.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that comes piece by piece.
pub(crate) fn streamed(bytes: Bytestream) -> Body {
    let frames = bytes.map_ok(Frame::data).map_err(|error| {
        tracing::warn!(%error, "an answer is cut off");
        BoxError::from(error)
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

/// The bytes of a request for the store.
pub(crate) fn incoming(body: Body) -> dolium_store::Body {
    let frames = BodyStream::new(body).filter_map(|frame| async {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(failed(error))),
        }
    });
    frames.boxed()
}

fn failed(source: BoxError) -> Error {
    let context = "the body of the request broke off";
    Error::because(ErrorKind::Invalid, Reason::BodyFailed, context).with_source(source)
}

/// A short document that a client sent; `None` when it is longer than that.
pub(crate) async fn document(mut body: Body, len_max: usize) -> Result<Option<Bytes>, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(failed)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > len_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes.freeze()))
}
