//! Objects: put, get, head.

use std::ops::Range;

use bytes::Bytes;
use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{Cluster, ContainerRow, ReadTx, VersionRow, Versioning as RowVersioning};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::event::{Cause, Occasion};
use super::guards::settle;
use super::writing::{self, NewVersion};
use crate::attributes::CHECKSUM;
use crate::caller::Caller;
use crate::condition::Present;
use crate::envelope::{self, CustomerKey, DEFAULTS, Encryption};
use crate::ingest::{self, Ingested};
use crate::lifecycle::with_expiry;
use crate::names::{ContainerName, ObjectPath, Selector, Serial};
use crate::permission::{self, ReadAction, Target, permitted};
use crate::place::Place;
use crate::request::{ByteRange, Condition, Description, PutRequest, Reading, Source, Version};
use crate::store::Store;
use crate::underway::Ongoing;
use crate::{Error, ErrorKind, Reason, Result, expiry, reader, rows};

impl Store {
    /// Stores an object. It is durable when this returns, or it was not stored.
    pub async fn put(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        description: Description,
        condition: Condition,
        put: PutRequest,
    ) -> Result<Version> {
        let target = (container, path);
        self.put_as(Cause::Put, who, target, description, condition, put)
            .await
    }

    /// Stores an object for a reason that its event tells.
    pub(crate) async fn put_as(
        &self,
        cause: Cause,
        who: &Caller,
        (container, path): (&ContainerName, &ObjectPath),
        mut description: Description,
        condition: Condition,
        put: PutRequest,
    ) -> Result<Version> {
        let (row, early) = self
            .writable(who, container, path, &condition, &description)
            .await?;
        early?;
        let encryption = self.encryption_for(&row, put.encryption.clone())?;
        let attributes = &mut description.attributes;
        let key = encryption
            .and_then(|encryption| envelope::begin(&self.inner.keys, &encryption, attributes));
        let (keystream, salt) = key.as_ref().map(envelope::segment).unzip();
        let place = self.place_for(&row, description.class.as_deref())?;
        let (lane, chunking) = (self.lane_of(&place)?, rows::chunking(&row)?);
        let ingested = ingest::ingest(lane, chunking, put, keystream).await?;
        let Ingested {
            root,
            merkle,
            size,
            new_blocks,
            finish,
        } = ingested;
        for (algorithm, value) in finish.checksums {
            description.attributes.set(CHECKSUM, algorithm, value);
        }
        if let Some(salt) = salt {
            envelope::set_segments(&mut description.attributes, &[(size, salt)]);
        }
        let new = NewVersion {
            path: path.clone(),
            size,
            etag: finish.etag,
            description,
            merkle: merkle.map(|root| root.as_bytes().to_vec()),
            author: who.author().0,
            root,
            place,
        };
        let (who, container) = (who.clone(), container.clone());
        self.commit(move |tx| {
            let target = Target::Path(new.path.as_str().as_bytes());
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            let mut new = new.clone();
            settle(tx, &who, &row, &new.path, &mut new.description)?;
            let serial = tx.lock_container(row.id)?.seq;
            writing::check(tx, &row, &new.path, &condition)?;
            writing::link(
                tx,
                &new.place.holder(row.account_id),
                &new.root,
                &new_blocks,
            )?;
            let occasion = Occasion::new(cause, &who);
            let version = writing::write_version(tx, &row, serial, new, &occasion)?;
            Ok(with_expiry(&row, rows::version(version, true)?))
        })
        .await
    }

    /// What a new object in a container is encrypted with: what was asked for, or the default.
    pub(crate) fn encryption_for(
        &self,
        container: &ContainerRow,
        asked: Option<Encryption>,
    ) -> Result<Option<Encryption>> {
        let encryption = match asked {
            Some(asked) => Some(asked),
            None if !rows::mentions(&container.attributes, DEFAULTS) => None,
            None => envelope::default_of(&rows::decode_attributes(&container.attributes)?),
        };
        encryption
            .as_ref()
            .map_or(Ok(()), |encryption| self.check_key_name(encryption))?;
        Ok(encryption)
    }

