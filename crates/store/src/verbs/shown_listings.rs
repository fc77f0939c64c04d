//! Listings of a part of a container: what is shared or public of an owner's, and what others share with
//! the caller.
//!
//! Promises: what the caller may not read is not listed, by no name; cost grows with what is shown and
//! with how many shares there are, not with what is stored.

use dolium_access::Action;
use dolium_catalog::{BrowseQuery, ContainerRow, ListItem, ReadTx, VersionSummary};

use super::past::{BrowseRequest, BrowseTest};
use crate::caller::Caller;
use crate::listing::{ListEntry, ListPage};
use crate::names::{ContainerName, Instant};
use crate::permission::{self, Target};
use crate::request::Version;
use crate::rows;
use crate::standing::{self, Standing};
use crate::store::Store;
use crate::visible::{Place, Scope, ShownOnly, behind};
use crate::{Error, ErrorKind, Result};

/// Entries of one page, whatever was asked for.
const PAGE_ENTRIES_MAX: usize = 10_000;
/// Rows that one statement fetches, at first and at most: what is shown may lie scattered.
const BATCH_ROWS: (i64, i64) = (8, 512);

impl Store {
    /// A page of what is shown to the caller of a container. Who may list it sees all or, as its owner,
    /// what is shared or public; anybody else what is shared with them, and is refused when nothing is.
    ///
    /// An `after` that ends with the delimiter stands for everything that begins with it. As of a moment an
    /// owner sees what is shared now of what there was then.
    pub async fn list_shown(
        &self,
        who: &Caller,
        container: &ContainerName,
        request: BrowseRequest,
        only: ShownOnly,
    ) -> Result<ListPage> {
        let (who, container) = (who.clone(), container.clone());
        self.look(move |tx| {
            let row = permission::find(tx, &who, &container)?;
            let mut scope = scope(tx, &who, &row, only)?;
            let shown = Shown {
                who: &who,
                row: &row,
                judged: scope.is_others() && permission::rules(&row)?.policy.is_some(),
                keep: request.test.as_ref(),
            };
            if request.before.is_some() && standing::over(tx, &who, &row)? < Standing::Owner {
                let context = "only its owner looks back at a container";
                return Err(Error::new(ErrorKind::Denied, context));
            }
            if !scope.reaches(tx, request.prefix.as_bytes())? {
                let context = "nothing there is shared with you";
                return Err(Error::new(ErrorKind::Denied, context));
            }
            page(tx, &shown, &mut scope, &request)
        })
        .await
    }

    /// Whether the caller sees anything of a container: lists it, or has something of it shared.
    pub async fn sees_any(&self, who: &Caller, container: &ContainerName) -> Result<bool> {
        let (who, container) = (who.clone(), container.clone());
        self.look(move |tx| {
            let Some(row) = permission::lookup(tx, &container)? else {
                return Ok(false);
            };
            match scope(tx, &who, &row, ShownOnly::default()) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::Denied => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

fn scope(tx: &mut ReadTx<'_>, who: &Caller, row: &ContainerRow, only: ShownOnly) -> Result<Scope> {
    if only.public && standing::over(tx, who, row)? < Standing::Owner {
        let context = "only its owner sees what is public in a container";
        return Err(Error::new(ErrorKind::Denied, context));
    }
    if permission::allows(tx, who, row, Action::ListBucket, Target::Container)? {
        return Ok(Scope::own(row, only));
    }
    // A policy that denies reading denies it here too.
    permission::refuse_denied(tx, who, row, Action::ListBucket, Target::Container)?;
    Scope::shared_with(tx, who, row)
}

/// The least path greater than all with this prefix; `None` when there is none.
fn behind_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// Where a page begins.
fn start(request: &BrowseRequest, delimiter: Option<&[u8]>) -> Option<Vec<u8>> {
    let prefix = request.prefix.as_bytes();
    let after = request.after.as_deref().map(str::as_bytes);
    let Some(after) = after.filter(|after| *after >= prefix) else {
        return Some(prefix.to_vec());
    };
    let folds = after.starts_with(prefix)
        && delimiter.is_some_and(|delimiter| {
            after.len() > prefix.len() && after[prefix.len()..].ends_with(delimiter)
        });
    if folds {
        behind_all(after)
    } else {
        Some(behind(after))
    }
}

/// Where a path folds: at the first delimiter behind the prefix, unless it ends there.
fn fold_of<'p>(path: &'p [u8], prefix: &[u8], delimiter: Option<&[u8]>) -> Option<&'p [u8]> {
    let delimiter = delimiter?;
    let rest = path.get(prefix.len()..)?;
    let at = rest
        .windows(delimiter.len())
        .position(|window| window == delimiter)?;
    let end = prefix.len() + at + delimiter.len();
    (end < path.len()).then(|| &path[..end])
}

/// What is asked of every object of a listing.
struct Shown<'a> {
    who: &'a Caller,
    row: &'a ContainerRow,
    /// Whether a policy may deny single objects.
    judged: bool,
    keep: Option<&'a BrowseTest>,
}

impl Shown<'_> {
    /// The object, if it is one for the listing.
    fn version(
        &self,
        tx: &mut ReadTx<'_>,
        scope: &Scope,
        object: VersionSummary,
    ) -> Result<Option<Version>> {
        if self.judged {
            let target = Target::Path(&object.path);
            if !permission::allows(tx, self.who, self.row, Action::GetObject, target)? {
                return Ok(None);
            }
        }
        let version = rows::summary(object, true)?;
        // What another account owns here is not the container's owner's to share.
        if let Some((owner, _)) = version.attributes.owner().filter(|_| scope.is_others())
            && permission::rules(self.row)?.acls_count()
            && owner != permission::owner(tx, self.row.account_id)?.0
        {
            return Ok(None);
        }
        let kept = self.keep.is_none_or(|keep| keep(&version));
        Ok(kept.then_some(version))
    }
}

