//! The service that a listener drives.
//!
//! Promises: every request gets an answer, also one that `s3s` itself gives up on; of a body no more is read
//! before its request was found to be in order than the fields of a form.
//! Does not: own sockets, TLS, timeouts or header limits; those are the listener's.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use dolium_identity::Identity;
use dolium_store::Store;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::stream::DynByteStream;
use s3s::xml::Deserialize;
use s3s::{Body, S3ErrorCode, S3Result};

use crate::access_log::{AccessLog, Witness};
use crate::answer::{self, RequestId, RequestIds};
use crate::api::Api;
use crate::auth::{self, Gate, Keys, in_request};
use crate::checksum::Etags;
use crate::chunked::Guarded;
use crate::cors::{self, Asked};
use crate::document::{DOCUMENT_LEN_MAX, Document};
use crate::error::{of_store, refuse};
use crate::form::{self, Desk};
use crate::guard::{self, BodyKind, Claim, Mechanism, Rules};
use crate::host::Domains;
use crate::names::{BucketRules, container};
use crate::query::Query;
use crate::rename::Rename;
use crate::setting;
use crate::time::now_seconds;
use crate::unannounced;
use crate::verdict::Verdict;
use crate::website::{self, Visit};

/// How far a client's clock may be off: 15 minutes, as on AWS.
const CLOCK_SKEW_SECONDS_MAX: u32 = 15 * 60;

/// What the front end is built from.
#[derive(Clone)]
pub struct S3Settings {
    /// The store that it serves.
    pub store: Store,
    /// Who may sign requests.
    pub identity: Identity,
    /// Domains whose subdomains are buckets; any other host is path style.
    pub domains: Vec<String>,
    /// The region that it says it is in.
    pub region: String,
    /// What ETags of new objects and parts say.
    pub etags: Etags,
    /// Names of the targets that buckets may send events to.
    pub notify_targets: Arc<[String]>,
    /// Whether requests may be signed with version 2, which protects no body and knows no region.
    pub sigv2: bool,
    /// Whether policies of browser forms may be signed with version 2.
    pub post_sigv2: bool,
    /// Domains whose subdomains are the websites of buckets.
    pub website_domains: Vec<String>,
}

/// The S3 protocol as a `hyper` and `tower` service. Cheap to clone: one per connection.
#[derive(Clone)]
pub struct S3FrontEnd(Arc<Inner>);

struct Inner {
    s3: S3Service,
    identity: Identity,
    rules: Rules,
    post_sigv2: bool,
    store: Store,
    websites: Domains,
    access_log: AccessLog,
    ids: RequestIds,
}

