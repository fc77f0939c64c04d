//! Patches: some bytes of an object replaced or appended, and what is behind a length cut off.
//!
//! Promises: the blocks that the patch does not touch are not read; what is written is a new version of just
//! the one that was looked at, or nothing.
//! Does not: patch objects that are encrypted one by one: their bytes are of one piece.

use dolium_access::Action;
use dolium_catalog::{ContainerRow, VersionRow};
use futures::StreamExt;

use super::descriptions::{DescriptionEdit, KEPT, edited};
use super::event::{Cause, Occasion};
use super::hashmaps::{block_len, opaque_tag};
use super::revisions::absent;
use super::uploads::UPLOAD;
use super::writing::{self, NewVersion};
use crate::attributes::CHECKSUM;
use crate::caller::Caller;
use crate::composer::{Composer, Content};
use crate::condition::Present;
use crate::envelope::SEALED;
use crate::ingest::wrong_len;
use crate::intake::{NewBlocks, Taken};
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{ReadAction, Target, permitted};
use crate::place::Place;
use crate::request::{Body, Condition, Source, Version};
use crate::rows::mentions;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, expiry, rows};

/// What a patch puts there.
pub enum PatchBytes {
    /// A body, of this length as far as it was announced.
    Body(Body, Option<u64>),
    /// The beginning of an object.
    Object(Box<Source>),
}

/// A change of an object's bytes.
pub struct Patch {
    /// Where it begins; `None` is the end of the object.
    pub offset: Option<u64>,
    /// How many bytes it puts there; `None` is all there are.
    pub len: Option<u64>,
    /// How long the object must be; the patch then stays within it.
    pub total: Option<u64>,
    /// How long the object is at most afterwards.
    pub truncate: Option<u64>,
    /// The bytes.
    pub bytes: PatchBytes,
}

/// The version that a patch is of.
struct Base {
    container: ContainerRow,
    row: VersionRow,
}

impl Base {
    /// Where its content lies.
    fn at(&self) -> Result<Place> {
        Place::of_meta(&self.container, &self.row.meta)
    }
}

/// A patched object that is durable and not committed.
struct Patched {
    taken: Taken,
    size: u64,
}

impl Store {
    /// Writes a version with the bytes changed, and its words as the edit makes them.
    pub async fn patch(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        condition: Condition,
        edit: DescriptionEdit,
        patch: Patch,
    ) -> Result<Version> {
        let base = self.base(who, container, path, condition).await?;
        // What is wrong with the words is wrong before any byte is read.
        edited(&base.row, &edit, &KEPT)?;
        let size = base.row.size as u64;
        let offset = patch.offset.unwrap_or(size);
        check_place(&patch, offset, size)?;
        let patched = match patch.bytes {
            PatchBytes::Body(body, len) => {
                let place = (offset, patch.len.or(len), patch.total, patch.truncate);
                self.with_body(&base, place, body).await?
            }
            PatchBytes::Object(source) => {
                let place = (offset, patch.len, patch.total, patch.truncate);
                self.with_object(who, &base, place, &source).await?
            }
        };
        self.commit_patch(who, container, base.row, edit, patched)
            .await
    }

