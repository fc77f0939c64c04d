//! Caring for what is stored: check, scrub and repair.
//!
//! *check* compares listings with what should be there and downloads nothing; *scrub* reads and
//! verifies every byte; *mend* repairs blobs that are named; *repair* rebuilds what is missing or damaged from `k` good shards; *relocate* brings
//! shards to other members; *deliver* brings those that wait on the local disk.
//!
//! Promises: bounded memory whatever the number of blobs; all three may be stopped anywhere and go
//! on from a [`Cursor`]; a shard is replaced only after `k` others of its blob were proven good in
//! the same pass, so that the last good copy is never deleted; running one twice does no harm.
//! Does not: delete orphans, which is collection's business; schedule itself.

mod check;
mod deliver;
mod examine;
mod mend;
mod plan;
mod relocate;
mod repair;
mod scrub;
mod walk;

pub use deliver::Delivered;
pub use mend::Wanted;
pub use plan::{MemberWork, Plan};
pub use relocate::RelocateOptions;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{BlobId, BlobKind, MemberId, Placement, Result, StoredBlob, Suspect};

/// What should be there: implemented by the keeper of the catalog.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// At most `limit` blobs of a kind whose names order after `after`, by the bytes of their names.
    /// `after` need not be a name.
    async fn page(
        &self,
        kind: BlobKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredBlob>>;

    /// Remembers where a blob's shards are now. That the blob was deleted meanwhile is no error.
    async fn set_placement(&self, id: &BlobId, placement: &Placement) -> Result<()>;

    /// What is recorded of one blob now.
    async fn get(&self, id: &BlobId) -> Result<Option<StoredBlob>> {
        let page = self
            .page(id.kind(), Some(&just_before(id.name())), 1)
            .await?;
        Ok(page.into_iter().next().filter(|blob| blob.id == *id))
    }
}

/// A text that orders before a name, and after all names before it.
fn just_before(name: &str) -> String {
    let mut text = name.to_owned();
    if let Some(last) = text.pop() {
        // Names are ASCII from `-` up, so that there is a character below each and DEL above all.
        text.push(char::from((last as u8).saturating_sub(1)));
        text.push('\u{7f}');
    }
    text
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// A shard is not at its member, or has none.
    Missing {
        /// The blob.
        id: BlobId,
        /// Which shard.
        index: u8,
        /// Who should have it; nobody when a put could not store it.
        member: Option<MemberId>,
        /// That member's name.
        provider: String,
    },
    /// A shard has another length than it should.
    WrongLength {
        /// The blob.
        id: BlobId,
        /// Which shard.
        index: u8,
        /// Who has it.
        member: MemberId,
        /// That member's name.
        provider: String,
        /// Its length.
        len: u64,
        /// The length it should have.
        want: u64,
    },
    /// A shard's bytes are not those that were put.
    Damaged {
        /// The blob.
        id: BlobId,
        /// Which shard.
        index: u8,
        /// Who has it.
        member: MemberId,
        /// That member's name.
        provider: String,
        /// What is wrong.
        why: String,
    },
    /// A member has something that nobody knows of.
    Orphan {
        /// Its name at the member.
        name: String,
        /// Who has it.
        member: MemberId,
        /// That member's name.
        provider: String,
        /// Its length.
        len: u64,
        /// When it was put.
        modified: Option<SystemTime>,
    },
    /// A member did not answer; nothing is known of its shards.
    Unreachable {
        /// Who.
        member: MemberId,
        /// That member's name.
        provider: String,
        /// Why.
        error: String,
    },
    /// A blob has fewer good shards than a read needs.
    Lost {
        /// The blob.
        id: BlobId,
    },
}

impl Finding {
    /// The kind of finding, as counted in [`Summary`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::WrongLength { .. } => "wrong_length",
            Self::Damaged { .. } => "damaged",
            Self::Orphan { .. } => "orphan",
            Self::Unreachable { .. } => "unreachable",
            Self::Lost { .. } => "lost",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                id,
                index,
                member: None,
                ..
            } => {
                write!(f, "missing: shard {index} of {id} was never stored")
            }
            Self::Missing {
                id,
                index,
                provider,
                ..
            } => {
                write!(f, "missing: shard {index} of {id} is not at {provider}")
            }
            Self::WrongLength {
                id,
                index,
                provider,
                len,
                want,
                ..
            } => {
                write!(
                    f,
                    "wrong length: shard {index} of {id} at {provider}: {len}, not {want} bytes"
                )
            }
            Self::Damaged {
                id,
                index,
                provider,
                why,
                ..
            } => {
                write!(f, "damaged: shard {index} of {id} at {provider}: {why}")
            }
            Self::Orphan {
                name,
                provider,
                len,
                ..
            } => {
                write!(f, "orphan: {name} at {provider}, {len} bytes")
            }
            Self::Unreachable {
                provider, error, ..
            } => {
                write!(f, "unreachable: {provider}: {error}")
            }
            Self::Lost { id } => write!(f, "lost: {id} has too few good shards"),
        }
    }
}

