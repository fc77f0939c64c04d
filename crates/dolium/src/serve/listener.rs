//! The accept loop: connections with a bound, TLS off the loop, graceful stop.
//!
//! Promises: a client that is slow to shake hands or to send its header holds nobody else up and is cut
//! off; a header is bounded; a stop lets running requests finish.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use dolium_s3::Peer;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::rewording::{Rewording, Wording};

/// Bytes of a request's line and header fields; S3 signs and sends up to about 8 KiB.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Fields of a request.
const HEADER_FIELDS_MAX: usize = 200;
/// How long a client may take for a handshake, and for a header.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause after a failed accept: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connections_max: usize,
}

/// One listener and what it needs.
pub(super) struct Accept {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    pub(super) stop: CancellationToken,
    pub(super) connections: TaskTracker,
    /// Words the answer to what is no HTTP.
    pub(super) wording: Option<Wording>,
}

impl Accept {
    /// Serves until the stop.
    pub(super) async fn serve<S, B>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let room = Arc::new(Semaphore::new(self.limits.connections_max));
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = accept(&self.listener, &room) => accepted,
            };
            let Some((stream, peer, permit)) = accepted else {
                continue;
            };
            let (service, tls, stop) = (service.clone(), self.tls.clone(), self.stop.clone());
            let wording = self.wording;
            let service = Located {
                service,
                peer: Peer {
                    address: peer.ip(),
                    secure: tls.is_some(),
                },
            };
            self.connections.spawn(async move {
                match tls {
                    None => worded(stream, wording, service, stop).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) =
                            tokio::time::timeout(PATIENCE, tls.accept(stream)).await
                        {
                            worded(stream, wording, service, stop).await;
                        }
                    }
                }
                drop(permit);
            });
        }
    }
}

/// A service that tells each request where it came from.
#[derive(Clone)]
struct Located<S> {
    service: S,
    peer: Peer,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Located<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting for more to send only delays them.
            drop(stream.set_nodelay(true));
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Serves one connection, which may have words of its own for what is no HTTP.
async fn worded<I, S, B>(io: I, wording: Option<Wording>, service: S, stop: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match wording {
        None => connection(io, false, service, stop).await,
        Some(wording) => connection(Rewording::new(io, wording), true, service, stop).await,
    }
}

/// Serves one connection; a stop lets its running requests finish.
async fn connection<I, S, B>(io: I, title_case: bool, service: S, stop: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        // Old clients of Swift look for the names of fields as its own servers write them.
        .title_case_headers(title_case);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES_MAX as u32);
    let serving = builder.serve_connection(TokioIo::new(io), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

/// An axum router as a hyper service.
#[derive(Clone)]
pub(super) struct Routed(pub(super) Router);

impl Service<Request<Incoming>> for Routed {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        Box::pin(self.0.clone().oneshot(request))
    }
}

/// Serves the command line's socket until the stop. A pass that runs is told to stop when its client
/// goes, so nothing is waited for.
pub(super) async fn serve_socket(socket: UnixListener, router: Router, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let router = Routed(router.clone());
                tokio::spawn(connection(stream, false, router, stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a command could not connect");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
