//! Writing a blob to its members with a quorum.
//!
//! Promises: `put` returns when every shard is durable, or when enough are and the rest had the time that
//! they usually take; what is missing then is kept on the local disk, if there is a spool and room. Below the
//! quorum it removes what it wrote and names who failed. It never overwrites a shard. Members that are being
//! left alone are tried all the same before a put fails for want of them.

use std::sync::Arc;
use std::time::Duration;

use dolium_provider::{BlobName, Payload};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::array::Inner;
use crate::member::{Peer, Traffic, Urgency};
use crate::membership::Membership;
use crate::placement::ranked;
use crate::shard::cut;
use crate::spool::Kept;
use crate::{Array, BlobId, Coding, Error, ErrorKind, Layout, Placement, Result, StoredBlob};

/// Blobs above this are cut on a thread for such work: hashing more takes longer than the hop.
const INLINE_MAX: u64 = 64 << 10;
/// How long a put without a spool waits to hear whether a member that was left alone is back: a round trip,
/// not more, since every put waits as long while the member is silent.
const KNOCK_PATIENCE: Duration = Duration::from_millis(100);
/// A grace that does not end: the requests' own limits do.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// The code of new blobs.
const CODING: Coding = Coding::Cauchy;

/// A put under way.
struct Put<'a> {
    inner: &'a Inner,
    id: &'a BlobId,
    layout: Layout,
    /// The members for the shards, in the order of indices.
    peers: Vec<Arc<Peer>>,
    shards: Vec<Payload>,
    outcomes: Outcomes,
}

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
        let inner = &*self.inner;
        let now = inner.now();
        let len = body.len();
        let peers = now.choose(id);
        let mut put = Put {
            inner,
            id,
            layout: now.layout,
            shards: inner.cut(now.layout, id, body).await?,
            outcomes: Outcomes::new(peers.len()),
            peers,
        };
        if inner.spool.is_none() {
            put.knock().await?;
        }
        put.write(Urgency::Normal).await?;
        if put.outcomes.durable() < put.needed() && put.outcomes.left_alone.contains(&true) {
            put.write(Urgency::LastResort).await?;
        }
        put.decide().await?;
        put.keep_missing().await;
        Ok(StoredBlob {
            id: id.clone(),
            len,
            layout: put.layout,
            coding: CODING,
            placement: put.placement(),
        })
    }
}

