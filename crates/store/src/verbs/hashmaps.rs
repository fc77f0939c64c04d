//! Hash maps: an object put together from names of blocks, and the names an object consists of.
//!
//! Promises: a name gives its content only to who has it already: the writer's own account, or the target's where
//! the writer owns that, refers to the block or uploaded it; what else there is in the store is as if it were not there. A map
//! that an object shows is right, or there is none.
//! Does not: read or write protocols' documents.

use std::collections::HashSet;

use bytes::Bytes;
use dolium_access::Action;
use dolium_block::{BlockId, Chunker, Chunking, Extent, Node};
use dolium_catalog::{AccountId, ContainerRow};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::event::{Cause, Occasion};
use super::guards::settle;
use super::opened::Opened;
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::composer::Composer;
use crate::ingest::{NewBlocks, Taken};
use crate::lane::Lane;
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{Target, permitted};
use crate::reader::ExtentWalk;
use crate::request::{Condition, Description, Version};
use crate::standing::{self, Standing};
use crate::store::Store;
use crate::{Error, ErrorKind, Result, rows};

/// Names looked up at a time.
const LOOKUP_MAX: usize = 512;

/// An object by the names of its blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashmap {
    /// Its length in bytes.
    pub size: u64,
    /// Its blocks in order.
    pub hashes: Vec<BlockId>,
}

/// What became of an object by its hash map.
#[derive(Clone, Debug)]
pub enum MapOutcome {
    /// It is stored.
    Stored(Box<Version>),
    /// These blocks must be uploaded first, each once, in the order of the map; nothing was stored.
    Missing(Vec<BlockId>),
}

/// A tag of an object whose bytes nobody has read in one go: no client takes it for an MD5.
pub(super) fn opaque_tag(blocks: u64) -> String {
    let random = hex::encode(rand::random::<[u8; 16]>());
    format!("{random}-{}", blocks.max(1))
}

/// The length of a container's blocks.
pub(super) fn block_len(container: &ContainerRow) -> Result<u32> {
    match rows::chunking(container)? {
        Chunking::Fixed(len) => Ok(len),
        Chunking::Cdc(_) => {
            let context = "the container's blocks have no fixed length";
            Err(Error::new(ErrorKind::Unsupported, context))
        }
    }
}

impl Store {
    /// Stores an object that consists of blocks that are here already.
    pub async fn put_hashmap(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        description: Description,
        condition: Condition,
        map: Hashmap,
    ) -> Result<MapOutcome> {
        let (row, early) = self
            .writable(who, container, path, &condition, &description)
            .await?;
        early?;
        self.refuse_encryption(&row)?;
        let lens = match self.find_blocks(who, &row, &map).await? {
            Found::All(lens) => lens,
            Found::Missing(missing) => return Ok(MapOutcome::Missing(missing)),
        };
        let taken = self.compose_map(&row, &map, lens).await?;
        let mut named = map.hashes.clone();
        if cuts_last(&map, block_len(&row)?, lens) {
            // Nothing refers to it: what the object shows of it has another name.
            named.pop();
        }
        let new = NewVersion {
            path: path.clone(),
            size: map.size,
            etag: opaque_tag(map.hashes.len() as u64),
            description,
            merkle: taken.merkle.map(|root| root.as_bytes().to_vec()),
            author: who.author().0,
            root: taken.root,
        };
        let version = self
            .commit_map(who, container, condition, new, taken.blocks, named)
            .await?;
        Ok(MapOutcome::Stored(Box::new(version)))
    }

    /// Blocks are plain: where objects are encrypted one by one there is nothing to name.
    pub(super) fn refuse_encryption(&self, container: &ContainerRow) -> Result<()> {
        if self.encryption_for(container, None)?.is_none() {
            return Ok(());
        }
        let context =
            "objects of this container are encrypted one by one and have no shared blocks";
        Err(Error::new(ErrorKind::Unsupported, context))
    }

    /// The length of the last block, if all blocks may be named.
    async fn find_blocks(
        &self,
        who: &Caller,
        container: &ContainerRow,
        map: &Hashmap,
    ) -> Result<Found> {
        let block_len = i64::from(block_len(container)?);
        check_count(map, block_len as u64)?;
        let accounts = self.accounts_of(who, container).await?;
        let (mut seen, mut missing) = (HashSet::new(), Vec::new());
        let last = map.hashes.last().copied();
        let mut last_len = 0;
        for names in map.hashes.chunks(LOOKUP_MAX) {
            let mut new = Vec::with_capacity(names.len());
            for name in names {
                if !name.is_zero() && seen.insert(*name) {
                    new.push(*name);
                }
            }
            let asked = new.clone();
            let found = self
                .look(move |tx| Ok(tx.blocks_of(accounts, &asked)?))
                .await?;
            for name in new {
                match found.get(&name) {
                    // A longer block is none of this container's.
                    Some(len) if *len <= block_len => {
                        if Some(name) == last {
                            last_len = *len;
                        }
                    }
                    _ => missing.push(name),
                }
            }
        }
        Ok(match missing.is_empty() {
            true => Found::All(last_len),
            false => Found::Missing(missing),
        })
    }

    /// Whose blocks a map may name: those of the target's account are its owners' to name, since whoever
    /// else may write there may not read all of it; and everybody's own.
    async fn accounts_of(&self, who: &Caller, container: &ContainerRow) -> Result<[AccountId; 2]> {
        let own = who.principal().filter(|user| user.owns_account());
        // No account has this number.
        let own = own.map_or(AccountId(0), |user| user.account_id);
        let (who, row) = (who.clone(), container.clone());
        let standing = self.look(move |tx| standing::over(tx, &who, &row)).await?;
        Ok(match standing >= Standing::Owner {
            true => [container.account_id, own],
            false => [own, own],
        })
    }

