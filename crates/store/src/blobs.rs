//! Blob records: the catalog's row of a blob and the array's view of it, translated both ways.

use std::time::SystemTime;

use dolium_array::{BlobId, BlobKind, Coding, FoundBlob, Layout, Placement, StoredBlob};
use dolium_block::{PackEntry, PackId};
use dolium_catalog::{BlobKind as RowKind, BlobRow, BlobState, BlockRow};

use crate::clock::now;
use crate::{Error, ErrorKind, Result};

/// The catalog's word for a kind of blob.
pub(crate) fn row_kind(kind: BlobKind) -> RowKind {
    match kind {
        BlobKind::Pack => RowKind::Pack,
        BlobKind::Journal => RowKind::Journal,
        BlobKind::Snapshot => RowKind::Snapshot,
    }
}

fn array_kind(kind: RowKind) -> BlobKind {
    match kind {
        RowKind::Pack => BlobKind::Pack,
        RowKind::Journal => BlobKind::Journal,
        RowKind::Snapshot => BlobKind::Snapshot,
    }
}

/// The record of a blob that was just written.
pub(crate) fn blob_row(array: &str, blob: &StoredBlob) -> BlobRow {
    BlobRow {
        array_name: array.to_owned(),
        kind: row_kind(blob.id.kind()),
        name: blob.id.name().to_owned(),
        len: blob.len as i64,
        layout: blob.coding.record(blob.layout),
        placement: blob.placement.encode(),
        state: BlobState::Live,
        created: now().0,
    }
}

/// The place of a block in a pack of an array, as the pack's index has it. `unref_at` says since when nothing refers
/// to it, if nothing does.
pub(crate) fn block_row(
    array: &str,
    pack: PackId,
    entry: &PackEntry,
    unref_at: Option<i64>,
) -> BlockRow {
    BlockRow {
        id: entry.id,
        array_name: array.to_owned(),
        pack,
        start: entry.offset.into(),
        sealed_len: entry.sealed_len.into(),
        len: entry.len.into(),
        codec: entry.codec as i64,
        is_node: entry.is_node,
        unref_at,
    }
}

/// What the array needs to read a recorded blob.
pub(crate) fn stored_blob(row: &BlobRow) -> Result<StoredBlob> {
    let (layout, coding) = Coding::parse_record(&row.layout).map_err(|_| {
        Error::new(
            ErrorKind::Corrupt,
            format!("blob {} has the unknown layout {:?}", row.name, row.layout),
        )
    })?;
    Ok(StoredBlob {
        id: BlobId::new(array_kind(row.kind), row.name.clone())?,
        len: row.len as u64,
        layout,
        coding,
        placement: Placement::decode(&row.placement)?,
    })
}

/// A blob that only listings know, good enough to be deleted: where its shards were seen.
pub(crate) fn seen_blob(found: &FoundBlob, layout: Layout) -> StoredBlob {
    let count = found
        .shards
        .iter()
        .map(|shard| usize::from(shard.index) + 1)
        .max()
        .unwrap_or(0);
    let mut shards = vec![None; count];
    for shard in &found.shards {
        shards[usize::from(shard.index)] = Some(shard.member);
    }
    StoredBlob {
        id: found.id.clone(),
        len: 0,
        layout,
        // Nothing is computed to delete a blob.
        coding: Coding::Cauchy,
        placement: Placement::new(shards),
    }
}

/// When the youngest shard of a found blob was put, if any provider says.
pub(crate) fn youngest(found: &FoundBlob) -> Option<SystemTime> {
    found.shards.iter().filter_map(|shard| shard.modified).max()
}
