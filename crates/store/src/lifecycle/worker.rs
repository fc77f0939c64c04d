//! The pass that ends what is due.
//!
//! It walks the containers that have rules, page by page, and notes what looks due. Each of those is
//! looked at again in the transaction that ends it, by the rules as they are then, so that nothing goes
//! that changed meanwhile. A page is done before the next is read.
//!
//! Promises: memory for one page; killed anywhere, the next pass goes on near where this one was and
//! repeats at most work without effect; nothing that is retained or held goes.
//! Does not: promise a time: an end that is due happens in the next pass.

use dolium_catalog::{
    Cluster, ContainerId, ContainerRow, UploadMarker, VersionListItem, VersionListQuery,
    VersionMarker, VersionSummary,
};

use super::ending::{end_batch, end_upload};
use super::rule::{self, Rule, Standing, Subject};
use super::{micros, rules_of};
use crate::attributes::Attributes;
use crate::clock::now;
use crate::rows::decode_attributes;
use crate::several::Held;
use crate::store::Store;
use crate::{Result, Status};

/// Containers in one page.
const CONTAINERS_PAGE: i64 = 100;
/// Versions in one page.
const VERSIONS_PAGE: usize = 500;
/// Uploads in one page.
const UPLOADS_PAGE: i64 = 100;
/// Versions that one transaction ends: it holds up other writes only shortly.
const BATCH: usize = 64;
/// The lease of those who pass.
pub(crate) const WORK: &str = "lifecycle";
/// The catalog's key for where the pass is.
const PLACE: &str = "lifecycle";

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifecycleDone {
    /// Current objects that ended.
    pub expired: u64,
    /// Older versions that are gone for good.
    pub removed: u64,
    /// Delete markers that hid nothing any more.
    pub markers: u64,
    /// Uploads that were never completed.
    pub uploads: u64,
    /// Versions that were sent to another array.
    pub sent: u64,
}

impl LifecycleDone {
    pub(super) fn add(&mut self, other: Self) {
        self.expired += other.expired;
        self.removed += other.removed;
        self.markers += other.markers;
        self.uploads += other.uploads;
        self.sent += other.sent;
    }

    /// Whether nothing was due.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a pass is: at a path of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    container: ContainerId,
    path: Vec<u8>,
}

impl Place {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.container.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.path);
        bytes
    }

    /// What does not decode is no place: the pass then begins at the front.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (container, path) = bytes.split_first_chunk()?;
        Some(Self {
            container: ContainerId(i64::from_be_bytes(*container)),
            path: path.to_vec(),
        })
    }
}

/// A version that looked due.
pub(super) type Target = (Vec<u8>, i64);

impl Store {
    /// Ends everything that is due in all containers. Passes wait for each other, on all servers.
    pub async fn apply_lifecycle(&self) -> Result<LifecycleDone> {
        let held = self.inner.leases.take(WORK).await?;
        self.lifecycle_under(&held).await
    }

    /// Ends what is due, under the lease of that.
    pub(crate) async fn lifecycle_under(&self, held: &Held) -> Result<LifecycleDone> {
        let mut place = self.look(|tx| Ok(tx.meta(PLACE)?)).await?;
        let mut resume = place.take().as_deref().and_then(Place::decode);
        let mut pass = Pass {
            store: self,
            held,
            day: micros(self.inner.settings.lifecycle_day),
            noted: resume.is_some(),
            done: LifecycleDone::default(),
        };
        // Strictly after the one before, so that the container itself comes first.
        let mut after = resume
            .as_ref()
            .map(|place| ContainerId(place.container.0.saturating_sub(1)));
        loop {
            let page = self.look(move |tx| Ok(tx.all_containers(after, CONTAINERS_PAGE)?));
            let page = page.await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for container in &page {
                let from = resume
                    .take()
                    .filter(|place| place.container == container.id);
                pass.container(container, from).await?;
                if pass.stopped() {
                    return Ok(pass.done);
                }
            }
        }
        pass.note(None).await?;
        Ok(pass.done)
    }
}

struct Pass<'a> {
    store: &'a Store,
    held: &'a Held,
    day: i64,
    /// Whether the catalog holds a place.
    noted: bool,
    done: LifecycleDone,
}

