//! check: are all shards listed where they should be, in the right length? Reads no data.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::examine::ShardState;
use super::walk::{Entry, Walk};
use super::{CheckOptions, Finding, Inventory, Pass, Reporter, Summary, kinds_from};
use crate::array::Inner;
use crate::{Array, MemberId, Result, StoredBlob};

impl Array {
    /// Compares what members list with what is recorded.
    pub async fn check(
        &self,
        inventory: &dyn Inventory,
        report: &dyn Reporter,
        options: CheckOptions,
    ) -> Result<Summary> {
        let inner = &*self.inner;
        let mut pass = Pass::new(report);
        let mut silent = BTreeMap::new();
        'kinds: for (kind, after) in kinds_from(None) {
            let mut walk = Walk::new(inner, inventory, kind, after);
            while let Some(entry) = walk.next().await? {
                inner.report_strange(&mut walk, &mut pass, options);
                report_silent(inner, &walk.unreachable, &mut silent, &mut pass);
                if inner.check_entry(&entry, &walk, &mut pass, options).await? {
                    break 'kinds;
                }
            }
            inner.report_strange(&mut walk, &mut pass, options);
            report_silent(inner, &walk.unreachable, &mut silent, &mut pass);
        }
        Ok(pass.finish())
    }
}

/// Reports each member that does not answer once.
pub(super) fn report_silent(
    inner: &Inner,
    unreachable: &BTreeMap<MemberId, String>,
    reported: &mut BTreeMap<MemberId, String>,
    pass: &mut Pass<'_>,
) {
    for (&member, error) in unreachable {
        if reported.insert(member, error.clone()).is_none() {
            let (provider, error) = (inner.name_of(member), error.clone());
            pass.find(&Finding::Unreachable {
                member,
                provider,
                error,
            });
        }
    }
}

impl Inner {
    /// Checks one blob; true when the pass should stop.
    async fn check_entry(
        &self,
        entry: &Entry,
        walk: &Walk<'_>,
        pass: &mut Pass<'_>,
        options: CheckOptions,
    ) -> Result<bool> {
        self.report_orphans(entry, walk, pass, options).await?;
        let Some(blob) = &entry.recorded else {
            return Ok(false);
        };
        let mut states = self.judge(blob, entry, &walk.unreachable).await;
        if states
            .iter()
            .any(|state| matches!(state, ShardState::Bad(_)))
        {
            // It may have been deleted or repaired since the page was read.
            match walk.recorded_now(&blob.id).await? {
                None => return Ok(false),
                Some(now) if now.placement != blob.placement => {
                    states = self.judge(&now, entry, &walk.unreachable).await;
                }
                Some(_) => {}
            }
        }
        report_states(blob, &states, pass);
        Ok(pass.done(&blob.id, 0))
    }

    /// Reports what members have of a blob beyond what is recorded.
    async fn report_orphans(
        &self,
        entry: &Entry,
        walk: &Walk<'_>,
        pass: &mut Pass<'_>,
        options: CheckOptions,
    ) -> Result<()> {
        let Some(found) = &entry.found else {
            return Ok(());
        };
        let placement = entry.recorded.as_ref().map(|blob| &blob.placement);
        let known = |index: u8, member: MemberId| {
            // A shard without a member is one that came late: repair takes it.
            placement.is_some_and(|place| place.get(index).is_none_or(|at| at == member))
        };
        let mut stray = found
            .shards
            .iter()
            .filter(|shard| !known(shard.index, shard.member) && is_old(shard.modified, options));
        let Some(first) = stray.next() else {
            return Ok(());
        };
        // It may have been recorded or repaired since the page was read.
        if let Some(now) = walk.recorded_now(&found.id).await?
            && (entry.recorded.is_none() || now.placement.get(first.index) == Some(first.member))
        {
            return Ok(());
        }
        for shard in std::iter::once(first).chain(stray) {
            let name = found.id.shard_name(shard.index)?.to_string();
            let (member, len, modified) = (shard.member, shard.len, shard.modified);
            let provider = self.name_of(member);
            pass.find(&Finding::Orphan {
                name,
                member,
                provider,
                len,
                modified,
            });
        }
        Ok(())
    }

    fn report_strange(&self, walk: &mut Walk<'_>, pass: &mut Pass<'_>, options: CheckOptions) {
        for strange in walk.strange.drain(..) {
            let (member, info) = (strange.member, strange.info);
            if is_old(info.modified, options) {
                let (name, provider) = (info.name.to_string(), self.name_of(member));
                let (len, modified) = (info.len, info.modified);
                pass.find(&Finding::Orphan {
                    name,
                    member,
                    provider,
                    len,
                    modified,
                });
            }
        }
    }
}

/// Reports bad shards, and the blob when too few others are left.
pub(super) fn report_states(blob: &StoredBlob, states: &[ShardState], pass: &mut Pass<'_>) {
    let mut hope = 0;
    for state in states {
        match state {
            ShardState::Bad(finding) => pass.find(finding),
            ShardState::Good | ShardState::Unknown => hope += 1,
        }
    }
    if hope < usize::from(blob.layout.data()) {
        pass.find(&Finding::Lost {
            id: blob.id.clone(),
        });
    }
}

/// True when something is old enough to be no put under way.
fn is_old(modified: Option<SystemTime>, options: CheckOptions) -> bool {
    let age = modified.map(|modified| SystemTime::now().duration_since(modified));
    age.is_none_or(|age| age.unwrap_or_default() >= options.orphan_age_min)
}
