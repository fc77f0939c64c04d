//! Writing a blob to its members with a quorum, and deleting it.
//!
//! Promises: `put` returns when every shard is durable, or when enough are and the rest had their
//! time; below that it removes what it wrote and names who failed. It never overwrites a shard.
//! Members that are being left alone are tried all the same before a put fails for want of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dolium_provider::{BlobName, Payload};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::array::Inner;
use crate::member::{Peer, Traffic, Urgency};
use crate::placement::ranked;
use crate::shard::cut;
use crate::{Array, BlobId, Error, ErrorKind, MemberId, Placement, Result, StoredBlob};

/// Blobs above this are cut on a thread for such work: hashing more takes longer than the hop.
const INLINE_MAX: u64 = 64 << 10;
/// How long a put waits to hear whether a member that was left alone is back: a round trip, not more,
/// since every put waits as long while the member is silent.
const KNOCK_PATIENCE: Duration = Duration::from_millis(100);
/// A grace that does not end: the requests' own limits do.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// What became of the shards of a put so far.
struct Outcomes {
    written: Vec<bool>,
    /// Shards that were there already, whole: not ours to remove.
    present: Vec<bool>,
    /// Shards that were not tried, because their member is being left alone.
    left_alone: Vec<bool>,
    errors: Vec<Error>,
}

impl Array {
    /// Stores a blob under a new id. Putting the same bytes again is success; callers must not put
    /// one id twice at the same time.
    pub async fn put(&self, id: &BlobId, body: Payload) -> Result<StoredBlob> {
        let inner = &self.inner;
        let len = body.len();
        let shards = inner.cut(id, body).await?;
        let peers = inner.choose(id);
        inner.knock(id, &peers).await?;
        let mut outcomes = Outcomes::new(peers.len());
        inner
            .write(Urgency::Normal, id, &peers, &shards, &mut outcomes)
            .await?;
        if outcomes.durable() < inner.needed() && outcomes.left_alone.contains(&true) {
            inner
                .write(Urgency::LastResort, id, &peers, &shards, &mut outcomes)
                .await?;
        }
        let needed = inner.needed();
        let durable = outcomes.durable();
        let conflict = outcomes
            .errors
            .iter()
            .any(|error| error.kind() == ErrorKind::Conflict);
        if durable < needed || conflict {
            inner.undo(id, &peers, &outcomes).await;
            return Err(refused(id, durable, needed, conflict, &outcomes.errors));
        }
        for error in &outcomes.errors {
            tracing::warn!(blob = %id, %error, "stored with a shard missing");
        }
        let place = |(index, peer): (usize, &Arc<Peer>)| outcomes.has(index).then(|| peer.id());
        let placement = Placement::new(peers.iter().enumerate().map(place).collect());
        Ok(StoredBlob {
            id: id.clone(),
            len,
            layout: inner.layout,
            placement,
        })
    }

    /// Removes all shards of a blob. Idempotent; an error names the members that failed.
    pub async fn delete(&self, blob: &StoredBlob) -> Result<()> {
        self.delete_all(std::slice::from_ref(blob)).await
    }

    /// Removes all shards of several blobs, each member's in one go. Idempotent; an error names the
    /// members that failed, and means that shards of any of the blobs may be left.
    pub async fn delete_all(&self, blobs: &[StoredBlob]) -> Result<()> {
        let mut names: BTreeMap<MemberId, Vec<BlobName>> = BTreeMap::new();
        for blob in blobs {
            for (index, member) in blob.placement.shards().iter().enumerate() {
                if let Some(member) = member {
                    let name = blob.id.shard_name(index as u8)?;
                    names.entry(*member).or_default().push(name);
                }
            }
        }
        let deletes = names.iter().map(|(member, names)| async move {
            match self.inner.peer(*member) {
                Some(peer) => self.inner.delete_shards(names, peer).await,
                None => {
                    let why = format!("{}: cannot be reached", self.inner.name_of(*member));
                    Err(Error::new(ErrorKind::Unavailable, "delete", why))
                }
            }
        });
        let failed: Vec<Error> = join_all(deletes)
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect();
        match failed.first() {
            None => Ok(()),
            Some(first) => {
                let which = match blobs {
                    [blob] => blob.id.to_string(),
                    blobs => format!("{} blobs", blobs.len()),
                };
                let why = format!("{which}: {}", listed(&failed));
                Err(Error::new(first.kind(), "delete", why))
            }
        }
    }
}

