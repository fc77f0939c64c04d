//! Tending: arrays are checked and scrubbed by themselves, and what is found bad is mended.
//!
//! A check compares listings, often; a scrub reads everything, seldom, within a budget of bytes a day, and goes on
//! where it was. What they find, what reads find and what writes could not store is mended, those blobs first
//! that can lose the least.
//!
//! Promises: bounded: so many blobs are in the queue, the rest is found again; a kill loses at most the
//! findings of a round; nothing is deleted that is a last good copy (the array's rule).
//! Does not: make anything anew at a provider that lost all, which may be a disk that is not mounted: that takes
//! a repair that somebody asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dolium_array::care::{CheckOptions, Cursor, Wanted};
use dolium_array::{Array, BlobKind, MemberState};
use dolium_catalog::{BlobRow, BlobState};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::round::{QUEUE_MAX, Round, want};
use crate::blobs::stored_blob;
use crate::clock::now;
use crate::several::Held;
use crate::store::Store;
use crate::{Error, Result};

/// What `meta` calls the state of an array's care.
const STATE: &str = "tending/";
/// The microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;
/// A scrub makes room for other care, such as the delivery of what waits, after so long.
const SCRUB_ROUND_MAX: Duration = Duration::from_secs(120);

/// How much care an array gets by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CareSettings {
    /// Pause between checks; zero for none.
    pub check_every: Duration,
    /// Pause between the beginnings of scrubs; zero for none.
    pub scrub_every: Duration,
    /// Bytes a day that scrubs read; zero for any number.
    pub scrub_bytes_per_day: u64,
    /// Bytes a second that scrubs and repairs read; zero for any number.
    pub bytes_per_second: u64,
}

impl Default for CareSettings {
    fn default() -> Self {
        Self {
            check_every: Duration::from_secs(24 * 3600),
            scrub_every: Duration::from_secs(30 * 24 * 3600),
            scrub_bytes_per_day: 0,
            bytes_per_second: 0,
        }
    }
}

/// What is known of the care of an array. Instants are microseconds since the epoch; 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CareState {
    /// When the last check ended.
    pub checked: i64,
    /// What it found.
    pub check_findings: u64,
    /// When the scrub under way, or the last one, began.
    pub scrub_began: i64,
    /// When the last scrub ended.
    pub scrubbed: i64,
    /// What the scrub under way, or the last one, found.
    pub scrub_findings: u64,
    /// Where the scrub under way goes on.
    pub scrub_cursor: Option<Cursor>,
    /// The day, since the epoch, and the bytes that scrubs have read in it.
    pub scrub_day: i64,
    /// See `scrub_day`.
    pub scrub_day_bytes: u64,
    /// Shards that were put back without anybody asking.
    pub mended: u64,
    /// When the last of them were.
    pub mended_at: i64,
}

/// What reads found bad since somebody last asked, by array.
pub(crate) type Suspected = Arc<Mutex<BTreeMap<String, Wanted>>>;

impl Store {
    /// Gathers what reads find bad, for as long as the store is open.
    pub(crate) fn gather_suspects(&self) {
        for (name, lane) in &self.inner.lanes {
            let mut suspects = lane.array.suspects();
            let (name, gathered, stop) = (
                name.clone(),
                self.inner.suspected.clone(),
                self.inner.stop.clone(),
            );
            self.inner.tasks.spawn(async move {
                loop {
                    let next = tokio::select! {
                        () = stop.cancelled() => return,
                        next = suspects.recv() => next,
                    };
                    match next {
                        Ok(suspect) => {
                            let mut all = gathered.lock();
                            want(
                                all.entry(name.clone()).or_default(),
                                &suspect.id,
                                suspect.index,
                            );
                        }
                        // Scrub finds them again.
                        Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                        Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                    }
                }
            });
        }
    }

    /// What is known of the care of an array.
    pub async fn care_state(&self, array: &str) -> Result<CareState> {
        let key = format!("{STATE}{array}");
        let bytes = self.look(move |tx| Ok(tx.meta(&key)?)).await?;
        // What is not understood means: never cared for.
        Ok(bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default())
    }

    async fn save_care_state(&self, array: &str, state: &CareState) -> Result<()> {
        let key = format!("{STATE}{array}");
        let bytes = serde_json::to_vec(state).map_err(|source| {
            Error::new(crate::ErrorKind::Unexpected, "the state of care").with_source(source)
        })?;
        let saved = self
            .inner
            .catalog
            .write(move |tx| tx.set_meta(&key, &bytes));
        saved.await.map(drop).map_err(Error::from)
    }

    /// Notes that somebody had an array checked or scrubbed whole, so that it is not due again at once.
    pub async fn note_care(&self, array: &str, scrubbed: bool, findings: u64) -> Result<()> {
        let mut state = self.care_state(array).await?;
        if scrubbed {
            state.scrubbed = now().0;
            state.scrub_began = now().0;
            state.scrub_findings = findings;
            state.scrub_cursor = None;
        } else {
            state.checked = now().0;
            state.check_findings = findings;
        }
        self.save_care_state(array, &state).await
    }