impl Pass<'_> {
    fn stopped(&self) -> bool {
        self.store.inner.stop.is_cancelled() || self.held.is_lost()
    }

    /// Notes where the pass is, for the next one after a crash.
    async fn note(&mut self, place: Option<&Place>) -> Result<()> {
        if place.is_none() && !self.noted {
            return Ok(());
        }
        self.noted = place.is_some();
        let bytes = place.map(Place::encode).unwrap_or_default();
        self.store
            .commit_under(self.held.fence(), move |tx| Ok(tx.set_meta(PLACE, &bytes)?))
            .await
    }

    async fn container(&mut self, container: &ContainerRow, from: Option<Place>) -> Result<()> {
        let rules = match rules_of(container) {
            Ok(rules) => rules,
            Err(error) => {
                tracing::warn!(%error, container = %container.id, "lifecycle rules are skipped");
                return Ok(());
            }
        };
        let from = from.map(|place| place.path);
        for prefix in rule::prefixes(rules.iter().filter(|rule| rule.acts_on_versions())) {
            self.versions(container, &rules, prefix, from.clone())
                .await?;
        }
        for prefix in rule::prefixes(rules.iter().filter(|rule| rule.ends_uploads())) {
            self.uploads(container.id, &rules, prefix).await?;
        }
        Ok(())
    }

    /// Walks the versions of all paths with a prefix, from a path on.
    async fn versions(
        &mut self,
        row: &ContainerRow,
        rules: &[Rule],
        prefix: &str,
        from: Option<Vec<u8>>,
    ) -> Result<()> {
        let container = row.id;
        // A serial that no version has: with all versions of the path.
        let mut after = from.map(|path| VersionMarker {
            path,
            serial: Some(i64::MAX),
        });
        let mut walk = Walk::default();
        while !self.stopped() {
            let query = VersionListQuery {
                prefix: prefix.as_bytes().to_vec(),
                after: after.take(),
                delimiter: None,
                limit: VERSIONS_PAGE,
                ..VersionListQuery::default()
            };
            let page = self
                .store
                .look(move |tx| Ok(tx.list_versions(container, &query)?))
                .await?;
            let items = page.items.into_iter().filter_map(|item| match item {
                VersionListItem::Version(item) => Some(item.version),
                VersionListItem::Prefix(_) => None,
            });
            let rows: Vec<VersionSummary> = items.collect();
            let classes = &self.store.inner.classes;
            let moves = |attributes: &Attributes, class: &str| {
                let array = classes.array(class);
                array.is_ok_and(|array| {
                    crate::place::Place::of(row, attributes).destination() != array
                })
            };
            let targets = walk.due(rules, &rows, self.day, &moves);
            self.end_versions(container, targets).await?;
            let Some(last) = rows.last().filter(|_| page.more) else {
                return Ok(());
            };
            after = Some(VersionMarker {
                path: last.path.clone(),
                serial: Some(last.serial),
            });
            let path = last.path.clone();
            self.note(Some(&Place { container, path })).await?;
        }
        Ok(())
    }

    /// Ends versions, a few in each transaction. One that cannot be ended does not keep the others.
    async fn end_versions(&mut self, container: ContainerId, targets: Vec<Target>) -> Result<()> {
        let mut waiting: Vec<Vec<Target>> = targets.chunks(BATCH).map(<[_]>::to_vec).collect();
        while let Some(batch) = waiting.pop() {
            let (day, again, classes) = (self.day, batch.clone(), self.store.inner.classes.clone());
            let ended = self
                .store
                .commit_under(self.held.fence(), move |tx| {
                    end_batch(tx, &classes, container, day, &batch)
                })
                .await;
            match ended {
                Ok(done) => self.done.add(done),
                Err(error) if error.status() != Status::Permanent => return Err(error),
                Err(error) if again.len() == 1 => {
                    tracing::warn!(%error, %container, "a version that is due could not be ended");
                }
                Err(_) => waiting.extend(again.into_iter().map(|target| vec![target])),
            }
        }
        Ok(())
    }

    /// Walks the uploads with a prefix.
    async fn uploads(
        &mut self,
        container: ContainerId,
        rules: &[Rule],
        prefix: &str,
    ) -> Result<()> {
        let mut after: Option<UploadMarker> = None;
        while !self.stopped() {
            let (from, prefix) = (after.take(), prefix.as_bytes().to_vec());
            let page = self
                .store
                .look(move |tx| Ok(tx.uploads(container, &prefix, from.as_ref(), UPLOADS_PAGE)?));
            let page = page.await?;
            let Some(last) = page.last() else { break };
            after = Some(UploadMarker {
                path: last.path.clone(),
                upload_id: Some(last.upload_id.clone()),
            });
            for upload in page {
                if !upload_is_due(rules, &upload.path, upload.created, self.day) {
                    continue;
                }
                let (id, day) = (upload.upload_id, self.day);
                let ended = self
                    .store
                    .commit_under(self.held.fence(), move |tx| {
                        end_upload(tx, container, day, &id)
                    })
                    .await;
                match ended {
                    Ok(ended) => self.done.uploads += u64::from(ended),
                    Err(error) if error.status() != Status::Permanent => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, %container, "an upload could not be ended");
                    }
                }
            }
        }
        Ok(())
    }
}

