//! What Swift's answers mean for retries and for the floors above.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode};

use crate::{Error, ErrorKind, Result, Status};

/// Swift's own code for too many requests.
const RATE_LIMITED: u16 = 498;

/// The error that an answer is; `None` for a success.
pub(crate) fn refused(
    operation: &'static str,
    context: &str,
    response: &Response,
) -> Option<Error> {
    let status = response.status();
    if status.is_success() {
        return None;
    }
    let (kind, prospect) = match status {
        StatusCode::NOT_FOUND => (ErrorKind::NotFound, Status::Permanent),
        // The only condition that is sent is that the name be free.
        StatusCode::PRECONDITION_FAILED if operation == "put" => {
            (ErrorKind::AlreadyExists, Status::Permanent)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (ErrorKind::Denied, Status::Permanent),
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::BAD_REQUEST => {
            (ErrorKind::Invalid, Status::Permanent)
        }
        // Full, until somebody acts: asking again at once only adds load.
        StatusCode::INSUFFICIENT_STORAGE | StatusCode::PAYLOAD_TOO_LARGE => {
            (ErrorKind::Unavailable, Status::Permanent)
        }
        StatusCode::CONFLICT => (ErrorKind::Conflict, Status::Temporary),
        StatusCode::TOO_MANY_REQUESTS => (ErrorKind::RateLimited, Status::RateLimited),
        status if status.as_u16() == RATE_LIMITED => (ErrorKind::RateLimited, Status::RateLimited),
        StatusCode::REQUEST_TIMEOUT => (ErrorKind::Unavailable, Status::Temporary),
        status if status.is_server_error() => (ErrorKind::Unavailable, Status::Temporary),
        _ => (ErrorKind::Unexpected, Status::Permanent),
    };
    let why = format!("{context}: the service answered {status}");
    let error = Error::new(kind, operation, why).with_status(prospect);
    Some(match pause_asked(response) {
        Some(pause) => error.with_retry_after(pause),
        None => error,
    })
}

/// The pause that the service asks for before the next attempt.
pub(crate) fn pause_asked(response: &Response) -> Option<Duration> {
    let asked = response.headers().get("retry-after")?.to_str().ok()?;
    asked.trim().parse().ok().map(Duration::from_secs)
}

/// The body of an answer. A service that sends more than it may is not read to its end.
pub(crate) async fn body_of(
    operation: &'static str,
    context: &str,
    mut response: Response,
    len_max: usize,
) -> Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let piece = response.chunk().await;
        let Some(piece) = piece.map_err(|source| failed(operation, context, source))? else {
            return Ok(body.freeze());
        };
        if body.len() + piece.len() > len_max {
            let why = format!("{context}: the answer is longer than {len_max} bytes");
            return Err(Error::new(ErrorKind::Corrupt, operation, why));
        }
        body.extend_from_slice(&piece);
    }
}

/// The error of a request that was not answered, or not to its end.
pub(crate) fn failed(operation: &'static str, context: &str, source: reqwest::Error) -> Error {
    let kind = if source.is_builder() {
        ErrorKind::Invalid
    } else {
        ErrorKind::Unavailable
    };
    let why = if source.is_timeout() {
        "no answer in time"
    } else {
        "the service cannot be reached"
    };
    // The address may carry what must not be told.
    let source = source.without_url();
    Error::new(kind, operation, format!("{context}: {why}: {source}")).with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Error {
        let mut answer = http::Response::builder().status(status);
        if let Some(pause) = retry_after {
            answer = answer.header("retry-after", pause);
        }
        let answer = Response::from(answer.body("").unwrap());
        refused("put", "a", &answer).unwrap()
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_passed_on() {
        for status in [429, 498, 503] {
            let error = answer(status, Some(" 17 "));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
            assert_eq!(answer(status, None).retry_after(), None);
            assert_eq!(answer(status, Some("soon")).retry_after(), None);
        }
        assert_eq!(answer(429, None).status(), Status::RateLimited);
        assert_eq!(answer(503, None).status(), Status::Temporary);
        assert_eq!(answer(507, None).status(), Status::Permanent);
    }
}