fn listed(errors: &[Error]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn refused(id: &BlobId, durable: usize, needed: usize, conflict: bool, errors: &[Error]) -> Error {
    if conflict {
        let why = format!("{id} exists with other bytes: {}", listed(errors));
        return Error::new(ErrorKind::Conflict, "put", why);
    }
    let why = format!(
        "{id}: {durable} shards are durable, {needed} are needed: {}",
        listed(errors)
    );
    Error::new(ErrorKind::Unavailable, "put", why)
}

impl Outcomes {
    fn new(shards: usize) -> Self {
        let none = || vec![false; shards];
        Self {
            written: none(),
            present: none(),
            left_alone: none(),
            errors: Vec::new(),
        }
    }

    fn note(&mut self, index: usize, outcome: Result<Written>) {
        match outcome {
            Ok(Written::Now) => self.written[index] = true,
            Ok(Written::Before) => self.present[index] = true,
            Err(error) => {
                self.left_alone[index] = error.is_left_alone();
                self.errors.push(error);
            }
        }
    }

    fn has(&self, index: usize) -> bool {
        self.written[index] || self.present[index]
    }

    fn durable(&self) -> usize {
        (0..self.written.len())
            .filter(|&index| self.has(index))
            .count()
    }
}

/// How a shard came to be at its member.
pub(crate) enum Written {
    Now,
    Before,
}

impl Inner {
    /// With how many durable shards a put may succeed.
    fn needed(&self) -> usize {
        let enough = usize::from(self.layout.data());
        let safe = (enough + 1).min(usize::from(self.layout.shards()));
        if self.allow_degraded_writes {
            enough
        } else {
            safe
        }
    }

    /// Cuts a blob into shards, off the async threads when that takes long.
    async fn cut(&self, id: &BlobId, body: Payload) -> Result<Vec<Payload>> {
        let code = self.codes.of(self.layout)?;
        let tag = self.keys.blob_tag(id);
        if body.len() <= INLINE_MAX {
            return cut(&code, &self.keys, &tag, &body);
        }
        let keys = self.keys.clone();
        let work = tokio::task::spawn_blocking(move || cut(&code, &keys, &tag, &body));
        work.await.unwrap_or_else(|source| {
            let error = Error::new(ErrorKind::Unexpected, "put", "the coding thread stopped");
            Err(error.with_source(source))
        })
    }

    /// The members for a blob's shards, in the order of indices. Members that are being left alone
    /// are taken only when there are not enough others.
    fn choose(&self, id: &BlobId) -> Vec<Arc<Peer>> {
        let ranks = ranked(id, self.peers.iter().map(|peer| peer.id()));
        let peers = ranks
            .into_iter()
            .filter_map(|member| self.peer(member).cloned());
        let (mut chosen, rest): (Vec<_>, Vec<_>) = peers.partition(|peer| peer.is_available());
        chosen.extend(rest);
        chosen.truncate(self.layout.shards().into());
        chosen
    }

    /// Asks members that are being left alone, and that no other can stand in for, whether they are
    /// back: a shard that is not written now is missing until the next repair.
    async fn knock(&self, id: &BlobId, peers: &[Arc<Peer>]) -> Result<()> {
        let mut knocks = Vec::new();
        for (index, peer) in peers.iter().enumerate() {
            if !peer.is_available() {
                let name = id.shard_name(index as u8)?;
                knocks.push(async move {
                    let head = peer.member.provider.head(&name);
                    // An answer of any kind lets the member back in; silence changes nothing.
                    drop(
                        peer.probe("head", KNOCK_PATIENCE, Traffic::None, head)
                            .await,
                    );
                });
            }
        }
        join_all(knocks).await;
        Ok(())
    }

    /// Puts all shards at once, and waits for the rest only so long after enough are durable. At the
    /// last resort puts those of members that were left alone.
    async fn write(
        &self,
        urgency: Urgency,
        id: &BlobId,
        peers: &[Arc<Peer>],
        shards: &[Payload],
        outcomes: &mut Outcomes,
    ) -> Result<()> {
        let mut waiting = match urgency {
            Urgency::Normal => vec![true; peers.len()],
            Urgency::LastResort => std::mem::take(&mut outcomes.left_alone),
        };
        outcomes.left_alone = vec![false; peers.len()];
        let mut puts = FuturesUnordered::new();
        for (index, (peer, shard)) in peers.iter().zip(shards).enumerate() {
            if waiting[index] {
                let name = id.shard_name(index as u8)?;
                let shard = shard.clone();
                let put = async move { self.put_shard(urgency, &name, peer, shard).await };
                puts.push(async move { (index, put.await) });
            }
        }
        let grace = tokio::time::sleep(FOREVER);
        tokio::pin!(grace);
        let mut patient = true;
        loop {
            tokio::select! {
                next = puts.next() => match next {
                    None => return Ok(()),
                    Some((index, outcome)) => {
                        waiting[index] = false;
                        outcomes.note(index, outcome);
                    }
                },
                () = &mut grace => break,
            }
            if patient && outcomes.durable() >= self.needed() {
                patient = false;
                grace
                    .as_mut()
                    .reset(Instant::now() + self.timeouts.straggler_grace);
            }
        }
        for (peer, _) in peers.iter().zip(waiting).filter(|(_, waiting)| *waiting) {
            peer.note_slow("put");
            let why = format!(
                "{}: still writing after the others had finished",
                peer.name()
            );
            outcomes
                .errors
                .push(Error::new(ErrorKind::Unavailable, "put", why));
        }
        Ok(())
    }

    pub(crate) async fn put_shard(
        &self,
        urgency: Urgency,
        name: &BlobName,
        peer: &Peer,
        shard: Payload,
    ) -> Result<Written> {
        let provider = &peer.member.provider;
        let limit = self.timeouts.write;
        let put = provider.put(name, shard.clone());
        match peer
            .call_with(urgency, "put", limit, Traffic::Write(shard.len()), put)
            .await
        {
            Ok(()) => Ok(Written::Now),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.compare(name, peer, &shard).await
            }
            Err(error) => Err(error),
        }
    }

    /// A taken name is fine when it holds the same bytes: an answer got lost, or a put was repeated.
    async fn compare(&self, name: &BlobName, peer: &Peer, shard: &Payload) -> Result<Written> {
        let provider = &peer.member.provider;
        let len = shard.len();
        let get = provider.get(name, 0..len);
        let got = peer
            .call("get", self.timeouts.read, Traffic::Read(len), get)
            .await;
        let head = peer
            .call(
                "head",
                self.timeouts.read,
                Traffic::None,
                provider.head(name),
            )
            .await?;
        match got {
            Ok(bytes) if head.len == len && bytes == shard.to_bytes() => Ok(Written::Before),
            Err(error) if error.kind() != ErrorKind::Invalid => Err(error),
            _ => {
                let why = format!("{}: {name} exists with other bytes", peer.name());
                Err(Error::new(ErrorKind::Conflict, "put", why))
            }
        }
    }

    /// Removes what a failed put wrote, as far as that works; check finds the rest.
    async fn undo(&self, id: &BlobId, peers: &[Arc<Peer>], outcomes: &Outcomes) {
        let written = peers
            .iter()
            .enumerate()
            .filter(|(index, _)| outcomes.written[*index]);
        let deletes = written.map(|(index, peer)| self.delete_shard(id, index as u8, peer));
        for error in join_all(deletes).await.into_iter().filter_map(Result::err) {
            tracing::warn!(blob = %id, %error, "could not remove a shard of a failed put");
        }
    }

    pub(crate) async fn delete_shard(&self, id: &BlobId, index: u8, peer: &Peer) -> Result<()> {
        let name = id.shard_name(index)?;
        self.delete_shards(std::slice::from_ref(&name), peer).await
    }

    async fn delete_shards(&self, names: &[BlobName], peer: &Peer) -> Result<()> {
        let delete = peer.member.provider.delete_all(names);
        peer.call("delete", self.timeouts.read, Traffic::None, delete)
            .await
    }
}
