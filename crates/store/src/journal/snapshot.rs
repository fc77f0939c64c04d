//! Snapshots: all journaled rows, so that recovery need not replay history from its beginning.
//!
//! Rows are read page by page while writes go on. That is enough: every entry since the snapshot began
//! is replayed over it, and entries hold whole rows.
//!
//! Promises: of each point at most one snapshot is begun, so that parts of two, read at different times, never
//! stand beside each other under one name. What one that was cut short left goes with the next.

use dolium_array::{BlobId, BlobKind, StoredBlob};
use dolium_catalog::{
    BlobKind as RowKind, BlobRow, BlobState, Change, Entry, Op, TableDef, Val, journaled_tables,
};
use dolium_provider::Payload;

use super::merge::Merger;
use super::{SnapshotPart, parse_batch_name, parse_snapshot_name};
use crate::blobs::{blob_row, stored_blob};
use crate::several::Fence;
use crate::{Error, Result};

/// Rows read at a time.
const PAGE_ROWS: usize = 500;
/// A part is written once it holds so many bytes.
const PART_LEN: usize = 8 << 20;
/// Records looked at by one page.
const RECORDS_PAGE: i64 = 1000;
/// The key of `meta` that keeps the point of the last snapshot that was begun.
const BEGUN: &str = "journal_snapshot";

/// The part being filled.
struct Filling {
    entry: Entry,
    len: usize,
    number: u32,
}

impl Merger {
    /// Writes a snapshot of everything up to the base, then removes what it replaces.
    pub(super) async fn snapshot(&mut self, fence: &Fence) -> Result<()> {
        if !self.begin(fence.clone()).await? {
            return Ok(());
        }
        let mut part = Filling {
            entry: Entry::default(),
            len: 0,
            number: 0,
        };
        for table in journaled_tables() {
            self.dump_table(table, &mut part, fence).await?;
        }
        self.write_part(&mut part, true, fence).await?;
        tracing::info!(
            seq = self.base.seq,
            parts = part.number,
            "a snapshot was written"
        );
        self.remove_replaced(fence).await
    }

    /// Notes that a snapshot of this point is begun; false when one was before.
    async fn begin(&self, fence: Fence) -> Result<bool> {
        let seq = self.base.seq;
        let begun = self.desk.catalog.write(move |tx| {
            fence.check(tx)?;
            let last = tx.meta(BEGUN)?;
            let last = last.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
            if last.is_some_and(|last| last >= seq) {
                return Ok(false);
            }
            tx.set_meta(BEGUN, &seq.to_be_bytes())?;
            Ok::<_, Error>(true)
        });
        Ok(begun.await?.value)
    }

    async fn dump_table(
        &self,
        table: &'static TableDef,
        part: &mut Filling,
        fence: &Fence,
    ) -> Result<()> {
        let Some(id) = table.journal_id else {
            return Ok(());
        };
        let mut after: Option<Vec<Val>> = None;
        loop {
            let from = after.take();
            let rows = self
                .desk
                .catalog
                .read(move |tx| tx.dump(id, from.as_deref(), PAGE_ROWS))
                .await;
            let rows = rows.map_err(Error::from)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = Some(last[..table.key_len].to_vec());
            for values in rows {
                part.len += values.iter().map(val_len).sum::<usize>();
                part.entry.changes.push(Change {
                    table: id,
                    op: Op::Put,
                    values,
                });
            }
            if part.len >= PART_LEN {
                self.write_part(part, false, fence).await?;
            }
        }
    }

    async fn write_part(&self, part: &mut Filling, is_last: bool, fence: &Fence) -> Result<()> {
        let sealed = SnapshotPart {
            seq: self.base.seq,
            chain: self.base.chain,
            number: part.number,
            is_last,
            rows: std::mem::take(&mut part.entry).encode(),
        };
        let id = BlobId::new(BlobKind::Snapshot, sealed.name())?;
        let body = Payload::from(sealed.seal(&self.desk.key)?);
        let blob = self.desk.array.put(&id, body).await?;
        let row = blob_row(self.desk.array.name(), &blob);
        let fence = fence.clone();
        self.desk
            .catalog
            .write(move |tx| {
                fence.check(tx)?;
                tx.insert_blob(&row)
            })
            .await
            .map_err(Error::from)?;
        part.number += 1;
        part.len = 0;
        Ok(())
    }

    /// Removes segments and snapshots that the present snapshot replaces: marked first, so that nobody takes
    /// what is being removed for lost.
    async fn remove_replaced(&self, fence: &Fence) -> Result<()> {
        let base = self.base.seq;
        let mut replaced: Vec<(RowKind, String)> = Vec::new();
        for row in self.records(RowKind::Journal).await? {
            if parse_batch_name(&row.name).is_some_and(|(_, last)| last <= base) {
                replaced.push((RowKind::Journal, row.name));
            }
        }
        for row in self.records(RowKind::Snapshot).await? {
            if parse_snapshot_name(&row.name).is_some_and(|(seq, _)| seq < base) {
                replaced.push((RowKind::Snapshot, row.name));
            }
        }
        let (array, fence) = (self.desk.array.name().to_owned(), fence.clone());
        let marked = self.desk.catalog.write(move |tx| {
            fence.check(tx)?;
            for (kind, name) in &replaced {
                tx.set_blob_state(&array, *kind, name, BlobState::Dying)?;
            }
            Ok::<_, Error>(())
        });
        marked.await?;
        self.finish_dying().await
    }

    /// Removes what was marked, also by a server that was killed then: the bytes first, then the record.
    pub(super) async fn finish_dying(&self) -> Result<()> {
        for kind in [RowKind::Journal, RowKind::Snapshot] {
            let rows = self.records(kind).await?;
            for row in rows.iter().filter(|row| row.state == BlobState::Dying) {
                if !self.forget(kind, stored_blob(row)?).await? {
                    // A member is away: the others would fail as well.
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn records(&self, kind: RowKind) -> Result<Vec<BlobRow>> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let (array, from) = (self.desk.array.name().to_owned(), after.take());
            let page = self
                .desk
                .catalog
                .read(move |tx| tx.blobs(&array, kind, from.as_deref(), RECORDS_PAGE));
            let page = page.await.map_err(Error::from)?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after = Some(last.name.clone());
            all.extend(page);
        }
    }

    /// Removes a marked blob, its bytes before its record: a crash in between leaves a marked record of
    /// nothing, which the next merge removes. False when the bytes could not be removed everywhere.
    async fn forget(&self, kind: RowKind, blob: StoredBlob) -> Result<bool> {
        if let Err(error) = self.desk.array.delete(&blob).await {
            tracing::warn!(blob = %blob.id, %error, "a replaced journal blob could not be removed");
            return Ok(false);
        }
        let (array, name) = (self.desk.array.name().to_owned(), blob.id.name().to_owned());
        let gone = self
            .desk
            .catalog
            .write(move |tx| tx.delete_blob(&array, kind, &name));
        gone.await.map_err(Error::from)?;
        Ok(true)
    }
}

fn val_len(val: &Val) -> usize {
    match val {
        Val::Null | Val::Int(_) => 8,
        Val::Text(text) => text.len(),
        Val::Blob(bytes) => bytes.len(),
    }
}
