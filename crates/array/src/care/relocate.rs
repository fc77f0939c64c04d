//! relocate: brings shards to the members that are to keep them.
//!
//! Off members that are being emptied or are no members any more, and when asked also from full members to
//! new ones. A shard is copied, or rebuilt from others when its member does not give it; the record changes
//! when the copy is durable; the old shard is removed last.
//!
//! Promises: at every moment the blob has as many good shards as before; killed anywhere it may be run
//! again, and what it left twice is removed then; memory for the shards of a few blobs; reads no more than
//! what it moves, or `k` shards for one that has to be rebuilt.
//! Does not: change how a blob is cut; touch shards that are missing, which is repair's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;

use super::check::report_silent;
use super::examine::{geometry, header};
use super::walk::{Entry, Walk};
use super::{Cursor, Inventory, Pass, Reporter, Summary, kinds_from};
use crate::array::Inner;
use crate::member::Peer;
use crate::membership::Membership;
use crate::placement::ranked;
use crate::shard::{Column, shard_payload};
use crate::{Array, Error, ErrorKind, MemberId, Result, StoredBlob};

/// Blobs that are worked on at the same time.
const JOBS_MAX: usize = 4;

/// What to move.
#[derive(Debug, Clone, Default)]
pub struct RelocateOptions {
    /// Where to go on.
    pub resume: Option<Cursor>,
    /// Also from members that keep their shards to those that would get them if they were written today.
    pub rebalance: bool,
}

/// One shard that is to be elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) index: u8,
    pub(super) from: MemberId,
    pub(super) to: MemberId,
}

/// The shards of a blob that are to be elsewhere.
pub(super) fn moves(now: &Membership, blob: &StoredBlob, rebalance: bool) -> Vec<Move> {
    let ranks = ranked(&blob.id, now.keepers().map(|peer| peer.id()));
    let wanted = &ranks[..ranks.len().min(blob.layout.shards().into())];
    let used = blob.placement.shards();
    let mut free = ranks
        .iter()
        .filter(|member| !used.contains(&Some(**member)));
    let stays = |member: MemberId| {
        let keeps = now.keeps(member);
        if rebalance {
            keeps && wanted.contains(&member)
        } else {
            keeps
        }
    };
    let placed = (0u8..)
        .zip(used)
        .filter_map(|(index, member)| Some((index, (*member)?)));
    let mut leaving: Vec<_> = placed.filter(|(_, member)| !stays(*member)).collect();
    // Those that must go are served first.
    leaving.sort_by_key(|(_, member)| now.keeps(*member));
    leaving
        .into_iter()
        .map_while(|(index, from)| {
            let to = *free.next()?;
            // A swap among members that keep their shards would gain nothing.
            (!now.keeps(from) || wanted.contains(&to)).then_some(Move { index, from, to })
        })
        .collect()
}

impl Array {
    /// Moves shards to the members that are to keep them. The summary's `repaired` counts those moved.
    pub async fn relocate(
        &self,
        inventory: &dyn Inventory,
        report: &dyn Reporter,
        options: &RelocateOptions,
    ) -> Result<Summary> {
        let inner = &*self.inner;
        let mut pass = Pass::new(report);
        let mut silent = BTreeMap::new();
        'kinds: for (kind, after) in kinds_from(options.resume.as_ref()) {
            let mut walk = Walk::new(inner, inventory, kind, after);
            loop {
                let mut entries = Vec::with_capacity(JOBS_MAX);
                while entries.len() < JOBS_MAX
                    && let Some(entry) = walk.next().await?
                {
                    entries.extend(entry.recorded.is_some().then_some(entry));
                }
                report_silent(inner, &walk.unreachable, &mut silent, &mut pass);
                if entries.is_empty() {
                    break;
                }
                let jobs = entries.iter().map(|entry| Job {
                    inner,
                    inventory,
                    entry,
                    silent: &walk.unreachable,
                    rebalance: options.rebalance,
                });
                let jobs: Vec<Job<'_>> = jobs.collect();
                let outcomes = join_all(jobs.iter().map(Job::run)).await;
                for (entry, outcome) in entries.iter().zip(outcomes) {
                    let done = outcome?;
                    tokio::time::sleep(report.pause(done.bytes)).await;
                    pass.summary.repaired += done.moved;
                    if let Some(blob) = &entry.recorded
                        && pass.done(&blob.id, done.bytes)
                    {
                        break 'kinds;
                    }
                }
            }
        }
        Ok(pass.finish())
    }
}

/// What became of one blob.
#[derive(Default)]
struct Done {
    moved: u64,
    bytes: u64,
}

/// The relocation of one blob.
struct Job<'a> {
    inner: &'a Inner,
    inventory: &'a dyn Inventory,
    entry: &'a Entry,
    silent: &'a BTreeMap<MemberId, String>,
    rebalance: bool,
}

