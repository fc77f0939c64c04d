//! References: how often each account's versions and parts name a block in an array.
//!
//! Counts are per account, so that de-duplication never tells one account what another stores, and per
//! array, so that each array holds what its own objects need. A block that no account refers to in an
//! array is garbage there. A list node that a holder refers to no more is queued in `released`: the
//! collector drops the references of its children.
//!
//! Promises: `drop_refs` with the ids that were given to `add_refs` restores every count.
//! Does not: walk trees; the caller adds the children of the nodes that `add_refs` calls new.

use std::collections::HashMap;

use dolium_block::BlockId;

use crate::rows::AccountId;
use crate::rows::id_list::{exact_chunks, placeholders, tally, with_ids};
use crate::table::record;
use crate::value::{Fields, Val, params};
use crate::{ReadTx, Result, WriteTx};

/// Who refers to blocks: the versions and parts of an account that are kept in one array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account: AccountId,
    /// The array.
    pub array: String,
}

record! {
    /// A node whose children a holder is to release.
    pub struct ReleasedRow in "released" {
        /// The account.
        account_id: AccountId,
        /// The array.
        array_name: String,
        /// The node.
        block_id: BlockId,
        /// How often its children's references are to be dropped.
        times: i64,
    }
    key 3;
}

impl Holder {
    /// The account and the array, as the first two parameters of a statement.
    fn params(&self) -> Vec<Val> {
        params![self.account, self.array.clone()].to_vec()
    }
}

impl ReleasedRow {
    /// Who is to release the children.
    pub fn holder(&self) -> Holder {
        Holder {
            account: self.account_id,
            array: self.array_name.clone(),
        }
    }
}

/// What adding references found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddedRefs {
    /// Blocks that are not known. When there are any, nothing was added.
    pub missing: Vec<BlockId>,
    /// Nodes that the holder did not refer to before: their children's references are to be added.
    pub new_nodes: Vec<BlockId>,
}

/// A block as reference counting sees it.
struct Counted {
    is_node: bool,
    unreferenced: bool,
    /// The holder's count; 0 when it has none.
    refs: i64,
}

impl ReadTx<'_> {
    /// For each block, whether the holder refers to it.
    pub fn has_blocks(&mut self, holder: &Holder, ids: &[BlockId]) -> Result<Vec<bool>> {
        let counted = self.counted(holder, ids)?;
        Ok(ids
            .iter()
            .map(|id| counted.get(id).is_some_and(|block| block.refs > 0))
            .collect())
    }

    /// A page of nodes whose children are to be released.
    pub fn released(&mut self, limit: i64) -> Result<Vec<ReleasedRow>> {
        self.many(
            "ORDER BY account_id, array_name, block_id LIMIT $1",
            params![limit],
        )
    }

    fn counted(&mut self, holder: &Holder, ids: &[BlockId]) -> Result<HashMap<BlockId, Counted>> {
        let mut counted = HashMap::with_capacity(ids.len());
        for chunk in exact_chunks(ids) {
            let sql = format!(
                "SELECT b.id, b.is_node, b.unref_at, r.refs FROM block b LEFT JOIN block_ref r \
                 ON r.block_id = b.id AND r.account_id = $1 AND r.array_name = $2 \
                 WHERE b.id IN ({}) AND b.array_name = $2",
                placeholders(2, chunk.len())
            );
            for row in self.rows(&sql, &with_ids(&holder.params(), chunk))? {
                let mut fields = Fields::new("block", row);
                let id = fields.next()?;
                let is_node = fields.next()?;
                let unreferenced = fields.next::<Option<i64>>()?.is_some();
                let refs = fields.next::<Option<i64>>()?.unwrap_or(0);
                counted.insert(
                    id,
                    Counted {
                        is_node,
                        unreferenced,
                        refs,
                    },
                );
            }
        }
        Ok(counted)
    }
}

