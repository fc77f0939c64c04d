//! One request for chunks of a shard, and the check of what came.
//!
//! Promises: what is asked for with checksums is verified before it is returned; a shard that is missing, too
//! short or damaged is told to whoever listens for suspects.
//! Does not: look for the chunks elsewhere; `read` does.

use std::ops::Range;

use bytes::Bytes;

use crate::array::Inner;
use crate::member::{Peer, Traffic, Urgency};
use crate::shard::{BlobTag, Column, Geometry};
use crate::{BlobId, Error, ErrorKind, Result, StoredBlob};

/// Stored ranges above this are verified on a thread for such work.
const INLINE_MAX: usize = 512 << 10;

/// What is looked at before bytes of a shard are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The checksum of every chunk.
    Checksums,
    /// The length alone.
    Length,
}

/// One shard of one blob, for requests.
pub(crate) struct Shard {
    pub(crate) id: BlobId,
    pub(crate) index: u8,
    pub(crate) geometry: Geometry,
    pub(crate) tag: BlobTag,
}

impl Inner {
    /// Reads and checks chunks of a shard with one request.
    pub(crate) async fn get_chunks(
        &self,
        (urgency, check): (Urgency, Check),
        peer: &Peer,
        shard: &Shard,
        chunks: &Range<u64>,
    ) -> Result<Column> {
        let name = shard.id.shard_name(shard.index)?;
        let range = shard.geometry.stored_range(chunks);
        let traffic = Traffic::Read(range.end - range.start);
        let get = peer.member.provider.get(&name, range);
        let limit = self.timeouts.read;
        let stored = match peer.call_with(urgency, "get", limit, traffic, get).await {
            Ok(stored) => stored,
            Err(error) => {
                match error.kind() {
                    ErrorKind::NotFound => self.suspect(&shard.id, shard.index, peer, "missing"),
                    ErrorKind::Invalid => self.suspect(&shard.id, shard.index, peer, "too short"),
                    _ => {}
                }
                return Err(error);
            }
        };
        let verified = match check {
            Check::Checksums => self.verify(shard, chunks, stored).await,
            Check::Length => shard.geometry.split(chunks, &stored),
        };
        verified.map_err(|why| {
            self.suspect(&shard.id, shard.index, peer, &why);
            let why = format!("{}: {name}: {why}", peer.name());
            Error::new(ErrorKind::Corrupt, "get", why)
        })
    }

    /// As [`get_chunks`](Self::get_chunks), of a degraded blob: with no request, or a shorter one, when chunks are
    /// still here that another read wanted. What comes is kept for the next.
    pub(crate) async fn get_new_chunks(
        &self,
        (urgency, check): (Urgency, Check),
        peer: &Peer,
        shard: &Shard,
        chunks: &Range<u64>,
    ) -> Result<Column> {
        let of = (shard.tag, shard.index);
        let known = self.siblings.find(of, chunks, check);
        let Some(missing) = known.missing() else {
            return Ok(known.completed(&(0..0), &Column::new()));
        };
        let got = self.get_chunks((urgency, check), peer, shard, &missing);
        let column = got.await?;
        let stored = shard.geometry.stored_range(&missing);
        let len = (stored.end - stored.start) as usize;
        self.siblings.keep(of, &missing, check, &column, len);
        Ok(known.completed(&missing, &column))
    }

    /// Whether some of a blob's bytes are likely to have to be rebuilt.
    pub(crate) fn is_degraded(&self, blob: &StoredBlob, tag: &BlobTag) -> bool {
        let is_gone = |index| {
            let member = blob.placement.get(index);
            let peer = member.and_then(|member| self.peer(member));
            !peer.is_some_and(|peer| peer.is_available())
        };
        (0..blob.layout.data()).any(is_gone) || self.siblings.know(tag)
    }

    pub(crate) async fn verify(
        &self,
        shard: &Shard,
        chunks: &Range<u64>,
        stored: Bytes,
    ) -> std::result::Result<Column, String> {
        let (geometry, tag, index) = (shard.geometry, shard.tag, shard.index);
        if stored.len() <= INLINE_MAX {
            return geometry.verify(&self.keys, &tag, index, chunks, &stored);
        }
        let (keys, chunks) = (self.keys.clone(), chunks.clone());
        let work = move || geometry.verify(&keys, &tag, index, &chunks, &stored);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err("the verifying thread stopped".to_owned()))
    }
}
