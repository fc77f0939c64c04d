//! What members list, merged by blob: the way back when nothing else is known.
//!
//! Promises: pages come in the order of blob names and join without gaps; members that do not
//! answer are named in the page; what providers list is hostile, and names that are no shards are
//! set aside, in bounded numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use dolium_provider::{BlobInfo, BlobName};
use futures::future::join_all;

use crate::array::Inner;
use crate::member::{Peer, Traffic};
use crate::shard::{HEADER_LEN, Header};
use crate::{Array, BlobId, BlobKind, Error, ErrorKind, MemberId, Placement, Result, StoredBlob};

/// A blob has no more shards than this, so that a page above it always completes a blob.
const PAGE_MIN: usize = 300;
/// Names that are no shards are remembered only so far: a member may be full of them.
const STRANGE_MAX: usize = 1000;

/// A shard that a member lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundShard {
    /// Which of the blob's shards.
    pub index: u8,
    /// Who lists it.
    pub member: MemberId,
    /// Its stored length.
    pub len: u64,
    /// When it was put, by the member's clock.
    pub modified: Option<SystemTime>,
}

/// A blob of which members list shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBlob {
    /// Its name.
    pub id: BlobId,
    /// Its shards, ordered by index, then by the members' place in the settings.
    pub shards: Vec<FoundShard>,
}

/// Something among the shards that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeBlob {
    /// Who lists it.
    pub member: MemberId,
    /// What is known of it.
    pub info: BlobInfo,
}

/// A member that did not answer.
#[derive(Debug)]
pub struct Unreachable {
    /// Who.
    pub member: MemberId,
    /// Why.
    pub error: Error,
}

/// One page of what members list.
#[derive(Debug, Default)]
pub struct FoundPage {
    /// Blobs in the order of their names.
    pub blobs: Vec<FoundBlob>,
    /// Names that are no shards.
    pub strange: Vec<StrangeBlob>,
    /// Members that are not in this page.
    pub unreachable: Vec<Unreachable>,
    /// True when another page follows the last of these.
    pub more: bool,
}

