//! A lane: everything one array needs for blocks to go in and come out.

use std::sync::Arc;

use bytes::Bytes;
use dolium_array::{Array, StoredBlob};
use dolium_block::{BlockId, Codec, open};
use dolium_catalog::{BlobKind, BlockRow, Catalog};
use tokio::sync::Semaphore;

use crate::blobs::stored_blob;
use crate::clock::now;
use crate::packer::Packer;
use crate::settings::Keys;
use crate::{Error, ErrorKind, Result, blocking};

/// How often a read looks again where a block lies: compaction may move it while it is read.
const LOCATE_ATTEMPTS: usize = 3;

/// The way to one array. Clones share everything.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) array: Arc<Array>,
    /// All arrays by name: a block that was found may lie in another than new ones go to.
    pub(crate) arrays: Arc<[(String, Arc<Array>)]>,
    pub(crate) packer: Packer,
    pub(crate) catalog: Catalog,
    pub(crate) keys: Arc<Keys>,
    /// Blocks that may be read before a client asks for them.
    pub(crate) read_ahead_permits: Arc<Semaphore>,
    /// Sealed bytes that may be on their way out: read, but not opened yet.
    pub(crate) read_permits: Arc<Semaphore>,
}

/// Sealed bytes that may be read at the same time, over all streams. They are held only until they are
/// opened, so no slow client holds another up; beside them lie as many joined and as many opened ones.
const READ_BYTES_MAX: usize = 20 << 20;

/// The bound of [`Lane::read_permits`], shared by all lanes.
pub(crate) fn read_permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READ_BYTES_MAX))
}

impl Lane {
    /// True when the catalog has the block. A block that nothing refers to is kept for its usual age
    /// from now on, so that the write that found it can commit.
    pub(crate) async fn is_known(&self, id: BlockId) -> Result<bool> {
        let rows = self.catalog.read(move |tx| tx.locate(&[id])).await;
        let rows = rows.map_err(Error::from)?;
        let Some(row) = rows.into_iter().next().flatten() else {
            return Ok(false);
        };
        if row.unref_at.is_some() {
            let touched = self
                .catalog
                .write(move |tx| tx.touch_unreferenced(&[id], now().0));
            touched.await.map_err(Error::from)?;
        }
        Ok(true)
    }

    /// Reads and opens one block: its content without trailing zeros.
    pub(crate) async fn read_block(&self, id: BlockId) -> Result<Bytes> {
        let mut failure = None;
        for _ in 0..LOCATE_ATTEMPTS {
            let names: Vec<String> = self.arrays.iter().map(|(name, _)| name.clone()).collect();
            let found = self
                .catalog
                .read(move |tx| locate_one(tx, &names, id))
                .await?;
            let Some(place) = found else { break };
            match self.read_at(&place).await {
                Ok(content) => return Ok(content),
                // The pack may have been compacted away since we looked.
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!("block {id} is not in the catalog"),
            )
        }))
    }

    async fn read_at(&self, place: &Place) -> Result<Bytes> {
        let Place { row, blob, array } = place;
        let (_, array) = &self.arrays[*array];
        let start = row.start as u64;
        let shut = |source| Error::new(ErrorKind::Unavailable, "shutting down").with_source(source);
        let wanted = u32::try_from(row.sealed_len)
            .unwrap_or(u32::MAX)
            .min(READ_BYTES_MAX as u32);
        let _room = self.read_permits.acquire_many(wanted).await.map_err(shut)?;
        let range = start..start + row.sealed_len as u64;
        // The seal is the check, so the shards' own checksums need not be computed.
        let sealed = array.read_unverified(blob, range.clone()).await?;
        match self.open(row, sealed).await {
            Ok(content) => Ok(content),
            // Somebody lied, or a disk rots: this read finds out who, and does without.
            Err(_) => self.open(row, array.read(blob, range).await?).await,
        }
    }

    async fn open(&self, row: &BlockRow, sealed: Bytes) -> Result<Bytes> {
        let codec = Codec::try_from(row.codec as u8)?;
        let (keys, id, len) = (self.keys.clone(), row.id, row.len as u32);
        let opened = move || open(&keys.block, &id, codec, len, sealed.into());
        Ok(blocking::run(len as usize, opened).await??)
    }
}

/// Where a block lies.
struct Place {
    row: BlockRow,
    blob: StoredBlob,
    /// Index into the lane's arrays.
    array: usize,
}

fn locate_one(
    tx: &mut dolium_catalog::ReadTx<'_>,
    arrays: &[String],
    id: BlockId,
) -> Result<Option<Place>> {
    let Some(row) = tx.locate(&[id])?.into_iter().next().flatten() else {
        return Ok(None);
    };
    let name = row.pack.to_string();
    for (array, array_name) in arrays.iter().enumerate() {
        if let Some(blob) = tx.blob(array_name, BlobKind::Pack, &name)? {
            return Ok(Some(Place {
                row,
                blob: stored_blob(&blob)?,
                array,
            }));
        }
    }
    Ok(None)
}