/// A place to go on from: all blobs up to and with this one are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The kind that was under way.
    pub kind: BlobKind,
    /// The last blob done.
    pub after: String,
}

/// How far a pass is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Blobs done.
    pub done_blobs: u64,
    /// Bytes of shards read, or in a check accounted for.
    pub bytes: u64,
    /// Findings so far.
    pub findings: u64,
    /// Where to go on if the pass ends here.
    pub cursor: Option<Cursor>,
}

/// Follows a pass, and may stop it.
pub trait Reporter: Send + Sync {
    /// Something was found.
    fn finding(&self, finding: &Finding);

    /// More is done.
    fn progress(&self, progress: &Progress);

    /// How long to wait after so many bytes were read, so that care leaves room for others.
    fn pause(&self, _bytes: u64) -> Duration {
        Duration::ZERO
    }

    /// True when the pass should stop after the blob at hand.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// What a pass found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Findings by kind.
    pub findings: BTreeMap<&'static str, u64>,
    /// How far it came; `cursor` is where to go on when it was stopped.
    pub progress: Progress,
    /// Shards that were put back.
    pub repaired: u64,
    /// True when it was stopped before its end.
    pub stopped: bool,
}

impl Summary {
    /// True when nothing is wrong. Orphans take space but no data is at risk, so they do not count.
    pub fn clean(&self) -> bool {
        self.findings.keys().all(|kind| *kind == "orphan")
    }

    /// How many findings of a kind there are.
    pub fn count(&self, kind: &str) -> u64 {
        self.findings.get(kind).copied().unwrap_or(0)
    }
}

/// How to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOptions {
    /// Orphans younger than this are puts under way.
    pub orphan_age_min: Duration,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            orphan_age_min: Duration::from_secs(3600),
        }
    }
}

/// How to repair.
#[derive(Debug, Clone, Default)]
pub struct RepairOptions {
    /// Where to go on.
    pub resume: Option<Cursor>,
    /// Read and verify every shard, not only compare listings.
    pub verify: bool,
    /// Shards to read and verify in any case: what reads and scrubs found.
    pub suspects: Vec<Suspect>,
}

/// A pass under way: what all three share.
struct Pass<'a> {
    report: &'a dyn Reporter,
    summary: Summary,
}

/// Every how many blobs a pass that reads no data reports.
const PROGRESS_EVERY: u64 = 64;

impl<'a> Pass<'a> {
    fn new(report: &'a dyn Reporter) -> Self {
        Self {
            report,
            summary: Summary::default(),
        }
    }

    fn find(&mut self, finding: &Finding) {
        *self.summary.findings.entry(finding.kind()).or_default() += 1;
        self.summary.progress.findings += 1;
        self.report.finding(finding);
    }

    /// Notes that a blob is done; true when the pass should stop.
    fn done(&mut self, id: &BlobId, bytes: u64) -> bool {
        let progress = &mut self.summary.progress;
        progress.done_blobs += 1;
        progress.bytes += bytes;
        progress.cursor = Some(Cursor {
            kind: id.kind(),
            after: id.name().to_owned(),
        });
        if bytes > 0 || progress.done_blobs.is_multiple_of(PROGRESS_EVERY) {
            self.report.progress(progress);
        }
        self.summary.stopped = self.report.stop_requested();
        self.summary.stopped
    }

    fn finish(mut self) -> Summary {
        if !self.summary.stopped {
            self.summary.progress.cursor = None;
        }
        self.report.progress(&self.summary.progress);
        self.summary
    }
}

/// The kinds that are left, each with the name to go on after.
fn kinds_from(resume: Option<&Cursor>) -> Vec<(BlobKind, Option<String>)> {
    let begins = |kind: &BlobKind| resume.is_none_or(|cursor| *kind >= cursor.kind);
    let after = |kind: BlobKind| {
        resume
            .filter(|cursor| cursor.kind == kind)
            .map(|cursor| cursor.after.clone())
    };
    BlobKind::ALL
        .into_iter()
        .filter(begins)
        .map(|kind| (kind, after(kind)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_before_is_just_before() {
        let names = ["-", "--", "a", "a-", "a0", "aa", "ab", "b", "zz", "zzz"];
        for (n, name) in names.into_iter().enumerate() {
            let before = just_before(name);
            assert!(*before < *name);
            assert!(
                names[..n].iter().all(|earlier| **earlier < *before),
                "{name}"
            );
        }
    }
}
