//! Ingest: a body becomes durable blocks and a block list, in one pass.
//!
//! Bytes are cut into blocks as they arrive; each block is hashed, looked up, and if it is new sealed
//! and handed to the packer, while digests of the whole body are computed beside it.
//!
//! Promises: holds at most `ingest_bytes_max` of finished blocks over all streams, and a stream no more
//! than one block besides, unfinished or waiting for room; when it returns, every block is durable in
//! the array.
//! Does not: commit anything; blocks of an abandoned ingest are garbage.

use bytes::Bytes;
use dolium_block::{Chunker, Chunking, MerkleRoot, Node};
use futures::StreamExt;
use tokio::task::JoinHandle;

use crate::digest::Digester;
use crate::envelope::Keystream;
use crate::intake::{INLINE_LEN_MAX, Intake, NewBlocks, Taken};
use crate::lane::Lane;
use crate::request::{Finish, PutRequest};
use crate::{Error, ErrorKind, Reason, Result};

/// A body that is durable and not yet committed.
pub(crate) struct Ingested {
    /// The root of the block list.
    pub(crate) root: Node,
    /// The Merkle root, when the list is cut at fixed offsets.
    pub(crate) merkle: Option<MerkleRoot>,
    /// Length in bytes.
    pub(crate) size: u64,
    /// Blocks that the catalog must record with the commit.
    pub(crate) new_blocks: NewBlocks,
    /// What the caller's hook decided.
    pub(crate) finish: Finish,
}

/// Digests computed beside the blocks: inline while chunks are short, on a worker otherwise.
struct Digesting {
    idle: Option<Digester>,
    busy: Option<JoinHandle<Digester>>,
}

impl Digesting {
    async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        let mut digester = self.ready().await?;
        if bytes.len() <= INLINE_LEN_MAX {
            digester.update(bytes);
            self.idle = Some(digester);
        } else {
            let bytes = bytes.clone();
            self.busy = Some(tokio::task::spawn_blocking(move || {
                digester.update(&bytes);
                digester
            }));
        }
        Ok(())
    }

    async fn ready(&mut self) -> Result<Digester> {
        let died = || Error::new(ErrorKind::Unexpected, "a digest worker died");
        match (self.idle.take(), self.busy.take()) {
            (Some(digester), _) => Ok(digester),
            (None, Some(busy)) => busy.await.map_err(|source| died().with_source(source)),
            (None, None) => Err(died()),
        }
    }
}

/// Reads a whole body.
pub(crate) async fn ingest(
    lane: &Lane,
    chunking: Chunking,
    put: PutRequest,
    mut keystream: Option<Keystream>,
) -> Result<Ingested> {
    let PutRequest {
        mut body,
        len,
        len_max,
        digests,
        finish,
        encryption: _,
    } = put;
    let limit = len.unwrap_or(u64::MAX);
    if len.is_some_and(|len| len > len_max) {
        return Err(too_large(len_max));
    }
    let mut chunker = Chunker::new(chunking);
    let mut digesting = Digesting {
        idle: Some(Digester::new(digests)),
        busy: None,
    };
    // The hash of ciphertext would tell a client nothing.
    let mut intake = Intake::new(lane, keystream.is_none().then_some(chunking));
    let (mut ready, mut size) = (Vec::new(), 0u64);
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        size += bytes.len() as u64;
        if size > limit {
            return Err(wrong_len());
        }
        if size > len_max {
            return Err(too_large(len_max));
        }
        // Digests are of what the client sent: taken here, if the blocks will hold something else.
        let bytes = match &mut keystream {
            None => bytes,
            Some(keystream) => {
                digesting.update(&bytes).await?;
                keystream.apply(bytes)
            }
        };
        let digesting = keystream.is_none().then_some(&mut digesting);
        chunker.push(bytes, &mut ready);
        take_blocks(&mut ready, digesting, &mut intake).await?;
    }
    if len.is_some_and(|len| len != size) {
        return Err(wrong_len());
    }
    chunker.finish(&mut ready);
    let rest = keystream.is_none().then_some(&mut digesting);
    take_blocks(&mut ready, rest, &mut intake).await?;
    let finish = finish(&digesting.ready().await?.finish())?;
    let Taken {
        root,
        blocks: new_blocks,
        merkle,
    } = intake.finish().await?;
    Ok(Ingested {
        root,
        merkle,
        size,
        new_blocks,
        finish,
    })
}

async fn take_blocks(
    ready: &mut Vec<Bytes>,
    mut digesting: Option<&mut Digesting>,
    intake: &mut Intake<'_>,
) -> Result<()> {
    for block in ready.drain(..) {
        if let Some(digesting) = digesting.as_deref_mut() {
            digesting.update(&block).await?;
        }
        intake.push(block).await?;
    }
    Ok(())
}

fn too_large(len_max: u64) -> Error {
    let context = format!("the body is longer than {len_max} bytes");
    Error::because(ErrorKind::Invalid, Reason::TooLarge, context)
}

/// That a body is not what was announced.
pub(crate) fn wrong_len() -> Error {
    let context = "the body is not as long as announced";
    Error::because(ErrorKind::Invalid, Reason::LengthMismatch, context)
}
