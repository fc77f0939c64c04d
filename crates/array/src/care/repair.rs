//! repair: puts missing and damaged shards back, from `k` good ones.
//!
//! Promises: a shard is deleted only to be replaced, only after its replacement was rebuilt from
//! shards that were read and verified in this pass; the catalog is told after the shard is durable.
//! Does not: touch shards of members that do not answer; they may be whole.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use dolium_provider::Payload;
use futures::future::join_all;

use super::check::{report_silent, report_states};
use super::examine::{ShardState, geometry, header};
use super::walk::{Entry, Walk};
use super::{Finding, Inventory, Pass, RepairOptions, Reporter, Summary, kinds_from};
use crate::array::Inner;
use crate::member::{Peer, Traffic, Urgency};
use crate::placement::ranked;
use crate::shard::{Column, shard_payload};
use crate::{Array, BlobId, BlobKind, Error, ErrorKind, MemberId, Result, StoredBlob};

/// Members that are not there for this pass, and why.
pub(super) type Silent = BTreeMap<MemberId, String>;

impl Array {
    /// Rebuilds what check finds missing, and with `verify` also what is damaged. Members whose root
    /// vanished are prepared anew. The summary counts what was found; `repaired` what was put back.
    pub async fn repair(
        &self,
        inventory: &dyn Inventory,
        report: &dyn Reporter,
        options: &RepairOptions,
    ) -> Result<Summary> {
        let inner = &*self.inner;
        inner.revive().await;
        let suspects: HashSet<(&BlobId, u8)> = options
            .suspects
            .iter()
            .map(|suspect| (&suspect.id, suspect.index))
            .collect();
        let mut pass = Pass::new(report);
        let mut silent = Silent::new();
        'kinds: for (kind, after) in kinds_from(options.resume.as_ref()) {
            let mut walk = Walk::new(inner, inventory, kind, after);
            while let Some(entry) = walk.next().await? {
                report_silent(inner, &walk.unreachable, &mut silent, &mut pass);
                let Some(blob) = &entry.recorded else {
                    continue;
                };
                let doubt = |index: u8| options.verify || suspects.contains(&(&blob.id, index));
                let job = Job {
                    inner,
                    inventory,
                    entry: &entry,
                    silent: &walk.unreachable,
                };
                let read = job.run(blob, doubt, &mut pass).await?;
                tokio::time::sleep(report.pause(read)).await;
                if pass.done(&blob.id, read) {
                    break 'kinds;
                }
            }
        }
        Ok(pass.finish())
    }
}

/// The repair of one blob.
pub(super) struct Job<'a> {
    pub(super) inner: &'a Inner,
    pub(super) inventory: &'a dyn Inventory,
    pub(super) entry: &'a Entry,
    pub(super) silent: &'a Silent,
}

/// What a repair knows so far.
#[derive(Default)]
struct Knowledge {
    /// Shards read and verified in this pass.
    proven: BTreeMap<u8, Column>,
    /// Shards to rebuild.
    wanted: Vec<u8>,
}

