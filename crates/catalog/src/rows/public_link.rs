//! Public links: random words under which objects are open to everybody.

use crate::rows::ContainerId;
use crate::table::record;
use crate::value::params;
use crate::{Error, ReadTx, Result, WriteTx};

record! {
    /// A link's row.
    pub struct PublicLinkRow in "public_link" {
        /// The word.
        word: String,
        /// The container.
        container_id: ContainerId,
        /// The path that the word stands for.
        path: Vec<u8>,
    }
    key 1;
    journal 17;
    unique [1, 2];
}

impl ReadTx<'_> {
    /// What a word stands for.
    pub fn public_link(&mut self, word: &str) -> Result<Option<PublicLinkRow>> {
        self.one("WHERE word = $1", params![word.to_owned()])
    }

    /// The link to a path.
    pub fn public_link_to(
        &mut self,
        container: ContainerId,
        path: &[u8],
    ) -> Result<Option<PublicLinkRow>> {
        let tail = "WHERE container_id = $1 AND path = $2";
        self.one(tail, params![container, path.to_vec()])
    }

    /// The first path from this one on that has a link.
    pub fn next_public_path(
        &mut self,
        container: ContainerId,
        from: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT path FROM public_link WHERE container_id = $1 AND path >= $2 \
                   ORDER BY path LIMIT 1";
        self.first(sql, params![container, from.to_vec()])
    }
}

impl WriteTx<'_> {
    /// Gives a path a link; neither the word nor the path may have one.
    pub fn create_public_link(&mut self, row: &PublicLinkRow) -> Result<()> {
        let taken = self.public_link(&row.word)?.is_some()
            || self.public_link_to(row.container_id, &row.path)?.is_some();
        if taken {
            let context = "a public link of this word or path";
            return Err(Error::already_exists("create_public_link", context));
        }
        self.put_row(row)?;
        self.count_shares(row.container_id, 1)
    }

    /// Takes a path's link away, and says whether there was one.
    pub fn delete_public_link(&mut self, container: ContainerId, path: &[u8]) -> Result<bool> {
        let Some(row) = self.public_link_to(container, path)? else {
            return Ok(false);
        };
        self.delete_row::<PublicLinkRow>(params![row.word])?;
        self.count_shares(container, -1)?;
        Ok(true)
    }
}
