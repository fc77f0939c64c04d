//! Blocks: where their sealed bytes lie, array by array. Rebuilt from the packs' own indices, not journaled.

use std::collections::HashMap;

use dolium_block::{BlockId, PackId};

use crate::rows::id_list::{exact_chunks, placeholders, with_ids};
use crate::rows::{BlobRow, BlobState};
use crate::table::{Record, record};
use crate::value::{Fields, params};
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// A block's row.
    pub struct BlockRow in "block" {
        /// The block.
        id: BlockId,
        /// The array that this place is in; a block has at most one place in each.
        array_name: String,
        /// The pack its sealed bytes are in.
        pack: PackId,
        /// Where in the pack they start.
        start: i64,
        /// How long they are.
        sealed_len: i64,
        /// How long the block is when opened.
        len: i64,
        /// How it was compressed, as `block` numbers it.
        codec: i64,
        /// True for an inner node of a block list.
        is_node: bool,
        /// Since when nothing refers to it there, in microseconds since the epoch; `None` while something
        /// does.
        unref_at: Option<i64>,
    }
    key 2;
}

/// What of a pack is still in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackUsage {
    /// The pack.
    pub pack: PackId,
    /// Blocks located in it.
    pub blocks: i64,
    /// Their sealed bytes.
    pub bytes: i64,
}

impl ReadTx<'_> {
    /// The row of each block in an array, in the order asked for; `None` for a block that has no place there.
    pub fn locate(&mut self, array: &str, ids: &[BlockId]) -> Result<Vec<Option<BlockRow>>> {
        let mut found = HashMap::new();
        for chunk in exact_chunks(ids) {
            let list = placeholders(1, chunk.len());
            let tail = format!("WHERE id IN ({list}) AND array_name = $1");
            let params = with_ids(params![array.to_owned()], chunk);
            let rows = self.many::<BlockRow>(&tail, &params)?;
            found.extend(rows.into_iter().map(|row| (row.id, row)));
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// All places of a block, in the order of the arrays' names.
    pub fn places(&mut self, id: BlockId) -> Result<Vec<BlockRow>> {
        self.many("WHERE id = $1 ORDER BY array_name", params![id])
    }

    /// All blocks located in a pack, in the order of their bytes.
    pub fn pack_blocks(&mut self, pack: PackId) -> Result<Vec<BlockRow>> {
        let mut rows: Vec<BlockRow> = self.many("WHERE pack = $1", params![pack])?;
        rows.sort_by_key(|row| row.start);
        Ok(rows)
    }

    /// What of one pack is still in the catalog; zeros when nothing is.
    pub fn pack_live(&mut self, pack: PackId) -> Result<PackUsage> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(sealed_len), 0) AS BIGINT) \
                   FROM block WHERE pack = $1";
        let [blocks, bytes] = self.integers(sql, params![pack])?.unwrap_or_default();
        Ok(PackUsage {
            pack,
            blocks,
            bytes,
        })
    }

    /// A page of packs that have blocks, with what of each is still in the catalog, in the order of
    /// their ids.
    pub fn pack_usage(&mut self, after: Option<PackId>, limit: i64) -> Result<Vec<PackUsage>> {
        let sql = "SELECT pack, COUNT(*), CAST(SUM(sealed_len) AS BIGINT) FROM block \
                   WHERE pack > $1 GROUP BY pack ORDER BY pack LIMIT $2";
        let after = after.map_or_else(Vec::new, |pack| pack.as_bytes().to_vec());
        let rows = self.rows(sql, params![after, limit])?;
        rows.into_iter()
            .map(|row| {
                let mut fields = Fields::new("pack usage", row);
                Ok(PackUsage {
                    pack: fields.next()?,
                    blocks: fields.next()?,
                    bytes: fields.next()?,
                })
            })
            .collect()
    }

    /// Blocks that nothing has referred to since before `before`, longest first. Nodes whose
    /// children are still to be released are left out: their content is needed for that.
    pub fn garbage(&mut self, before: i64, limit: i64) -> Result<Vec<BlockRow>> {
        let tail = "WHERE unref_at IS NOT NULL AND unref_at < $1 \
                    AND NOT EXISTS (SELECT 1 FROM released d WHERE d.block_id = block.id \
                    AND d.array_name = block.array_name) \
                    ORDER BY unref_at LIMIT $2";
        self.many(tail, params![before, limit])
    }
}