    async fn base(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        condition: Condition,
    ) -> Result<Base> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        let base = self
            .look(move |tx| {
                let path = path.as_str().as_bytes();
                let container = permitted(tx, &who, &name, Action::PutObject, Target::Path(path))?;
                let row = expiry::unended(tx.live(container.id, path)?)?;
                condition.check_write(row.as_ref().map(Present::of))?;
                let row = row.ok_or_else(absent)?;
                Ok(Base { container, row })
            })
            .await?;
        self.refuse_encryption(&base.container)?;
        refuse_sealed(&base.row)?;
        Ok(base)
    }

    async fn with_body(
        &self,
        base: &Base,
        (offset, len, total, truncate): Span,
        mut body: Body,
    ) -> Result<Patched> {
        let size = base.row.size as u64;
        let lane = self.lane_of(&base.at()?)?;
        let content = Content::of(lane, &base.container, &base.row, &base.container)?;
        let mut composer = Composer::new(lane, &base.container, truncate.unwrap_or(u64::MAX))?;
        composer.range(&content, 0..offset, false).await?;
        let mut came = 0u64;
        while let Some(bytes) = body.next().await {
            let bytes = bytes?;
            came += bytes.len() as u64;
            let end = offset.saturating_add(came);
            if len.is_some_and(|len| came > len) {
                return Err(wrong_len());
            }
            if total.is_some_and(|total| end > total) {
                return Err(outside());
            }
            composer.bytes(bytes).await?;
        }
        if len.is_some_and(|len| came != len) {
            return Err(wrong_len());
        }
        let end = offset.saturating_add(came);
        if end < size {
            composer.range(&content, end..size, true).await?;
        }
        let (taken, size) = composer.finish().await?;
        Ok(Patched { taken, size })
    }

    async fn with_object(
        &self,
        who: &Caller,
        base: &Base,
        (offset, len, total, truncate): Span,
        source: &Source,
    ) -> Result<Patched> {
        let (from, row, _) = self.open_source(who, source, ReadAction::GET).await?;
        refuse_sealed(&row)?;
        let size = base.row.size as u64;
        let lane = self.lane_of(&base.at()?)?;
        let content = Content::of(lane, &base.container, &base.row, &base.container)?;
        let from_place = Place::of_meta(&from, &row.meta)?;
        let added = Content::of(self.lane_of(&from_place)?, &from, &row, &base.container)?;
        let len = len.unwrap_or(added.len());
        if len > added.len() {
            let context = "the source is shorter than the range";
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        let end = offset.saturating_add(len);
        if total.is_some_and(|total| end > total) {
            return Err(outside());
        }
        let mut composer = Composer::new(lane, &base.container, truncate.unwrap_or(u64::MAX))?;
        composer.range(&content, 0..offset, false).await?;
        composer.range(&added, 0..len, end >= size).await?;
        if end < size {
            composer.range(&content, end..size, true).await?;
        }
        let (taken, size) = composer.finish().await?;
        Ok(Patched { taken, size })
    }

    async fn commit_patch(
        &self,
        who: &Caller,
        container: &ContainerName,
        base: VersionRow,
        edit: DescriptionEdit,
        patched: Patched,
    ) -> Result<Version> {
        let (who, name) = (who.clone(), container.clone());
        let Patched { taken, size } = patched;
        let merkle = taken.merkle.map(|root| root.as_bytes().to_vec());
        let (root, blocks): (_, NewBlocks) = (taken.root, taken.blocks);
        self.commit(move |tx| {
            let target = Target::Path(&base.path);
            let container = permitted(tx, &who, &name, Action::PutObject, target)?;
            let serial = tx.lock_container(container.id)?.seq;
            let live = tx.live(container.id, &base.path)?;
            let live = live.filter(|live| live.serial == base.serial);
            let live = live.ok_or_else(|| {
                let context = "the object was changed meanwhile; look at it again";
                Error::new(ErrorKind::Conflict, context)
            })?;
            let mut description = edited(&live, &edit, &KEPT)?;
            // They are of the bytes that were there.
            for namespace in [CHECKSUM, UPLOAD] {
                description.attributes.clear(namespace);
            }
            // It stays in the array that it is in, and goes where it is to go.
            let at = Place::of_meta(&container, &base.meta)?;
            let place = Place::of_meta(&container, &live.meta)?;
            let place = at.bound_for(place.destination());
            writing::link(tx, &place.holder(container.account_id), &root, &blocks)?;
            let new = NewVersion {
                path: ObjectPath::new(String::from_utf8_lossy(&base.path))?,
                size,
                etag: opaque_tag(size.div_ceil(block_len(&container)?.into())),
                description,
                merkle: merkle.clone(),
                author: who.author().0,
                root: root.clone(),
                place,
            };
            let occasion = Occasion::new(Cause::Put, &who);
            let version = writing::write_version(tx, &container, serial, new, &occasion)?;
            rows::version(version, true)
        })
        .await
    }
}

/// Offset, length, total length, and the most that stays.
type Span = (u64, Option<u64>, Option<u64>, Option<u64>);

fn check_place(patch: &Patch, offset: u64, size: u64) -> Result<()> {
    let end = patch.len.map_or(offset, |len| offset.saturating_add(len));
    let holds = match patch.total {
        Some(total) => total == size && offset < size && end <= size,
        None => offset <= size,
    };
    if holds && offset <= size {
        return Ok(());
    }
    Err(outside())
}

/// Refuses to look into what is encrypted as one piece.
pub(super) fn refuse_sealed(row: &VersionRow) -> Result<()> {
    if !mentions(&row.meta, SEALED) {
        return Ok(());
    }
    let context = "the object is encrypted by itself; only whole reads and writes of it are there";
    Err(Error::new(ErrorKind::Unsupported, context))
}

fn outside() -> Error {
    let context = "Requested range exceeds object limits";
    Error::because(ErrorKind::Invalid, Reason::BadRange, context)
}