impl WriteTx<'_> {
    /// Adds one reference of the holder for each id (an id that occurs twice, two).
    pub fn add_refs(&mut self, holder: &Holder, ids: &[BlockId]) -> Result<AddedRefs> {
        let tally = tally(ids);
        let unique: Vec<BlockId> = tally.keys().copied().collect();
        let counted = self.counted(holder, &unique)?;
        let missing: Vec<BlockId> = unique
            .iter()
            .filter(|id| !counted.contains_key(id))
            .copied()
            .collect();
        if !missing.is_empty() {
            return Ok(AddedRefs {
                missing,
                new_nodes: Vec::new(),
            });
        }
        let counts: Vec<(BlockId, i64)> = tally.into_iter().collect();
        self.add_counts(holder, &counts)?;
        let select = |test: fn(&Counted) -> bool| -> Vec<BlockId> {
            unique
                .iter()
                .filter(|id| counted.get(id).is_some_and(test))
                .copied()
                .collect()
        };
        self.clear_unreferenced(holder, &select(|block| block.unreferenced))?;
        let new_nodes = select(|block| block.is_node && block.refs == 0);
        Ok(AddedRefs { missing, new_nodes })
    }

    fn add_counts(&mut self, holder: &Holder, counts: &[(BlockId, i64)]) -> Result<()> {
        for chunk in exact_chunks(counts) {
            let tuples: Vec<String> = (0..chunk.len())
                .map(|at| format!("(${}, $1, $2, ${})", 2 * at + 3, 2 * at + 4))
                .collect();
            let sql = format!(
                "INSERT INTO block_ref (block_id, account_id, array_name, refs) VALUES {} \
                 ON CONFLICT (block_id, account_id, array_name) \
                 DO UPDATE SET refs = block_ref.refs + excluded.refs",
                tuples.join(", ")
            );
            let mut params = holder.params();
            params.extend(
                chunk
                    .iter()
                    .flat_map(|(id, refs)| params![*id, *refs].to_vec()),
            );
            self.execute(&sql, &params)?;
        }
        Ok(())
    }

    fn clear_unreferenced(&mut self, holder: &Holder, ids: &[BlockId]) -> Result<()> {
        for chunk in exact_chunks(ids) {
            let list = placeholders(1, chunk.len());
            let sql = format!(
                "UPDATE block SET unref_at = NULL WHERE id IN ({list}) AND array_name = $1"
            );
            self.execute(&sql, &with_ids(params![holder.array.clone()], chunk))?;
        }
        Ok(())
    }

    /// Drops one reference of the holder for each id (an id that occurs twice, two).
    ///
    /// A reference that does not exist is logged and passed over: refusing would make what holds it
    /// undeletable.
    pub fn drop_refs(&mut self, holder: &Holder, ids: &[BlockId], now: i64) -> Result<()> {
        let tally = tally(ids);
        let unique: Vec<BlockId> = tally.keys().copied().collect();
        let counted = self.counted(holder, &unique)?;
        let mut gone = Vec::new();
        for (id, times) in tally {
            let Some(block) = counted.get(&id).filter(|block| block.refs >= times) else {
                tracing::error!(block = %id, ?holder, times, "dropped a reference never counted");
                if counted.get(&id).is_some_and(|block| block.refs > 0) {
                    gone.push(id);
                }
                continue;
            };
            if block.refs == times {
                gone.push(id);
            } else {
                let sql = "UPDATE block_ref SET refs = refs - $4 \
                           WHERE account_id = $1 AND array_name = $2 AND block_id = $3";
                self.execute(sql, &[&holder.params()[..], params![id, times]].concat())?;
            }
        }
        self.drop_last_refs(holder, &gone, now)?;
        for id in gone
            .iter()
            .filter(|id| counted.get(id).is_some_and(|block| block.is_node))
        {
            self.add_released(holder, *id)?;
        }
        Ok(())
    }

    /// Removes the holder's counts, and starts the waiting time of blocks that no other has.
    fn drop_last_refs(&mut self, holder: &Holder, ids: &[BlockId], now: i64) -> Result<()> {
        for chunk in exact_chunks(ids) {
            let list = placeholders(2, chunk.len());
            let delete = format!(
                "DELETE FROM block_ref WHERE account_id = $1 AND array_name = $2 \
                 AND block_id IN ({list})"
            );
            self.execute(&delete, &with_ids(&holder.params(), chunk))?;
            let start = format!(
                "UPDATE block SET unref_at = $1 WHERE id IN ({list}) AND array_name = $2 \
                 AND NOT EXISTS (SELECT 1 FROM block_ref r WHERE r.block_id = block.id \
                 AND r.array_name = $2)"
            );
            self.execute(&start, &with_ids(params![now, holder.array.clone()], chunk))?;
        }
        Ok(())
    }

    fn add_released(&mut self, holder: &Holder, id: BlockId) -> Result<()> {
        let sql = "INSERT INTO released (account_id, array_name, block_id, times) \
                   VALUES ($1, $2, $3, 1) ON CONFLICT (account_id, array_name, block_id) \
                   DO UPDATE SET times = released.times + 1";
        let params = [&holder.params()[..], params![id]].concat();
        self.execute(sql, &params).map(drop)
    }

    /// Takes back `row.times` releases of a node, after the references of its children were dropped
    /// as often.
    pub fn finish_release(&mut self, row: &ReleasedRow) -> Result<()> {
        let holder = row.holder();
        let key = [&holder.params()[..], params![row.block_id]].concat();
        let update = "UPDATE released SET times = times - $4 \
                      WHERE account_id = $1 AND array_name = $2 AND block_id = $3";
        self.execute(update, &[&key[..], params![row.times]].concat())?;
        let delete = "DELETE FROM released \
                      WHERE account_id = $1 AND array_name = $2 AND block_id = $3 AND times <= 0";
        self.execute(delete, &key).map(drop)
    }
}
