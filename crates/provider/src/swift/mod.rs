//! A container of OpenStack Swift.
//!
//! Ours rather than OpenDAL's, whose driver takes a token that it cannot renew and has no conditional put.
//!
//! Promises: signs in by itself (TempAuth version 1, Keystone version 3, or a token that was given) and once more when
//! a token is refused; a put of a taken name is refused by the service itself (`If-None-Match`); every attempt has a
//! time limit, transient failures are tried again a few times, and the service's `Retry-After` is honoured.
//! Does not: make containers; split blobs (a shard is far below Swift's 5 GiB).

pub(crate) mod answer;
mod objects;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::range::{nothing, passes_end};
use crate::settings::Options;
use crate::{
    BlobInfo, BlobName, Capabilities, Error, ErrorKind, ListPage, Payload, Provider, Result, Status,
};
use answer::{body_of, failed, pause_asked, refused};
pub use objects::SwiftObjects;
use session::{Account, Login, Sessions};

/// The options of this kind.
pub(crate) const OPTIONS: Options = Options {
    required: &["container"],
    optional: &[
        "root",
        "auth",
        "user",
        "key",
        "project",
        "domain",
        "region",
        "application_credential_id",
        "application_credential_secret",
        "endpoint",
        "token",
    ],
};

/// Time for an operation without a body, in one attempt.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for one transfer: a 16 MiB shard at 2 Mbit/s.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(70);
/// Time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts after the first. Few: the array has other providers to turn to.
const RETRIES_MAX: u32 = 3;
/// The first pause between attempts; each doubles.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(200);
/// The longest pause between attempts, whatever the service asks for.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(5);
/// Operations under way at once; more would queue in its connections anyway.
const CONCURRENT_MAX: usize = 64;
/// Requests of one removal that are made at the same time.
const DELETES_MAX: usize = 8;
/// The most entries that Swift returns in one page.
const PAGE_MAX: usize = 10_000;
/// The most that such a page may take: names of ours are far below a kilobyte.
const LISTING_LEN_MAX: usize = 16 << 20;

/// A provider that keeps its blobs in one container.
pub struct SwiftProvider {
    http: reqwest::Client,
    sessions: Sessions,
    container: String,
    /// What all names begin with; ends in a slash unless it is empty.
    root: String,
    room: Semaphore,
}

impl fmt::Debug for SwiftProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SwiftProvider({}/{})", self.container, self.root)
    }
}

/// One entry of a listing.
#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
    #[serde(default)]
    bytes: u64,
    hash: Option<String>,
    last_modified: Option<String>,
    /// Only a manifest has one; its hash is not that of the content.
    slo_etag: Option<String>,
}

impl SwiftProvider {
    /// Makes a provider. Nothing is contacted yet.
    pub fn open(options: &BTreeMap<String, String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| {
                Error::new(ErrorKind::Unexpected, "provider settings", "no HTTP client")
                    .with_source(source)
            })?;
        let root = options
            .get("root")
            .map_or("", |root| root.trim_matches('/'));
        let root = match root {
            "" => String::new(),
            root => format!("{root}/"),
        };
        Ok(Self {
            sessions: Sessions::new(Login::of(options)?),
            http,
            container: options.get("container").cloned().unwrap_or_default(),
            root,
            room: Semaphore::new(CONCURRENT_MAX),
        })
    }

    fn url(&self, account: &Account, name: Option<&str>) -> Result<reqwest::Url> {
        let mut url = account.url.clone();
        let unusable =
            |()| Error::new(ErrorKind::Invalid, "swift", "the account's URL has no path");
        {
            let mut path = url.path_segments_mut().map_err(unusable)?;
            path.pop_if_empty().push(&self.container);
            let name = name.map(|name| format!("{}{name}", self.root));
            path.extend(name.iter().flat_map(|name| name.split('/')));
        }
        Ok(url)
    }

    /// Sends a request until it is answered, or no more attempt is left. `prepare` adds what belongs to it.
    async fn send(
        &self,
        operation: &'static str,
        (method, name): (Method, Option<&str>),
        timeout: Duration,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder + Sync,
    ) -> Result<Response> {
        let context = name.unwrap_or("the container");
        let _room = self.room.acquire().await.map_err(|source| {
            Error::new(ErrorKind::Unavailable, operation, "shutting down").with_source(source)
        })?;
        let (mut attempt, mut renewed) = (0, false);
        loop {
            let account = self.sessions.account(&self.http).await?;
            let request = self
                .http
                .request(method.clone(), self.url(&account, name)?)
                .header("x-auth-token", account.token.as_str())
                .timeout(timeout);
            let (error, asked) = match prepare(request).send().await {
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    // Tokens end; one that is new and refused is not good enough.
                    renewed = true;
                    self.sessions.forget(&account).await;
                    continue;
                }
                Ok(response) => match refused(operation, context, &response) {
                    None => return Ok(response),
                    Some(error) => {
                        let asked = pause_asked(&response);
                        (error, asked)
                    }
                },
                Err(source) => (failed(operation, context, source), None),
            };
            if error.status() == Status::Permanent || attempt == RETRIES_MAX {
                return Err(error);
            }
            let usual = RETRY_DELAY_MIN * 2u32.pow(attempt);
            tokio::time::sleep(asked.unwrap_or(usual).min(RETRY_DELAY_MAX)).await;
            attempt += 1;
        }
    }

    /// One page of the service's own, as it comes.
    async fn page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let root = &self.root;
        let mut query = vec![
            ("format", "json".to_owned()),
            ("prefix", format!("{root}{prefix}")),
            ("limit", limit.to_string()),
        ];
        query.extend(after.map(|after| ("marker", format!("{root}{after}"))));
        let asked = (Method::GET, None);
        let response = self
            .send("list", asked, TRANSFER_TIMEOUT, |request| {
                request.query(&query)
            })
            .await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Vec::new());
        }
        let body = body_of("list", prefix, response, LISTING_LEN_MAX).await?;
        serde_json::from_slice(&body).map_err(|source| {
            let why = "the listing is not what Swift answers";
            Error::new(ErrorKind::Unexpected, "list", why).with_source(source)
        })
    }
}