impl Job<'_> {
    async fn run(&self) -> Result<Done> {
        let Some(listed) = &self.entry.recorded else {
            return Ok(Done::default());
        };
        let now = self.inner.now();
        if moves(&now, listed, self.rebalance).is_empty() && !self.has_strays(listed) {
            return Ok(Done::default());
        }
        // It may have been deleted or repaired since the page was read.
        let Some(mut blob) = self.inventory.get(&listed.id).await? else {
            return Ok(Done::default());
        };
        let mut done = Done::default();
        for one in moves(&now, &blob, self.rebalance) {
            match self.shift(&mut blob, one, &mut done).await {
                Ok(()) => done.moved += 1,
                Err(error) => {
                    tracing::warn!(blob = %blob.id, shard = one.index, %error, "could not move a shard");
                }
            }
        }
        self.sweep(&blob).await;
        Ok(done)
    }

    /// Copies one shard, records it, and leaves the old one to [`Self::sweep`].
    async fn shift(&self, blob: &mut StoredBlob, one: Move, done: &mut Done) -> Result<()> {
        let now = self.inner.now();
        let to = now
            .peer(one.to)
            .filter(|peer| self.answers(peer))
            .ok_or_else(|| {
                let why = format!("{} does not answer", self.inner.name_of(one.to));
                Error::new(ErrorKind::Unavailable, "relocate", why)
            })?;
        let column = self.column(&now, blob, one, done).await?;
        let tag = self.inner.keys.blob_tag(&blob.id);
        let payload = shard_payload(header(blob, one.index), &self.inner.keys, &tag, &column);
        self.inner
            .replace_shard(&blob.id, one.index, to, payload)
            .await?;
        let mut placement = blob.placement.clone();
        placement.set(one.index, Some(one.to));
        self.inventory.set_placement(&blob.id, &placement).await?;
        blob.placement = placement;
        tracing::debug!(blob = %blob.id, shard = one.index, from = %self.inner.name_of(one.from), to = to.name(), "shard moved");
        Ok(())
    }

    fn answers(&self, peer: &Arc<Peer>) -> bool {
        !self.silent.contains_key(&peer.id())
    }

    /// The verified chunks of a shard: from its member, or rebuilt.
    async fn column(
        &self,
        now: &Membership,
        blob: &StoredBlob,
        one: Move,
        done: &mut Done,
    ) -> Result<Column> {
        let len = geometry(blob).stored_len();
        if let Some(peer) = now.peer(one.from).filter(|peer| self.answers(peer)) {
            match self.inner.examine(blob, one.index, peer, true).await {
                Ok(column) => {
                    done.bytes += len;
                    return Ok(column);
                }
                Err(error) => {
                    tracing::warn!(blob = %blob.id, %error, "a shard that is to move is rebuilt");
                }
            }
        }
        let enough = usize::from(blob.layout.data());
        let mut proven: Vec<(u8, Column)> = Vec::with_capacity(enough);
        for (index, member) in (0u8..).zip(blob.placement.shards()) {
            let peer = member.and_then(|member| now.peer(member));
            let Some(peer) = peer.filter(|peer| self.answers(peer) && index != one.index) else {
                continue;
            };
            if let Ok(column) = self.inner.examine(blob, index, peer, true).await {
                done.bytes += len;
                proven.push((index, column));
            }
            if proven.len() == enough {
                return self.rebuilt(blob, one.index, proven).await;
            }
        }
        let why = format!("{}: {} good shards of {enough}", blob.id, proven.len());
        Err(Error::new(ErrorKind::Unavailable, "relocate", why))
    }

    async fn rebuilt(
        &self,
        blob: &StoredBlob,
        index: u8,
        proven: Vec<(u8, Column)>,
    ) -> Result<Column> {
        let code = self.inner.codes.of(blob.layout, blob.coding)?;
        let work = tokio::task::spawn_blocking(move || code.rebuild(&[index], &proven));
        let stopped = |source| {
            Error::new(
                ErrorKind::Unexpected,
                "relocate",
                "the coding thread stopped",
            )
            .with_source(source)
        };
        let columns = work.await.map_err(stopped)??;
        columns.into_iter().next().ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                "relocate",
                "the code returned no shard",
            )
        })
    }

    /// True when a member lists a shard of the blob that is recorded elsewhere.
    fn has_strays(&self, blob: &StoredBlob) -> bool {
        let mut shards = self.entry.shards().iter();
        shards.any(|shard| blob.placement.get(shard.index) != Some(shard.member))
    }

    /// Removes shards that lie where the record does not say, once all that it says is there.
    async fn sweep(&self, blob: &StoredBlob) {
        let strays = self.entry.shards().iter();
        let strays = strays.filter(|shard| blob.placement.get(shard.index) != Some(shard.member));
        let strays: Vec<_> = strays.collect();
        if strays.is_empty() || !blob.placement.is_complete() || !self.all_good(blob).await {
            return;
        }
        for stray in strays {
            let Some(peer) = self.inner.peer(stray.member) else {
                continue;
            };
            // The deletes come after the record; a reader that looked before them rebuilds.
            if let Err(error) = self.inner.delete_shard(&blob.id, stray.index, &peer).await {
                tracing::warn!(blob = %blob.id, %error, "a moved shard stays where it was, too");
            }
        }
    }

    /// True when every shard that moved or stayed is where the record says, by its length.
    async fn all_good(&self, blob: &StoredBlob) -> bool {
        let want = geometry(blob).stored_len();
        let heads = (0u8..)
            .zip(blob.placement.shards())
            .map(|(index, member)| async move {
                let listed = self.entry.shards().iter();
                let mut listed = listed.filter(|s| s.index == index && Some(s.member) == *member);
                if listed.any(|shard| shard.len == want) {
                    return true;
                }
                let peer = member.and_then(|member| self.inner.peer(member));
                let (Some(peer), Ok(name)) = (peer, blob.id.shard_name(index)) else {
                    return false;
                };
                let head = peer.member.provider.head(&name);
                let limit = self.inner.timeouts.read;
                let head = peer
                    .probe("head", limit, crate::member::Traffic::None, head)
                    .await;
                head.is_ok_and(|info| info.len == want)
            });
        join_all(heads).await.into_iter().all(|good| good)
    }
}
