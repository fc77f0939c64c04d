//! A lane: everything one array needs for blocks to go in and come out.

use std::sync::Arc;

use bytes::Bytes;
use dolium_array::{Array, StoredBlob};
use dolium_block::{BlockId, Codec, open};
use dolium_catalog::{BlobKind, BlockRow, Catalog};
use dolium_provider::Buffers;
use tokio::sync::Semaphore;

use crate::blobs::stored_blob;
use crate::block_cache::BlockCache;
use crate::clock::now;
use crate::packer::Packer;
use crate::settings::Keys;
use crate::underway::Underway;
use crate::{Error, ErrorKind, Result, blocking};

/// How often a read looks again where a block lies: compaction may move it while it is read.
const LOCATE_ATTEMPTS: usize = 3;

/// The way to one array. Clones share everything.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) array: Arc<Array>,
    /// All arrays by name: a block that cannot be read here may have a place in another.
    pub(crate) arrays: Arc<[(String, Arc<Array>)]>,
    pub(crate) packer: Packer,
    /// Reads and writes that may have found blocks and have not ended.
    pub(crate) underway: Underway,
    pub(crate) catalog: Catalog,
    pub(crate) keys: Arc<Keys>,
    /// Blocks that may be read before a client asks for them.
    pub(crate) read_ahead_permits: Arc<Semaphore>,
    /// Sealed bytes that may be on their way out: read, but not opened yet.
    pub(crate) read_permits: Arc<Semaphore>,
    /// Opened blocks for the next reader.
    pub(crate) block_cache: Arc<BlockCache>,
}

/// Sealed bytes that may be read at the same time, over all streams. They are held only until they are
/// opened, so no slow client holds another up; beside them lie as many joined and as many opened ones.
const READ_BYTES_MAX: usize = 20 << 20;

/// The bound of [`Lane::read_permits`], shared by all lanes.
pub(crate) fn read_permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READ_BYTES_MAX))
}

impl Lane {
    /// True when the array has the block. A block that nothing refers to is kept for its usual age
    /// from now on, so that the write that found it can commit.
    pub(crate) async fn is_known(&self, id: BlockId) -> Result<bool> {
        let name = self.array.name().to_owned();
        let array = name.clone();
        let rows = self.catalog.read(move |tx| tx.locate(&array, &[id])).await;
        let rows = rows.map_err(Error::from)?;
        let Some(row) = rows.into_iter().next().flatten() else {
            return Ok(false);
        };
        if row.unref_at.is_none() {
            return Ok(true);
        }
        // Collection may have taken it since we looked, or somebody referred to it.
        let kept = self.catalog.write(move |tx| {
            let touched = tx.touch_unreferenced(&name, &[id], now().0)?;
            let found = tx.locate(&name, &[id])?;
            Ok::<_, dolium_catalog::Error>(touched > 0 || found.iter().any(Option::is_some))
        });
        Ok(kept.await.map_err(Error::from)?.value)
    }

    /// One block, for who reads all of it once: its content without trailing zeros.
    pub(crate) async fn block(&self, id: BlockId) -> Result<Bytes> {
        match self.block_cache.get(&id) {
            Some(content) => Ok(content),
            None => self.read_block(id).await,
        }
    }

    /// One block that is likely to be asked for again.
    pub(crate) async fn kept_block(&self, id: BlockId) -> Result<Bytes> {
        let fetch = self.read_block(id);
        self.block_cache.get_or_fetch(&id, fetch).await
    }

    /// Reads and opens one block: its content without trailing zeros. Other arrays are asked when this one
    /// does not give it.
    pub(crate) async fn read_block(&self, id: BlockId) -> Result<Bytes> {
        let mut failure = None;
        for _ in 0..LOCATE_ATTEMPTS {
            let name = self.array.name().to_owned();
            let found = self.catalog.read(move |tx| locate(tx, &name, id)).await?;
            if found.is_empty() {
                return Err(unknown(id, failure));
            }
            for (row, blob) in &found {
                match self.read_at(row, blob).await {
                    Ok(content) => return Ok(content),
                    // The pack may have been compacted away since we looked.
                    Err(error) => failure = Some(error),
                }
            }
        }
        Err(failure.unwrap_or_else(|| unknown(id, None)))
    }

    async fn read_at(&self, row: &BlockRow, blob: &StoredBlob) -> Result<Bytes> {
        let mut arrays = self.arrays.iter();
        let array = arrays.find(|(name, _)| *name == row.array_name);
        let (_, array) = array.ok_or_else(|| {
            let context = format!("the array {} is not configured", row.array_name);
            Error::new(ErrorKind::Unavailable, context)
        })?;
        let start = row.start as u64;
        let shut = |source| Error::new(ErrorKind::Unavailable, "shutting down").with_source(source);
        let wanted = u32::try_from(row.sealed_len)
            .unwrap_or(u32::MAX)
            .min(READ_BYTES_MAX as u32);
        let _room = self.read_permits.acquire_many(wanted).await.map_err(shut)?;
        let range = start..start + row.sealed_len as u64;
        let buffers = Buffers::shared();
        let mut sealed = buffers.take(wanted as usize);
        // The seal is the check, so the shards' own checksums need not be computed.
        let read = array.read_unverified(blob, range.clone(), &mut sealed);
        read.await?;
        match self.open(row, sealed).await {
            Ok(content) => Ok(buffers.lend(content)),
            // Somebody lied, or a disk rots: this read finds out who, and does without.
            Err(_) => self.open(row, array.read(blob, range).await?.into()).await,
        }
    }

    async fn open(&self, row: &BlockRow, sealed: Vec<u8>) -> Result<Bytes> {
        let codec = Codec::try_from(row.codec as u8)?;
        let (keys, id, len) = (self.keys.clone(), row.id, row.len as u32);
        let opened = move || open(&keys.block, &id, codec, len, sealed);
        Ok(blocking::run(len as usize, opened).await??)
    }
}

/// A block without a place, perhaps since a read of it failed.
fn unknown(id: BlockId, failure: Option<Error>) -> Error {
    let error = Error::new(
        ErrorKind::Corrupt,
        format!("block {id} is not in the catalog"),
    );
    match failure {
        Some(failure) => error.with_source(failure),
        None => error,
    }
}

/// Where a block lies: first in the array that is asked for.
fn locate(
    tx: &mut dolium_catalog::ReadTx<'_>,
    array: &str,
    id: BlockId,
) -> Result<Vec<(BlockRow, StoredBlob)>> {
    let mut places = tx.places(id)?;
    places.sort_by_key(|row| row.array_name != array);
    let mut found = Vec::with_capacity(places.len());
    for row in places {
        let blob = tx.blob(&row.array_name, BlobKind::Pack, &row.pack.to_string())?;
        if let Some(blob) = blob {
            found.push((row, stored_blob(&blob)?));
        }
    }
    Ok(found)
}