impl Array {
    /// Lists at most `limit` blobs of a kind, after the name `after`. Fails when so many members do
    /// not answer that a blob could hide.
    pub async fn found(
        &self,
        kind: BlobKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<FoundPage> {
        let page = self.inner.found(kind, after, limit).await?;
        let now = self.inner.now();
        let enough = usize::from(now.layout.data());
        if now.peers.len().saturating_sub(page.unreachable.len()) < enough {
            let why: Vec<String> = page
                .unreachable
                .iter()
                .map(|member| member.error.to_string())
                .collect();
            return Err(Error::new(ErrorKind::Unavailable, "list", why.join("; ")));
        }
        Ok(page)
    }

    /// Learns from a shard's header how a found blob was cut and how long it is.
    pub async fn inspect(&self, found: &FoundBlob) -> Result<StoredBlob> {
        let inner = &self.inner;
        let tag = inner.keys.blob_tag(&found.id);
        let mut faults = Vec::new();
        for shard in &found.shards {
            let Some(peer) = inner.peer(shard.member) else {
                continue;
            };
            let name = found.id.shard_name(shard.index)?;
            let get = peer.member.provider.get(&name, 0..HEADER_LEN);
            let bytes = match peer
                .call("get", inner.timeouts.read, Traffic::Read(HEADER_LEN), get)
                .await
            {
                Ok(bytes) => bytes,
                Err(error) => {
                    faults.push(error.to_string());
                    continue;
                }
            };
            match Header::decode(&bytes, &inner.keys, &tag, shard.index) {
                Ok(header) => return Ok(placed(found, &header)),
                Err(why) => {
                    inner.suspect(&found.id, shard.index, &peer, why);
                    faults.push(format!("{}: {name}: {why}", peer.name()));
                }
            }
        }
        let why = format!(
            "{}: no shard has a good header: {}",
            found.id,
            faults.join("; ")
        );
        Err(Error::new(ErrorKind::Corrupt, "inspect", why))
    }
}

/// A found blob with a header's word for its shape; shards of another length are not counted on.
fn placed(found: &FoundBlob, header: &Header) -> StoredBlob {
    let layout = header.geometry.layout;
    let mut placement = Placement::new(vec![None; layout.shards().into()]);
    for shard in &found.shards {
        let fits = shard.len == header.geometry.stored_len();
        if fits && placement.get(shard.index).is_none() {
            placement.set(shard.index, Some(shard.member));
        }
    }
    StoredBlob {
        id: found.id.clone(),
        len: header.geometry.blob_len,
        layout,
        coding: header.coding,
        placement,
    }
}

/// What one member lists.
struct MemberPage {
    member: MemberId,
    blobs: Vec<BlobInfo>,
    more: bool,
}

impl Inner {
    /// A page of the members that answer, however few.
    pub(crate) async fn found(
        &self,
        kind: BlobKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<FoundPage> {
        let after = match after {
            Some(name) => Some(BlobId::new(kind, name)?.after_shards()?),
            None => None,
        };
        let size = limit.max(PAGE_MIN);
        let now = self.now();
        let lists = now
            .peers
            .iter()
            .map(|peer| self.list_of(peer, kind, after.as_ref(), size));
        let mut page = FoundPage::default();
        let mut members = Vec::new();
        for (peer, outcome) in now.peers.iter().zip(join_all(lists).await) {
            match outcome {
                Ok(listed) => members.push(listed),
                Err(error) => page.unreachable.push(Unreachable {
                    member: peer.id(),
                    error,
                }),
            }
        }
        merge(kind, members, limit, &mut page);
        Ok(page)
    }

    /// A page of one member that ends in the name of a shard, and holds two blobs unless it is the
    /// last: so that its end means something, and the merge gets on.
    async fn list_of(
        &self,
        peer: &Arc<Peer>,
        kind: BlobKind,
        after: Option<&BlobName>,
        size: usize,
    ) -> Result<MemberPage> {
        let mut page = MemberPage {
            member: peer.id(),
            blobs: Vec::new(),
            more: true,
        };
        let mut after = after.cloned();
        while page.more && !page.gets_on(kind) {
            let list = peer
                .member
                .provider
                .list(kind.folder(), after.as_ref(), size);
            let next = peer
                .probe("list", self.timeouts.read, Traffic::None, list)
                .await?;
            let last = next.blobs.last().map(|info| info.name.clone());
            // A provider that promises more and does not go on would be listed for ever.
            page.more = next.more && last > after;
            after = last;
            page.blobs.extend(next.blobs);
            if page.blobs.len() > size + STRANGE_MAX {
                page.blobs.retain(|info| is_shard(kind, info));
            }
        }
        Ok(page)
    }
}

impl MemberPage {
    fn gets_on(&self, kind: BlobKind) -> bool {
        let id = |info: &BlobInfo| BlobId::parse_shard(kind, &info.name).map(|(id, _)| id);
        let last = self.blobs.last().and_then(id);
        last.is_some() && self.blobs.iter().find_map(id) != last
    }
}

fn is_shard(kind: BlobKind, info: &BlobInfo) -> bool {
    BlobId::parse_shard(kind, &info.name).is_some()
}

/// Merges the members' pages, up to where all of them are known.
fn merge(kind: BlobKind, members: Vec<MemberPage>, limit: usize, page: &mut FoundPage) {
    let mut blobs: BTreeMap<BlobId, Vec<FoundShard>> = BTreeMap::new();
    let mut known_before: Option<BlobId> = None;
    for listed in members {
        let mut last = None;
        for info in listed.blobs {
            let Some((id, index)) = BlobId::parse_shard(kind, &info.name) else {
                page.strange.push(StrangeBlob {
                    member: listed.member,
                    info,
                });
                continue;
            };
            let (member, len, modified) = (listed.member, info.len, info.modified);
            last = Some(id.clone());
            blobs.entry(id).or_default().push(FoundShard {
                index,
                member,
                len,
                modified,
            });
        }
        if let Some(last) = last.filter(|_| listed.more) {
            // More shards of the last blob may follow in the member's next page.
            known_before = Some(known_before.map_or(last.clone(), |known| known.min(last)));
        }
    }
    if let Some(known) = known_before {
        page.more = true;
        blobs.split_off(&known);
    }
    page.more |= blobs.len() > limit;
    let found = blobs.into_iter().take(limit).map(|(id, mut shards)| {
        shards.sort_by_key(|shard| shard.index);
        FoundBlob { id, shards }
    });
    page.blobs = found.collect();
    if page.more {
        // What follows the last blob comes again with the next page.
        let end = page
            .blobs
            .last()
            .and_then(|blob| blob.id.after_shards().ok());
        page.strange
            .retain(|strange| end.as_ref().is_some_and(|end| strange.info.name <= *end));
    }
}
