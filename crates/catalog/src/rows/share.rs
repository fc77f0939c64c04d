//! Shares: what the owner of an object lets others do with its path and, while it is a directory, with the
//! paths below it. One row for each grantee.
//!
//! A grantee is the name of an account, which stands for its owners; `account!user` for who only belongs to
//! an account; `account:group`; or `*` for every user. No account that has users has a name with `!`, `:`
//! or `*`, so these cannot be taken for each other.
//!
//! Promises: counted in the container's state; every question is a seek in one of two indices.
//! Does not: say what a share means (`store` does).

use crate::rows::container_state::StateDelta;
use crate::rows::{AccountId, ContainerId};
use crate::table::record;
use crate::value::{Field, Fields, Val, params};
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A share's row.
    pub struct ShareRow in "share" {
        /// The container.
        container_id: ContainerId,
        /// The path that is shared.
        path: Vec<u8>,
        /// With whom.
        grantee: String,
        /// The name of the account that the container is in.
        owner: String,
        /// Whether the grantee may write, and not only read.
        writes: bool,
    }
    key 3;
    journal 16;
}

/// The grantee that a user is who only belongs to an account, by the user's login.
pub fn member_grantee(login: &str) -> String {
    login.replacen(':', "!", 1)
}

impl ReadTx<'_> {
    /// The shares of a path, in the order of the grantees.
    pub fn shares(&mut self, container: ContainerId, path: &[u8]) -> Result<Vec<ShareRow>> {
        let tail = "WHERE container_id = $1 AND path = $2 ORDER BY grantee";
        self.many(tail, params![container, path.to_vec()])
    }

    /// The first path from this one on that is shared.
    pub fn next_shared_path(
        &mut self,
        container: ContainerId,
        from: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT path FROM share WHERE container_id = $1 AND path >= $2 \
                   ORDER BY path LIMIT 1";
        self.first(sql, params![container, from.to_vec()])
    }

    /// The last path up to this one that is shared.
    pub fn last_shared_path(
        &mut self,
        container: ContainerId,
        upto: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT path FROM share WHERE container_id = $1 AND path <= $2 \
                   ORDER BY path DESC LIMIT 1";
        self.first(sql, params![container, upto.to_vec()])
    }

    /// The first path from this one on that a grantee is named for.
    pub fn next_granted_path(
        &mut self,
        grantee: &str,
        owner: &str,
        container: ContainerId,
        from: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT path FROM share WHERE grantee = $1 AND owner = $2 \
                   AND container_id = $3 AND path >= $4 ORDER BY path LIMIT 1";
        let (grantee, owner) = (grantee.to_owned(), owner.to_owned());
        self.first(sql, params![grantee, owner, container, from.to_vec()])
    }

    /// The first account behind this name that shares something with a grantee.
    pub fn next_sharing_account(&mut self, grantee: &str, after: &str) -> Result<Option<String>> {
        let sql = "SELECT owner FROM share WHERE grantee = $1 AND owner > $2 \
                   ORDER BY owner LIMIT 1";
        self.first(sql, params![grantee.to_owned(), after.to_owned()])
    }

    /// The first container of an account behind this id in which something is shared with a grantee.
    pub fn next_sharing_container(
        &mut self,
        grantee: &str,
        owner: &str,
        after: ContainerId,
    ) -> Result<Option<ContainerId>> {
        let sql = "SELECT container_id FROM share WHERE grantee = $1 AND owner = $2 \
                   AND container_id > $3 ORDER BY container_id LIMIT 1";
        self.first(sql, params![grantee.to_owned(), owner.to_owned(), after])
    }

    /// The only column of the first row.
    pub(crate) fn first<T: Field>(&mut self, sql: &str, params: &[Val]) -> Result<Option<T>> {
        let row = self.rows(sql, params)?.into_iter().next();
        row.map(|row| Fields::new("share", row).next()).transpose()
    }
}

impl WriteTx<'_> {
    /// Replaces the shares of a path: grantees, and whether each writes.
    pub fn set_shares(
        &mut self,
        container: ContainerId,
        owner: &str,
        path: &[u8],
        grants: &[(String, bool)],
    ) -> Result<()> {
        for old in self.shares(container, path)? {
            if !grants.iter().any(|(grantee, _)| *grantee == old.grantee) {
                self.delete_share(&old)?;
            }
        }
        let there = self.shares(container, path)?;
        for (grantee, writes) in grants {
            let row = ShareRow {
                container_id: container,
                path: path.to_vec(),
                grantee: grantee.clone(),
                owner: owner.to_owned(),
                writes: *writes,
            };
            if there.contains(&row) {
                continue;
            }
            let is_new = !there.iter().any(|old| old.grantee == *grantee);
            self.put_row(&row)?;
            if is_new {
                self.count_shares(container, 1)?;
            }
        }
        Ok(())
    }

    fn delete_share(&mut self, row: &ShareRow) -> Result<()> {
        let key = params![row.container_id, row.path, row.grantee].to_vec();
        if self.delete_row::<ShareRow>(&key)? {
            self.count_shares(row.container_id, -1)?;
        }
        Ok(())
    }

    pub(crate) fn count_shares(&mut self, container: ContainerId, by: i64) -> Result<()> {
        let delta = StateDelta {
            shares: by,
            ..StateDelta::default()
        };
        self.add_to_state(container, delta)
    }

    /// Drops what is shared of a path, and its public link.
    pub fn forget_shares(&mut self, container: ContainerId, path: &[u8]) -> Result<()> {
        self.set_shares(container, "", path, &[])?;
        self.delete_public_link(container, path).map(drop)
    }

    /// Drops all shares and public links of a container.
    pub(crate) fn forget_all_shares(&mut self, container: ContainerId) -> Result<()> {
        while let Some(path) = self.next_shared_path(container, b"")? {
            self.set_shares(container, "", &path, &[])?;
        }
        while let Some(path) = self.next_public_path(container, b"")? {
            self.delete_public_link(container, &path)?;
        }
        Ok(())
    }

    /// Drops what is shared with a grantee and its place in groups: somebody else may get the name.
    pub(crate) fn forget_grantee(&mut self, grantee: &str) -> Result<()> {
        let shares: Vec<ShareRow> = self.many("WHERE grantee = $1", params![grantee.to_owned()])?;
        for share in shares {
            self.delete_share(&share)?;
        }
        self.leave_groups(grantee)
    }

    /// Drops the groups of an account that goes, and what is shared with them, with its owners and with who
    /// belongs to it.
    pub(crate) fn forget_account_shares(&mut self, account: AccountId, name: &str) -> Result<()> {
        self.set_groups(account, &Default::default())?;
        self.forget_grantee(name)?;
        for (mark, next) in [(':', ';'), ('!', '"')] {
            let range = params![format!("{name}{mark}"), format!("{name}{next}")].to_vec();
            let shares: Vec<ShareRow> =
                self.many("WHERE grantee >= $1 AND grantee < $2", &range)?;
            for share in shares {
                self.delete_share(&share)?;
            }
        }
        Ok(())
    }
}
