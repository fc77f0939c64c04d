//! Loose blocks: uploaded by themselves, to be named by a hash map later; and single blocks read by name.
//!
//! A loose block is kept as long as any that nothing refers to, and noted as the account's, so that the
//! account may name it. The note is not journaled: after a recovery clients upload again.
//!
//! Promises: what was answered is durable and can be named for the usual age of garbage; the bytes count
//! against the account's quota until an object names them.

use bytes::Bytes;
use dolium_access::Action;
use dolium_block::{BlockId, Chunker};
use dolium_catalog::{ContainerRow, UploadedBlockRow};
use futures::StreamExt;

use super::container_edits::standing_over;
use super::hashmaps::{block_len, read_named};
use super::quota;
use crate::caller::Caller;
use crate::clock::now;
use crate::ingest::wrong_len;
use crate::intake::{NewPacks, store_loose};
use crate::names::ContainerName;
use crate::permission::{self, Target};
use crate::request::Body;
use crate::standing::Standing;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// Blocks of one request: their names are held until it is answered.
const BLOCKS_MAX: usize = 65_536;
/// Blocks that are stored and noted together.
const BATCH: usize = 64;
/// Bytes that are stored and noted together, beyond the first block.
const BATCH_LEN_MAX: usize = 4 << 20;

impl Store {
    /// Stores the blocks of a body in the container of an account that the caller owns; gives their names.
    pub async fn upload_blocks(
        &self,
        who: &Caller,
        container: &ContainerName,
        mut body: Body,
        len: Option<u64>,
    ) -> Result<Vec<BlockId>> {
        let row = self.owned(who, container).await?;
        self.refuse_encryption(&row)?;
        block_len(&row)?;
        let mut chunker = Chunker::new(rows::chunking(&row)?);
        let (mut ready, mut names, mut size) = (Vec::new(), Vec::new(), 0u64);
        while let Some(bytes) = body.next().await {
            let bytes = bytes?;
            size += bytes.len() as u64;
            if len.is_some_and(|len| size > len) {
                return Err(wrong_len());
            }
            chunker.push(bytes, &mut ready);
            let held: usize = ready.iter().map(Bytes::len).sum();
            if ready.len() >= BATCH || held > BATCH_LEN_MAX {
                let batch = std::mem::take(&mut ready);
                self.store_batch(&row, batch, &mut names).await?;
            }
        }
        if len.is_some_and(|len| len != size) {
            return Err(wrong_len());
        }
        chunker.finish(&mut ready);
        self.store_batch(&row, ready, &mut names).await?;
        Ok(names)
    }

    async fn store_batch(
        &self,
        container: &ContainerRow,
        blocks: Vec<Bytes>,
        names: &mut Vec<BlockId>,
    ) -> Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        if names.len() + blocks.len() > BLOCKS_MAX {
            let context = format!("one request uploads at most {BLOCKS_MAX} blocks");
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::TooLarge,
                context,
            ));
        }
        let lens: Vec<i64> = blocks.iter().map(|block| block.len() as i64).collect();
        let (ids, packs) = store_loose(self.lane_named(&container.array_name)?, blocks).await?;
        let noted: Vec<(BlockId, i64)> = ids.iter().copied().zip(lens).collect();
        self.note_batch(container, noted, packs).await?;
        names.extend(ids);
        Ok(())
    }

    async fn note_batch(
        &self,
        container: &ContainerRow,
        noted: Vec<(BlockId, i64)>,
        packs: NewPacks,
    ) -> Result<()> {
        let container = container.clone();
        self.commit(move |tx| {
            let at = now().0;
            for (pack, entries) in &packs {
                // Nothing refers to it yet: it waits as garbage does.
                pack.note(tx, &container.array_name, entries, Some(at))?;
            }
            for (id, len) in noted.iter().filter(|(id, _)| !id.is_zero()) {
                tx.note_uploaded(&UploadedBlockRow {
                    account_id: container.account_id,
                    block_id: *id,
                    len: *len,
                    at,
                })?;
            }
            match quota::room(tx, &container)? {
                Some(room) if room < 0 => Err(quota::account_passed()),
                _ => Ok(()),
            }
        })
        .await
    }

    /// One block by its name, without trailing zeros, for an owner of the account that has it. What the
    /// account does not have is not there.
    pub async fn read_block(
        &self,
        who: &Caller,
        container: &ContainerName,
        name: BlockId,
    ) -> Result<Bytes> {
        let row = self.owned(who, container).await?;
        let (account, array) = (row.account_id, row.array_name.clone());
        let known = self
            .look(move |tx| Ok(tx.blocks_of(&array, [account, account], &[name])?))
            .await?;
        if !name.is_zero() && !known.contains_key(&name) {
            let reason = Reason::NoSuchObject;
            let context = "the account has no such block";
            return Err(Error::because(ErrorKind::NotFound, reason, context));
        }
        read_named(self.lane_named(&row.array_name)?, name).await
    }

    /// A container of an account that the caller owns.
    pub(super) async fn owned(&self, who: &Caller, name: &ContainerName) -> Result<ContainerRow> {
        let (who, name) = (who.clone(), name.clone());
        self.look(move |tx| owned_in(tx, &who, &name)).await
    }
}

/// The same within a transaction. A policy that denies even owners to list the container denies it.
pub(super) fn owned_in(
    tx: &mut dolium_catalog::ReadTx<'_>,
    who: &Caller,
    name: &ContainerName,
) -> Result<ContainerRow> {
    let row = permission::find(tx, who, name)?;
    if standing_over(tx, who, &row)? < Standing::Owner {
        let context = "only an owner of the account may do this";
        return Err(Error::new(ErrorKind::Denied, context));
    }
    permission::refuse_denied(tx, who, &row, Action::ListBucket, Target::Container)?;
    Ok(row)
}
