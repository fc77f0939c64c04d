//! Requests to a WebDAV server.
//!
//! Promises: every request has a time limit; those without a stream are tried again a few times after
//! transient failures; secrets do not show.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use crate::objects::outgoing::Outgoing;
use crate::objects::s3::http_client;
use crate::objects::{ObjectBody, ObjectKey};
use crate::swift::answer::{failed, pause_asked, refused};
use crate::{Error, ErrorKind, Result, Status};

/// Time for a request without a stream, to the beginning of its answer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts after the first.
const RETRIES_MAX: u32 = 3;
/// The first pause between attempts; each doubles.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
/// The longest pause between attempts, whatever the service asks for.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);

/// What stays as it is in paths.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Who signs in.
enum Login {
    Nobody,
    Basic(String, Option<String>),
    Bearer(String),
}

/// A way to one folder.
pub(super) struct Client {
    http: reqwest::Client,
    login: Login,
    /// Scheme, host and port.
    origin: String,
    /// The path of the folder, decoded; begins and ends with a slash.
    pub(super) root: String,
}

impl Client {
    pub(super) fn of(options: &BTreeMap<String, String>) -> Result<Self> {
        let get = |name: &str| {
            options
                .get(name)
                .map(String::as_str)
                .filter(|value| !value.is_empty())
        };
        let invalid = |why: &str| Error::new(ErrorKind::Invalid, "provider settings", why);
        let address = reqwest::Url::parse(get("endpoint").unwrap_or_default());
        let address = address.map_err(|_| invalid("webdav: the endpoint is no URL"))?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(invalid("webdav: endpoints begin with http:// or https://"));
        }
        let base = percent_encoding::percent_decode_str(address.path()).decode_utf8_lossy();
        let root = get("root").unwrap_or_default();
        let mut folder = String::from("/");
        for segment in base
            .split('/')
            .chain(root.split('/'))
            .filter(|part| !part.is_empty())
        {
            folder.push_str(segment);
            folder.push('/');
        }
        let login = match (get("token"), get("username")) {
            (Some(token), _) => Login::Bearer(token.to_owned()),
            (None, Some(user)) => Login::Basic(user.to_owned(), get("password").map(str::to_owned)),
            (None, None) => Login::Nobody,
        };
        Ok(Self {
            http: http_client()?,
            login,
            origin: address.origin().ascii_serialization(),
            root: folder,
        })
    }

    pub(super) fn place(&self) -> String {
        format!("{}{}", self.origin, self.root)
    }

    /// The address of a path below the root.
    fn address(&self, path: &str) -> String {
        self.absolute(&format!("{}{path}", self.root))
    }

    fn absolute(&self, path: &str) -> String {
        format!("{}{}", self.origin, utf8_percent_encode(path, PATH))
    }

    fn request(&self, method: Method, address: &str) -> RequestBuilder {
        let request = self.http.request(method, address);
        match &self.login {
            Login::Nobody => request,
            Login::Basic(user, password) => request.basic_auth(user, password.as_deref()),
            Login::Bearer(token) => request.bearer_auth(token),
        }
    }

    /// Sends a request on a path below the root until it is answered, or no more attempt is left.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        method: Method,
        path: &str,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder + Sync + Send,
    ) -> Result<Response> {
        let address = self.address(path);
        self.send_to(operation, method, &address, prepare).await
    }

    async fn send_to(
        &self,
        operation: &'static str,
        method: Method,
        address: &str,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder + Sync + Send,
    ) -> Result<Response> {
        let context = address.strip_prefix(&self.origin).unwrap_or(address);
        let mut attempt = 0;
        loop {
            let request = prepare(self.request(method.clone(), address));
            let sent = tokio::time::timeout(OPERATION_TIMEOUT, request.send()).await;
            let (error, pause) = match sent {
                Err(_) => {
                    let why = format!("{context}: no answer in time");
                    (Error::new(ErrorKind::Unavailable, operation, why), None)
                }
                Ok(Err(source)) => (failed(operation, context, source), None),
                Ok(Ok(response)) => match refused(operation, context, &response) {
                    None => return Ok(response),
                    Some(error) => {
                        let pause = pause_asked(&response);
                        (error, pause)
                    }
                },
            };
            if error.status() == Status::Permanent || attempt == RETRIES_MAX {
                return Err(error);
            }
            let usual = RETRY_DELAY_MIN * 2u32.pow(attempt);
            tokio::time::sleep(pause.unwrap_or(usual).min(RETRY_DELAY_MAX)).await;
            attempt += 1;
        }
    }

    /// Streams a body to a path. Once: a stream cannot be sent again.
    pub(super) async fn upload(
        &self,
        key: &ObjectKey,
        path: &str,
        len: Option<u64>,
        body: ObjectBody,
    ) -> Result<()> {
        let outgoing = Outgoing::default();
        let mut request = self.request(Method::PUT, &self.address(path));
        if let Some(len) = len {
            request = request.header("content-length", len);
        }
        let sent = request.body(outgoing.watch(body)).send().await;
        outgoing.source_well(key)?;
        let response = sent.map_err(|source| failed("put", key.as_str(), source))?;
        match refused("put", key.as_str(), &response) {
            Some(error) => Err(error),
            None => outgoing.whole(key, len),
        }
    }

    /// Moves a file, in place of another.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let target = self.address(to);
        let method = method("MOVE");
        let moved = self.send("put", method, from, |request| {
            request
                .header("destination", &target)
                .header("overwrite", "T")
        });
        moved.await.map(drop)
    }

    pub(super) async fn delete(&self, path: &str) -> Result<()> {
        let gone = self.send("rm", Method::DELETE, path, |request| request);
        gone.await.map(drop)
    }

    /// Makes the folders of a path below the root.
    pub(super) async fn make_folders(&self, path: &str) -> Result<()> {
        let mut at = self.root.clone();
        for segment in path.split('/').filter(|part| !part.is_empty()) {
            at.push_str(segment);
            at.push('/');
            self.make_folder(&at).await?;
        }
        Ok(())
    }

    /// Makes the folders from the server's top to the root.
    pub(super) async fn make_root(&self) -> Result<()> {
        let mut at = String::from("/");
        for segment in self.root.split('/').filter(|part| !part.is_empty()) {
            at.push_str(segment);
            at.push('/');
            match self.make_folder(&at).await {
                // What is above our folder may be out of our reach; what is missing shows below.
                Err(error) if at != self.root && error.kind() == ErrorKind::Denied => {}
                other => other?,
            }
        }
        Ok(())
    }

    async fn make_folder(&self, path: &str) -> Result<()> {
        let address = self.absolute(path);
        let request = self
            .request(method("MKCOL"), &address)
            .timeout(OPERATION_TIMEOUT);
        let response = request
            .send()
            .await
            .map_err(|source| failed("put", path, source))?;
        // It is there: a folder, or a file, which shows when something is put below.
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(());
        }
        refused("put", path, &response).map_or(Ok(()), Err)
    }
}

/// A method that plain HTTP does not know.
pub(super) fn method(name: &'static str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::OPTIONS)
}
