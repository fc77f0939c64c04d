//! The service that a listener drives.
//!
//! Promises: every request gets an answer, and every answer a transaction id.
//! Does not: own sockets, TLS, timeouts or header limits; those are the listener's.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use dolium_identity::{Identity, Keystone};
use dolium_store::{Caller, Chunking, Store};
use futures::future::BoxFuture;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::answer::{document, finish, refused, set, transaction_id};
use crate::auth::token::TokenKey;
use crate::auth::{base, keystone, temp_auth};
use crate::body::{Body, BoxError, Waiting};
use crate::circumstances::{Peer, gather};
use crate::domain;
use crate::error::{Refusal, Result};
use crate::info;
use crate::pithos;
use crate::plain::{self, Call};
use crate::query::Query;
use crate::target::Target;

/// What the front end is built from.
#[derive(Clone)]
pub struct SwiftSettings {
    /// The store that it serves.
    pub store: Store,
    /// Who may sign in.
    pub identity: Identity,
    /// The key that tokens are made with.
    pub token_key: TokenKey,
    /// Names of the arrays, which are the storage policies; the first is the default.
    pub arrays: Vec<String>,
    /// Domains below which names of hosts are accounts and containers.
    pub storage_domains: Vec<String>,
    /// Whether accounts are made and removed over Swift.
    pub account_management: bool,
    /// A Keystone elsewhere whose tokens are good here too.
    pub keystone: Option<Keystone>,
    /// How containers made over Pithos+ cut their objects.
    pub pithos_chunking: Chunking,
}

/// The Swift protocol as a `tower` service. Cheap to clone: one per connection.
#[derive(Clone)]
pub struct SwiftFrontEnd(Arc<Front>);

/// What every request needs.
pub(crate) struct Front {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) token_key: TokenKey,
    pub(crate) arrays: Vec<String>,
    pub(crate) storage_domains: Vec<String>,
    pub(crate) account_management: bool,
    pub(crate) keystone: Option<Keystone>,
    pub(crate) pithos_chunking: Chunking,
}

impl SwiftFrontEnd {
    /// Builds the front end.
    pub fn new(settings: SwiftSettings) -> Self {
        let SwiftSettings {
            store,
            identity,
            token_key,
            arrays,
            storage_domains,
            account_management,
            keystone,
            pithos_chunking,
        } = settings;
        Self(Arc::new(Front {
            store,
            identity,
            token_key,
            arrays,
            storage_domains,
            account_management,
            keystone,
            pithos_chunking,
        }))
    }

    /// Whether a request is this front end's by the name of its host, whatever its path.
    pub fn claims(&self, headers: &HeaderMap) -> bool {
        domain::remapped(&self.0.storage_domains, headers, "/").is_some()
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let id = transaction_id();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let kept = keeps_alive(request.headers());
        let mut response = self.0.route(request, &id).await;
        if kept {
            // Said only to who asks for it.
            set(response.headers_mut(), "connection", "keep-alive");
        }
        let status = response.status().as_u16();
        if status == 500 || status > 501 {
            tracing::warn!(%method, %path, status, request_id = id, "answered");
        } else {
            tracing::debug!(%method, %path, status, request_id = id, "answered");
        }
        finish(response, &id)
    }
}

impl Front {
    async fn route(&self, request: Request<Body>, id: &str) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if let Some(path) = domain::remapped(&self.storage_domains, request.headers(), &path) {
            let target = path.and_then(|path| Target::parse(&path));
            return match target {
                Ok(target) => self.storage(request, target, id).await,
                Err(refusal) => refused(refusal, false, ""),
            };
        }
        if pithos::claims(&path) {
            return pithos::answer(self, request, id).await;
        }
        match path.as_str() {
            "/info" => return info::answer(self, request.method()),
            "/healthcheck" => {
                return document(StatusCode::OK, Default::default(), "text/plain", "OK");
            }
            _ => {}
        }
        let (version, rest) = split_version(&path);
        if matches!(version, "auth" | "v3") || path == "/" {
            return self.sign_in(request, &path).await;
        }
        let target = match version {
            "v1" | "v1.0" => Target::parse(rest),
            _ if rest.is_empty() => Err(Refusal::failed("Bad URL")),
            _ => Err(Refusal::of(StatusCode::NOT_FOUND)),
        };
        match target {
            Ok(target) => self.storage(request, target, id).await,
            Err(refusal) => refused(refusal, false, ""),
        }
    }

    /// Answers a request of a protocol of signing in.
    async fn sign_in(&self, request: Request<Body>, path: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>();
        let secure = peer.is_some_and(|peer| peer.secure);
        if path.starts_with("/auth") {
            let desk = temp_auth::Desk {
                identity: &self.identity,
                key: &self.token_key,
                secure,
            };
            let answered = desk.answer(&parts.method, path, &parts.headers).await;
            return answered.unwrap_or_else(|refusal| refused(refusal, true, "unknown"));
        }
        let desk = keystone::Desk {
            store: &self.store,
            identity: &self.identity,
            key: &self.token_key,
            base: base(&parts.headers, secure),
        };
        if path == "/" {
            return match parts.method {
                Method::GET | Method::HEAD => desk.versions(),
                _ => refused(Refusal::of(StatusCode::METHOD_NOT_ALLOWED), false, ""),
            };
        }
        let asked = keystone::Asked {
            method: &parts.method,
            path,
            query: Query::parse(parts.uri.query()),
            headers: &parts.headers,
            body: Waiting::new(body),
        };
        desk.answer(asked).await
    }

    async fn storage(&self, request: Request<Body>, target: Target, id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let realm = target.account.clone();
        let peer = parts.extensions.get::<Peer>().copied();
        let context = gather(&parts.headers, peer, id);
        let caller = crate::auth::caller(self, &parts.headers).await;
        let caller: Result<Caller> = caller.map(|caller| caller.with_context(context));
        let anonymous = caller
            .as_ref()
            .is_ok_and(|caller| caller.principal().is_none());
        let call = |caller| Call {
            query: Query::parse(parts.uri.query()),
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            target,
            caller,
            body: Waiting::new(body),
            path: parts.uri.path().to_owned(),
            secure: peer.is_some_and(|peer| peer.secure),
        };
        let answered = match caller {
            Ok(caller) => plain::answer(self, call(caller)).await,
            Err(refusal) => Err(refusal),
        };
        let mut response = answered.unwrap_or_else(|refusal| refused(refusal, anonymous, &realm));
        if response.status() == StatusCode::UNAUTHORIZED {
            let base = match &self.keystone {
                Some(keystone) => keystone.url().to_owned(),
                None => base(&parts.headers, peer.is_some_and(|peer| peer.secure)),
            };
            if let Ok(challenge) = HeaderValue::from_str(&keystone::challenge(&base)) {
                // Beside the one for signing in over version 1.
                response.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
        }
        if parts.method == Method::HEAD && response.status().is_client_error() {
            *response.body_mut() = crate::body::empty();
            crate::answer::set(response.headers_mut(), "content-length", "0");
        }
        response
    }
}

fn keeps_alive(headers: &HeaderMap) -> bool {
    let value = headers.get(http::header::CONNECTION);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// The first element of a path, and the rest with its slash.
fn split_version(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.find('/') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    }
}

impl<B> tower::Service<Request<B>> for SwiftFrontEnd
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let front_end = self.clone();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        Box::pin(async move { Ok(front_end.answer(request).await) })
    }
}
