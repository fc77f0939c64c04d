//! One keep-alive connection to an endpoint of S3 or Swift.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::pattern::{Checker, Outgoing, Pattern};
use crate::sign::{Canonical, Signer, encode};

/// An endpoint and the user that calls it.
pub(crate) struct Target {
    host: String,
    protocol: Protocol,
}

/// How an endpoint is spoken to.
pub(crate) enum Protocol {
    /// Requests are signed.
    S3(Signer),
    /// Requests carry a token, and paths begin with that of an account.
    Swift { path: String, token: String },
}

/// One request.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// `/bucket/key`; of characters that need no encoding.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Outgoing,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Outgoing::empty(),
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: Outgoing) -> Self {
        self.body = body;
        self
    }

    fn query_text(&self) -> String {
        let mut pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        pairs.sort();
        pairs.join("&")
    }
}

/// The head of an answer, and its body to come.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
}

impl Target {
    pub(crate) fn new(host: &str, protocol: Protocol) -> Self {
        let host = host.trim_start_matches("http://").trim_end_matches('/');
        Self {
            host: host.to_owned(),
            protocol,
        }
    }

    /// The path of a request and the headers that say who sends it.
    fn address(&self, call: &Call, query: &str) -> (String, Vec<(String, String)>) {
        match &self.protocol {
            Protocol::S3(signer) => {
                let signed = signer.sign(&Canonical {
                    method: call.method.as_str(),
                    path: &call.path,
                    query,
                    host: &self.host,
                    headers: &call.headers,
                });
                let signed = signed.into_iter();
                let signed = signed.map(|(name, value)| (name.to_string(), value));
                (call.path.clone(), signed.collect())
            }
            Protocol::Swift { path, token } => {
                let own = [("host", &self.host), ("x-auth-token", token)];
                let own = own.map(|(name, value)| (name.to_owned(), value.clone()));
                (format!("{path}{}", call.path), own.into())
            }
        }
    }
}

/// A client: one request at a time over one connection.
pub(crate) struct Client {
    target: Arc<Target>,
    sender: Option<SendRequest<Outgoing>>,
}

impl Client {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        let sender = None;
        Self { target, sender }
    }

    /// Sends a request; the answer's body must be read before the next.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Answer> {
        let query = call.query_text();
        let (path, headers) = self.target.address(&call, &query);
        let uri = match query.as_str() {
            "" => path,
            query => format!("{path}?{query}"),
        };
        let mut request = Request::builder().method(call.method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .header("content-length", call.body.len())
            .body(call.body)?;
        let sender = self.connected().await?;
        let answer = sender.send_request(request).await;
        let (head, body) = answer.context("no answer")?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Sends a request and returns the text of its answer, which must be a success.
    pub(crate) async fn text(&mut self, call: Call) -> Result<(HeaderMap, String)> {
        let answer = self.send(call).await?;
        let (status, headers) = (answer.status, answer.headers.clone());
        let bytes = answer.body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !status.is_success() {
            bail!("{status}: {text}");
        }
        Ok((headers, text))
    }

    pub(crate) async fn put(&mut self, path: String, pattern: Pattern) -> Result<()> {
        let call = Call::new(Method::PUT, path).body(Outgoing::Pattern(pattern));
        self.text(call).await.map(drop)
    }

    /// Reads an object and compares every byte.
    pub(crate) async fn get(&mut self, path: String, pattern: Pattern) -> Result<()> {
        let mut answer = self.send(Call::new(Method::GET, path)).await?;
        if answer.status != StatusCode::OK {
            let bytes = answer.body.collect().await?.to_bytes();
            bail!("{}: {}", answer.status, String::from_utf8_lossy(&bytes));
        }
        let mut checker = Checker::new(pattern);
        while let Some(frame) = answer.body.frame().await {
            if let Ok(data) = frame?.into_data() {
                checker.take(&data)?;
            }
        }
        checker.finish()
    }

    /// Makes a bucket unless it is there.
    pub(crate) async fn make_bucket(&mut self, bucket: &str) -> Result<()> {
        let answer = self
            .send(Call::new(Method::PUT, format!("/{bucket}")))
            .await?;
        let status = answer.status;
        let text = answer.body.collect().await?.to_bytes();
        if !status.is_success() && status != StatusCode::CONFLICT {
            bail!("cannot make {bucket}: {}", String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Outgoing>> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(&self.target.host).await;
            let stream = stream.with_context(|| format!("cannot reach {}", self.target.host))?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // Its end shows in the next request.
            tokio::spawn(async move { drop(connection.await) });
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("not connected")
    }
}
