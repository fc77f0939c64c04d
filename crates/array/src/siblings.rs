//! Chunks of degraded blobs that a read is likely to want again.
//!
//! Chunks of a shard that is gone are rebuilt from the same chunks of its siblings. Who reads a blob from end to end
//! wants the siblings' chunks for themselves too, before or after. Kept for a while, they are asked for once: then
//! such a read moves as many bytes as one of a whole blob.
//!
//! Promises: holds no more than `BYTES_MAX`, counted by what members sent, and forgets the oldest first; chunks whose
//! checksums nobody looked at are given only to who does not want them looked at. What was given once is forgotten,
//! so that a reader's memory is used again and again.
//! Does not: grow old: a blob's bytes never change.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::chunks::Check;
use crate::shard::{BlobTag, Column};

/// What is held at most, over all blobs of the array: the shards of a few packs.
const BYTES_MAX: usize = 64 << 20;
/// Shorter answers are of reads that have no neighbours. Keeps the list short, too: it is searched from end to end.
const ANSWER_LEN_MIN: usize = 256 << 10;

/// Chunks as a member sent them.
struct Kept {
    blob: BlobTag,
    index: u8,
    chunks: Range<u64>,
    check: Check,
    column: Column,
    /// Which of them somebody was given since: nobody is likely to come for those a third time.
    given: Vec<bool>,
    bytes: usize,
}

/// The chunks of an array that are kept, oldest first.
#[derive(Default)]
pub(crate) struct Siblings(Mutex<VecDeque<Kept>>);

/// What is known of the chunks that somebody wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Chunk by chunk.
    found: Vec<Option<Bytes>>,
    first: u64,
}

impl Siblings {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the chunks of a shard, `bytes` long as they were sent.
    pub(crate) fn keep(
        &self,
        (blob, index): (BlobTag, u8),
        chunks: &Range<u64>,
        check: Check,
        column: &Column,
        bytes: usize,
    ) {
        if !(ANSWER_LEN_MIN..=BYTES_MAX).contains(&bytes) {
            return;
        }
        let mut all = self.kept();
        while total(&all) + bytes > BYTES_MAX {
            all.pop_front();
        }
        all.push_back(Kept {
            blob,
            index,
            chunks: chunks.clone(),
            check,
            column: column.clone(),
            given: vec![false; column.len()],
            bytes,
        });
    }

    /// Whether chunks of a blob are kept: then it was degraded a moment ago.
    pub(crate) fn know(&self, blob: &BlobTag) -> bool {
        self.kept().iter().any(|kept| kept.blob == *blob)
    }

    /// What is kept of the chunks of a shard.
    pub(crate) fn find(
        &self,
        (blob, index): (BlobTag, u8),
        chunks: &Range<u64>,
        check: Check,
    ) -> Known {
        let mut found = vec![None; (chunks.end - chunks.start) as usize];
        let mut all = self.kept();
        let good = |kept: &&mut Kept| {
            let enough = kept.check == check || kept.check == Check::Checksums;
            kept.index == index && kept.blob == blob && enough
        };
        for kept in all.iter_mut().filter(good) {
            let both = chunks.start.max(kept.chunks.start)..chunks.end.min(kept.chunks.end);
            for chunk in both {
                let at = (chunk - kept.chunks.start) as usize;
                kept.given[at] = true;
                found[(chunk - chunks.start) as usize] = Some(kept.column[at].clone());
            }
        }
        all.retain(|kept| kept.given.contains(&false));
        let first = chunks.start;
        Known { found, first }
    }
}

fn total(kept: &VecDeque<Kept>) -> usize {
    kept.iter().map(|kept| kept.bytes).sum()
}

impl Known {
    /// From the first chunk that is missing to the last; nothing when all are here.
    pub(crate) fn missing(&self) -> Option<Range<u64>> {
        let start = self.found.iter().position(Option::is_none)?;
        let end = self.found.iter().rposition(Option::is_none)? + 1;
        Some(self.first + start as u64..self.first + end as u64)
    }