    async fn compose_map(
        &self,
        container: &ContainerRow,
        map: &Hashmap,
        last_len: i64,
    ) -> Result<Taken> {
        let lane = self.lane(container)?;
        let block_len = block_len(container)?;
        let mut composer = Composer::new(lane, container, map.size)?;
        let mut left = map.size;
        for name in &map.hashes {
            let len = u64::from(block_len).min(left) as u32;
            left -= u64::from(len);
            if left > 0 || !cuts_last(map, block_len, last_len) {
                composer.whole(Extent::whole(*name, len)).await?;
            } else {
                // The block is longer than what of it belongs to the object: that has another name.
                let bytes = lane.read_block(*name).await?;
                let bytes = bytes.slice(..bytes.len().min(len as usize));
                composer.bytes(bytes).await?;
            }
        }
        Ok(composer.finish().await?.0)
    }

    async fn commit_map(
        &self,
        who: &Caller,
        container: &ContainerName,
        condition: Condition,
        new: NewVersion,
        blocks: NewBlocks,
        hashes: Vec<BlockId>,
    ) -> Result<Version> {
        let (who, container) = (who.clone(), container.clone());
        self.commit(move |tx| {
            let target = Target::Path(new.path.as_str().as_bytes());
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            let mut new = new.clone();
            settle(tx, &who, &row, &new.path, &mut new.description)?;
            let serial = tx.lock_container(row.id)?.seq;
            writing::check(tx, &row, &new.path, &condition)?;
            writing::link(tx, &row.array_name, &row, &new.root, &blocks)?;
            tx.forget_uploaded(row.account_id, &hashes)?;
            let occasion = Occasion::new(Cause::Put, &who);
            let version = writing::write_version(tx, &row, serial, new, &occasion)?;
            rows::version(version, true)
        })
        .await
    }
}

/// Whether all blocks of a map may be named.
enum Found {
    /// They may; the length of the last one.
    All(i64),
    Missing(Vec<BlockId>),
}

/// Whether an object ends within its last block, so that the block's name is not the hash of what it shows.
fn cuts_last(map: &Hashmap, block_len: u32, last_len: i64) -> bool {
    let blocks = map.hashes.len() as u64;
    let before = blocks.saturating_sub(1).saturating_mul(block_len.into());
    let shown = map.size.saturating_sub(before);
    map.hashes.last().is_some_and(|name| !name.is_zero()) && last_len > shown as i64
}

fn check_count(map: &Hashmap, block_len: u64) -> Result<()> {
    let blocks = map.size.div_ceil(block_len);
    let named = map.hashes.len() as u64;
    // Nothing is written as no block, or as one of zeros.
    let nothing = map.size == 0 && map.hashes.iter().all(BlockId::is_zero) && named == 1;
    if named == blocks || nothing {
        return Ok(());
    }
    let context = "The object's size does not match the number of hashes provided";
    Err(Error::new(ErrorKind::Invalid, context))
}

impl Opened {
    /// The length of the blocks that the container's hash maps are made of.
    pub fn block_len(&self) -> u32 {
        block_len(&self.container).unwrap_or(Chunking::default().block_len_max() as u32)
    }

    /// The names of the object's blocks, each of [`Self::block_len`] but the last. What does not consist of
    /// such blocks (parts of odd lengths, encrypted objects) is read for it.
    pub fn hashes(&self) -> Result<BoxStream<'static, Result<BlockId>>> {
        let lane = self.store.lane(&self.container)?.clone();
        let size = self.version().size;
        if self.version().root.is_some() {
            let root = Node::decode(&self.row.list)?;
            return Ok(names_of(ExtentWalk::new(lane, root, 0..size)).boxed());
        }
        let body = self.read(0..size)?;
        let chunker = Chunker::new(Chunking::Fixed(self.block_len()));
        Ok(names_read(body, chunker).boxed())
    }
}

fn names_of(walk: ExtentWalk) -> impl futures::Stream<Item = Result<BlockId>> {
    stream::try_unfold(walk, |mut walk| async move {
        let extent = walk.next().await?;
        Ok(extent.map(|extent| (extent.id, walk)))
    })
}

fn names_read(
    body: BoxStream<'static, Result<Bytes>>,
    chunker: Chunker,
) -> impl futures::Stream<Item = Result<BlockId>> {
    let names = |blocks: Vec<Bytes>| blocks.into_iter().map(|block| BlockId::of(&block));
    let step = move |(mut body, chunker): (BoxStream<'static, Result<Bytes>>, Option<Chunker>)| async move {
        let Some(mut chunker) = chunker else {
            return Ok::<_, Error>(None);
        };
        let mut ready = Vec::new();
        Ok(match body.try_next().await? {
            Some(bytes) => {
                chunker.push(bytes, &mut ready);
                Some((ready, (body, Some(chunker))))
            }
            None => {
                chunker.finish(&mut ready);
                Some((ready, (body, None)))
            }
        })
    };
    stream::try_unfold((body, Some(chunker)), step)
        .map_ok(move |blocks| stream::iter(names(blocks).map(Ok)))
        .try_flatten()
}

/// The block that a name means, for who may read everything in the account.
pub(super) async fn read_named(lane: &Lane, name: BlockId) -> Result<Bytes> {
    if name.is_zero() {
        return Ok(Bytes::new());
    }
    lane.read_block(name).await
}
