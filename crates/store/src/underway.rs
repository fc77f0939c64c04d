//! When the oldest read or write under way began.
//!
//! A write that finds a block does not send it again, and names it only when it commits; a read looks a version up
//! and then takes its blocks one after another. Meanwhile the last version that refers to a block may go, and the
//! block with it, however short the age at which garbage is collected. So collection spares what became garbage
//! after the oldest of them had begun, or in the transaction that was being written just then: its stamps are older,
//! and a look at the catalog does not see it yet.
//!
//! Promises: a block that a read or write of this process found is there until it ends; a handful of bytes for
//! each, whatever its size.
//! Does not: know those of other processes; see `several`.

use std::collections::BTreeSet;
use std::sync::Arc;

use dolium_catalog::Writing;
use parking_lot::Mutex;

use crate::clock::now;

/// The reads and writes under way. Clones share the register.
#[derive(Clone, Debug, Default)]
pub(crate) struct Underway {
    register: Arc<Mutex<Register>>,
    writing: Writing,
}

#[derive(Debug, Default)]
struct Register {
    next: u64,
    /// When each began, in microseconds, with a number of its own.
    began: BTreeSet<(i64, u64)>,
}

/// One read or write under way, until the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Ongoing(#[expect(dead_code, reason = "held for its drop")] Arc<Entry>);

#[derive(Debug)]
struct Entry {
    key: (i64, u64),
    underway: Underway,
}

impl Underway {
    /// Nothing is under way yet, in a catalog that is written so.
    pub(crate) fn beside(writing: Writing) -> Self {
        Self {
            writing,
            ..Self::default()
        }
    }

    /// Notes that one begins now: before it looks for its first block.
    pub(crate) fn begin(&self) -> Ongoing {
        let began = self.writing.since(now().0);
        let mut register = self.register.lock();
        let key = (began, register.next);
        register.next += 1;
        register.began.insert(key);
        let underway = self.clone();
        Ongoing(Arc::new(Entry { key, underway }))
    }

    /// The instant up to which what is garbage may be collected: `before`, or when the oldest began.
    pub(crate) fn spare(&self, before: i64) -> i64 {
        // Asked before the register is looked at: who is not in it yet will see what is committed by now.
        let before = self.writing.since(before);
        let register = self.register.lock();
        let oldest = register.began.first().map(|(began, _)| *began);
        oldest.map_or(before, |began| began.min(before))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.underway.register.lock().began.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_write_counts_until_its_last_clone_is_gone() {
        let underway = Underway::default();
        assert_eq!(underway.spare(i64::MAX), i64::MAX);
        let first = underway.begin();
        let began = underway.spare(i64::MAX);
        let second = underway.begin();
        assert_eq!(underway.spare(i64::MAX), began);
        assert_eq!(underway.spare(7), 7);
        let clone = first.clone();
        drop(first);
        assert_eq!(underway.spare(i64::MAX), began);
        drop(clone);
        assert!(underway.spare(i64::MAX) >= began);
        drop(second);
        assert_eq!(underway.spare(i64::MAX), i64::MAX);
    }

    #[tokio::test]
    async fn what_a_transaction_at_work_stamps_is_spared_until_it_is_committed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("catalog.sqlite");
        let catalog = dolium_catalog::Catalog::open_sqlite(file, Default::default()).unwrap();
        let underway = Underway::beside(catalog.writing());
        let (beside, before) = (underway.clone(), now().0);
        let op = catalog.write(move |_| {
            let spared = beside.spare(i64::MAX);
            Ok::<_, dolium_catalog::Error>((spared, beside.begin(), now().0))
        });
        let (spared, ongoing, stamp) = op.await.unwrap().value;
        assert!(
            (before..=stamp).contains(&spared),
            "{before} {spared} {stamp}"
        );
        assert_eq!(
            underway.spare(i64::MAX),
            spared,
            "a reader counts from then too"
        );
        drop(ongoing);
        assert_eq!(underway.spare(i64::MAX), i64::MAX);
    }
}
