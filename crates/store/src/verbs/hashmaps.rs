//! Hash maps: an object put together from names of blocks, and the names an object consists of.
//!
//! Promises: a name gives its content only to who has it already: an account that the writer owns refers to
//! the block or uploaded it, or it is one of the object that is replaced and that the writer may read; what
//! else there is in the store is as if it were not there. A map
//! that an object shows is right, or there is none.
//! Does not: read or write protocols' documents.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use dolium_access::Action;
use dolium_block::{BlockId, Chunker, Chunking, Extent, Node};
use dolium_catalog::{AccountId, ContainerRow};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::container_edits::standing_over;
use super::event::{Cause, Occasion};
use super::guards::settle;
use super::opened::Opened;
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::composer::Composer;
use crate::intake::{NewBlocks, Taken};
use crate::lane::Lane;
use crate::names::{ContainerName, ObjectPath, Selector};
use crate::permission::{Target, permitted};
use crate::place::Place;
use crate::reader::ExtentWalk;
use crate::request::{Condition, Description, Source, Version};
use crate::standing::Standing;
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

/// A tag of its own for an object of so many blocks or parts, whatever its bytes: no client takes it for an MD5.
pub fn opaque_tag(blocks: u64) -> String {
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
        let known = self.known_to(who, &row, container, path).await?;
        let place = self.place_for(&row, description.class.as_deref())?;
        let lens = match self.find_blocks(&known, &row, &place, &map).await? {
            Found::All(lens) => lens,
            Found::Missing(missing) => return Ok(MapOutcome::Missing(missing)),
        };
        let taken = self.compose_map(&row, &place, &map, lens).await?;
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
            place,
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

    /// What a writer may name. Who owns the target's account has its blocks; whoever else may write there has
    /// those of the object that is there, if they may read it, and those of an account of their own.
    async fn known_to(
        &self,
        who: &Caller,
        row: &ContainerRow,
        container: &ContainerName,
        path: &ObjectPath,
    ) -> Result<Known> {
        let own = who.principal().filter(|user| user.owns_account());
        let own = own.map(|user| user.account_id);
        let owns = {
            let (who, row) = (who.clone(), row.clone());
            self.look(move |tx| Ok(standing_over(tx, &who, &row)? >= Standing::Owner))
                .await?
        };
        if owns {
            let account = row.account_id;
            return Ok(Known {
                accounts: Some([account, own.unwrap_or(account)]),
                object: HashMap::new(),
            });
        }
        Ok(Known {
            accounts: own.map(|own| [own, own]),
            object: self.blocks_at(who, row, container, path).await?,
        })
    }

    /// The blocks of the object at a path, with their lengths; none for who may not read it.
    async fn blocks_at(
        &self,
        who: &Caller,
        row: &ContainerRow,
        container: &ContainerName,
        path: &ObjectPath,
    ) -> Result<HashMap<BlockId, i64>> {
        let source = Source {
            container: container.clone(),
            path: path.clone(),
            version: Selector::Current,
            condition: Condition::default(),
            key: None,
        };
        let opened = match self.open_object(who, &source).await {
            Ok(opened) if opened.version().root.is_some() => opened,
            _ => return Ok(HashMap::new()),
        };
        let mut found = HashMap::new();
        let mut names = opened.hashes()?.chunks(LOOKUP_MAX);
        while let Some(names) = names.next().await {
            let names: Vec<BlockId> = names.into_iter().collect::<Result<_>>()?;
            let array = row.array_name.clone();
            let rows = self.look(move |tx| Ok(tx.locate(&array, &names)?)).await?;
            found.extend(rows.into_iter().flatten().map(|row| (row.id, row.len)));
        }
        Ok(found)
    }

    /// The length of the last block, if all blocks may be named.
    async fn find_blocks(
        &self,
        known: &Known,
        container: &ContainerRow,
        place: &Place,
        map: &Hashmap,
    ) -> Result<Found> {
        let block_len = i64::from(block_len(container)?);
        check_count(map, block_len as u64)?;
        let accounts = known.accounts;
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
            let found = match accounts {
                None => HashMap::new(),
                Some(accounts) => {
                    let array = place.array.clone();
                    self.look(move |tx| Ok(tx.blocks_of(&array, accounts, &asked)?))
                        .await?
                }
            };
            for name in new {
                match found.get(&name).or_else(|| known.object.get(&name)) {
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

    async fn compose_map(
        &self,
        container: &ContainerRow,
        place: &Place,
        map: &Hashmap,
        last_len: i64,
    ) -> Result<Taken> {
        let lane = self.lane_of(place)?;
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
            writing::link(tx, &new.place.holder(row.account_id), &new.root, &blocks)?;
            tx.forget_uploaded(row.account_id, &hashes)?;
            let occasion = Occasion::new(Cause::Put, &who);
            let version = writing::write_version(tx, &row, serial, new, &occasion)?;
            rows::version(version, true)
        })
        .await
    }
}

/// What a writer may name.
struct Known {
    /// What these accounts refer to or uploaded.
    accounts: Option<[AccountId; 2]>,
    /// The blocks of one object, with their lengths.
    object: HashMap<BlockId, i64>,
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
        let place = Place::of_meta(&self.container, &self.row.meta)?;
        let lane = self.store.lane_of(&place)?.clone();
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
