//! Requests counted: how many, how they ended, how long until the answer began.

use std::time::Instant;

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use metrics::{counter, gauge, histogram};

/// A service that counts what passes. Labels are few, so that nobody's requests can grow the metrics.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    front: &'static str,
}

impl<S> Counted<S> {
    pub(super) fn new(front: &'static str, inner: S) -> Self {
        Self { inner, front }
    }
}

/// Methods by name; what nobody has heard of is one label.
fn name_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Lowers the number of running requests again, however the request ends.
struct Running(&'static str);

impl Running {
    fn new(front: &'static str) -> Self {
        gauge!("dolium_requests_running", "front" => front).increment(1.0);
        Self(front)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        gauge!("dolium_requests_running", "front" => self.0).decrement(1.0);
    }
}

impl<S, B> Service<Request<Incoming>> for Counted<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (front, method) = (self.front, name_of(request.method()));
        let (began, running) = (Instant::now(), Running::new(front));
        let answering = self.inner.call(request);
        Box::pin(async move {
            let answer = answering.await;
            drop(running);
            let class = match &answer {
                Ok(response) => match response.status().as_u16() / 100 {
                    1 => "1xx",
                    2 => "2xx",
                    3 => "3xx",
                    4 => "4xx",
                    _ => "5xx",
                },
                Err(_) => "error",
            };
            let labels = [("front", front), ("method", method), ("status", class)];
            counter!("dolium_requests_total", &labels).increment(1);
            let seconds = began.elapsed().as_secs_f64();
            histogram!("dolium_request_seconds", "front" => front, "method" => method)
                .record(seconds);
            answer
        })
    }
}
