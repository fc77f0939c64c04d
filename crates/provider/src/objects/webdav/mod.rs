//! A folder of a WebDAV server as a keeper of objects.
//!
//! Ours rather than OpenDAL's, which takes a body in one piece and deletes a folder when a file is
//! moved onto it.
//!
//! Promises: a body is streamed to a hidden file and moved to its name when it is whole; a key cannot
//! replace the folder of others; folders are asked for one at a time, and sorted.
//! Does not: know checksums (a few servers have some, in ways of their own); remove empty folders.

mod propfind;
mod request;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use reqwest::Method;

use super::directory::temp_name;
use super::incoming::object_of;
use super::tree::{self, Resource};
use super::{
    ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey, ObjectService,
    RESERVED, no_access,
};
use crate::{Error, ErrorKind, Result};
use request::Client;

/// Objects in a folder of a server.
pub struct WebdavObjects {
    client: Arc<Client>,
}

impl fmt::Debug for WebdavObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebdavObjects({})", self.client.place())
    }
}

impl WebdavObjects {
    /// Makes the service. Nothing is contacted yet.
    pub fn open(options: &BTreeMap<String, String>) -> Result<Self> {
        let client = Arc::new(Client::of(options)?);
        Ok(Self { client })
    }

    async fn kind_of(&self, path: &str) -> Result<Option<Resource>> {
        match propfind::find(&self.client, path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves a whole hidden file to its name. A folder of that name stays: moving onto it would
    /// delete all that is in it.
    async fn publish(&self, hidden: &str, path: &str) -> Result<()> {
        if let Some(Resource::Folder) = self.kind_of(path).await? {
            let why = format!("{path}: there are objects below it");
            return Err(Error::new(ErrorKind::Conflict, "put", why));
        }
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.client.make_folders(parent).await?;
        }
        self.client.rename(hidden, path).await
    }
}

#[async_trait]
impl ObjectService for WebdavObjects {
    fn kind(&self) -> &'static str {
        "webdav"
    }

    fn place(&self) -> String {
        self.client.place()
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: false,
            access: false,
            rooted: true,
        }
    }

    async fn ready(&self) -> Result<bool> {
        Ok(self.kind_of(&format!("{RESERVED}/")).await?.is_some())
    }

    async fn create(&self) -> Result<()> {
        self.client.make_root().await?;
        self.client.make_folders(RESERVED).await
    }

    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag> {
        let path = key.to_path()?;
        let hidden = format!("{RESERVED}/{}", temp_name().display());
        let result = match self.client.upload(key, &hidden, len, body).await {
            Ok(()) => self.publish(&hidden, &path).await,
            Err(error) => Err(error),
        };
        if result.is_err()
            && let Err(error) = self.client.delete(&hidden).await
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = hidden, %error, "could not remove an unfinished object");
        }
        result.map(|()| ContentTag::Nothing)
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        let range = format!("bytes={from}-");
        let path = key.to_path()?;
        let response = self
            .client
            .send("get", Method::GET, &path, |request| match from {
                0 => request,
                _ => request.header("range", &range),
            })
            .await?;
        object_of(key, from, response)
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let found = propfind::find(&self.client, &key.to_path()?).await?;
        let absent = || Error::new(ErrorKind::NotFound, "info", key.as_str());
        found.info(key.clone()).ok_or_else(absent)
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let client = Arc::clone(&self.client);
        tree::walk(client, prefix)
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        // Deleting a folder would delete the objects below it.
        match self.kind_of(&key.to_path()?).await? {
            Some(Resource::File(..)) => {}
            _ if self.ready().await? => return Ok(()),
            _ => {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "rm",
                    "the root is not there",
                ));
            }
        }
        match self.client.delete(&key.to_path()?).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    async fn set_access(&self, _: &ObjectKey, _: ObjectAccess) -> Result<()> {
        Err(no_access(
            "WebDAV servers decide who reads in ways of their own",
        ))
    }
}