    /// One round of care over all arrays, under the lease of care: what is due, and what was found.
    pub(crate) async fn tend_under(&self, held: &Held) -> Result<()> {
        let arrays: Vec<Arc<Array>> = self
            .inner
            .lanes
            .values()
            .map(|lane| lane.array.clone())
            .collect();
        for array in arrays {
            self.tend_array(held, &array).await?;
        }
        Ok(())
    }

    async fn tend_array(&self, held: &Held, array: &Array) -> Result<()> {
        let (name, settings) = (array.name(), self.inner.settings.care);
        let mut state = self.care_state(name).await?;
        let mut wanted = self.incomplete(array).await?;
        let suspects = self.inner.suspected.lock().remove(name);
        for (id, indices) in suspects.into_iter().flatten() {
            for index in indices {
                want(&mut wanted, &id, index);
            }
        }
        if is_due(settings.check_every, state.checked) {
            let round = Round::new(self, held, u64::MAX);
            self.inner.journal.settle().await?;
            let options = CheckOptions {
                orphan_age_min: self.inner.settings.orphan_age_min,
            };
            let done = array
                .check(&self.inventory(name, held), &round, options)
                .await?;
            if !done.stopped {
                state.checked = now().0;
                state.check_findings = round.findings.load(Ordering::Relaxed);
                self.save_care_state(name, &state).await?;
            }
            wanted.extend(round.wanted.into_inner());
        }
        if state.scrub_began == 0 {
            // A scrub reads everything, which services ask money for: the first comes when its time has come.
            state.scrub_began = now().0;
            self.save_care_state(name, &state).await?;
        }
        if state.scrub_cursor.is_some() || is_due(settings.scrub_every, state.scrub_began) {
            wanted.extend(self.scrub_some(held, array, &mut state).await?);
        }
        self.mend(held, array, wanted, &mut state).await
    }

    /// Scrubs as much as the day's budget allows; what it found.
    async fn scrub_some(
        &self,
        held: &Held,
        array: &Array,
        state: &mut CareState,
    ) -> Result<Wanted> {
        let today = now().0 / DAY;
        if state.scrub_day != today {
            (state.scrub_day, state.scrub_day_bytes) = (today, 0);
        }
        let budget = match self.inner.settings.care.scrub_bytes_per_day {
            0 => u64::MAX,
            budget => budget.saturating_sub(state.scrub_day_bytes),
        };
        if budget == 0 {
            return Ok(Wanted::new());
        }
        if state.scrub_cursor.is_none() {
            (state.scrub_began, state.scrub_findings) = (now().0, 0);
        }
        let mut round = Round::new(self, held, budget);
        round.end = Some(Instant::now() + SCRUB_ROUND_MAX);
        self.inner.journal.settle().await?;
        let resume = state.scrub_cursor.take();
        let done = array
            .scrub(&self.inventory(array.name(), held), &round, resume)
            .await?;
        state.scrub_day_bytes += done.progress.bytes;
        state.scrub_findings += round.findings.load(Ordering::Relaxed);
        state.scrub_cursor = done.progress.cursor.filter(|_| done.stopped);
        if state.scrub_cursor.is_none() {
            state.scrubbed = now().0;
            tracing::info!(
                array = array.name(),
                findings = state.scrub_findings,
                "scrubbed"
            );
        }
        self.save_care_state(array.name(), state).await?;
        Ok(round.wanted.into_inner())
    }

    /// Blobs that lack shards, if there are members for all of them.
    async fn incomplete(&self, array: &Array) -> Result<Wanted> {
        let mut wanted = Wanted::new();
        if array
            .status()
            .iter()
            .any(|member| member.state == MemberState::Down)
        {
            // A listing asks everybody, and lets back in who answers.
            drop(array.found(BlobKind::Snapshot, None, 1).await);
        }
        let status = array.status();
        let ready = status
            .iter()
            .filter(|m| !m.draining && m.state != MemberState::Down)
            .count();
        if ready < usize::from(array.layout().shards()) {
            return Ok(wanted);
        }
        let each = |row: &BlobRow| {
            let blob = stored_blob(row)?;
            let lacks = row.state == BlobState::Live && !blob.placement.is_complete();
            if lacks && wanted.len() < QUEUE_MAX {
                wanted.insert(blob.id, BTreeSet::new());
            }
            Ok(())
        };
        self.each_blob(array.name(), each).await?;
        Ok(wanted)
    }

    async fn mend(
        &self,
        held: &Held,
        array: &Array,
        wanted: Wanted,
        state: &mut CareState,
    ) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let (name, blobs) = (array.name(), wanted.len());
        let round = Round::new(self, held, u64::MAX);
        let done = array
            .mend(&self.inventory(name, held), &round, &wanted)
            .await?;
        if done.repaired > 0 {
            state.mended += done.repaired;
            state.mended_at = now().0;
            self.save_care_state(name, state).await?;
            tracing::info!(
                array = name,
                blobs,
                shards = done.repaired,
                "mended without being asked"
            );
        }
        Ok(())
    }
}

fn is_due(every: Duration, last: i64) -> bool {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
    every > 0 && now().0.saturating_sub(last) >= every
}
