//! Blobs in memory: the reference that tests compare other providers with.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    BlobInfo, BlobName, Capabilities, Error, ErrorKind, ListPage, Payload, Provider, Result,
};

/// A provider that keeps its blobs in a map.
#[derive(Debug, Default)]
pub struct MemoryProvider {
    blobs: Mutex<BTreeMap<BlobName, (Bytes, SystemTime)>>,
}

impl MemoryProvider {
    /// A provider without blobs.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<BlobName, (Bytes, SystemTime)>) -> T) -> T {
        act(&mut self.blobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn missing(operation: &'static str, name: &BlobName) -> Error {
    Error::new(ErrorKind::NotFound, operation, name.as_str())
}

fn info(name: &BlobName, (bytes, modified): &(Bytes, SystemTime)) -> BlobInfo {
    let (name, len) = (name.clone(), bytes.len() as u64);
    BlobInfo {
        name,
        len,
        etag: None,
        modified: Some(*modified),
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_put_if_absent: true,
            consistent_list: true,
            list_has_md5: false,
            persistent: false,
        }
    }

    async fn prepare(&self) -> Result<()> {
        Ok(())
    }

    async fn put(&self, name: &BlobName, body: Payload) -> Result<()> {
        self.with(|blobs| {
            if blobs.contains_key(name) {
                return Err(Error::new(ErrorKind::AlreadyExists, "put", name.as_str()));
            }
            blobs.insert(name.clone(), (body.to_bytes(), SystemTime::now()));
            Ok(())
        })
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        self.with(|blobs| {
            let (bytes, _) = blobs.get(name).ok_or_else(|| missing("get", name))?;
            if range.start > range.end || range.end > bytes.len() as u64 {
                let why = format!("{name}: range {range:?} of {} bytes", bytes.len());
                return Err(Error::new(ErrorKind::Invalid, "get", why));
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        })
    }

    async fn head(&self, name: &BlobName) -> Result<BlobInfo> {
        self.with(|blobs| {
            blobs
                .get(name)
                .map(|blob| info(name, blob))
                .ok_or_else(|| missing("head", name))
        })
    }

    async fn list(&self, prefix: &str, after: Option<&BlobName>, limit: usize) -> Result<ListPage> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.with(|blobs| {
            let mut page: Vec<BlobInfo> = blobs
                .range::<BlobName, _>((start, Bound::Unbounded))
                .filter(|(name, _)| name.as_str().starts_with(prefix))
                .take(limit.saturating_add(1))
                .map(|(name, blob)| info(name, blob))
                .collect();
            let more = page.len() > limit;
            page.truncate(limit);
            Ok(ListPage { blobs: page, more })
        })
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.with(|blobs| blobs.remove(name));
        Ok(())
    }
}
