//! Groups of users, each owned by an account: one row for each member, so a group has at least one.

use std::collections::{BTreeMap, BTreeSet};

use crate::rows::AccountId;
use crate::table::record;
use crate::value::{Fields, params};
use crate::{ReadTx, Result, WriteTx};

record! {
    /// A member's row.
    pub struct GroupMemberRow in "group_member" {
        /// The account that the group is of.
        account_id: AccountId,
        /// The name of the group.
        name: String,
        /// The member, as shares name it.
        member: String,
    }
    key 3;
    journal 18;
}

/// The groups of an account: names and members.
pub type Groups = BTreeMap<String, BTreeSet<String>>;

impl ReadTx<'_> {
    /// The groups of an account.
    pub fn groups(&mut self, account: AccountId) -> Result<Groups> {
        let tail = "WHERE account_id = $1 ORDER BY name, member";
        let rows: Vec<GroupMemberRow> = self.many(tail, params![account])?;
        let mut groups = Groups::new();
        for row in rows {
            groups.entry(row.name).or_default().insert(row.member);
        }
        Ok(groups)
    }

    /// Whether a group of an account has this member.
    pub fn is_in_group(&mut self, account: AccountId, name: &str, member: &str) -> Result<bool> {
        let tail = "WHERE account_id = $1 AND name = $2 AND member = $3";
        let key = params![account, name.to_owned(), member.to_owned()];
        Ok(self.one::<GroupMemberRow>(tail, key)?.is_some())
    }

    /// The groups that somebody is in, each with the name of its account; at most `limit`.
    pub fn groups_of_member(&mut self, member: &str, limit: i64) -> Result<Vec<(String, String)>> {
        let sql = "SELECT a.name, g.name FROM group_member g JOIN account a ON a.id = g.account_id \
                   WHERE g.member = $1 ORDER BY g.account_id, g.name LIMIT $2";
        let rows = self.rows(sql, params![member.to_owned(), limit])?;
        let read = |row| {
            let mut fields = Fields::new("group_member", row);
            Ok((fields.next()?, fields.next()?))
        };
        rows.into_iter().map(read).collect()
    }
}

impl WriteTx<'_> {
    /// Replaces the groups of an account.
    pub fn set_groups(&mut self, account: AccountId, groups: &Groups) -> Result<()> {
        let before = self.groups(account)?;
        let has = |groups: &Groups, name: &str, member: &str| {
            groups.get(name).is_some_and(|group| group.contains(member))
        };
        for (name, member) in pairs(&before) {
            if !has(groups, name, member) {
                let key = params![account, name.clone(), member.clone()].to_vec();
                self.delete_row::<GroupMemberRow>(&key)?;
            }
        }
        for (name, member) in pairs(groups) {
            if !has(&before, name, member) {
                self.put_row(&GroupMemberRow {
                    account_id: account,
                    name: name.clone(),
                    member: member.clone(),
                })?;
            }
        }
        Ok(())
    }

    /// Takes somebody out of all groups.
    pub(crate) fn leave_groups(&mut self, member: &str) -> Result<()> {
        let rows: Vec<GroupMemberRow> =
            self.many("WHERE member = $1", params![member.to_owned()])?;
        for row in rows {
            let key = params![row.account_id, row.name, row.member].to_vec();
            self.delete_row::<GroupMemberRow>(&key)?;
        }
        Ok(())
    }
}

fn pairs(groups: &Groups) -> impl Iterator<Item = (&String, &String)> {
    let of = |(name, members)| std::iter::repeat(name).zip(members);
    groups.iter().flat_map(of)
}