impl Job<'_> {
    /// Repairs the blob where it needs it; returns how many bytes were read.
    pub(super) async fn run(
        &self,
        blob: &StoredBlob,
        doubt: impl Fn(u8) -> bool,
        pass: &mut Pass<'_>,
    ) -> Result<u64> {
        let states = self.inner.judge(blob, self.entry, self.silent).await;
        let fine = |(index, state): (usize, &ShardState)| match state {
            ShardState::Good => !doubt(index as u8),
            ShardState::Unknown => true,
            ShardState::Bad(_) => false,
        };
        if states.iter().enumerate().all(fine) {
            return Ok(0);
        }
        // It may have been deleted or repaired since the page was read.
        let Some(mut blob) = self.inventory.get(&blob.id).await? else {
            return Ok(0);
        };
        let mut states = self.inner.judge(&blob, self.entry, self.silent).await;
        let mut knowledge = Knowledge::default();
        self.verify(&blob, &doubt, &mut states, &mut knowledge)
            .await;
        report_states(&blob, &states, pass);
        let is_bad = |state: &ShardState| matches!(state, ShardState::Bad(_));
        knowledge.wanted = (0..)
            .zip(&states)
            .filter(|(_, s)| is_bad(s))
            .map(|(i, _)| i)
            .collect();
        let before = blob.placement.clone();
        self.adopt(&mut blob, &mut knowledge).await;
        let outcome = self.rebuild(&mut blob, &states, &mut knowledge, pass).await;
        if blob.placement != before {
            self.inventory
                .set_placement(&blob.id, &blob.placement)
                .await?;
        }
        if let Err(error) = outcome {
            tracing::warn!(blob = %blob.id, %error, "could not repair all of a blob");
        }
        Ok(knowledge.proven.len() as u64 * geometry(&blob).stored_len())
    }

    /// Reads the shards in doubt.
    async fn verify(
        &self,
        blob: &StoredBlob,
        doubt: &impl Fn(u8) -> bool,
        states: &mut [ShardState],
        knowledge: &mut Knowledge,
    ) {
        let doubtful = (0u8..)
            .zip(&*states)
            .filter(|(index, state)| **state == ShardState::Good && doubt(*index));
        let reads = doubtful.map(|(index, _)| async move { (index, self.read(blob, index).await) });
        for (index, outcome) in join_all(reads.collect::<Vec<_>>()).await {
            match outcome {
                Ok(column) => {
                    knowledge.proven.insert(index, column);
                }
                Err(state) => states[usize::from(index)] = state,
            }
        }
    }

    /// Reads a shard from its member, or says what is wrong with it.
    async fn read(&self, blob: &StoredBlob, index: u8) -> std::result::Result<Column, ShardState> {
        let Some(member) = blob.placement.get(index) else {
            return Err(ShardState::Unknown);
        };
        let Some(peer) = self.inner.peer(member) else {
            return Err(ShardState::Unknown);
        };
        self.inner
            .examine(blob, index, &peer, true)
            .await
            .map_err(
                |error| match self.inner.verdict(blob, index, member, &error) {
                    Finding::Unreachable { .. } => ShardState::Unknown,
                    finding => ShardState::Bad(finding),
                },
            )
    }

    /// Takes wanted shards that lie at some member, unrecorded and whole: late puts, or repairs that
    /// were stopped before they were recorded.
    async fn adopt(&self, blob: &mut StoredBlob, knowledge: &mut Knowledge) {
        for index in std::mem::take(&mut knowledge.wanted) {
            let strays = self.entry.shards().iter().filter(|shard| {
                shard.index == index && Some(shard.member) != blob.placement.get(index)
            });
            let mut adopted = None;
            for stray in strays.filter(|shard| shard.len == geometry(blob).stored_len()) {
                let taken = blob.placement.shards().contains(&Some(stray.member));
                let Some(peer) = self.inner.peer(stray.member).filter(|_| !taken) else {
                    continue;
                };
                if let Ok(column) = self.inner.examine(blob, index, &peer, true).await {
                    adopted = Some((stray.member, column));
                    break;
                }
            }
            match adopted {
                Some((member, column)) => {
                    blob.placement.set(index, Some(member));
                    knowledge.proven.insert(index, column);
                }
                None => knowledge.wanted.push(index),
            }
        }
    }

    /// Rebuilds the wanted shards, once enough others are proven good.
    async fn rebuild(
        &self,
        blob: &mut StoredBlob,
        states: &[ShardState],
        knowledge: &mut Knowledge,
        pass: &mut Pass<'_>,
    ) -> Result<()> {
        if knowledge.wanted.is_empty() {
            return Ok(());
        }
        self.prove(blob, states, knowledge, pass).await;
        let enough = usize::from(blob.layout.data());
        if knowledge.proven.len() < enough {
            let (got, wanted) = (knowledge.proven.len(), &knowledge.wanted);
            let why = format!(
                "{}: {got} good shards of {enough}, bad are {wanted:?}",
                blob.id
            );
            return Err(Error::new(ErrorKind::Unavailable, "repair", why));
        }
        let code = self.inner.codes.of(blob.layout, blob.coding)?;
        let sources: Vec<(u8, Column)> = knowledge
            .proven
            .iter()
            .take(enough)
            .map(|(at, column)| (*at, column.clone()))
            .collect();
        let wanted = knowledge.wanted.clone();
        let work = move || code.rebuild(&wanted, &sources);
        let columns = tokio::task::spawn_blocking(work).await.map_err(|source| {
            Error::new(ErrorKind::Unexpected, "repair", "the coding thread stopped")
                .with_source(source)
        })??;
        let mut outcome = Ok(());
        for (&index, column) in knowledge.wanted.iter().zip(&columns) {
            match self.put_back(blob, index, column).await {
                Ok(()) => pass.summary.repaired += 1,
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Reads further shards until enough are proven; those that turn out bad are wanted too.
    async fn prove(
        &self,
        blob: &StoredBlob,
        states: &[ShardState],
        knowledge: &mut Knowledge,
        pass: &mut Pass<'_>,
    ) {
        let enough = usize::from(blob.layout.data());
        for (index, state) in (0u8..).zip(states) {
            if knowledge.proven.len() >= enough {
                return;
            }
            if *state != ShardState::Good || knowledge.proven.contains_key(&index) {
                continue;
            }
            match self.read(blob, index).await {
                Ok(column) => {
                    knowledge.proven.insert(index, column);
                }
                Err(ShardState::Bad(finding)) => {
                    pass.find(&finding);
                    knowledge.wanted.push(index);
                }
                Err(_) => {}
            }
        }
        let lost = usize::from(blob.layout.shards()) - knowledge.wanted.len() < enough;
        // It may have been removed while it was read.
        let is_wanted = async || matches!(self.inventory.get(&blob.id).await, Ok(Some(_)));
        if lost && knowledge.proven.len() < enough && is_wanted().await {
            pass.find(&Finding::Lost {
                id: blob.id.clone(),
            });
        }
    }

    /// Stores a rebuilt shard where it was, or at a member that is free.
    async fn put_back(&self, blob: &mut StoredBlob, index: u8, column: &Column) -> Result<()> {
        let inner = self.inner;
        let peer = self.target(blob, index).ok_or_else(|| {
            let why = format!("{}: no member is free for shard {index}", blob.id);
            Error::new(ErrorKind::Unavailable, "repair", why)
        })?;
        let tag = inner.keys.blob_tag(&blob.id);
        let payload = shard_payload(header(blob, index), &inner.keys, &tag, column);
        inner.replace_shard(&blob.id, index, &peer, payload).await?;
        blob.placement.set(index, Some(peer.id()));
        tracing::info!(blob = %blob.id, shard = index, provider = peer.name(), "shard put back");
        Ok(())
    }

    fn target(&self, blob: &StoredBlob, index: u8) -> Option<Arc<Peer>> {
        let answers = |peer: &&Arc<Peer>| !self.silent.contains_key(&peer.id());
        let now = self.inner.now();
        let home = blob.placement.get(index);
        let home = home.and_then(|member| now.peer(member)).filter(answers);
        if let Some(peer) = home.filter(|peer| now.keeps(peer.id())) {
            return Some(Arc::clone(peer));
        }
        let used = blob.placement.shards();
        let free = now.keepers().filter(answers).map(|peer| peer.id());
        let free = free.filter(|member| !used.contains(&Some(*member)));
        let best = ranked(&blob.id, free).into_iter().next();
        best.and_then(|member| now.peer(member)).or(home).cloned()
    }
}

impl Inner {
    /// Prepares members whose root vanished, and lets all that answer back in.
    async fn revive(&self) {
        let limit = self.timeouts.read;
        let revive = |peer: &Arc<Peer>| {
            let peer = Arc::clone(peer);
            async move {
                let provider = &peer.member.provider;
                let list = || provider.list(BlobKind::Pack.folder(), None, 1);
                let Err(error) = peer.probe("list", limit, Traffic::None, list()).await else {
                    return;
                };
                if error.kind() != ErrorKind::Unavailable {
                    return;
                }
                let prepare = peer.probe("prepare", limit, Traffic::None, provider.prepare());
                match prepare.await {
                    Ok(()) => tracing::info!(provider = peer.name(), "provider prepared anew"),
                    Err(error) => tracing::warn!(provider = peer.name(), %error, "no answer"),
                }
            }
        };
        join_all(self.now().peers.iter().map(revive)).await;
    }

    /// Puts a proven shard in the place of whatever lies there.
    pub(super) async fn replace_shard(
        &self,
        id: &BlobId,
        index: u8,
        peer: &Peer,
        payload: Payload,
    ) -> Result<()> {
        let name = id.shard_name(index)?;
        let urgency = Urgency::Normal;
        match self.put_shard(urgency, &name, peer, payload.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.delete_shard(id, index, peer).await?;
                self.put_shard(urgency, &name, peer, payload)
                    .await
                    .map(drop)
            }
            other => other.map(drop),
        }
    }
}
