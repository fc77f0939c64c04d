//! Rows of the catalog as callers of the store see them.

use dolium_block::Chunking;
use dolium_catalog::{
    Cluster, ContainerRow, ContainerState, PartRow, UploadRow, VersionRow, VersionSummary,
    Versioning as RowVersioning,
};

use crate::attributes::Attributes;
use crate::envelope;
use crate::lock;
use crate::names::{ContainerName, Instant, ObjectPath, Serial};
use crate::place::{PLACE, Place};
use crate::request::{Container, Description, Guards, Part, Upload, Version, Versioning};
use crate::{Error, ErrorKind, Result};

fn corrupt(what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the catalog holds a malformed {what}"),
    )
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| corrupt(what))
}

/// Metadata as the catalog keeps it.
pub(crate) fn encode_attributes(attributes: &Attributes) -> Vec<u8> {
    serde_json::to_vec(attributes).expect("maps of strings are always JSON")
}

pub(crate) fn decode_attributes(bytes: &[u8]) -> Result<Attributes> {
    if bytes.is_empty() {
        return Ok(Attributes::default());
    }
    serde_json::from_slice(bytes).map_err(|source| corrupt("metadata").with_source(source))
}

/// Whether encoded attributes hold a namespace, without parsing them: this is asked for every request, and
/// most attributes do not. It may say yes for bytes that are malformed.
pub(crate) fn mentions(attributes: &[u8], namespace: &str) -> bool {
    // A quote within a text is escaped, so this is never found inside one.
    let mark = format!("\"{namespace}\":{{");
    memchr::memmem::find(attributes, mark.as_bytes()).is_some()
}

pub(crate) fn versioning(row: RowVersioning) -> Versioning {
    match row {
        RowVersioning::Off => Versioning::Off,
        RowVersioning::On => Versioning::On,
        RowVersioning::Suspended => Versioning::Suspended,
    }
}

pub(crate) fn row_versioning(versioning: Versioning) -> RowVersioning {
    match versioning {
        Versioning::Off => RowVersioning::Off,
        Versioning::On => RowVersioning::On,
        Versioning::Suspended => RowVersioning::Suspended,
    }
}

/// How the container's streams are cut.
pub(crate) fn chunking(row: &ContainerRow) -> Result<Chunking> {
    let len = u32::try_from(row.block_size).map_err(|_| corrupt("block size"))?;
    match row.chunking.as_str() {
        "cdc" => Ok(Chunking::cdc(len)?),
        _ => Ok(Chunking::fixed(len)?),
    }
}

/// The chunking's words in a container's row.
pub(crate) fn chunking_words(chunking: Chunking) -> (String, i64) {
    match chunking {
        Chunking::Fixed(len) => ("fixed".to_owned(), len.into()),
        Chunking::Cdc(average) => ("cdc".to_owned(), average.into()),
    }
}

pub(crate) fn container(row: ContainerRow, state: Option<ContainerState>) -> Result<Container> {
    Ok(Container {
        id: row.id.0,
        name: ContainerName::of_catalog(text(row.name, "container name")?),
        account_id: row.account_id.0,
        created: Instant(row.created),
        versioning: versioning(row.versioning),
        objects: state.as_ref().map_or(0, |state| state.objects as u64),
        bytes: state.as_ref().map_or(0, |state| state.bytes as u64),
        version_bytes: state.as_ref().map_or(0, |state| state.version_bytes as u64),
        attributes: decode_attributes(&row.attributes)?,
    })
}

/// A version, of which the caller knows whether it is the newest of its path.
pub(crate) fn summary(row: VersionSummary, current: bool) -> Result<Version> {
    let attributes = decode_attributes(&row.meta)?;
    // A root over ciphertext names nothing that a client could compare.
    let sealed = mentions(&row.meta, envelope::SEALED);
    Ok(Version {
        root: row
            .root
            .filter(|_| !sealed)
            .and_then(|root| <[u8; 32]>::try_from(root).ok())
            .map(Box::new),
        retention: lock::retention_of(&attributes)?,
        encrypted: envelope::encrypted_by(&attributes),
        hold: attributes.get(lock::LOCK, lock::HOLD) == Some(lock::ON),
        expiry: None,
        path: ObjectPath::new(text(row.path, "path")?)?,
        serial: Serial(row.serial),
        null: row.null_version,
        current,
        marker: row.cluster == Cluster::Deleted,
        created: Instant(row.created),
        size: row.size as u64,
        etag: row.etag,
        content_type: row.content_type,
        author: row.author.0,
        array: Box::default(),
        attributes,
    })
}

pub(crate) fn version(row: VersionRow, current: bool) -> Result<Version> {
    let VersionRow {
        path,
        serial,
        cluster,
        null_version,
        created,
        size,
        ..
    } = row;
    let VersionRow {
        etag,
        content_type,
        root,
        author,
        meta,
        ..
    } = row;
    let row = VersionSummary {
        path,
        serial,
        cluster,
        null_version,
        created,
        size,
        etag,
        content_type,
        root,
        author,
        meta,
    };
    summary(row, current)
}

/// What an upload keeps of the request that began it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct UploadMeta {
    pub(crate) content_type: String,
    pub(crate) attributes: Attributes,
}

pub(crate) fn encode_upload_meta(description: &Description) -> Vec<u8> {
    let meta = UploadMeta {
        content_type: description.content_type.clone(),
        attributes: description.attributes.clone(),
    };
    serde_json::to_vec(&meta).expect("maps of strings are always JSON")
}

/// Where the parts of an upload lie.
pub(crate) fn place_of_upload(container: &ContainerRow, row: &UploadRow) -> Result<Place> {
    if !mentions(&row.meta, PLACE) {
        return Ok(Place::in_array(&container.array_name));
    }
    let meta: UploadMeta = serde_json::from_slice(&row.meta)
        .map_err(|source| corrupt("upload").with_source(source))?;
    Ok(Place::of(container, &meta.attributes))
}

pub(crate) fn upload(container: &ContainerRow, row: UploadRow) -> Result<Upload> {
    let meta: UploadMeta = serde_json::from_slice(&row.meta)
        .map_err(|source| corrupt("upload").with_source(source))?;
    Ok(Upload {
        array: Place::of(container, &meta.attributes).array.into(),
        id: row.upload_id,
        path: ObjectPath::new(text(row.path, "path")?)?,
        description: Description {
            content_type: meta.content_type,
            attributes: meta.attributes,
            guards: Guards::default(),
            class: None,
        },
        author: row.author.0,
        created: Instant(row.created),
    })
}

pub(crate) fn part(row: &PartRow) -> Result<Part> {
    let checksums = serde_json::from_slice(&row.checksums)
        .map_err(|source| corrupt("part").with_source(source))?;
    Ok(Part {
        number: u32::try_from(row.number).map_err(|_| corrupt("part number"))?,
        size: row.size as u64,
        etag: row.etag.clone(),
        checksums,
        created: Instant(row.created),
    })
}
