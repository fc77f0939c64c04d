//! A container of Swift as a keeper of objects.
//!
//! Promises: a body is streamed in one request, which Swift keeps whole or not at all, and names the
//! MD5 of.
//! Does not: keep objects of more than 5 GiB, Swift's own limit for one that is not a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use reqwest::{Method, Response, StatusCode};

use super::answer::{failed, refused};
use super::{Entry, OPERATION_TIMEOUT, SwiftProvider, moment};
use crate::objects::object_of;
use crate::objects::{
    ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey, ObjectService,
    Outgoing, content_type, no_access,
};
use crate::{Error, ErrorKind, Result};

/// The longest that Swift keeps in one piece.
const OBJECT_LEN_MAX: u64 = 5 << 30;
/// Time for the whole of a transfer; that it goes on is watched by whoever takes its pieces.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Entries of one page. Keys may be long.
const PAGE_LEN: usize = 1000;

/// Objects in a container.
#[derive(Debug)]
pub struct SwiftObjects {
    container: Arc<SwiftProvider>,
}

impl SwiftObjects {
    /// Makes the service. Nothing is contacted yet.
    pub fn open(options: &BTreeMap<String, String>) -> Result<Self> {
        let container = Arc::new(SwiftProvider::open(options)?);
        Ok(Self { container })
    }

    /// Sends a request for an object that may be repeated.
    async fn ask(
        &self,
        operation: &'static str,
        method: Method,
        key: &ObjectKey,
    ) -> Result<Response> {
        let asked = (method, Some(key.as_str()));
        self.container
            .send(operation, asked, OPERATION_TIMEOUT, |request| request)
            .await
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The content's tag, unless the object is a manifest.
fn tag_of(response: &Response) -> ContentTag {
    let manifest = ["x-static-large-object", "x-object-manifest"];
    match header(response, "etag") {
        Some(tag) if manifest.iter().all(|name| header(response, name).is_none()) => {
            ContentTag::of_etag(tag)
        }
        _ => ContentTag::Nothing,
    }
}

#[async_trait]
impl ObjectService for SwiftObjects {
    fn kind(&self) -> &'static str {
        "swift"
    }

    fn place(&self) -> String {
        format!(
            "swift container {}/{}",
            self.container.container, self.container.root
        )
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: true,
            access: false,
            rooted: false,
        }
    }

    async fn ready(&self) -> Result<bool> {
        let asked = (Method::HEAD, None);
        match self
            .container
            .send("prepare", asked, OPERATION_TIMEOUT, |request| request)
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<()> {
        let asked = (Method::PUT, None);
        let made = self
            .container
            .send("prepare", asked, OPERATION_TIMEOUT, |request| request);
        made.await.map(drop)
    }

    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag> {
        if len.is_some_and(|len| len > OBJECT_LEN_MAX) {
            let why = format!("{key}: Swift keeps at most 5 GiB in one object");
            return Err(Error::new(ErrorKind::Unsupported, "put", why));
        }
        let container = &self.container;
        let account = container.sessions.account(&container.http).await?;
        let outgoing = Outgoing::default();
        let mut request = container
            .http
            .put(container.url(&account, Some(key.as_str()))?)
            .header("x-auth-token", account.token.as_str())
            .header("content-type", content_type(key))
            .timeout(STREAM_TIMEOUT);
        if let Some(len) = len {
            request = request.header("content-length", len);
        }
        let sent = request.body(outgoing.watch(body)).send().await;
        outgoing.source_well(key)?;
        let response = sent.map_err(|source| failed("put", key.as_str(), source))?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // The next attempt signs in anew; this stream is spent.
            container.sessions.forget(&account).await;
        }
        match refused("put", key.as_str(), &response) {
            Some(error) => Err(error),
            None => outgoing.whole(key, len).map(|()| tag_of(&response)),
        }
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        let asked = (Method::GET, Some(key.as_str()));
        let range = format!("bytes={from}-");
        let response = self
            .container
            .send("get", asked, STREAM_TIMEOUT, |request| match from {
                0 => request,
                _ => request.header("range", &range),
            })
            .await?;
        object_of(key, from, response)
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let response = self.ask("info", Method::HEAD, key).await?;
        let len = header(&response, "content-length").and_then(|len| len.parse().ok());
        let len =
            len.ok_or_else(|| Error::new(ErrorKind::Unexpected, "info", "no Content-Length"))?;
        let modified = header(&response, "last-modified");
        Ok(ObjectInfo {
            key: key.clone(),
            len,
            tag: tag_of(&response),
            modified: modified.and_then(|date| httpdate::parse_http_date(date).ok()),
        })
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let (container, prefix) = (Arc::clone(&self.container), prefix.to_owned());
        // Where the next page begins; nothing behind the last.
        let pages = stream::try_unfold(Some(None::<String>), move |at| {
            let (container, prefix) = (Arc::clone(&container), prefix.clone());
            async move {
                let Some(after) = at else {
                    return Ok(None);
                };
                let page = container.page(&prefix, after.as_deref(), PAGE_LEN).await?;
                let last = page.iter().rev().find_map(|entry| entry.name.as_deref());
                let last = last.and_then(|last| last.strip_prefix(&container.root));
                let next = last.map(|last| Some(last.to_owned()));
                let infos: Vec<_> = page
                    .into_iter()
                    .filter_map(|entry| info(&container.root, entry))
                    .collect();
                Ok::<_, Error>(Some((stream::iter(infos.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        match self.ask("rm", Method::DELETE, key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => match self.ready().await? {
                true => Ok(()),
                false => Err(error),
            },
            other => other.map(drop),
        }
    }

    async fn set_access(&self, _: &ObjectKey, _: ObjectAccess) -> Result<()> {
        Err(no_access(
            "Swift's access lists are of containers, not of objects",
        ))
    }
}

fn info(root: &str, entry: Entry) -> Option<ObjectInfo> {
    let key = ObjectKey::new(entry.name?.strip_prefix(root)?).ok()?;
    let hash = entry.hash.filter(|_| entry.slo_etag.is_none());
    Some(ObjectInfo {
        key,
        len: entry.bytes,
        tag: hash.map_or(ContentTag::Nothing, |hash| ContentTag::of_etag(&hash)),
        modified: entry.last_modified.as_deref().and_then(moment),
    })
}
