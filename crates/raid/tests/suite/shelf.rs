//! A service in memory whose faults are set.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use dolium_provider::objects::{
    ContentDigest, ContentTag, ObjectAbilities, ObjectAccess, ObjectBody, ObjectInfo, ObjectKey,
    ObjectService,
};
use dolium_provider::{Error, ErrorKind, Result};
use dolium_raid::{Layout, Raid, Service, Watch};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

/// One kept object.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) content: Vec<u8>,
    /// What is read, where that is another thing.
    pub(crate) rotten: Option<Vec<u8>>,
    pub(crate) seconds: u64,
}

/// What is wrong with a service.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    pub(crate) down: bool,
    pub(crate) backwards: bool,
    pub(crate) no_tags: bool,
    /// Reads break off after so many bytes.
    pub(crate) breaks_after: Option<usize>,
    /// Puts fail after so many bytes.
    pub(crate) full_after: Option<usize>,
    pub(crate) hangs_on_put: bool,
}

#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) kept: Mutex<BTreeMap<String, Kept>>,
    pub(crate) faults: Mutex<Faults>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    pub(crate) fn keep(&self, name: &str, content: &[u8], seconds: u64) {
        let (content, rotten) = (content.to_vec(), None);
        let kept = Kept {
            content,
            rotten,
            seconds,
        };
        self.kept.lock().unwrap().insert(name.to_owned(), kept);
    }

    pub(crate) fn rot(&self, name: &str, rotten: &[u8]) {
        self.kept.lock().unwrap().get_mut(name).unwrap().rotten = Some(rotten.to_vec());
    }

    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.kept
            .lock()
            .unwrap()
            .get(name)
            .map(|kept| kept.content.clone())
    }

    pub(crate) fn fault(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults.lock().unwrap());
    }

    fn faults(&self) -> Faults {
        self.faults.lock().unwrap().clone()
    }

    fn up(&self) -> Result<()> {
        match self.faults().down {
            true => Err(Error::new(ErrorKind::Unavailable, "ask", "down")),
            false => Ok(()),
        }
    }

    fn describe(&self, name: &str, kept: &Kept) -> ObjectInfo {
        let mut digest = ContentDigest::new(None);
        digest.update(&kept.content);
        let tag = match self.faults().no_tags {
            true => ContentTag::Nothing,
            false => ContentTag::Md5(digest.finish().md5),
        };
        ObjectInfo {
            key: ObjectKey::new(name).unwrap(),
            len: kept.content.len() as u64,
            tag,
            modified: Some(UNIX_EPOCH + Duration::from_secs(kept.seconds)),
        }
    }
}

#[async_trait]
impl ObjectService for Shelf {
    fn kind(&self) -> &'static str {
        "shelf"
    }

    fn place(&self) -> String {
        "here".to_owned()
    }

    fn abilities(&self) -> ObjectAbilities {
        ObjectAbilities {
            listed_checksums: true,
            access: false,
            rooted: false,
        }
    }

    async fn ready(&self) -> Result<bool> {
        self.up().map(|()| true)
    }

    async fn create(&self) -> Result<()> {
        self.up()
    }

    async fn put(
        &self,
        key: &ObjectKey,
        _: Option<u64>,
        mut body: ObjectBody,
    ) -> Result<ContentTag> {
        let mut content = Vec::new();
        let faults = self.faults();
        if faults.hangs_on_put {
            std::future::pending::<()>().await;
        }
        while let Some(piece) = body.next().await {
            let given_up = |_| Error::new(ErrorKind::Unexpected, "put", "given up");
            content.extend_from_slice(&piece.map_err(given_up)?);
            if faults.full_after.is_some_and(|full| content.len() > full) {
                return Err(Error::new(ErrorKind::Unavailable, "put", "full"));
            }
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        self.keep(key.as_str(), &content, now);
        Ok(self.info(key).await?.tag)
    }

    async fn read(&self, key: &ObjectKey, from: u64) -> Result<ObjectBody> {
        self.up()?;
        let kept = self.kept.lock().unwrap().get(key.as_str()).cloned();
        let kept = kept.ok_or_else(|| Error::new(ErrorKind::NotFound, "get", key.as_str()))?;
        let content = kept.rotten.unwrap_or(kept.content);
        let rest = content[usize::try_from(from).unwrap()..].to_vec();
        let mut pieces: Vec<io::Result<Bytes>> = Vec::new();
        let breaks = self.faults().breaks_after;
        for piece in rest[..breaks.unwrap_or(rest.len()).min(rest.len())].chunks(10) {
            pieces.push(Ok(Bytes::copy_from_slice(piece)));
        }
        if breaks.is_some_and(|breaks| breaks < rest.len()) {
            pieces.push(Err(io::Error::other("broken")));
        }
        Ok(stream::iter(pieces).boxed())
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        self.up()?;
        let kept = self.kept.lock().unwrap().get(key.as_str()).cloned();
        let kept = kept.ok_or_else(|| Error::new(ErrorKind::NotFound, "info", key.as_str()))?;
        Ok(self.describe(key.as_str(), &kept))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let kept = self.kept.lock().unwrap().clone();
        let kept = kept.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut infos: Vec<ObjectInfo> =
            kept.map(|(name, kept)| self.describe(name, kept)).collect();
        if self.faults().backwards {
            infos.reverse();
        }
        let up = stream::iter([self.up()]);
        up.map_ok(move |()| stream::iter(infos.clone().into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        self.up()?;
        self.kept.lock().unwrap().remove(key.as_str());
        Ok(())
    }

    async fn set_access(&self, _: &ObjectKey, _: ObjectAccess) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "acl", "no"))
    }
}

/// Nobody watches.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn moved(&self, _: usize, _: u64) {}
}

/// An array of shelves.
pub(crate) fn array(count: usize) -> (Raid, Vec<Arc<Shelf>>) {
    let shelves: Vec<Arc<Shelf>> = (0..count).map(|_| Arc::default()).collect();
    let services = shelves.iter().enumerate().map(|(at, shelf)| {
        let objects = Arc::clone(shelf) as Arc<dyn ObjectService>;
        Service::new(&format!("s{at}"), objects)
    });
    let raid = Raid::of("test", Layout::Plain, services.collect()).unwrap();
    (raid, shelves)
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).unwrap()
}
