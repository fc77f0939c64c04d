//! Recovery: a catalog rebuilt from the providers alone.
//!
//! The newest complete snapshot gives the rows of its moment, the journal every change since; packs
//! name their own blocks; references and counters are computed again from what was found.
//!
//! Promises: what was acknowledged under durability `array` is back; a gap in the journal is an error,
//! never a silent loss; a catalog whose recovery was cut short is never served. Reads only; the
//! providers are not changed.
//! Does not: overwrite a catalog that holds anything.
//!
//! A journal batch of which fewer than `k` shards can exist anywhere was never acknowledged: the end of
//! the server cut its write short. Providers that do not answer or that hold nothing at all might have
//! had the rest: then recovery asks for them instead of guessing.

mod packs;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use dolium_array::{Array, BlobKind, FoundBlob};
use dolium_catalog::{Catalog, Entry};

use crate::blobs::blob_row;
use crate::journal::parse_snapshot_name;
use crate::journal::{Base, Batch, Chain, FOUND_PAGE, SnapshotPart, parse_batch_name};
use crate::settings::{Keys, StoreParts};
use crate::{Error, ErrorKind, Result, relink};

pub(crate) use packs::may_have_missed_packs;

/// The key of `meta` that says that a recovery has begun and not ended.
const UNFINISHED: &str = "recovery_unfinished";

/// What a recovery found, step by step and at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovered {
    /// Parts of the snapshot that was used.
    pub snapshot_parts: u64,
    /// Journal entries replayed.
    pub journal_entries: u64,
    /// Journal batches whose writing was cut short, so that nothing in them was acknowledged.
    pub journal_torn: u64,
    /// Packs indexed.
    pub packs: u64,
    /// Packs of which no usable index was left.
    pub packs_unreadable: u64,
    /// Blocks found in packs.
    pub blocks: u64,
    /// Versions whose references were counted.
    pub versions: u64,
    /// Versions and parts that name a block that no pack holds.
    pub incomplete: u64,
}

/// Hears of a recovery's progress.
pub type RecoverProgress<'a> = &'a (dyn Fn(&Recovered) + Send + Sync);

/// Rebuilds the catalog. `parts.catalog` must be empty.
pub async fn recover(parts: &StoreParts, progress: RecoverProgress<'_>) -> Result<Recovered> {
    let default = parts
        .arrays
        .first()
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "recovery needs at least one array"))?;
    let empty = parts
        .catalog
        .read(|tx| Ok::<_, Error>(tx.next_seq()? == 1 && tx.meta(UNFINISHED)?.is_none()))
        .await?;
    if !empty {
        let context = "the catalog is not empty; recovery needs a new data directory";
        return Err(Error::new(ErrorKind::Conflict, context));
    }
    let marked = parts.catalog.write(|tx| tx.set_meta(UNFINISHED, b"1"));
    marked.await.map_err(Error::from)?;
    let mut recovery = Recovery {
        catalog: &parts.catalog,
        keys: Keys::new(&parts.master_key),
        done: Recovered::default(),
        progress,
        silent: false,
    };
    let base = recovery.snapshot(default).await?;
    recovery.journal(default, base).await?;
    for array in &parts.arrays {
        recovery.packs(array).await?;
    }
    recovery.note_silence().await?;
    recovery.references(&parts.arrays).await?;
    let derived = parts.catalog.write(|tx| {
        tx.rebuild_derived()?;
        tx.set_meta(UNFINISHED, b"")
    });
    derived.await.map_err(Error::from)?;
    Ok(recovery.done)
}

/// Refuses a catalog whose recovery was cut short: it counts too few references, and collection would
/// take what it does not know for garbage.
pub(crate) async fn refuse_unfinished(catalog: &Catalog) -> Result<()> {
    let mark = catalog.read(|tx| tx.meta(UNFINISHED)).await;
    if mark
        .map_err(Error::from)?
        .is_none_or(|mark| mark.is_empty())
    {
        return Ok(());
    }
    let context = "the recovery of this catalog was cut short; recover into a new data directory";
    Err(Error::new(ErrorKind::Conflict, context))
}

struct Recovery<'a> {
    catalog: &'a Catalog,
    keys: Keys,
    done: Recovered,
    progress: RecoverProgress<'a>,
    /// A provider did not answer while packs were looked for.
    silent: bool,
}

