//! The command line's side: a running server over its socket, a server elsewhere over HTTP, or, when no
//! server runs, the same routes in this process.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tower::ServiceExt;

/// The longest answer that is read whole.
const ANSWER_LEN_MAX: usize = 64 << 20;
/// The longest line of a stream.
const LINE_LEN_MAX: usize = 1 << 20;

/// A way to a server's administration.
pub(crate) enum Admin {
    /// A server on this machine.
    Socket(UnixStream),
    /// A server elsewhere.
    Remote {
        /// The connection.
        stream: TcpStream,
        /// `host:port`.
        authority: String,
        /// The Basic credentials.
        credentials: String,
    },
    /// No server: this process opened the data directory itself.
    InProcess(Router),
}

/// One line of long work.
#[derive(Debug)]
pub(crate) enum Line {
    /// Something is wrong; with its sentence.
    Finding(Value, String),
    /// How far it is.
    Progress(Value),
    /// The end.
    Summary(Value),
}

impl Admin {
    /// Connects to the socket of a running server, if there is one.
    pub(crate) async fn socket(path: &Path) -> Option<Self> {
        UnixStream::connect(path).await.ok().map(Self::Socket)
    }

    /// Connects to a server elsewhere with an administrator's key.
    pub(crate) async fn remote(url: &str, key: &str, secret: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("--server takes http://HOST:PORT (TLS is not built into the command line yet)");
        };
        let authority = rest.trim_end_matches('/').to_owned();
        let address = if authority.contains(':') {
            authority.clone()
        } else {
            format!("{authority}:80")
        };
        let stream = TcpStream::connect(&address)
            .await
            .with_context(|| format!("no server answers at {url}"))?;
        let credentials = STANDARD.encode(format!("{key}:{secret}"));
        Ok(Self::Remote {
            stream,
            authority,
            credentials,
        })
    }

    /// Asks and reads a whole answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let body = body.map(serde_json::to_vec).transpose()?;
        let response = self.send(method, path, body.unwrap_or_default()).await?;
        let response = accepted(response).await?;
        let bytes = whole(response).await?;
        serde_json::from_slice(&bytes).context("the server's answer is not understood")
    }

    /// Starts long work; `each` hears every line, and the last one is the summary.
    pub(crate) async fn follow(self, path: &str, mut each: impl FnMut(Line)) -> Result<Value> {
        let response = self.send(Method::POST, path, Vec::new()).await?;
        let response = accepted(response).await?;
        let mut stream = response.into_body().into_data_stream();
        let mut buffer: Vec<u8> = Vec::new();
        while let Some(bytes) = stream.next().await {
            buffer.extend_from_slice(
                &bytes.map_err(|error| anyhow!("the answer broke off: {error}"))?,
            );
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let mut value: Value = serde_json::from_slice(&line)?;
                if let Some(error) = value["error"].as_str() {
                    bail!("{error}");
                }
                if value.get("summary").is_some() {
                    let summary = value["summary"].take();
                    each(Line::Summary(summary.clone()));
                    return Ok(summary);
                }
                if value.get("finding").is_some() {
                    let text = value["text"].as_str().unwrap_or_default().to_owned();
                    each(Line::Finding(value["finding"].take(), text));
                } else {
                    each(Line::Progress(value["progress"].take()));
                }
            }
            if buffer.len() > LINE_LEN_MAX {
                bail!("the server's answer is not understood");
            }
        }
        bail!("the server went away before the work was done; start it again to go on")
    }

    async fn send(self, method: Method, path: &str, body: Vec<u8>) -> Result<Response<Body>> {
        let request = Request::builder()
            .method(method)
            .header(header::CONTENT_TYPE, "application/json");
        match self {
            Self::InProcess(router) => {
                let request = request.uri(path).body(Body::from(body))?;
                Ok(router.oneshot(request).await?)
            }
            Self::Socket(stream) => {
                let request = request.uri(path).header(header::HOST, "localhost");
                exchange(stream, request.body(http_body_util::Full::from(body))?).await
            }
            Self::Remote {
                stream,
                authority,
                credentials,
            } => {
                let request = request
                    .uri(format!("/api/v1/admin{path}"))
                    .header(header::HOST, authority)
                    .header(header::AUTHORIZATION, format!("Basic {credentials}"));
                exchange(stream, request.body(http_body_util::Full::from(body))?).await
            }
        }
    }
}

/// A response of success, or what the server said instead.
async fn accepted(response: Response<Body>) -> Result<Response<Body>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let bytes = whole(response).await?;
    let said = serde_json::from_slice::<Value>(&bytes).ok();
    let said = said.and_then(|value| value["error"].as_str().map(str::to_owned));
    bail!(said.unwrap_or_else(|| format!("the server answered {status}")))
}

/// An answer, read whole.
async fn whole(response: Response<Body>) -> Result<Bytes> {
    let limited = http_body_util::Limited::new(response.into_body(), ANSWER_LEN_MAX);
    let collected = limited.collect().await;
    Ok(collected
        .map_err(|error| anyhow!("the answer broke off: {error}"))?
        .to_bytes())
}

async fn exchange<I>(io: I, request: Request<http_body_util::Full<Bytes>>) -> Result<Response<Body>>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}
