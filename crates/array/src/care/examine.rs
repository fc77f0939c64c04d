//! The state of a blob's shards: by listing, and by reading.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Finding;
use super::walk::Entry;
use crate::array::Inner;
use crate::chunks::{Check, Shard};
use crate::member::{Peer, Traffic, Urgency};
use crate::shard::{Column, Geometry, HEADER_LEN, Header};
use crate::{Error, ErrorKind, MemberId, Result, StoredBlob};

/// Chunks that are read with one request: 4 MiB, so that a pass holds little memory.
const SLAB_CHUNKS: u64 = 64;

/// What is known of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShardState {
    /// Where it should be, as far as a listing tells.
    Good,
    /// Its member does not answer.
    Unknown,
    /// Not where it should be.
    Bad(Finding),
}

impl Inner {
    /// The states of a recorded blob's shards by what members list.
    pub(super) async fn judge(
        &self,
        blob: &StoredBlob,
        entry: &Entry,
        unreachable: &BTreeMap<MemberId, String>,
    ) -> Vec<ShardState> {
        let mut states = Vec::new();
        for index in 0..blob.layout.shards() {
            let member = blob.placement.get(index);
            let listed = entry
                .shards()
                .iter()
                .find(|shard| shard.index == index && Some(shard.member) == member);
            let state = match (member, listed) {
                (Some(member), _) if unreachable.contains_key(&member) => ShardState::Unknown,
                (Some(member), Some(shard)) => self.measured(blob, index, member, shard.len),
                (member, _) => self.unlisted(blob, index, member).await,
            };
            states.push(state);
        }
        states
    }

    fn measured(&self, blob: &StoredBlob, index: u8, member: MemberId, len: u64) -> ShardState {
        let want = geometry(blob).stored_len();
        if len == want {
            return ShardState::Good;
        }
        let (id, provider) = (blob.id.clone(), self.name_of(member));
        ShardState::Bad(Finding::WrongLength {
            id,
            index,
            member,
            provider,
            len,
            want,
        })
    }

    /// A shard that no listing shows: some services list with a delay, and are asked again.
    async fn unlisted(&self, blob: &StoredBlob, index: u8, member: Option<MemberId>) -> ShardState {
        let peer = member.and_then(|member| self.peer(member));
        if let Some(peer) = peer.filter(|p| !p.member.provider.capabilities().consistent_list)
            && let Ok(name) = blob.id.shard_name(index)
        {
            let head = peer.member.provider.head(&name);
            match peer
                .probe("head", self.timeouts.read, Traffic::None, head)
                .await
            {
                Ok(info) => return self.measured(blob, index, peer.id(), info.len),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => return ShardState::Unknown,
            }
        }
        ShardState::Bad(self.missing(blob, index, member))
    }

    pub(super) fn missing(
        &self,
        blob: &StoredBlob,
        index: u8,
        member: Option<MemberId>,
    ) -> Finding {
        let provider = member.map_or_else(String::new, |member| self.name_of(member));
        Finding::Missing {
            id: blob.id.clone(),
            index,
            member,
            provider,
        }
    }

    /// Reads and verifies all of a shard. Returns its chunks when asked to keep them.
    pub(super) async fn examine(
        &self,
        blob: &StoredBlob,
        index: u8,
        peer: &Arc<Peer>,
        keep: bool,
    ) -> Result<Column> {
        let tag = self.keys.blob_tag(&blob.id);
        let geometry = geometry(blob);
        self.examine_header(blob, index, peer).await?;
        let shard = Shard {
            id: blob.id.clone(),
            index,
            geometry,
            tag,
        };
        let mut column = Column::new();
        let mut at = 0;
        while at < geometry.chunks() {
            let end = geometry.chunks().min(at + SLAB_CHUNKS);
            let slab = self
                .get_chunks(
                    (Urgency::Normal, Check::Checksums),
                    peer,
                    &shard,
                    &(at..end),
                )
                .await?;
            if keep {
                column.extend(slab);
            }
            at = end;
        }
        Ok(column)
    }

    async fn examine_header(&self, blob: &StoredBlob, index: u8, peer: &Peer) -> Result<()> {
        let name = blob.id.shard_name(index)?;
        let get = peer.member.provider.get(&name, 0..HEADER_LEN);
        let bytes = peer
            .call("get", self.timeouts.read, Traffic::Read(HEADER_LEN), get)
            .await?;
        let tag = self.keys.blob_tag(&blob.id);
        let why = match Header::decode(&bytes, &self.keys, &tag, index) {
            Ok(found) if found == header(blob, index) => return Ok(()),
            Ok(_) => "the header is of another length, layout or code",
            Err(why) => why,
        };
        self.suspect(&blob.id, index, peer, why);
        Err(Error::new(
            ErrorKind::Corrupt,
            "get",
            format!("{}: {name}: {why}", peer.name()),
        ))
    }

    /// What a failed examination means for a shard.
    pub(super) fn verdict(
        &self,
        blob: &StoredBlob,
        index: u8,
        member: MemberId,
        error: &Error,
    ) -> Finding {
        let (id, provider) = (blob.id.clone(), self.name_of(member));
        match error.kind() {
            ErrorKind::NotFound => self.missing(blob, index, Some(member)),
            ErrorKind::Corrupt | ErrorKind::Invalid => {
                let why = error.context().to_owned();
                Finding::Damaged {
                    id,
                    index,
                    member,
                    provider,
                    why,
                }
            }
            _ => Finding::Unreachable {
                member,
                provider,
                error: error.to_string(),
            },
        }
    }
}

/// The shape of a recorded blob.
pub(super) fn geometry(blob: &StoredBlob) -> Geometry {
    Geometry {
        layout: blob.layout,
        blob_len: blob.len,
    }
}

/// What the header of a recorded blob's shard says.
pub(super) fn header(blob: &StoredBlob, index: u8) -> Header {
    Header {
        geometry: geometry(blob),
        coding: blob.coding,
        index,
    }
}