/// All blobs of a kind that listings show.
async fn found_all(array: &Array, kind: BlobKind) -> Result<Vec<FoundBlob>> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = array.found(kind, after.as_deref(), FOUND_PAGE).await?;
        let last = page.blobs.last().map(|blob| blob.id.name().to_owned());
        all.extend(page.blobs);
        match (page.more, last) {
            (true, Some(last)) => after = Some(last),
            _ => return Ok(all),
        }
    }
}

/// How many members say nothing about what was ever written: they do not answer, or hold nothing.
async fn silent_members(array: &Array) -> Result<usize> {
    let mut speaking = HashSet::new();
    for kind in [BlobKind::Journal, BlobKind::Snapshot, BlobKind::Pack] {
        let page = array.found(kind, None, FOUND_PAGE).await?;
        let shards = page.blobs.iter().flat_map(|found| &found.shards);
        speaking.extend(shards.map(|shard| shard.member));
    }
    Ok(array.members().len() - speaking.len())
}

impl Recovery<'_> {
    /// Reads a found blob whole and notes it in the catalog.
    async fn read(&self, array: &Arc<Array>, found: &FoundBlob) -> Result<Vec<u8>> {
        let blob = array.inspect(found).await?;
        let bytes = array.read(&blob, 0..blob.len).await?;
        let row = blob_row(array.name(), &blob);
        let noted = self.catalog.write(move |tx| tx.insert_blob(&row));
        noted.await.map_err(Error::from)?;
        Ok(bytes.to_vec())
    }

    async fn apply(&self, entries: Vec<Entry>) -> Result<()> {
        let applied = self
            .catalog
            .write(move |tx| entries.iter().try_for_each(|e| tx.apply(e)));
        applied.await.map_err(Error::from)?;
        Ok(())
    }

    /// Applies the newest complete snapshot; says up to where it reaches.
    async fn snapshot(&mut self, array: &Arc<Array>) -> Result<Base> {
        let mut by_seq: BTreeMap<i64, BTreeMap<u32, FoundBlob>> = BTreeMap::new();
        for found in found_all(array, BlobKind::Snapshot).await? {
            if let Some((seq, number)) = parse_snapshot_name(found.id.name()) {
                by_seq.entry(seq).or_default().insert(number, found);
            }
        }
        for (seq, parts) in by_seq.into_iter().rev() {
            let newest = parts
                .last_key_value()
                .map(|(number, found)| (*number, found));
            let Some((number, last)) = newest else {
                continue;
            };
            let complete = parts.len() as u64 == u64::from(number) + 1;
            let closed = match self.read_part(array, last).await {
                Ok(part) => part.is_last,
                Err(error) => {
                    tracing::warn!(seq, %error, "a snapshot is unreadable; trying an older one");
                    false
                }
            };
            if complete && closed {
                return self.apply_snapshot(array, seq, parts).await;
            }
        }
        Ok(Base {
            seq: 0,
            chain: Chain::START,
        })
    }

    async fn read_part(&self, array: &Array, found: &FoundBlob) -> Result<SnapshotPart> {
        let blob = array.inspect(found).await?;
        SnapshotPart::open(&self.keys.journal, &array.read(&blob, 0..blob.len).await?)
    }

    async fn apply_snapshot(
        &mut self,
        array: &Arc<Array>,
        seq: i64,
        parts: BTreeMap<u32, FoundBlob>,
    ) -> Result<Base> {
        let mut base = Base {
            seq,
            chain: Chain::START,
        };
        for found in parts.into_values() {
            let bytes = self.read(array, &found).await?;
            let part = SnapshotPart::open(&self.keys.journal, &bytes)?;
            base.chain = part.chain;
            let entry = Entry::decode(&part.rows).map_err(Error::from)?;
            self.apply(vec![entry]).await?;
            self.done.snapshot_parts += 1;
            (self.progress)(&self.done);
        }
        Ok(base)
    }

    /// Replays every entry after the snapshot, in order and without a gap.
    async fn journal(&mut self, array: &Arc<Array>, base: Base) -> Result<()> {
        let mut found = Vec::new();
        for blob in found_all(array, BlobKind::Journal).await? {
            if let Some((first, last)) = parse_batch_name(blob.id.name()) {
                found.push((first, last, blob));
            }
        }
        let silent = silent_members(array).await?;
        // Of batches that begin at one entry the longest comes first.
        found.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        let mut at = base;
        let mut lost = base.seq;
        for (first, last, blob) in &found {
            if *last <= at.seq {
                continue;
            }
            match self.open_batch(array, blob).await {
                Ok(_) if *first > at.seq + 1 => return Err(gap(at.seq + 1, *first)),
                Ok(batch) => at = self.replay(at, batch).await?,
                Err(error) => {
                    tracing::warn!(blob = %blob.id, %error, "a journal batch is unreadable");
                    if may_be_whole(array, blob, silent).await {
                        // It may have been written again under another name; the end tells.
                        lost = lost.max(*last);
                    } else if *first <= at.seq + 1 {
                        self.done.journal_torn += 1;
                    } else if array.inspect(blob).await.is_ok() {
                        return Err(gap(at.seq + 1, *first));
                    }
                }
            }
        }
        if lost > at.seq {
            return Err(gap(at.seq + 1, lost + 1));
        }
        let finished = self.catalog.write(move |tx| {
            tx.set_next_seq(at.seq + 1)?;
            tx.set_meta(Base::META, &at.encode())
        });
        finished.await.map_err(Error::from)?;
        Ok(())
    }

    async fn open_batch(&self, array: &Arc<Array>, found: &FoundBlob) -> Result<Batch> {
        let blob = array.inspect(found).await?;
        let bytes = array.read(&blob, 0..blob.len).await?;
        let batch = Batch::open(&self.keys.journal, &bytes)?;
        let row = blob_row(array.name(), &blob);
        let noted = self.catalog.write(move |tx| tx.insert_blob(&row));
        noted.await.map_err(Error::from)?;
        Ok(batch)
    }

    async fn replay(&mut self, at: Base, batch: Batch) -> Result<Base> {
        let known = (at.seq + 1 - batch.first).max(0) as usize;
        let before = batch
            .entries
            .iter()
            .take(known)
            .fold(batch.before, |c, e| c.after(e));
        if before != at.chain {
            let context = format!("the journal's chain breaks at entry {}", at.seq + 1);
            return Err(Error::new(ErrorKind::Corrupt, context));
        }
        let after = Base {
            seq: batch.last(),
            chain: batch.after(),
        };
        let new = &batch.entries[known..];
        let entries = new
            .iter()
            .map(|bytes| Entry::decode(bytes).map_err(Error::from));
        let entries = entries.collect::<Result<Vec<_>>>()?;
        self.done.journal_entries += entries.len() as u64;
        self.apply(entries).await?;
        (self.progress)(&self.done);
        Ok(after)
    }

    /// Counts the references of every version and part.
    async fn references(&mut self, arrays: &[Arc<Array>]) -> Result<()> {
        let relinker = relink::Relinker::new(self.catalog.clone(), arrays, &self.keys);
        relinker
            .all(&mut |complete| {
                self.done.versions += 1;
                self.done.incomplete += u64::from(!complete);
                (self.progress)(&self.done);
            })
            .await
    }
}

/// How many different shards of a blob were seen.
fn shard_count(found: &FoundBlob) -> usize {
    let mut seen: Vec<u8> = found.shards.iter().map(|shard| shard.index).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

/// True unless too few shards of a blob can exist for it ever to have been acknowledged.
pub(crate) async fn may_be_whole(array: &Array, found: &FoundBlob, silent: usize) -> bool {
    shard_count(found) + silent >= shards_needed(array, found).await
}

/// How many shards of a blob are enough: its own layout tells, which may be an older one of the array.
async fn shards_needed(array: &Array, found: &FoundBlob) -> usize {
    let layout = array.inspect(found).await.map(|blob| blob.layout);
    layout.unwrap_or_else(|_| array.layout()).data().into()
}

fn gap(from: i64, to: i64) -> Error {
    let context = format!(
        "the journal has a gap: entries {from} to {} are on no provider that answers. Make more \
         providers reachable and try again",
        to - 1
    );
    Error::new(ErrorKind::Corrupt, context)
}