#[async_trait]
impl Provider for SwiftProvider {
    fn kind(&self) -> &'static str {
        "swift"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Of several at once more than one may win on a cluster whose nodes have not met yet.
            atomic_put_if_absent: false,
            consistent_list: false,
            list_has_md5: true,
            persistent: true,
        }
    }

    async fn prepare(&self) -> Result<()> {
        let asked = (Method::HEAD, None);
        let found = self.send("prepare", asked, OPERATION_TIMEOUT, |request| request);
        match found.await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let why = format!("create the container {} first", self.container);
                Err(Error::new(ErrorKind::NotFound, "prepare", why).with_source(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn put(&self, name: &BlobName, body: Payload) -> Result<()> {
        let asked = (Method::PUT, Some(name.as_str()));
        let put = self.send("put", asked, TRANSFER_TIMEOUT, |request| {
            let pieces = body
                .segments()
                .to_vec()
                .into_iter()
                .map(Ok::<Bytes, std::io::Error>);
            request
                .header("if-none-match", "*")
                .header("content-type", "application/octet-stream")
                .header("content-length", body.len())
                .body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)))
        });
        put.await.map(drop)
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let invalid = || passes_end(name, &range);
        if range.start >= range.end {
            return nothing(self, name, &range).await;
        }
        let asked = (Method::GET, Some(name.as_str()));
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let response = self.send("get", asked, TRANSFER_TIMEOUT, |request| {
            request.header("range", &bytes)
        });
        let response = match response.await {
            Err(error) if error.kind() == ErrorKind::Invalid => return Err(invalid()),
            response => response?,
        };
        let wanted = range.end - range.start;
        if response.content_length().is_some_and(|len| len != wanted) {
            return Err(invalid());
        }
        let len_max = usize::try_from(wanted).unwrap_or(usize::MAX);
        let body = body_of("get", name.as_str(), response, len_max).await?;
        match body.len() as u64 == wanted {
            true => Ok(body),
            false => Err(invalid()),
        }
    }

    async fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        let asked = (Method::HEAD, Some(name.as_str()));
        let response = self
            .send("head", asked, OPERATION_TIMEOUT, |request| request)
            .await?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let len = header("content-length").and_then(|len| len.parse().ok());
        let len =
            len.ok_or_else(|| Error::new(ErrorKind::Unexpected, "head", "no Content-Length"))?;
        Ok(BlobInfo {
            name: name.clone(),
            len,
            etag: header("etag").map(|tag| tag.trim_matches('"').to_owned()),
            modified: header("last-modified").and_then(|date| httpdate::parse_http_date(date).ok()),
        })
    }

    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        let mut blobs = Vec::new();
        let mut from = after.map(ToString::to_string);
        loop {
            let wanted = limit
                .saturating_add(1)
                .saturating_sub(blobs.len())
                .min(PAGE_MAX);
            let page = self.page(prefix, from.as_deref(), wanted).await?;
            let last = page.iter().rev().find_map(|entry| entry.name.clone());
            let Some(last) = last else { break };
            // What is not named as blobs are was put there by somebody else.
            blobs.extend(page.into_iter().filter_map(|entry| info(&self.root, entry)));
            if blobs.len() > limit {
                break;
            }
            from = last.strip_prefix(&self.root).map(str::to_owned);
            if from.is_none() {
                break;
            }
        }
        let more = blobs.len() > limit;
        blobs.truncate(limit);
        Ok(ListPage { blobs, more })
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        let asked = (Method::DELETE, Some(name.as_str()));
        let gone = self.send("delete", asked, OPERATION_TIMEOUT, |request| request);
        match gone.await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    async fn delete_all(&self, names: &[BlobName]) -> Result<()> {
        for names in names.chunks(DELETES_MAX) {
            let deletes: Vec<_> = names.iter().map(|name| self.delete(name)).collect();
            try_join_all(deletes).await?;
        }
        Ok(())
    }
}

fn info(root: &str, entry: Entry) -> Option<BlobInfo> {
    let name = BlobName::new(entry.name?.strip_prefix(root)?).ok()?;
    Some(BlobInfo {
        name,
        len: entry.bytes,
        etag: entry.hash,
        modified: entry.last_modified.as_deref().and_then(moment),
    })
}

/// A moment as listings write it: `2026-11-27T20:05:00.123456`, in UTC.
fn moment(text: &str) -> Option<SystemTime> {
    let text = format!("{}Z", text.trim_end_matches('Z'));
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.into())
}