pub(super) fn upload_is_due(rules: &[Rule], path: &[u8], created: i64, day: i64) -> bool {
    let due = |rule: &Rule| rule.upload_due(path, created, day);
    rules.iter().filter_map(due).any(|due| due <= now().0)
}

/// What a walk from newer to older remembers of the path it is in.
#[derive(Default)]
struct Walk {
    path: Option<Vec<u8>>,
    /// When the version before was made.
    newer_made: i64,
    /// Noncurrent versions seen.
    noncurrent: u32,
}

impl Walk {
    /// Those of a page that look due.
    fn due(
        &mut self,
        rules: &[Rule],
        rows: &[VersionSummary],
        day: i64,
        moves: &dyn Fn(&Attributes, &str) -> bool,
    ) -> Vec<Target> {
        let now = now().0;
        let mut targets = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let next = rows.get(index + 1);
            let Some(standing) = self.standing(row, next) else {
                continue;
            };
            // What cannot be read is left alone, whatever rules say.
            let Ok(attributes) = decode_attributes(&row.meta) else {
                continue;
            };
            let subject = Subject {
                path: &row.path,
                size: row.size as u64,
                attributes: &attributes,
                created: row.created,
                standing,
            };
            let class = rule::class_due(rules, &subject, day, now);
            if is_due(rules, &subject, day) || class.is_some_and(|class| moves(&attributes, class))
            {
                targets.push((row.path.clone(), row.serial));
            }
        }
        targets
    }

    /// How a version stands; `None` for a delete marker that hides older versions, and for what was newest
    /// and is not current.
    fn standing(
        &mut self,
        row: &VersionSummary,
        next: Option<&VersionSummary>,
    ) -> Option<Standing> {
        let marker = row.cluster == Cluster::Deleted;
        let newest = self.path.as_ref() != Some(&row.path);
        let since = std::mem::replace(&mut self.newer_made, row.created);
        if row.cluster == Cluster::Normal && !newest {
            // It was made current again, with newer ones above it.
            return Some(Standing::Current);
        }
        if !newest {
            let newer = self.noncurrent;
            self.noncurrent = self.noncurrent.saturating_add(1);
            return Some(Standing::Noncurrent {
                since,
                newer,
                marker,
            });
        }
        self.path = Some(row.path.clone());
        self.noncurrent = 0;
        match (marker, next) {
            (false, _) if row.cluster == Cluster::Normal => Some(Standing::Current),
            // Nobody knows since when it is not current.
            (false, _) => None,
            (true, Some(next)) if next.path == row.path => None,
            // At the end of a page it may have older versions: the transaction sees.
            (true, _) => Some(Standing::LoneMarker),
        }
    }
}

pub(super) fn is_due(rules: &[Rule], subject: &Subject<'_>, day: i64) -> bool {
    rule::first_due(rules, subject, day).is_some_and(|(at, _)| at <= now())
}
