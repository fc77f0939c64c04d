//! Objects: put, get, head, delete.

use std::ops::Range;

use dolium_block::Node;
use dolium_catalog::{
    Cluster, ContainerRow, ReadTx, VersionRow, Versioning as RowVersioning, WriteTx,
};
use dolium_identity::Principal;

use super::event::{Cause, Occasion};
use super::writing::{self, NewVersion};
use crate::condition::Present;
use crate::ingest::{self, Ingested};
use crate::names::{ContainerName, Instant, ObjectPath, Selector, Serial};
use crate::request::{
    ByteRange, Condition, DeleteRequest, Deleted, Description, PutRequest, Reading, Source, Version,
};
use crate::store::{Store, permitted};
use crate::{Error, ErrorKind, Reason, Result, reader, rows};

impl Store {
    /// Stores an object. It is durable when this returns, or it was not stored.
    pub async fn put(
        &self,
        who: &Principal,
        container: &ContainerName,
        path: &ObjectPath,
        mut description: Description,
        condition: Condition,
        put: PutRequest,
    ) -> Result<Version> {
        let (row, early) = self.writable(who, container, path, &condition).await?;
        early?;
        let ingested = ingest::ingest(self.lane(&row)?, rows::chunking(&row)?, put).await?;
        let Ingested {
            root,
            merkle,
            size,
            new_blocks,
            finish,
        } = ingested;
        for (algorithm, value) in finish.checksums {
            description.attributes.set("checksum", algorithm, value);
        }
        let new = NewVersion {
            path: path.clone(),
            size,
            etag: finish.etag,
            description,
            merkle: merkle.map(|root| root.as_bytes().to_vec()),
            author: who.user_id.0,
            root,
        };
        let (who, container) = (who.clone(), container.clone());
        self.commit(move |tx| {
            let row = permitted(tx, &who, &container)?;
            let serial = tx.lock_container(row.id)?.seq;
            writing::check(tx, &row, &new.path, &condition)?;
            writing::link(tx, &row.array_name, &row, &new.root, &new_blocks)?;
            let occasion = Occasion::new(Cause::Put, &who);
            let version = writing::write_version(tx, &row, serial, new.clone(), &occasion)?;
            rows::version(version, true)
        })
        .await
    }

    /// Whether a write could succeed now: spares a client that will be refused most of its upload.
    /// The committing transaction decides.
    async fn writable(
        &self,
        who: &Principal,
        container: &ContainerName,
        path: &ObjectPath,
        condition: &Condition,
    ) -> Result<(ContainerRow, Result<()>)> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let condition = condition.clone();
        self.look(move |tx| {
            let row = permitted(tx, &who, &container)?;
            if condition == Condition::default() {
                return Ok((row, Ok(())));
            }
            let live = tx.live(row.id, path.as_str().as_bytes())?;
            let present = live.as_ref().map(|row| Present {
                etag: &row.etag,
                created: Instant(row.created),
            });
            let early = condition.check_write(present);
            Ok((row, early))
        })
        .await
    }

    /// Describes a version.
    pub async fn head(&self, who: &Principal, source: &Source) -> Result<Version> {
        let (_, row, current) = self.open_source(who, source).await?;
        rows::version(row, current)
    }

    /// Opens a version for reading.
    pub async fn get(&self, who: &Principal, source: &Source, range: ByteRange) -> Result<Reading> {
        let (container, row, current) = self.open_source(who, source).await?;
        let root = Node::decode(&row.list)?;
        let range = resolve(range, row.size as u64)?;
        let body = reader::stream(self.lane(&container)?.clone(), root, range.clone());
        Ok(Reading {
            version: rows::version(row, current)?,
            range,
            body,
        })
    }

    /// Finds the version addressed and checks the read condition.
    pub(crate) async fn open_source(
        &self,
        who: &Principal,
        source: &Source,
    ) -> Result<(ContainerRow, VersionRow, bool)> {
        let (who, source) = (who.clone(), source.clone());
        self.look(move |tx| {
            let container = permitted(tx, &who, &source.container)?;
            let path = source.path.as_str().as_bytes();
            let head = tx.head(container.id, path)?;
            let head_serial = head.as_ref().map(|head| head.serial);
            let row = select(tx, &container, path, head, source.version)?;
            if row.cluster == Cluster::Deleted {
                let context = "the object was deleted";
                let error = Error::because(ErrorKind::NotFound, Reason::DeleteMarker, context);
                return Err(error.with_version(Serial(row.serial)));
            }
            let present = Present {
                etag: &row.etag,
                created: Instant(row.created),
            };
            source.condition.check_read(present)?;
            let current = head_serial == Some(row.serial);
            Ok((container, row, current))
        })
        .await
    }

    /// Deletes what the request addresses. Deleting what is not there is no error.
    pub async fn delete(
        &self,
        who: &Principal,
        container: &ContainerName,
        path: &ObjectPath,
        request: DeleteRequest,
    ) -> Result<Deleted> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx| {
            let row = permitted(tx, &who, &container)?;
            let serial = tx.lock_container(row.id)?.seq;
            match request.version {
                None => delete_current(tx, &who, &row, serial, &path, &request.condition),
                Some(version) => {
                    delete_version(tx, &who, &row, serial, &path, version, &request.condition)
                }
            }
        })
        .await
    }
}