pub(crate) fn listed(errors: &[Error]) -> String {
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

impl Membership {
    /// The members for a blob's shards, in the order of indices. Members that are being left alone
    /// are taken only when there are not enough others.
    fn choose(&self, id: &BlobId) -> Vec<Arc<Peer>> {
        let ranks = ranked(id, self.keepers().map(|peer| peer.id()));
        let peers = ranks
            .into_iter()
            .filter_map(|member| self.peer(member).cloned());
        let (mut chosen, rest): (Vec<_>, Vec<_>) = peers.partition(|peer| peer.is_available());
        chosen.extend(rest);
        chosen.truncate(self.layout.shards().into());
        chosen
    }
}

impl Put<'_> {
    /// With how many durable shards the put may succeed.
    fn needed(&self) -> usize {
        let enough = usize::from(self.layout.data());
        let safe = (enough + 1).min(usize::from(self.layout.shards()));
        if self.inner.allow_degraded_writes {
            enough
        } else {
            safe
        }
    }

    /// Asks members that are being left alone, and that no other can stand in for, whether they are
    /// back: a shard that is not written now is missing until the next repair.
    async fn knock(&self) -> Result<()> {
        let mut knocks = Vec::new();
        for (index, peer) in self.peers.iter().enumerate() {
            if !peer.is_available() {
                let name = self.id.shard_name(index as u8)?;
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

    /// Puts all shards at once, and once enough are durable gives the rest the time that they usually take.
    /// At the last resort puts those of members that were left alone.
    async fn write(&mut self, urgency: Urgency) -> Result<()> {
        let (inner, needed) = (self.inner, self.needed());
        let outcomes = &mut self.outcomes;
        let mut waiting = match urgency {
            Urgency::Normal => vec![true; self.peers.len()],
            Urgency::LastResort => std::mem::take(&mut outcomes.left_alone),
        };
        outcomes.left_alone = vec![false; self.peers.len()];
        let started = Instant::now();
        let mut puts = FuturesUnordered::new();
        for (index, (peer, shard)) in self.peers.iter().zip(&self.shards).enumerate() {
            if waiting[index] {
                let name = self.id.shard_name(index as u8)?;
                let shard = shard.clone();
                let put = async move { inner.put_shard(urgency, &name, peer, shard).await };
                puts.push(async move { (index, put.await) });
            }
        }
        let grace = tokio::time::sleep(FOREVER);
        tokio::pin!(grace);
        let mut patient = true;
        loop {
            tokio::select! {
                // What has ended counts, however long nobody looked.
                biased;
                next = puts.next() => match next {
                    None => return Ok(()),
                    Some((index, outcome)) => {
                        waiting[index] = false;
                        outcomes.note(index, outcome);
                    }
                },
                () = &mut grace => break,
            }
            if patient && outcomes.durable() >= needed {
                patient = false;
                let rest = self.peers.iter().zip(&self.shards).zip(&waiting);
                let late = rest.filter(|(_, waiting)| **waiting);
                let usual = late.map(|((peer, shard), _)| peer.write_patience(shard.len()));
                let grace_max = inner.timeouts.straggler_grace;
                let usual = usual.max().unwrap_or_default().min(grace_max);
                grace.as_mut().reset(started + usual);
            }
        }
        for (peer, _) in self
            .peers
            .iter()
            .zip(waiting)
            .filter(|(_, waiting)| *waiting)
        {
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

    /// Fails when too few shards are durable, and then removes what was written.
    async fn decide(&self) -> Result<()> {
        let (durable, needed) = (self.outcomes.durable(), self.needed());
        let mut errors = self.outcomes.errors.iter();
        let conflict = errors.any(|error| error.kind() == ErrorKind::Conflict);
        if durable < needed || conflict {
            self.undo().await;
            let errors = &self.outcomes.errors;
            return Err(refused(self.id, durable, needed, conflict, errors));
        }
        for error in &self.outcomes.errors {
            tracing::warn!(blob = %self.id, %error, "stored with a shard missing");
        }
        Ok(())
    }

    /// Keeps on the local disk what members did not take, as far as it fits: repair rebuilds the rest.
    async fn keep_missing(&self) {
        let Some(spool) = &self.inner.spool else {
            return;
        };
        // Batches of the journal are merged and gone before a member is back.
        if self.id.kind() == crate::BlobKind::Journal {
            return;
        }
        let shards = self.peers.iter().zip(&self.shards).enumerate();
        let missing = shards.filter(|(index, _)| !self.outcomes.has(*index));
        let keeps = missing.map(|(index, (peer, shard))| {
            let kept = Kept {
                id: self.id.clone(),
                index: index as u8,
                member: peer.id(),
            };
            spool.keep(kept, shard.clone())
        });
        for error in join_all(keeps).await.into_iter().filter_map(Result::err) {
            tracing::warn!(blob = %self.id, %error, "a missing shard is left to repair");
        }
    }

    /// Where the shards lie.
    fn placement(&self) -> Placement {
        let place = |(index, peer): (usize, &Arc<Peer>)| {
            let there = self.outcomes.has(index);
            there.then(|| peer.id())
        };
        Placement::new(self.peers.iter().enumerate().map(place).collect())
    }

    /// Removes what a failed put wrote, as far as that works; check finds the rest.
    async fn undo(&self) {
        let written = self
            .peers
            .iter()
            .enumerate()
            .filter(|(index, _)| self.outcomes.written[*index]);
        let deletes =
            written.map(|(index, peer)| self.inner.delete_shard(self.id, index as u8, peer));
        for error in join_all(deletes).await.into_iter().filter_map(Result::err) {
            tracing::warn!(blob = %self.id, %error, "could not remove a shard of a failed put");
        }
    }
}

impl Inner {
    /// Cuts a new blob into shards, off the async threads when that takes long.
    async fn cut(&self, layout: Layout, id: &BlobId, body: Payload) -> Result<Vec<Payload>> {
        let code = self.codes.of(layout, CODING)?;
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
}