/// Builds the front end.
pub fn service(settings: S3Settings) -> S3FrontEnd {
    let domains = Domains::new(&settings.domains);
    let websites = Domains::new(&settings.website_domains);
    let store = settings.store.clone();
    let mut config = S3Config::default();
    // The guard stops documents at its own, equal limit, with the right error.
    config.xml_max_body_size = DOCUMENT_LEN_MAX;
    config.presigned_url_max_skew_time_secs = CLOCK_SKEW_SECONDS_MAX;
    let identity = settings.identity.clone();
    let gate = Gate {
        store: settings.store.clone(),
        identity: identity.clone(),
    };
    let access_log = AccessLog::new(store.clone(), identity.clone(), settings.region.clone());
    let (sigv2, post_sigv2) = (settings.sigv2, settings.post_sigv2);
    let mut builder = S3ServiceBuilder::new(Api::new(settings, access_log.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(Keys(identity.clone()));
    builder.set_access(gate);
    builder.set_route(Rename {
        store: store.clone(),
        domains: domains.clone(),
    });
    builder.set_host(domains.clone());
    builder.set_validation(BucketRules);
    S3FrontEnd(Arc::new(Inner {
        s3: builder.build(),
        identity,
        rules: Rules { domains, sigv2 },
        post_sigv2,
        store,
        websites,
        access_log,
        ids: RequestIds::new(),
    }))
}

impl S3FrontEnd {
    /// The access logs, which somebody must write.
    pub fn access_log(&self) -> AccessLog {
        self.0.access_log.clone()
    }

    /// Answers one request.
    pub async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        let id = self.0.ids.next();
        request.extensions_mut().insert(RequestId(id.clone()));
        let resource = request.uri().path().to_owned();
        let method = request.method().clone();
        let query = Query::parse(request.uri().query());
        let (of_attributes, of_tags) = (query.has("attributes"), query.has("tagging"));
        let expects = expects_continue(&request);
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let empty = announced.is_some_and(|len| len.as_bytes() == b"0");
        let verdict = Verdict::default();
        let (parts, body) = request.into_parts();
        let of_bucket_tags = of_tags && guard::is_bucket(&parts, &self.0.rules.domains);
        let named = self.0.websites.of_request(&parts);
        let named = named.or_else(|| self.0.rules.domains.of_request(&parts));
        let by_host = named.is_some();
        let asked = Asked::of_request(&parts, named);
        let bucket = asked.bucket.as_deref();
        let witness = bucket.map(|bucket| Witness::of_request(&parts, bucket, by_host, &id));
        let mut request = Request::from_parts(parts, body);
        if let Some(witness) = &witness {
            request.extensions_mut().insert(witness.requester());
        }
        let response = self.route(request, &asked, &verdict).await;
        let mut response = answer::finish(response, &id, &resource, &verdict);
        answer::settle_status(&method, of_bucket_tags, &mut response);
        if of_attributes && response.status().is_success() {
            answer::unquote_tag(&mut response);
        }
        if method != Method::OPTIONS {
            self.mark(&asked, &mut response).await;
        }
        if expects && (empty || !response.status().is_success()) {
            // The client may never send the body it announced: what it sends next on this connection
            // would be taken for that body. And for an empty body no `100 Continue` was sent: some
            // clients still wait for it and would take the next answer for it.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let status = response.status().as_u16();
        // 501 is an answer to the client's question, not a failure.
        if status == 500 || status > 501 {
            tracing::warn!(%method, %resource, status, request_id = id, "answered");
        } else {
            tracing::debug!(%method, %resource, status, request_id = id, "answered");
        }
        match witness {
            Some(witness) => self.0.access_log.note(witness, response).await,
            None => response,
        }
    }

    async fn route(
        &self,
        request: Request<Body>,
        asked: &Asked,
        verdict: &Verdict,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return self.preflight(asked).await.unwrap_or_else(answer::of_error);
        }
        if let Some(bucket) = self.0.websites.of_request(&parts) {
            let visit = Visit::of_request(parts, bucket);
            let shown = self.show(visit, asked).await;
            return shown.unwrap_or_else(|error| website::of_error(&error));
        }
        let form = form::target(&parts, &self.0.rules.domains);
        let request = Request::from_parts(parts, body);
        let answered = match form {
            Some(bucket) => self.take_form(request, &bucket, verdict).await,
            None => match self.prepare(request, verdict).await {
                Ok(request) => Ok(self.run(request).await),
                Err(error) => Err(error),
            },
        };
        answered.unwrap_or_else(answer::of_error)
    }

    async fn preflight(&self, asked: &Asked) -> S3Result<Response<Body>> {
        asked.check_preflight()?;
        let rules = self.setting(asked, cors::SETTING).await?;
        asked.preflight(rules.flatten().as_ref())
    }

    async fn show(&self, visit: Visit, asked: &Asked) -> S3Result<Response<Body>> {
        let found = self.setting(asked, website::SETTING).await?;
        let Some(found) = found else {
            let message = "The specified bucket does not exist";
            return Err(refuse(S3ErrorCode::NoSuchBucket, message));
        };
        let Some(website) = found else {
            let message = "The specified bucket does not have a website configuration";
            return Err(refuse(S3ErrorCode::NoSuchWebsiteConfiguration, message));
        };
        Ok(website::serve(visit, &website, |request| self.run(request)).await)
    }

    /// A setting of the bucket that a request names, whoever asks; the outer `None` is no bucket.
    async fn setting<T: for<'a> Deserialize<'a>>(
        &self,
        asked: &Asked,
        key: &str,
    ) -> S3Result<Option<Option<T>>> {
        let Some(bucket) = asked
            .bucket
            .as_deref()
            .and_then(|name| container(name).ok())
        else {
            return Ok(None);
        };
        let found = self.0.store.container_attributes(&bucket).await;
        let Some((_, attributes)) = found.map_err(of_store)? else {
            return Ok(None);
        };
        setting::of_attributes(&attributes, key).map(Some)
    }

    /// Tells a browser whether the page of another site may have an answer.
    async fn mark(&self, asked: &Asked, response: &mut Response<Body>) {
        if !asked.is_foreign() {
            return;
        }
        // Without rules the browser keeps the answer from the page, which is safe.
        if let Ok(Some(Some(rules))) = self.setting(asked, cors::SETTING).await {
            asked.mark(&rules, response.headers_mut());
        }
    }

    async fn prepare(&self, request: Request<Body>, verdict: &Verdict) -> S3Result<Request<Body>> {
        let (mut parts, body) = request.into_parts();
        let (mechanism, kind) = guard::inspect(&mut parts, &self.0.rules, now_seconds())?;
        if matches!(mechanism, Mechanism::V2Header | Mechanism::V2Query) {
            let claim = Claim::of_request(&parts, &self.0.rules.domains)?;
            let (_, secret) = auth::lookup(&self.0.identity, &claim.access_key).await?;
            claim.verify(secret.expose(), &mut parts)?;
        }
        parts.extensions.insert(verdict.clone());
        let wrapped: DynByteStream = match kind {
            BodyKind::Plain => {
                let body = unannounced::announce(&mut parts, body).await?;
                return Ok(Request::from_parts(parts, body));
            }
            BodyKind::Chunked(chunks, len) => {
                Box::pin(Guarded::new(body, chunks, len, verdict.clone()))
            }
            BodyKind::Document(claims) => Box::pin(Document::new(body, claims, verdict.clone())),
        };
        Ok(Request::from_parts(parts, Body::from(wrapped)))
    }

    async fn take_form(
        &self,
        request: Request<Body>,
        bucket: &str,
        verdict: &Verdict,
    ) -> S3Result<Response<Body>> {
        let desk = Desk {
            identity: &self.0.identity,
            sigv2: self.0.post_sigv2,
            now: now_seconds(),
        };
        let (put, reply) = desk.accept(request, bucket, verdict).await?;
        Ok(reply.finish(self.run(put).await))
    }

    async fn run(&self, request: Request<Body>) -> Response<Body> {
        match in_request(self.0.s3.call(request)).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(error = %s3s::StdError::from(error), "a request got no answer");
                answer::of_error(s3s::S3ErrorCode::InternalError.into())
            }
        }
    }
}

/// Whether a client waits for `100 Continue` before it sends the body. HTTP/2 has a stream for each
/// request and no such trouble.
fn expects_continue(request: &Request<Body>) -> bool {
    request.headers().contains_key(header::EXPECT) && request.version() <= Version::HTTP_11
}

impl hyper::service::Service<Request<Incoming>> for S3FrontEnd {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let front_end = self.clone();
        Box::pin(async move { Ok(front_end.answer(request.map(Body::from)).await) })
    }
}

impl<B> tower::Service<Request<B>> for S3FrontEnd
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    s3s::StdError: From<B::Error>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let front_end = self.clone();
        Box::pin(async move { Ok(front_end.answer(request.map(Body::http_body_unsync)).await) })
    }
}
