//! Multipart uploads: begun, described, aborted, listed. Their parts and their ends have files of their own.

use dolium_access::Action;
use dolium_catalog::{ContainerRow, ReadTx, UploadMarker, UploadRow};

use super::guards::settle;
use super::writing;
use crate::caller::Caller;
use crate::clock::now;
use crate::envelope::{self, Encryption};
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{Target, permitted};
use crate::request::{Description, Upload};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// The largest part number.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// The namespace that tells which upload a version came from.
pub(crate) const UPLOAD: &str = "upload";
/// Its key for the upload's id.
pub(super) const UPLOAD_ID: &str = "id";

/// One entry of a listing of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadEntry {
    /// An upload in progress.
    Upload(Box<Upload>),
    /// A common prefix.
    Prefix(String),
}

impl Store {
    /// Begins an upload.
    pub async fn create_upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        description: Description,
        encryption: Option<Encryption>,
    ) -> Result<Upload> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let store = self.clone();
        let upload_id = hex::encode(rand::random::<[u8; 16]>());
        self.commit(move |tx| {
            let target = Target::Path(path.as_str().as_bytes());
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            let mut description = description.clone();
            settle(tx, &who, &row, &path, &mut description)?;
            let place = store.place_for(&row, description.class.as_deref())?;
            place.note(&row, &mut description.attributes);
            if let Some(encryption) = store.encryption_for(&row, encryption.clone())? {
                let attributes = &mut description.attributes;
                envelope::begin(&store.inner.keys, &encryption, attributes);
            }
            let account_id = who
                .principal()
                .map_or(row.account_id, |user| user.account_id);
            let upload = UploadRow {
                container_id: row.id,
                upload_id: upload_id.clone(),
                path: path.as_str().as_bytes().to_vec(),
                account_id,
                author: who.author(),
                created: now().0,
                meta: rows::encode_upload_meta(&description),
            };
            tx.create_upload(&upload)?;
            rows::upload(&row, upload)
        })
        .await
    }

    /// Describes an upload to who may do this with it.
    pub async fn upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        action: Action,
    ) -> Result<Upload> {
        let (container, row) = self
            .open_upload(who, container, path, upload_id, action)
            .await?;
        rows::upload(&container, row)
    }

    pub(super) async fn open_upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        action: Action,
    ) -> Result<(ContainerRow, UploadRow)> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let upload_id = upload_id.to_owned();
        self.look(move |tx| find_upload(tx, &who, &container, &path, &upload_id, action))
            .await
    }

    /// Ends an upload and forgets its parts.
    pub async fn abort_upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
    ) -> Result<()> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let upload_id = upload_id.to_owned();
        self.commit(move |tx| {
            let action = Action::AbortMultipartUpload;
            let (row, upload) = find_upload(tx, &who, &container, &path, &upload_id, action)?;
            writing::drop_upload(tx, &row, &upload)
        })
        .await
    }

    /// A page of uploads and common prefixes by path and id, and whether there are more. `after` is a
    /// path (or common prefix), with an id also that upload of it.
    pub async fn list_uploads(
        &self,
        who: &Caller,
        container: &ContainerName,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<(&str, Option<&str>)>,
        limit: usize,
    ) -> Result<(Vec<UploadEntry>, bool)> {
        let (who, container) = (who.clone(), container.clone());
        let (prefix, delimiter) = (prefix.to_owned(), delimiter.map(str::to_owned));
        let after = after.map(|(path, id)| (path.to_owned(), id.map(str::to_owned)));
        self.look(move |tx| {
            let action = Action::ListBucketMultipartUploads;
            let row = permitted(tx, &who, &container, action, Target::Container)?;
            uploads_page(tx, &row, &prefix, delimiter.as_deref(), after, limit)
        })
        .await
    }
}

pub(super) fn find_upload(
    tx: &mut ReadTx<'_>,
    who: &Caller,
    container: &ContainerName,
    path: &ObjectPath,
    upload_id: &str,
    action: Action,
) -> Result<(ContainerRow, UploadRow)> {
    let target = Target::Path(path.as_str().as_bytes());
    let row = permitted(tx, who, container, action, target)?;
    let upload = tx.upload(row.id, upload_id)?;
    let upload = upload.filter(|upload| upload.path == path.as_str().as_bytes());
    let upload = upload.ok_or_else(|| {
        let context = "there is no such upload: it may have been completed or aborted";
        Error::because(ErrorKind::NotFound, Reason::NoSuchUpload, context)
    })?;
    Ok((row, upload))
}

/// Uploads are few, so prefixes are folded here rather than by seeks.
fn uploads_page(
    tx: &mut ReadTx<'_>,
    row: &ContainerRow,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<(String, Option<String>)>,
    limit: usize,
) -> Result<(Vec<UploadEntry>, bool)> {
    let skipped = after.as_ref().map(|(path, _)| path.clone());
    let mut marker = after.map(|(path, upload_id)| UploadMarker {
        path: path.into_bytes(),
        upload_id,
    });
    let mut entries: Vec<UploadEntry> = Vec::new();
    loop {
        let page = tx.uploads(row.id, prefix.as_bytes(), marker.as_ref(), 1000)?;
        let Some(last) = page.last() else {
            return Ok((entries, false));
        };
        let next = UploadMarker {
            path: last.path.clone(),
            upload_id: Some(last.upload_id.clone()),
        };
        for upload in page {
            let upload = rows::upload(row, upload)?;
            let entry = fold(upload, prefix, delimiter);
            if let UploadEntry::Prefix(common) = &entry {
                let repeated = entries.last() == Some(&entry);
                if repeated || skipped.as_ref() == Some(common) {
                    continue;
                }
            }
            if entries.len() == limit {
                return Ok((entries, true));
            }
            entries.push(entry);
        }
        marker = Some(next);
    }
}

fn fold(upload: Upload, prefix: &str, delimiter: Option<&str>) -> UploadEntry {
    let path = upload.path.as_str();
    let found = delimiter
        .filter(|delimiter| !delimiter.is_empty())
        .and_then(|delimiter| {
            let at = path.get(prefix.len()..)?.find(delimiter)?;
            Some(path[..prefix.len() + at + delimiter.len()].to_owned())
        });
    match found {
        Some(common) => UploadEntry::Prefix(common),
        None => UploadEntry::Upload(Box::new(upload)),
    }
}