impl WriteTx<'_> {
    /// Notes a pack, unless it is noted already, and its blocks; refused when its bytes are being
    /// removed. A block that has a place in the array keeps it; returns how many had. New blocks should carry `unref_at`, so that they are
    /// collected if nothing refers to them after all.
    pub fn insert_pack_blocks(&mut self, pack: &BlobRow, blocks: &[BlockRow]) -> Result<usize> {
        match self.blob(&pack.array_name, pack.kind, &pack.name)? {
            None => self.insert_blob(pack)?,
            Some(known) if known.state == BlobState::Dying => {
                let context = format!("pack {} is being removed; send the data again", pack.name);
                return Err(Error::unavailable("insert_pack_blocks", context));
            }
            Some(_) => {}
        }
        let table = BlockRow::table();
        let width = table.columns.len();
        let mut inserted = 0;
        for chunk in exact_chunks(blocks) {
            let tuples: Vec<String> = (0..chunk.len())
                .map(|at| format!("({})", placeholders(at * width, width)))
                .collect();
            let sql = format!(
                "INSERT INTO block ({}) VALUES {} ON CONFLICT (id, array_name) DO NOTHING",
                table.sql().columns,
                tuples.join(", ")
            );
            let values: Vec<_> = chunk.iter().flat_map(Record::to_values).collect();
            inserted += self.execute(&sql, &values)?;
        }
        Ok(blocks.len().saturating_sub(inserted as usize))
    }

    /// Restarts the waiting time of blocks in an array that nothing refers to yet, because somebody is about
    /// to. Returns how many there were.
    pub fn touch_unreferenced(&mut self, array: &str, ids: &[BlockId], now: i64) -> Result<u64> {
        let mut touched = 0;
        for chunk in exact_chunks(ids) {
            let sql = format!(
                "UPDATE block SET unref_at = $2 WHERE id IN ({}) AND array_name = $1 \
                 AND unref_at IS NOT NULL",
                placeholders(2, chunk.len())
            );
            touched += self.execute(&sql, &with_ids(params![array.to_owned(), now], chunk))?;
        }
        Ok(touched)
    }

    /// Forgets those places of blocks in an array that are still garbage (see [`ReadTx::garbage`]) and returns
    /// how many were.
    pub fn remove_garbage(&mut self, array: &str, ids: &[BlockId], before: i64) -> Result<u64> {
        let mut removed = 0;
        for chunk in exact_chunks(ids) {
            let sql = format!(
                "DELETE FROM block WHERE id IN ({}) AND array_name = $1 \
                 AND unref_at IS NOT NULL AND unref_at < $2 \
                 AND NOT EXISTS (SELECT 1 FROM block_ref r WHERE r.block_id = block.id \
                 AND r.array_name = block.array_name) \
                 AND NOT EXISTS (SELECT 1 FROM released d WHERE d.block_id = block.id \
                 AND d.array_name = block.array_name)",
                placeholders(2, chunk.len())
            );
            let params = with_ids(params![array.to_owned(), before], chunk);
            removed += self.execute(&sql, &params)?;
        }
        Ok(removed)
    }

    /// Points a block at its copy in another pack, unless it has left `from` meanwhile. Returns
    /// whether it was moved.
    pub fn move_block(&mut self, id: BlockId, from: PackId, to: &BlockRow) -> Result<bool> {
        if id != to.id {
            return Err(Error::conflict(
                "move_block",
                "the copy is of another block",
            ));
        }
        let sql = "UPDATE block SET pack = $3, start = $4, sealed_len = $5, codec = $6 \
                   WHERE id = $1 AND pack = $2";
        let params = params![id, from, to.pack, to.start, to.sealed_len, to.codec];
        Ok(self.execute(sql, params)? > 0)
    }
}
