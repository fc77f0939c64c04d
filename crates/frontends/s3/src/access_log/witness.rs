//! A request and its answer, as far as a log tells of them.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::Stream;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Response, Uri, Version, header};
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

/// What was seen of a request when it came. Most buckets keep no log: all of it shares memory with the
/// request, and becomes a line's fields only when there is a log.
pub(crate) struct Witness {
    began: Instant,
    time: i64,
    bucket: String,
    by_host: bool,
    request_id: String,
    remote: Option<IpAddr>,
    method: Method,
    uri: Uri,
    version: Version,
    headers: [Option<HeaderValue>; KEPT.len()],
    copies: bool,
    requester: Requester,
}

/// The headers that a line tells of, or from which it tells how long an object is and how its request
/// was signed.
const KEPT: [&str; 6] = [
    "host",
    "referer",
    "user-agent",
    "authorization",
    "content-length",
    "x-amz-decoded-content-length",
];

impl Witness {
    /// Looks at a request for this bucket; `by_host` says that its host named the bucket.
    pub(crate) fn of_request(parts: &Parts, bucket: &str, by_host: bool, request_id: &str) -> Self {
        let peer = parts.extensions.get::<Peer>();
        Self {
            began: Instant::now(),
            time: now_seconds(),
            bucket: bucket.to_owned(),
            by_host,
            request_id: request_id.to_owned(),
            remote: peer.map(|peer| peer.address.to_canonical()),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            headers: KEPT.map(|name| parts.headers.get(name).cloned()),
            copies: parts.headers.contains_key("x-amz-copy-source"),
            requester: Requester::default(),
        }
    }

    /// The bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Where the gate is to note who asked.
    pub(crate) fn requester(&self) -> Requester {
        self.requester.clone()
    }

    /// What a line tells of the request alone.
    fn entry(&self) -> Entry {
        let texts = self.headers.each_ref().map(|value| {
            let value = value.as_ref().and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        });
        let [host, referer, agent, authorization, length, decoded] = texts;
        let path = self.uri.path().trim_start_matches('/');
        let key = match path.split_once('/') {
            _ if self.by_host => path,
            Some((_, key)) => key,
            None => "",
        };
        let query = Query::parse(self.uri.query());
        let (signature, authentication) = signed(authorization, &query);
        let line = self.uri.path_and_query().map_or("/", |line| line.as_str());
        let length = if decoded.is_empty() { length } else { decoded };
        let authority = self.uri.authority().map_or("", Authority::as_str);
        let host = if host.is_empty() { authority } else { host };
        let writes = self.method == Method::PUT && !key.is_empty();
        let remote = self.remote.map(|remote| remote.to_string());
        Entry {
            bucket: self.bucket.clone(),
            time: self.time,
            remote: remote.unwrap_or_default(),
            requester: self.requester.0.get().cloned().unwrap_or_default(),
            request_id: self.request_id.clone(),
            operation: operation::name(&self.method, &query, !key.is_empty(), self.copies),
            key: key.to_owned(),
            request_line: format!("{} {line} {:?}", self.method, self.version),
            size: writes.then(|| length.parse().ok()).flatten(),
            referer: referer.to_owned(),
            agent: agent.to_owned(),
            signature,
            authentication,
            host: host.to_owned(),
            ..Entry::default()
        }
    }

    /// Looks at the answer, which is written down when its last byte is gone.
    pub(super) fn of_answer(
        self,
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
        let mut entry = self.entry();
        entry.owner.clone_from(&to.owner.canonical_id);
        entry.status = status.as_u16();
        entry.turnaround_ms = self.began.elapsed().as_millis();
        entry.version = text("x-amz-version-id").to_owned();
        if status.is_success() && entry.size.is_none() && !entry.key.is_empty() {
            let range = text(header::CONTENT_RANGE.as_str());
            let whole = range.rsplit_once('/').map(|(_, whole)| whole);
            let length = whole.unwrap_or_else(|| text(header::CONTENT_LENGTH.as_str()));
            entry.size = length.parse().ok();
        }
        if status.is_client_error() || status.is_server_error() {
            let document = response
                .body()
                .bytes()
                .is_some_and(|bytes| !bytes.is_empty());
            if document {
                entry.error = read_error(response.body()).0;
            }
        }
        let pending = Pending {
            began: self.began,
            entry,
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
fn signed(authorization: &str, query: &Query) -> (&'static str, &'static str) {
    match authorization {
        value if value.starts_with("AWS4-") => ("SigV4", "AuthHeader"),
        value if value.starts_with("AWS ") => ("SigV2", "AuthHeader"),
        _ if query.has("X-Amz-Signature") => ("SigV4", "QueryString"),
        _ if query.has("Signature") => ("SigV2", "QueryString"),
        _ => ("", ""),
    }
}

/// An entry that lacks what is known at the end.
struct Pending {
    began: Instant,
    entry: Entry,
    to: Arc<Destination>,
    log: AccessLog,
}

impl Pending {
    fn finish(mut self, sent: u64) {
        self.entry.sent = sent;
        self.entry.total_ms = self.began.elapsed().as_millis();
        self.log.add(&self.to, &self.entry);
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
