//! The answers of HTTP services: short ones whole, objects as streams.
//!
//! Promises: what is taken whole is bounded in length and in time. What is streamed is watched by whoever takes it:
//! a limit of the HTTP client itself would also count while a body is still being sent.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::{ObjectBody, ObjectKey};
use crate::swift::answer::body_of;
use crate::{Error, ErrorKind, Result};

/// Time for the whole of an answer. Some services think while they answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The body of an answer.
pub(crate) async fn answer_of(
    operation: &'static str,
    context: &str,
    response: Response,
    len_max: usize,
) -> Result<Bytes> {
    let body = body_of(operation, context, response, len_max);
    let late = || {
        let why = format!("{context}: the answer does not end");
        Error::new(ErrorKind::Unavailable, operation, why)
    };
    timeout(ANSWER_TIMEOUT, body)
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// An object's bytes from `from` on, as the service sends them. One that does not know ranges would begin
/// at the beginning.
pub(crate) fn object_of(key: &ObjectKey, from: u64, response: Response) -> Result<ObjectBody> {
    if from > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
        let why = format!("{key}: the service does not know ranges");
        return Err(Error::new(ErrorKind::Unsupported, "get", why));
    }
    let pieces = response.bytes_stream();
    // The address may carry what must not be told.
    Ok(pieces
        .map_err(|error| std::io::Error::other(error.without_url()))
        .boxed())
}
