//! Services through OpenDAL as keepers of objects: SFTP, Azure Blob, Google Cloud Storage.
//!
//! Promises: where a service has directories, an object is written to a hidden file and renamed when
//! it is whole; where it has none, it is committed at the end of its upload.
//! Does not: create containers of Azure and buckets of Google (their owners do, with a place and a
//! price); keep keys that OpenDAL would change, which are refused; sync files at an SFTP server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use opendal::options::{ListOptions, WriteOptions};
use opendal::{EntryMode, Metadata, Operator};

use super::directory::temp_name;
use super::tree::{self, Folders, Resource};
use super::{
    ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey, ObjectService,
    RESERVED, bad_stream, no_access, whole,
};
use crate::objects::s3::{PART_LEN_MIN, content_type};
use crate::remote::{self, Service, failed};
use crate::{Error, ErrorKind, Result};

/// Objects of a service that OpenDAL reaches.
#[derive(Debug)]
pub struct RemoteObjects {
    reached: Arc<Reached>,
}

#[derive(Debug)]
struct Reached {
    service: &'static Service,
    operator: Operator,
    place: String,
}

impl RemoteObjects {
    /// Makes the service. Nothing is contacted yet.
    pub fn open(kind: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let get = |name: &str| options.get(name).map(String::as_str).unwrap_or_default();
        // An address may carry a password.
        let host = get("endpoint").rsplit('@').next().unwrap_or_default();
        let place = format!(
            "{kind} {host} {}{} {}",
            get("bucket"),
            get("container"),
            get("root")
        );
        let place = place.split_whitespace().collect::<Vec<_>>().join(" ");
        let (service, operator) = remote::connect(kind, options.clone())?;
        let reached = Arc::new(Reached {
            service,
            operator,
            place,
        });
        Ok(Self { reached })
    }

    fn directories(&self) -> bool {
        self.reached.service.directories
    }

    /// The path of a key. OpenDAL trims paths and drops empty segments; where there are directories,
    /// those are marked.
    fn path_of(&self, key: &ObjectKey) -> Result<String> {
        let path = match self.directories() {
            true => key.to_path()?,
            false => key.as_str().to_owned(),
        };
        let empty = path.split('/').any(str::is_empty);
        if empty || path.trim() != path {
            let why =
                format!("{key}: keys with empty parts, or spaces at an end, cannot be kept here");
            return Err(Error::new(ErrorKind::Unsupported, "key", why));
        }
        Ok(path)
    }

    /// Streams a body to a path.
    async fn write(
        &self,
        key: &ObjectKey,
        path: &str,
        len: Option<u64>,
        mut body: ObjectBody,
    ) -> Result<ContentTag> {
        let lost = |source| failed("put", key.as_str(), source);
        let flat = !self.directories();
        let options = WriteOptions {
            chunk: flat.then_some(PART_LEN_MIN as usize),
            content_type: flat.then(|| content_type(key)),
            ..Default::default()
        };
        let mut writer = self
            .reached
            .operator
            .writer_options(path, options)
            .await
            .map_err(lost)?;
        let mut came = 0;
        let written: Result<Metadata> = async {
            while let Some(piece) = body.next().await {
                let piece = piece.map_err(|source| bad_stream(key, source))?;
                came += piece.len() as u64;
                writer.write(piece).await.map_err(lost)?;
            }
            whole(key, len, came)?;
            writer.close().await.map_err(lost)
        }
        .await;
        if written.is_err()
            && let Err(error) = writer.abort().await
            && flat
        {
            tracing::warn!(%key, %error, "an unfinished upload could not be aborted");
        }
        written.map(|written| tag_of(&written))
    }

    /// Writes to a hidden file, and gives it its name when it is whole.
    async fn write_and_rename(
        &self,
        key: &ObjectKey,
        path: &str,
        len: Option<u64>,
        body: ObjectBody,
    ) -> Result<ContentTag> {
        let hidden = format!("{RESERVED}/{}", temp_name().display());
        let operator = &self.reached.operator;
        let result = match self.write(key, &hidden, len, body).await {
            Ok(tag) => {
                let renamed = operator.rename(&hidden, path).await;
                renamed
                    .map(|()| tag)
                    .map_err(|source| failed("put", key.as_str(), source))
            }
            Err(error) => Err(error),
        };
        if result.is_err()
            && let Err(error) = operator.delete(&hidden).await
            && error.kind() != opendal::ErrorKind::NotFound
        {
            tracing::warn!(path = hidden, %error, "could not remove an unfinished object");
        }
        result
    }
}

/// What OpenDAL found of a content's checksum.
fn tag_of(found: &Metadata) -> ContentTag {
    found
        .content_md5()
        .map_or(ContentTag::Nothing, ContentTag::of_base64)
}

fn info(key: ObjectKey, found: &Metadata) -> ObjectInfo {
    ObjectInfo {
        key,
        len: found.content_length(),
        tag: tag_of(found),
        modified: found.last_modified().map(SystemTime::from),
    }
}

