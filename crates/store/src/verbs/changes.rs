//! The feed of changes: what happened to the objects of a container, in order, for clients that keep up.
//!
//! Promises: a page is index seeks; whoever goes on from a position that the log does not have any more is
//! told, and never misses a change silently.

use dolium_access::Action;
use dolium_catalog::ChangeKind;

use crate::caller::Caller;
use crate::names::{ContainerName, Instant, ObjectPath, Serial};
use crate::permission::{Target, permitted};
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

/// Changes of one page.
const PAGE_MAX: usize = 10_000;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOf {
    /// A version became its current one.
    Put,
    /// It has no current version any more.
    Delete,
    /// What its current version says of itself changed.
    Update,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    /// What happened.
    pub kind: ChangeOf,
    /// To which path.
    pub path: ObjectPath,
    /// The version concerned.
    pub serial: Serial,
    /// When.
    pub at: Instant,
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The container's number: positions are of one container, not of its name.
    pub container: i64,
    /// Where to go on.
    pub position: i64,
    /// The changes, the oldest first.
    pub changes: Vec<ObjectChange>,
    /// Whether there are more already.
    pub more: bool,
}

impl Store {
    /// The changes behind a position of a container with this number; without one, none, and the position
    /// of now.
    pub async fn changes(
        &self,
        who: &Caller,
        container: &ContainerName,
        after: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<ChangePage> {
        let (who, name) = (who.clone(), container.clone());
        let limit = limit.clamp(1, PAGE_MAX);
        self.look(move |tx| {
            let row = permitted(tx, &who, &name, Action::ListBucket, Target::Container)?;
            let Some((id, position)) = after else {
                let last = tx.last_change(row.id)?;
                return Ok(ChangePage {
                    container: row.id.0,
                    position: last.map_or(0, |change| change.seq),
                    changes: Vec::new(),
                    more: false,
                });
            };
            let known = position == 0 || tx.change(row.id, position)?.is_some();
            if id != row.id.0 || !known {
                let context = "the position is not in the log any more; list the container again";
                return Err(Error::new(ErrorKind::Conflict, context));
            }
            let mut found = tx.changes_after(row.id, position, limit as i64 + 1)?;
            let more = found.len() > limit;
            found.truncate(limit);
            let position = found.last().map_or(position, |change| change.seq);
            let mut changes = Vec::with_capacity(found.len());
            for change in found {
                changes.push(ObjectChange {
                    kind: match change.kind {
                        ChangeKind::Put => ChangeOf::Put,
                        ChangeKind::Delete => ChangeOf::Delete,
                        ChangeKind::Update => ChangeOf::Update,
                    },
                    path: ObjectPath::new(String::from_utf8_lossy(&change.path))?,
                    serial: Serial(change.serial),
                    at: Instant(change.at),
                });
            }
            Ok(ChangePage {
                container: row.id.0,
                position,
                changes,
                more,
            })
        })
        .await
    }
}
