//! A merge of what is recorded with what members list, blob by blob, in the order of names.
//!
//! Promises: memory for one page of each side; a member that once did not answer is not counted on
//! for the rest of the walk, so that silence never looks like loss.

use std::collections::{BTreeMap, VecDeque};

use super::Inventory;
use crate::array::Inner;
use crate::{BlobId, BlobKind, FoundBlob, FoundShard, MemberId, Result, StoredBlob, StrangeBlob};

/// Blobs of a page, of each side.
const PAGE: usize = 1000;

/// One blob as recorded and as listed.
pub(super) struct Entry {
    pub(super) recorded: Option<StoredBlob>,
    pub(super) found: Option<FoundBlob>,
}

impl Entry {
    /// The shards that members list.
    pub(super) fn shards(&self) -> &[FoundShard] {
        self.found.as_ref().map_or(&[], |found| &found.shards)
    }
}

pub(super) struct Walk<'a> {
    inner: &'a Inner,
    inventory: &'a dyn Inventory,
    kind: BlobKind,
    recorded: Side<StoredBlob>,
    found: Side<FoundBlob>,
    /// Members that did not answer, and why.
    pub(super) unreachable: BTreeMap<MemberId, String>,
    /// Names that are no shards, to be taken by the caller.
    pub(super) strange: Vec<StrangeBlob>,
}

struct Side<T> {
    page: VecDeque<T>,
    after: Option<String>,
    more: bool,
}

impl<T> Side<T> {
    fn new(after: Option<String>) -> Self {
        Self {
            page: VecDeque::new(),
            after,
            more: true,
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        inventory: &'a dyn Inventory,
        kind: BlobKind,
        after: Option<String>,
    ) -> Self {
        let (recorded, found) = (Side::new(after.clone()), Side::new(after));
        let (unreachable, strange) = (BTreeMap::new(), Vec::new());
        Self {
            inner,
            inventory,
            kind,
            recorded,
            found,
            unreachable,
            strange,
        }
    }

    /// The next blob of either side.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>> {
        self.fill().await?;
        let recorded = self.recorded.page.front().map(|blob| &blob.id);
        let found = self.found.page.front().map(|blob| &blob.id);
        let (take_recorded, take_found) = match (recorded, found) {
            (None, None) => return Ok(None),
            (Some(recorded), Some(found)) => (recorded <= found, found <= recorded),
            (recorded, found) => (recorded.is_some(), found.is_some()),
        };
        Ok(Some(Entry {
            recorded: if take_recorded {
                self.recorded.page.pop_front()
            } else {
                None
            },
            found: if take_found {
                self.found.page.pop_front()
            } else {
                None
            },
        }))
    }

    /// What is recorded is read first: a blob that comes between is young, and not a loss.
    async fn fill(&mut self) -> Result<()> {
        while self.recorded.page.is_empty() && self.recorded.more {
            let side = &mut self.recorded;
            let page = self
                .inventory
                .page(self.kind, side.after.as_deref(), PAGE)
                .await?;
            side.more = page.len() >= PAGE;
            side.after = page
                .last()
                .map(|blob| blob.id.name().to_owned())
                .or(side.after.take());
            side.page.extend(page);
        }
        while self.found.page.is_empty() && self.found.more {
            let side = &mut self.found;
            let page = self
                .inner
                .found(self.kind, side.after.as_deref(), PAGE)
                .await?;
            let last = page.blobs.last().map(|blob| blob.id.name().to_owned());
            side.more = page.more && last.is_some();
            side.after = last.or(side.after.take());
            side.page.extend(page.blobs);
            self.strange.extend(page.strange);
            for silent in page.unreachable {
                self.unreachable
                    .entry(silent.member)
                    .or_insert(silent.error.to_string());
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// What is recorded under an id by now.
    pub(super) async fn recorded_now(&self, id: &BlobId) -> Result<Option<StoredBlob>> {
        self.inventory.get(id).await
    }
}
