//! Blocks that an account uploaded by themselves and that a version may name later.
//!
//! They are what says that the account knows the block's content, not only its name. Not journaled: after a
//! recovery clients upload again.

use std::collections::HashMap;

use dolium_block::BlockId;

use crate::rows::AccountId;
use crate::rows::id_list::{exact_chunks, placeholders, with_ids};
use crate::table::record;
use crate::value::{Fields, params};
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A block that an account uploaded.
    pub struct UploadedBlockRow in "uploaded_block" {
        /// The account.
        account_id: AccountId,
        /// The block.
        block_id: BlockId,
        /// How long it is.
        len: i64,
        /// When it was uploaded, in microseconds since the epoch.
        at: i64,
    }
    key 2;
}

impl ReadTx<'_> {
    /// Of the blocks that have a place in an array, those that one of two accounts refers to or uploaded, with their lengths.
    /// Nodes of lists are nobody's.
    pub fn blocks_of(
        &mut self,
        array: &str,
        accounts: [AccountId; 2],
        ids: &[BlockId],
    ) -> Result<HashMap<BlockId, i64>> {
        let mut found = HashMap::with_capacity(ids.len());
        for chunk in exact_chunks(ids) {
            let sql = format!(
                "SELECT b.id, b.len FROM block b WHERE b.id IN ({}) AND b.array_name = $3 AND b.is_node = 0 AND \
                 (EXISTS (SELECT 1 FROM block_ref r WHERE r.block_id = b.id \
                          AND r.account_id IN ($1, $2)) \
                  OR EXISTS (SELECT 1 FROM uploaded_block u WHERE u.block_id = b.id \
                             AND u.account_id IN ($1, $2)))",
                placeholders(3, chunk.len())
            );
            let first = params![accounts[0], accounts[1], array.to_owned()];
            let params = with_ids(first, chunk);
            for row in self.rows(&sql, &params)? {
                let mut fields = Fields::new("block", row);
                found.insert(fields.next()?, fields.next()?);
            }
        }
        Ok(found)
    }

    /// The bytes of all blocks that the account uploaded and no version has named yet.
    pub fn uploaded_bytes(&mut self, account: AccountId) -> Result<i64> {
        let sql = "SELECT CAST(COALESCE(SUM(len), 0) AS BIGINT) FROM uploaded_block \
                   WHERE account_id = $1";
        let [bytes] = self.integers(sql, params![account])?.unwrap_or_default();
        Ok(bytes)
    }
}

impl WriteTx<'_> {
    /// Notes a block that an account uploaded.
    pub fn note_uploaded(&mut self, row: &UploadedBlockRow) -> Result<()> {
        self.put_row(row)
    }

    /// Forgets that the account uploaded these: versions name them now.
    pub fn forget_uploaded(&mut self, account: AccountId, ids: &[BlockId]) -> Result<()> {
        for chunk in exact_chunks(ids) {
            let sql = format!(
                "DELETE FROM uploaded_block WHERE account_id = $1 AND block_id IN ({})",
                placeholders(1, chunk.len())
            );
            self.execute(&sql, &with_ids(params![account], chunk))?;
        }
        Ok(())
    }

    /// Forgets what was uploaded before a moment.
    pub fn forget_uploaded_before(&mut self, before: i64) -> Result<u64> {
        self.execute("DELETE FROM uploaded_block WHERE at < $1", params![before])
    }
}