    /// Refuses a key by a name that the configuration does not know.
    pub(crate) fn check_key_name(&self, encryption: &Encryption) -> Result<()> {
        match encryption {
            Encryption::Named(name) if !self.inner.settings.named_keys.contains(name) => {
                let context = format!("there is no key named {name}");
                let reason = Reason::NoSuchKeyName;
                Err(Error::because(ErrorKind::Invalid, reason, context))
            }
            _ => Ok(()),
        }
    }

    /// The plain bytes of a version. `held` began before the version was looked up: until the stream ends, its
    /// blocks are there, whatever becomes of the version.
    pub(crate) fn content(
        &self,
        container: &ContainerRow,
        row: &VersionRow,
        range: Range<u64>,
        key: Option<&CustomerKey>,
        held: Ongoing,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let attributes = rows::decode_attributes(&row.meta)?;
        let key = envelope::open(&self.inner.keys, &attributes, key)?;
        let root = Node::decode(&row.list)?;
        let start = range.start;
        let lane = self.lane_of(&Place::of(container, &attributes))?;
        let body = reader::stream(lane.clone(), root, range);
        let body = body.inspect(move |_| {
            let _until_its_end = &held;
        });
        let body = body.boxed();
        match key {
            None => Ok(body),
            Some(key) => envelope::plain(key, &attributes, start, body),
        }
    }

    /// Whether a write could succeed now: spares a client that will be refused most of its upload.
    /// The committing transaction decides.
    pub(super) async fn writable(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        condition: &Condition,
        description: &Description,
    ) -> Result<(ContainerRow, Result<()>)> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let condition = condition.clone();
        let mut description = description.clone();
        self.look(move |tx| {
            let target = Target::Path(path.as_str().as_bytes());
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            settle(tx, &who, &row, &path, &mut description)?;
            if condition == Condition::default() {
                return Ok((row, Ok(())));
            }
            let live = expiry::unended(tx.live(row.id, path.as_str().as_bytes())?)?;
            let present = live.as_ref().map(Present::of);
            let early = condition.check_write(present);
            Ok((row, early))
        })
        .await
    }

    /// Describes a version to who may read it.
    pub async fn head(&self, who: &Caller, source: &Source) -> Result<Version> {
        self.describe(who, source, ReadAction::GET).await
    }

    /// Describes a version to who may do this with it.
    pub async fn describe(
        &self,
        who: &Caller,
        source: &Source,
        action: ReadAction,
    ) -> Result<Version> {
        let (container, row, current) = self.open_source(who, source, action).await?;
        let version = rows::version(row, current)?;
        if action.needs_key() {
            envelope::open(&self.inner.keys, &version.attributes, source.key.as_ref())?;
        }
        Ok(with_expiry(&container, version))
    }

    /// Opens a version for reading.
    pub async fn get(&self, who: &Caller, source: &Source, range: ByteRange) -> Result<Reading> {
        let held = self.inner.underway.begin();
        let (container, row, current) = self.open_source(who, source, ReadAction::GET).await?;
        let range = resolve(range, row.size as u64)?;
        let body = self.content(&container, &row, range.clone(), source.key.as_ref(), held)?;
        Ok(Reading {
            version: with_expiry(&container, rows::version(row, current)?),
            range,
            body,
        })
    }

    /// Finds the version addressed and checks permission and the read condition.
    pub(crate) async fn open_source(
        &self,
        who: &Caller,
        source: &Source,
        action: ReadAction,
    ) -> Result<(ContainerRow, VersionRow, bool)> {
        let (who, source) = (who.clone(), source.clone());
        self.look(move |tx| {
            let container = permission::find(tx, &who, &source.container)?;
            let found = existing(tx, &who, &container, &source, action)?;
            source.condition.check_read(Present::of(&found.0))?;
            Ok((container, found.0, found.1))
        })
        .await
    }
}

