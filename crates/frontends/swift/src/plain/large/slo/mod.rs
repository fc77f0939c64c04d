//! Static large objects: a manifest names the parts, each with the tag that it must have.
//!
//! The manifest is the object's content: a JSON list in the form in which it is shown. What the whole is
//! (its tag and its length) is kept beside it, in namespace `swift`.

mod delete;
mod parse;
mod put;
pub(in crate::plain) mod show;

use std::ops::Range;

use bytes::Bytes;
use dolium_store::{Caller, Error, ErrorKind, Opened, Source, Store, Version};
use futures::TryStreamExt;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Assembly, Part, Piece};
use crate::metadata::SWIFT;
use crate::plain::source;
use crate::target::{container_name, object_in_path, object_path};

pub(in crate::plain) use delete::{delete_whole, is_asked as delete_is_asked};
pub(in crate::plain) use put::{put, put_bytes};

/// The key that marks a manifest.
pub(in crate::plain) const SLO: &str = "slo";
/// The key of the tag of the whole.
pub(in crate::plain) const SLO_ETAG: &str = "slo-etag";
/// The key of the length of the whole.
pub(in crate::plain) const SLO_SIZE: &str = "slo-size";

/// The longest manifest.
pub(crate) const MANIFEST_LEN_MAX: usize = 8 << 20;
/// The most parts that are objects.
pub(crate) const PARTS_MAX: usize = 1000;

/// The tag of the whole, without quotes; `None` when the version is no manifest.
pub(in crate::plain) fn etag_of(version: &Version) -> Option<&str> {
    version.attributes.get(SWIFT, SLO)?;
    version.attributes.get(SWIFT, SLO_ETAG)
}

/// The length of the whole.
pub(in crate::plain) fn size_of(version: &Version) -> Option<u64> {
    version.attributes.get(SWIFT, SLO)?;
    version.attributes.get(SWIFT, SLO_SIZE)?.parse().ok()
}

/// One part, as a manifest keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// `a-b`, both inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sub_slo: bool,
    /// Bytes of the part itself, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

impl Kept {
    /// The bytes of the part that belong to the whole.
    fn range(&self) -> Option<Range<u64>> {
        let Some(range) = &self.range else {
            return Some(0..self.bytes?);
        };
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(first..last.checked_add(1)?)
    }

    /// What the part adds to the tag of the whole.
    fn tag(&self) -> String {
        let hash = match (&self.hash, &self.data) {
            (Some(hash), _) => hash.clone(),
            (None, Some(data)) => {
                hex::encode(Md5::digest(STANDARD.decode(data).unwrap_or_default()))
            }
            (None, None) => String::new(),
        };
        match &self.range {
            Some(range) => format!("{hash}:{range};"),
            None => hash,
        }
    }
}

/// The tag of the whole of some parts.
pub(super) fn tag_of(parts: &[Kept]) -> String {
    let mut digest = Md5::new();
    parts.iter().for_each(|part| digest.update(part.tag()));
    hex::encode(digest.finalize())
}

fn damaged() -> Error {
    Error::new(ErrorKind::Conflict, "a manifest is damaged")
}

/// The parts that a manifest names.
pub(super) async fn parts_of(opened: &Opened) -> dolium_store::Result<Vec<Kept>> {
    let size = opened.version().size;
    if size > MANIFEST_LEN_MAX as u64 * 2 {
        return Err(damaged());
    }
    let chunks: Vec<Bytes> = opened.read(0..size)?.try_collect().await?;
    serde_json::from_slice(&chunks.concat()).map_err(|_| damaged())
}

/// The whole that an opened manifest means.
pub(in crate::plain) async fn assemble(
    store: &Store,
    caller: &Caller,
    manifest: &Source,
    opened: &Opened,
) -> dolium_store::Result<Assembly> {
    let kept = parts_of(opened).await?;
    let account = manifest.container.account().ok_or_else(damaged)?;
    let mut pieces = Vec::with_capacity(kept.len());
    for part in &kept {
        if let Some(data) = &part.data {
            let bytes = Bytes::from(STANDARD.decode(data).map_err(|_| damaged())?);
            pieces.push(Piece {
                range: 0..bytes.len() as u64,
                part: Part::Inline(bytes),
            });
            continue;
        }
        let range = part.range().ok_or_else(damaged)?;
        let name = part
            .name
            .as_deref()
            .and_then(object_in_path)
            .ok_or_else(damaged)?;
        let container = container_name(account.clone(), &name.0).map_err(|_| damaged())?;
        let path = object_path(&name.1).map_err(|_| damaged())?;
        let (source, hash) = (
            source(container, path),
            part.hash.clone().unwrap_or_default(),
        );
        let part = match part.sub_slo {
            true => Part::Large(Box::new(source), hash),
            false => Part::Object(Box::new(source), hash),
        };
        pieces.push(Piece { part, range });
    }
    let etag = etag_of(opened.version()).unwrap_or_default().to_owned();
    Ok(Assembly::new(store.clone(), caller.clone(), pieces, etag))
}