/// The version of a path that a selector means.
fn select(
    tx: &mut ReadTx<'_>,
    container: &ContainerRow,
    path: &[u8],
    head: Option<VersionRow>,
    version: Selector,
) -> Result<VersionRow> {
    let (row, reason) = match version {
        Selector::Current => (head, Reason::NoSuchObject),
        Selector::Serial(serial) => (
            tx.version(container.id, path, serial.0)?,
            Reason::NoSuchVersion,
        ),
        Selector::Null => (tx.null_version(container.id, path)?, Reason::NoSuchVersion),
    };
    row.ok_or_else(|| Error::because(ErrorKind::NotFound, reason, "there is no such object"))
}

fn delete_current(
    tx: &mut WriteTx<'_>,
    who: &Principal,
    container: &ContainerRow,
    serial: i64,
    path: &ObjectPath,
    condition: &Condition,
) -> Result<Deleted> {
    writing::check(tx, container, path, condition)?;
    let path = path.as_str().as_bytes();
    let occasion = Occasion::new(Cause::Delete, who);
    if container.versioning == RowVersioning::Off {
        let Some(gone) = tx.head(container.id, path)? else {
            return Ok(Deleted::default());
        };
        writing::remove_version(tx, container, serial, &gone, &occasion)?;
        return Ok(Deleted::default());
    }
    let marker = writing::write_marker(tx, container, serial, path, who.user_id.0, &occasion)?;
    Ok(Deleted {
        marker: Some((Serial(marker.serial), marker.null_version)),
        removed: None,
    })
}

fn delete_version(
    tx: &mut WriteTx<'_>,
    who: &Principal,
    container: &ContainerRow,
    serial: i64,
    path: &ObjectPath,
    version: Selector,
    condition: &Condition,
) -> Result<Deleted> {
    let path = path.as_str().as_bytes();
    let head = tx.head(container.id, path)?;
    let gone = match select(tx, container, path, head, version) {
        Ok(gone) => gone,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            condition.check_write(None)?;
            return Ok(Deleted::default());
        }
        Err(error) => return Err(error),
    };
    condition.check_write(Some(Present {
        etag: &gone.etag,
        created: Instant(gone.created),
    }))?;
    let occasion = Occasion::new(Cause::Delete, who);
    writing::remove_version(tx, container, serial, &gone, &occasion)?;
    let marker = gone.cluster == Cluster::Deleted;
    Ok(Deleted {
        marker: None,
        removed: Some((Serial(gone.serial), marker)),
    })
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
