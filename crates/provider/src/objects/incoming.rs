//! The short answers of HTTP services.
//!
//! Promises: bounded in length and in time. What is long is streamed, and watched by whoever takes it:
//! a limit of the HTTP client itself would also count while a body is still being sent.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::timeout;

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