fn page(
    tx: &mut ReadTx<'_>,
    shown: &Shown<'_>,
    scope: &mut Scope,
    request: &BrowseRequest,
) -> Result<ListPage> {
    let prefix = request.prefix.as_bytes();
    let delimiter = request.delimiter.as_deref().filter(|d| !d.is_empty());
    let delimiter = delimiter.map(str::as_bytes);
    let limit = request.limit.min(PAGE_ENTRIES_MAX);
    let mut entries = Vec::new();
    let mut from = start(request, delimiter);
    let mut batch = BATCH_ROWS.0;
    let mut seen = None;
    while let (Some(lower), true) = (from.take(), limit > 0) {
        let found = match request.before {
            None => tx.live_from(shown.row.id, &lower, prefix, batch)?,
            Some(Instant(before)) => {
                let found = past(tx, shown.row, prefix, seen.take(), batch, before)?;
                seen = found.last().map(|object| object.path.clone());
                found
            }
        };
        let complete = (found.len() as i64) < batch;
        batch = (batch * 2).min(BATCH_ROWS.1);
        // What lies before this was passed over.
        let mut next = lower;
        for object in found {
            if object.path < next {
                continue;
            }
            match scope.locate(tx, &object.path)? {
                Place::Next(None) => return Ok(done(entries, false)),
                Place::Next(Some(ahead)) => next = ahead,
                Place::Shown => {
                    let folded = fold_of(&object.path, prefix, delimiter).map(<[u8]>::to_vec);
                    next = behind(&object.path);
                    let Some(version) = shown.version(tx, scope, object)? else {
                        continue;
                    };
                    let after = match &folded {
                        Some(fold) => behind_all(fold),
                        None => Some(next.clone()),
                    };
                    if let Some(entry) = entry(version, folded, request.objects_only)? {
                        if entries.len() == limit {
                            return Ok(done(entries, true));
                        }
                        entries.push(entry);
                    }
                    match after {
                        Some(after) => next = after,
                        None => return Ok(done(entries, false)),
                    }
                }
            }
        }
        if complete {
            break;
        }
        from = Some(next);
    }
    Ok(done(entries, false))
}

/// Objects as of a moment, behind what was seen.
fn past(
    tx: &mut ReadTx<'_>,
    row: &ContainerRow,
    prefix: &[u8],
    after: Option<Vec<u8>>,
    limit: i64,
    before: i64,
) -> Result<Vec<VersionSummary>> {
    let query = BrowseQuery {
        prefix: prefix.to_vec(),
        after,
        limit: usize::try_from(limit).unwrap_or_default(),
        before: Some(before),
        ..BrowseQuery::default()
    };
    let items = tx.browse(row.id, &query, None)?.items.into_iter();
    let objects = items.filter_map(|item| match item {
        ListItem::Object(object) => Some(*object),
        ListItem::Prefix(_) => None,
    });
    Ok(objects.collect())
}

fn done(entries: Vec<ListEntry>, more: bool) -> ListPage {
    ListPage { entries, more }
}

/// What stands for an object in a listing: itself, what it folds into, or nothing.
fn entry(
    version: Version,
    folded: Option<Vec<u8>>,
    objects_only: bool,
) -> Result<Option<ListEntry>> {
    if let Some(fold) = folded {
        let corrupt = |_| Error::new(ErrorKind::Corrupt, "a path in the catalog is no text");
        let fold = String::from_utf8(fold).map_err(corrupt)?;
        return Ok((!objects_only).then_some(ListEntry::Prefix(fold)));
    }
    Ok(Some(ListEntry::Version(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds() {
        let fold = |path: &'static str, prefix: &str| {
            let fold = fold_of(path.as_bytes(), prefix.as_bytes(), Some(b"/"));
            fold.map(|fold| String::from_utf8_lossy(fold).into_owned())
        };
        assert_eq!(fold("a/b/c", "").as_deref(), Some("a/"));
        assert_eq!(fold("a/", ""), None);
        assert_eq!(fold("a", ""), None);
        assert_eq!(fold("a/b/", "a/"), None);
        assert_eq!(fold("a/b/c", "a/").as_deref(), Some("a/b/"));
        assert_eq!(fold("a//", "").as_deref(), Some("a/"));
    }
}
