//! A bucket of S3 as a keeper of objects.
//!
//! Ours rather than OpenDAL's, which changes keys (`a//b`, ` a`), makes no buckets and sets no access
//! lists. Signatures are those of `reqsign`, which OpenDAL uses too.
//!
//! Promises: keys go and come byte for byte; every part carries its MD5, so what the service took is
//! what was sent; an upload that fails is aborted; transient failures of a request are tried again.
//! Does not: abort uploads of processes that were killed (they are invisible; a lifecycle rule ends
//! them).

mod listing;
mod request;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use reqwest::{Method, Response};

use super::incoming::object_of;
use super::{
    ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey, ObjectService,
};
use crate::{Error, ErrorKind, Result};
use request::{Asked, Client};

pub(super) use request::http_client;
pub(crate) use upload::content_type;
pub use upload::{PART_LEN_MIN, part_len};

/// Objects in a bucket.
pub struct S3Objects {
    client: Arc<Client>,
}

impl fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Objects({})", self.client.place())
    }
}

impl S3Objects {
    /// Makes the service. Nothing is contacted yet.
    pub fn open(options: &BTreeMap<String, String>) -> Result<Self> {
        let client = Arc::new(Client::of(options)?);
        Ok(Self { client })
    }
}

/// A header as text.
fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

#[async_trait]
impl ObjectService for S3Objects {
    fn kind(&self) -> &'static str {
        "s3"
    }

    fn place(&self) -> String {
        self.client.place()
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: true,
            access: true,
            rooted: false,
        }
    }

    async fn ready(&self) -> Result<bool> {
        match self
            .client
            .send(Asked::of_bucket("prepare", Method::HEAD))
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<()> {
        let mut asked = Asked::of_bucket("prepare", Method::PUT);
        if let Some(place) = self.client.location_constraint() {
            asked.body = vec![place.into()];
        }
        match self.client.send(asked).await {
            // Somebody else made it; whether it is ours shows when it is used.
            Err(error) if error.kind() == ErrorKind::Conflict => match self.ready().await {
                Ok(true) => Ok(()),
                _ => Err(error),
            },
            other => other.map(drop),
        }
    }

    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag> {
        upload::put(&self.client, key, len, body).await
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        let mut asked = Asked::of_object("get", Method::GET, key);
        if from > 0 {
            asked.headers.push(("range", format!("bytes={from}-")));
        }
        let response = self.client.send(asked).await?;
        object_of(key, from, response)
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let response = self
            .client
            .send(Asked::of_object("info", Method::HEAD, key))
            .await?;
        let len = header(&response, "content-length").and_then(|len| len.parse().ok());
        let len =
            len.ok_or_else(|| Error::new(ErrorKind::Unexpected, "info", "no Content-Length"))?;
        let modified = header(&response, "last-modified");
        Ok(ObjectInfo {
            key: key.clone(),
            len,
            tag: header(&response, "etag").map_or(ContentTag::Nothing, ContentTag::of_etag),
            modified: modified.and_then(|date| httpdate::parse_http_date(date).ok()),
        })
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        listing::list(Arc::clone(&self.client), prefix)
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        match self
            .client
            .send(Asked::of_object("rm", Method::DELETE, key))
            .await
        {
            Err(error) if error.kind() == ErrorKind::NotFound => match self.ready().await? {
                true => Ok(()),
                false => Err(error),
            },
            other => other.map(drop),
        }
    }

    async fn set_access(&self, key: &ObjectKey, access: ObjectAccess) -> Result<()> {
        let mut asked = Asked::of_object("acl", Method::PUT, key);
        let canned = match access {
            ObjectAccess::Private => "private",
            ObjectAccess::PublicRead => "public-read",
        };
        asked.query.push(("acl", String::new()));
        asked.headers.push(("x-amz-acl", canned.to_owned()));
        self.client.send(asked).await.map(drop)
    }
}