#[async_trait]
impl Folders for Reached {
    async fn entries(&self, path: &str) -> Result<Vec<(String, Resource)>> {
        let asked = if path.is_empty() { "/" } else { path };
        let lost = |source| failed("ls", path, source);
        let mut lister = self.operator.lister(asked).await.map_err(lost)?;
        let mut entries = Vec::new();
        while let Some(entry) = lister.try_next().await.map_err(lost)? {
            let (found, metadata) = entry.into_parts();
            let name = found
                .strip_prefix(path)
                .map(|name| name.trim_end_matches('/'));
            let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) else {
                continue;
            };
            let resource = match metadata.mode() {
                EntryMode::FILE => {
                    let modified = metadata.last_modified().map(SystemTime::from);
                    Resource::File(metadata.content_length(), modified)
                }
                EntryMode::DIR => Resource::Folder,
                EntryMode::Unknown => continue,
            };
            entries.push((name.to_owned(), resource));
        }
        Ok(entries)
    }
}

#[async_trait]
impl ObjectService for RemoteObjects {
    fn kind(&self) -> &'static str {
        self.reached.service.kind
    }

    fn place(&self) -> String {
        self.reached.place.clone()
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: !self.directories(),
            access: false,
            rooted: self.directories(),
        }
    }

    async fn ready(&self) -> Result<bool> {
        let found = match self.directories() {
            true => self
                .reached
                .operator
                .stat(&format!("{RESERVED}/"))
                .await
                .map(drop),
            false => self.first().await,
        };
        match found {
            Ok(()) => Ok(true),
            Err(source) if source.kind() == opendal::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("prepare", "the root", source)),
        }
    }

    async fn create(&self) -> Result<()> {
        if !self.directories() {
            let why = "create the bucket or container first, where you want it to be";
            return Err(Error::new(ErrorKind::Unsupported, "prepare", why));
        }
        let operator = &self.reached.operator;
        let lost = |source| failed("prepare", "the root", source);
        operator.create_dir("/").await.map_err(lost)?;
        operator
            .create_dir(&format!("{RESERVED}/"))
            .await
            .map_err(lost)?;
        match self.ready().await? {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Denied,
                "prepare",
                "the root cannot be created",
            )),
        }
    }

    async fn put(&self, key: &ObjectKey, len: Option<u64>, body: ObjectBody) -> Result<ContentTag> {
        let path = self.path_of(key)?;
        match self.directories() {
            true => self.write_and_rename(key, &path, len, body).await,
            false => self.write(key, &path, len, body).await,
        }
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        let lost = |source| failed("get", key.as_str(), source);
        let found = self.info(key).await?;
        if from >= found.len {
            return Ok(futures::stream::empty().boxed());
        }
        let reader = self
            .reached
            .operator
            .reader(&self.path_of(key)?)
            .await
            .map_err(lost)?;
        let pieces = reader
            .into_bytes_stream(from..found.len)
            .await
            .map_err(lost)?;
        Ok(pieces.boxed())
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let found = self.reached.operator.stat(&self.path_of(key)?).await;
        let found = found.map_err(|source| failed("info", key.as_str(), source))?;
        match found.mode() {
            EntryMode::FILE => Ok(info(key.clone(), &found)),
            _ => Err(Error::new(ErrorKind::NotFound, "info", key.as_str())),
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        match self.directories() {
            true => tree::walk(Arc::clone(&self.reached) as Arc<dyn Folders>, prefix),
            false => flat(Arc::clone(&self.reached), prefix.to_owned()),
        }
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        match self.reached.operator.delete(&self.path_of(key)?).await {
            Err(source) if source.kind() == opendal::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| failed("rm", key.as_str(), source)),
        }
    }

    async fn set_access(&self, _: &ObjectKey, _: ObjectAccess) -> Result<()> {
        Err(no_access(match self.kind() {
            "sftp" => "an SFTP server's readers are its users",
            "azblob" => "Azure's access is of containers, not of blobs",
            _ => "access to single objects is not set here",
        }))
    }
}

impl RemoteObjects {
    /// Asks for the first entry: whether there is a container to ask.
    async fn first(&self) -> opendal::Result<()> {
        let options = ListOptions {
            limit: Some(1),
            recursive: true,
            ..Default::default()
        };
        let mut lister = self.reached.operator.lister_options("/", options).await?;
        lister.try_next().await.map(drop)
    }
}

/// A listing of a service without directories: it comes sorted.
fn flat(reached: Arc<Reached>, prefix: String) -> BoxStream<'static, Result<ObjectInfo>> {
    let begun = async move {
        let options = ListOptions {
            recursive: true,
            ..Default::default()
        };
        let asked = if prefix.is_empty() { "/" } else { &prefix };
        let lister = reached.operator.lister_options(asked, options).await;
        let lister = lister.map_err(|source| failed("ls", &prefix, source))?;
        let infos = lister.map_err(|source| failed("ls", "the container", source));
        Ok::<_, Error>(infos.try_filter_map(move |entry| {
            let (path, found) = entry.into_parts();
            let key = ObjectKey::new(path)
                .ok()
                .filter(|key| key.as_str().starts_with(&prefix));
            let key = key.filter(|_| found.mode() == EntryMode::FILE);
            futures::future::ready(Ok(key.map(|key| info(key, &found))))
        }))
    };
    futures::stream::once(begun).try_flatten().boxed()
}
