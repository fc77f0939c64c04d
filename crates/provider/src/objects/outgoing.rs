//! A body on its way out in one HTTP request.
//!
//! Promises: what the source said when it failed is kept; the connection alone would only say that it
//! broke. A body of another length than was said is an error.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt};

use super::{ObjectBody, ObjectKey, bad_stream, whole};
use crate::Result;

/// What becomes known of a body as it is sent.
#[derive(Default, Clone)]
pub(crate) struct Outgoing {
    came: Arc<AtomicU64>,
    fault: Arc<Mutex<Option<io::Error>>>,
}

impl Outgoing {
    /// A body for a request, watched.
    pub(crate) fn watch(&self, body: ObjectBody) -> reqwest::Body {
        let (count, noted) = (self.clone(), self.clone());
        let body = body
            .inspect_ok(move |piece| {
                count.came.fetch_add(piece.len() as u64, Ordering::Relaxed);
            })
            .map_err(move |error| {
                let told = io::Error::new(error.kind(), error.to_string());
                *noted.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                told
            });
        reqwest::Body::wrap_stream(body.boxed())
    }

    /// Whether the source failed. Asked first: the answer, if there is one, only tells of it.
    pub(crate) fn source_well(&self, key: &ObjectKey) -> Result<()> {
        let fault = self
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        fault.map_or(Ok(()), |source| Err(bad_stream(key, source)))
    }

    /// Whether all came that was said to.
    pub(crate) fn whole(&self, key: &ObjectKey, len: Option<u64>) -> Result<()> {
        whole(key, len, self.came.load(Ordering::Relaxed))
    }
}