/// The version of a path that a selector means.
pub(super) fn select(
    tx: &mut ReadTx<'_>,
    container: &ContainerRow,
    path: &[u8],
    current: Option<VersionRow>,
    version: Selector,
) -> Result<VersionRow> {
    let (row, reason) = match version {
        Selector::Current => (current, Reason::NoSuchObject),
        Selector::Serial(serial) => (
            tx.version(container.id, path, serial.0)?,
            Reason::NoSuchVersion,
        ),
        Selector::Null => (tx.null_version(container.id, path)?, Reason::NoSuchVersion),
    };
    row.ok_or_else(|| Error::because(ErrorKind::NotFound, reason, "there is no such object"))
}

/// The version that a source addresses, for a caller who may do this with it; and whether it is the
/// newest. Who may not list the container does not learn what is not there.
pub(crate) fn existing(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerRow,
    source: &Source,
    action: ReadAction,
) -> Result<(VersionRow, bool)> {
    let path = source.path.as_str().as_bytes();
    let current = tx.current(container.id, path)?;
    let current_serial = current.as_ref().map(|current| current.serial);
    // What has ended is not shown any more; among the versions it stays what it was.
    let as_object =
        source.version == Selector::Current || container.versioning == RowVersioning::Off;
    let found = select(tx, container, path, current, source.version).and_then(|row| {
        if row.cluster != Cluster::Deleted {
            if as_object && expiry::has_ended(&row)? && !sees_expired(tx, who, container)? {
                let reason = Reason::NoSuchObject;
                return Err(Error::because(
                    ErrorKind::NotFound,
                    reason,
                    "the object has ended",
                ));
            }
            return Ok(row);
        }
        let context = "the object was deleted";
        let error = Error::because(ErrorKind::NotFound, Reason::DeleteMarker, context);
        Err(error.with_version(Serial(row.serial)))
    });
    let action = action.on(source.version);
    match found {
        Ok(row) => {
            permission::require(tx, who, container, action, Target::Version(&row))?;
            let current = current_serial == Some(row.serial);
            Ok((row, current))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut context = who.context().clone();
            context.set("s3:prefix", source.path.as_str());
            let who = who.clone().with_context(context);
            permission::require_knowing(tx, &who, container, action, path)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Whether the caller is shown what has ended and is still there.
fn sees_expired(tx: &mut ReadTx<'_>, who: &Caller, container: &ContainerRow) -> Result<bool> {
    Ok(who.sees_expired()
        && permission::allows(
            tx,
            who,
            container,
            Action::PutBucketPolicy,
            Target::Container,
        )?)
}

/// The bytes that a range asks for of an object of `size` bytes.
pub(crate) fn resolve(range: ByteRange, size: u64) -> Result<Range<u64>> {
    let outside = || {
        let context = format!("the range lies outside the object of {size} bytes");
        Error::because(ErrorKind::Invalid, Reason::BadRange, context)
    };
    match range {
        ByteRange::Full => Ok(0..size),
        ByteRange::From { first, last } => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            if first < size && first < end {
                Ok(first..end)
            } else {
                Err(outside())
            }
        }
        ByteRange::Last(0) => Err(outside()),
        ByteRange::Last(_) if size == 0 => Err(outside()),
        ByteRange::Last(len) => Ok(size.saturating_sub(len)..size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let from = |first, last| resolve(ByteRange::From { first, last }, 10).ok();
        assert_eq!(from(0, None), Some(0..10));
        assert_eq!(from(3, Some(5)), Some(3..6));
        assert_eq!(from(9, Some(u64::MAX)), Some(9..10));
        assert_eq!(from(10, None), None);
        assert_eq!(from(5, Some(4)), None);
        assert_eq!(resolve(ByteRange::Last(3), 10).ok(), Some(7..10));
        assert_eq!(resolve(ByteRange::Last(30), 10).ok(), Some(0..10));
        assert!(resolve(ByteRange::Last(0), 10).is_err());
        assert!(resolve(ByteRange::Last(1), 0).is_err());
        assert_eq!(resolve(ByteRange::Full, 0).ok(), Some(0..0));
    }
}