    /// All chunks, once those that were missing are there.
    pub(crate) fn completed(mut self, missing: &Range<u64>, column: &Column) -> Column {
        for (chunk, bytes) in missing.clone().zip(column) {
            self.found[(chunk - self.first) as usize] = Some(bytes.clone());
        }
        self.found.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::ShardKeys;
    use crate::{BlobId, BlobKind};

    const LEN: usize = ANSWER_LEN_MIN;

    fn tag(name: &str) -> BlobTag {
        ShardKeys::new(&[1; 32]).blob_tag(&BlobId::new(BlobKind::Pack, name).unwrap())
    }

    fn column(chunks: Range<u64>) -> Column {
        chunks.map(|chunk| Bytes::from(vec![chunk as u8])).collect()
    }

    fn keep(siblings: &Siblings, of: (BlobTag, u8), chunks: Range<u64>, check: Check) {
        siblings.keep(of, &chunks, check, &column(chunks.clone()), LEN);
    }

    #[test]
    fn what_is_missing_is_said_and_filled_in() {
        let (siblings, of) = (Siblings::default(), (tag("aa"), 1));
        keep(&siblings, of, 0..5, Check::Checksums);
        keep(&siblings, of, 4..9, Check::Checksums);
        let all = siblings.find(of, &(2..8), Check::Checksums);
        assert_eq!(all.missing(), None);
        assert_eq!(all.completed(&(0..0), &Column::new()), column(2..8));
        let part = siblings.find(of, &(6..11), Check::Checksums);
        assert_eq!(part.missing(), Some(9..11));
        assert_eq!(part.completed(&(9..11), &column(9..11)), column(6..11));
        keep(&siblings, of, 20..22, Check::Checksums);
        let holes = siblings.find(of, &(3..25), Check::Checksums);
        assert_eq!(holes.missing(), Some(5..25));
        assert_eq!(holes.completed(&(5..25), &column(5..25)), column(3..25));
        for other in [(tag("aa"), 2), (tag("bb"), 1)] {
            let nothing = siblings.find(other, &(0..2), Check::Length);
            assert_eq!(nothing.missing(), Some(0..2));
        }
        assert!(siblings.know(&tag("aa")) && !siblings.know(&tag("bb")));
    }

    #[test]
    fn who_wants_checksums_gets_nothing_without() {
        let (siblings, of) = (Siblings::default(), (tag("aa"), 0));
        let find = |chunks: Range<u64>, check| siblings.find(of, &chunks, check).missing();
        keep(&siblings, of, 0..3, Check::Length);
        assert_eq!(find(0..2, Check::Length), None);
        assert_eq!(find(0..2, Check::Checksums), Some(0..2));
        keep(&siblings, of, 0..3, Check::Checksums);
        assert_eq!(find(0..2, Check::Length), None);
        assert_eq!(find(0..2, Check::Checksums), None);
    }

    #[test]
    fn what_was_given_is_forgotten() {
        let (siblings, of) = (Siblings::default(), (tag("aa"), 0));
        let find = |chunks: Range<u64>| siblings.find(of, &chunks, Check::Length).missing();
        keep(&siblings, of, 0..4, Check::Length);
        // Readers meet inside a chunk: one that was given stays as long as its neighbours.
        assert_eq!((find(0..3), find(2..4)), (None, None));
        assert_eq!(find(3..4), Some(3..4));
        assert!(!siblings.know(&of.0));
        assert_eq!(total(&siblings.kept()), 0);
    }

    #[test]
    fn the_oldest_go_first_and_short_answers_are_not_kept() {
        let siblings = Siblings::default();
        let fits = BYTES_MAX / LEN;
        for n in 0..=fits as u64 {
            keep(&siblings, (tag("aa"), 0), n..n + 1, Check::Length);
        }
        let all = siblings.kept();
        assert_eq!((total(&all), all.len()), (BYTES_MAX, fits));
        drop(all);
        let find = |chunk| siblings.find((tag("aa"), 0), &(chunk..chunk + 1), Check::Length);
        assert_eq!(find(0).missing(), Some(0..1));
        assert_eq!(find(1).missing(), None);
        assert_eq!(find(fits as u64).missing(), None);
        let bytes = LEN - 1;
        siblings.keep((tag("bb"), 0), &(0..1), Check::Length, &column(0..1), bytes);
        assert!(!siblings.know(&tag("bb")));
    }
}
