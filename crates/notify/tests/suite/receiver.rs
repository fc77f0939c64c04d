//! A webhook that remembers what it took and refuses when it is told to.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct State {
    taken: Mutex<Vec<Value>>,
    tokens: Mutex<Vec<String>>,
    refuses: AtomicBool,
    hangs: AtomicBool,
    refused: AtomicU64,
    location: Mutex<Option<String>>,
}

/// A webhook.
#[derive(Clone)]
pub(crate) struct Receiver {
    state: Arc<State>,
    url: String,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&state, request));
                    let serve = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service);
                    drop(serve.await);
                });
            }
        });
        Self { state, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn hang(&self) {
        self.state.hangs.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn redirect(&self, to: &str) {
        *self.state.location.lock().await = Some(to.to_owned());
    }

    pub(crate) async fn tokens(&self) -> Vec<String> {
        self.state.tokens.lock().await.clone()
    }

    /// Waits until so many messages were refused.
    pub(crate) async fn refused(&self, count: u64) {
        self.wait(async || self.state.refused.load(Ordering::SeqCst) >= count)
            .await;
    }

    /// The records taken, once there are so many.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Value> {
        self.wait(async || self.state.taken.lock().await.len() >= count)
            .await;
        self.state.taken.lock().await.clone()
    }

    async fn wait(&self, done: impl AsyncFn() -> bool) {
        let waiting = async {
            while !done().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("it happens");
    }
}

async fn answer(
    state: &State,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let status = |status: u16| {
        Response::builder()
            .status(status)
            .body(Empty::new())
            .unwrap()
    };
    let token = request.headers().get("authorization").cloned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    if state.hangs.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if state.refuses.load(Ordering::SeqCst) {
        state.refused.fetch_add(1, Ordering::SeqCst);
        return Ok(status(503));
    }
    if let Some(location) = state.location.lock().await.clone() {
        state.refused.fetch_add(1, Ordering::SeqCst);
        let mut moved = status(307);
        let location = location.parse().unwrap();
        moved.headers_mut().insert("location", location);
        return Ok(moved);
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    if let Some(token) = token {
        let mut tokens = state.tokens.lock().await;
        tokens.push(token.to_str().unwrap().to_owned());
    }
    state.taken.lock().await.push(message["Records"][0].clone());
    Ok(status(204))
}
