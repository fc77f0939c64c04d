//! A request and its answer, as far as a log tells of them.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::Stream;
use http::request::Parts;
use http::{HeaderMap, Response, header};
use s3s::stream::{ByteStream, DynByteStream, RemainingLength};
use s3s::{Body, StdError};

use super::entry::Entry;
use super::operation;
use super::piles::Destination;
use super::writer::AccessLog;
use crate::answer::read_error;
use crate::circumstances::Peer;
use crate::query::Query;
use crate::time::now_seconds;

/// Among the extensions of a request: where the gate notes who asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requester(Arc<OnceLock<String>>);

impl Requester {
    /// Notes the canonical id of who asked.
    pub(crate) fn note(&self, canonical_id: &str) {
        // The first is the one whose signature was checked.
        let _ = self.0.set(canonical_id.to_owned());
    }
}

/// What was seen of a request when it came.
pub(crate) struct Witness {
    began: Instant,
    requester: Requester,
    entry: Entry,
}

impl Witness {
    /// Looks at a request for this bucket; `by_host` says that its host named the bucket.
    pub(crate) fn of_request(parts: &Parts, bucket: &str, by_host: bool, request_id: &str) -> Self {
        let text = |name| {
            let value = parts.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let path = parts.uri.path().trim_start_matches('/');
        let key = match path.split_once('/') {
            _ if by_host => path,
            Some((_, key)) => key,
            None => "",
        };
        let query = Query::parse(parts.uri.query());
        let copies = parts.headers.contains_key("x-amz-copy-source");
        let (signature, authentication) = signed(&parts.headers, &query);
        let line = parts.uri.path_and_query().map_or("/", |line| line.as_str());
        let length = match text("x-amz-decoded-content-length") {
            "" => text(header::CONTENT_LENGTH.as_str()),
            length => length,
        };
        let host = match text(header::HOST.as_str()) {
            "" => parts
                .uri
                .authority()
                .map_or("", |authority| authority.as_str()),
            host => host,
        };
        let entry = Entry {
            bucket: bucket.to_owned(),
            time: now_seconds(),
            remote: parts
                .extensions
                .get::<Peer>()
                .map_or(String::new(), |peer| {
                    peer.address.to_canonical().to_string()
                }),
            request_id: request_id.to_owned(),
            operation: operation::name(&parts.method, &query, !key.is_empty(), copies),
            key: key.to_owned(),
            request_line: format!("{} {line} {:?}", parts.method, parts.version),
            size: (parts.method == http::Method::PUT && !key.is_empty())
                .then(|| length.parse().ok())
                .flatten(),
            referer: text(header::REFERER.as_str()).to_owned(),
            agent: text(header::USER_AGENT.as_str()).to_owned(),
            signature,
            authentication,
            host: host.to_owned(),
            ..Entry::default()
        };
        Self {
            began: Instant::now(),
            requester: Requester::default(),
            entry,
        }
    }

    /// The bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.entry.bucket
    }

    /// Where the gate is to note who asked.
    pub(crate) fn requester(&self) -> Requester {
        self.requester.clone()
    }

    /// Looks at the answer, which is written down when its last byte is gone.
    pub(super) fn of_answer(
        mut self,
        mut response: Response<Body>,
        to: Arc<Destination>,
        log: &AccessLog,
    ) -> Response<Body> {
        let headers = response.headers();
        let text = |name| {
            let value = headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let status = response.status();
        self.entry.owner.clone_from(&to.owner.canonical_id);
        self.entry.requester = self.requester.0.get().cloned().unwrap_or_default();
        self.entry.status = status.as_u16();
        self.entry.turnaround_ms = self.began.elapsed().as_millis();
        self.entry.version = text("x-amz-version-id").to_owned();
        if status.is_success() && self.entry.size.is_none() && !self.entry.key.is_empty() {
            let range = text(header::CONTENT_RANGE.as_str());
            let whole = range.rsplit_once('/').map(|(_, whole)| whole);
            let length = whole.unwrap_or_else(|| text(header::CONTENT_LENGTH.as_str()));
            self.entry.size = length.parse().ok();
        }
        if status.is_client_error() || status.is_server_error() {
            let document = response
                .body()
                .bytes()
                .is_some_and(|bytes| !bytes.is_empty());
            if document {
                self.entry.error = read_error(response.body()).0;
            }
        }
        let pending = Pending {
            witness: self,
            to,
            log: log.clone(),
        };
        match response.body().bytes() {
            Some(bytes) => pending.finish(bytes.len() as u64),
            None => {
                let inner = std::mem::replace(response.body_mut(), Body::empty());
                let watched: DynByteStream = Box::pin(Watched {
                    inner,
                    sent: 0,
                    pending: Some(pending),
                });
                *response.body_mut() = Body::from(watched);
            }
        }
        response
    }
}

/// How a request was signed.
fn signed(headers: &HeaderMap, query: &Query) -> (&'static str, &'static str) {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match header {
        Some(value) if value.starts_with("AWS4-") => ("SigV4", "AuthHeader"),
        Some(value) if value.starts_with("AWS ") => ("SigV2", "AuthHeader"),
        _ if query.has("X-Amz-Signature") => ("SigV4", "QueryString"),
        _ if query.has("Signature") => ("SigV2", "QueryString"),
        _ => ("", ""),
    }
}

/// An entry that lacks what is known at the end.
struct Pending {
    witness: Witness,
    to: Arc<Destination>,
    log: AccessLog,
}

impl Pending {
    fn finish(mut self, sent: u64) {
        self.witness.entry.sent = sent;
        self.witness.entry.total_ms = self.witness.began.elapsed().as_millis();
        self.log.add(&self.to, &self.witness.entry);
    }
}

/// A body that is written down when it ends, or when the client went away.
struct Watched {
    inner: Body,
    sent: u64,
    pending: Option<Pending>,
}

impl Stream for Watched {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.sent += bytes.len() as u64;
        }
        polled
    }
}

impl ByteStream for Watched {
    fn remaining_length(&self) -> RemainingLength {
        self.inner.remaining_length()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.finish(self.sent);
        }
    }
}
