//! Multipart uploads: parts are stored as they come and joined by joining their block lists.

use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{ContainerRow, PartRow, ReadTx, UploadMarker, UploadRow, WriteTx};

use super::event::{Cause, Occasion};
use super::guards::settle;
use super::objects::resolve;
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::clock::now;
use crate::digest::DigestSet;
use crate::envelope::{self, Encryption, ObjectKey, PART_SALT};
use crate::ingest::{self, Ingested, Intake, NewBlocks};
use crate::lifecycle::with_expiry;
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{ReadAction, Target, permitted};
use crate::reader::ExtentWalk;
use crate::request::{
    Body, ByteRange, CompleteRequest, Condition, Description, Finish, Part, PutRequest, Source,
    Upload, Version,
};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// The largest part number.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// The namespace that tells which upload a version came from.
pub(crate) const UPLOAD: &str = "upload";
/// Its key for the upload's id.
const UPLOAD_ID: &str = "id";

/// One entry of a listing of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadEntry {
    /// An upload in progress.
    Upload(Upload),
    /// A common prefix.
    Prefix(String),
}

/// What a part adds to its upload.
struct NewPart {
    number: u32,
    size: u64,
    finish: Finish,
    root: Node,
    blocks: NewBlocks,
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
            settle(tx, &who, &row, &mut description)?;
            if let Some(encryption) = store.encryption_for(&row, encryption.clone())? {
                let attributes = &mut description.attributes;
                envelope::begin(&store.inner.keys, &encryption, attributes);
            }
            let account_id = who
                .principal()
                .map_or(row.account_id, |user| user.account_id);
            let row = UploadRow {
                container_id: row.id,
                upload_id: upload_id.clone(),
                path: path.as_str().as_bytes().to_vec(),
                account_id,
                author: who.author(),
                created: now().0,
                meta: rows::encode_upload_meta(&description),
            };
            tx.create_upload(&row)?;
            rows::upload(row)
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
        let (_, row) = self
            .open_upload(who, container, path, upload_id, action)
            .await?;
        rows::upload(row)
    }

    async fn open_upload(
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

    /// Stores a part; it replaces an earlier one of the same number.
    pub async fn put_part(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        number: u32,
        put: PutRequest,
    ) -> Result<Part> {
        check_number(number)?;
        let (row, upload) = self
            .open_upload(who, container, path, upload_id, Action::PutObject)
            .await?;
        let key = self.part_key(upload, put.encryption.as_ref())?;
        let (keystream, salt) = key.as_ref().map(envelope::segment).unzip();
        let (lane, chunking) = (self.lane(&row)?, rows::chunking(&row)?);
        let ingested = ingest::ingest(lane, chunking, put, keystream).await?;
        let Ingested {
            root,
            size,
            new_blocks: blocks,
            mut finish,
            ..
        } = ingested;
        if let Some(salt) = salt {
            // Behind the checksums: it is none.
            finish.checksums.push((PART_SALT.to_owned(), salt));
        }
        let part = NewPart {
            number,
            size,
            finish,
            root,
            blocks,
        };
        self.commit_part(who, container, path, upload_id, part)
            .await
    }

    /// The key of the object that an upload becomes; `None` when its bytes stay as they are.
    fn part_key(&self, upload: UploadRow, given: Option<&Encryption>) -> Result<Option<ObjectKey>> {
        let attributes = rows::upload(upload)?.description.attributes;
        let given = match given {
            Some(Encryption::Customer(key)) => Some(key),
            _ => None,
        };
        envelope::open(&self.inner.keys, &attributes, given)
    }

    /// Makes a part of a range of an object. No data moves, unless source or upload are encrypted.
    #[expect(
        clippy::too_many_arguments,
        reason = "a part of an upload and a range of a source have this many names"
    )]
    pub async fn copy_part(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        number: u32,
        source: Source,
        range: ByteRange,
        encryption: Option<Encryption>,
    ) -> Result<Part> {
        check_number(number)?;
        let (target, upload) = self
            .open_upload(who, container, path, upload_id, Action::PutObject)
            .await?;
        let (from, row, _) = self.open_source(who, &source, ReadAction::GET).await?;
        let whole = row.size as u64;
        if let ByteRange::From {
            last: Some(last), ..
        } = range
            && last >= whole
        {
            let context = format!("the range ends behind the source of {whole} bytes");
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::BadRange,
                context,
            ));
        }
        let range = resolve(range, whole)?;
        let size = range.end - range.start;
        let sealed = self.part_key(upload, encryption.as_ref())?.is_some();
        let attributes = rows::decode_attributes(&row.meta)?;
        let opened = envelope::open(&self.inner.keys, &attributes, source.key.as_ref())?;
        if sealed || opened.is_some() {
            let body = self.content(&from, &row, range, source.key.as_ref())?;
            let put = recoded(body, size, encryption);
            return self
                .put_part(who, container, path, upload_id, number, put)
                .await;
        }
        let root = Node::decode(&row.list)?;
        let mut walk = ExtentWalk::new(self.lane(&from)?.clone(), root, range);
        let mut intake = Intake::new(self.lane(&target)?);
        while let Some(extent) = walk.next().await? {
            intake.append(extent).await?;
        }
        let (root, blocks) = intake.finish().await?;
        // The part's tag need not be the MD5 of bytes that nobody has read.
        let etag = hex::encode(rand::random::<[u8; 16]>());
        let finish = Finish {
            etag,
            checksums: Vec::new(),
        };
        let part = NewPart {
            number,
            size,
            finish,
            root,
            blocks,
        };
        self.commit_part(who, container, path, upload_id, part)
            .await
    }

    async fn commit_part(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        new: NewPart,
    ) -> Result<Part> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let upload_id = upload_id.to_owned();
        self.commit(move |tx| {
            let action = Action::PutObject;
            let (row, upload) = find_upload(tx, &who, &container, &path, &upload_id, action)?;
            writing::link(tx, &row.array_name, &row, &new.root, &new.blocks)?;
            let part = PartRow {
                container_id: row.id,
                upload_id: upload.upload_id,
                number: new.number.into(),
                size: new.size as i64,
                etag: new.finish.etag.clone(),
                checksums: serde_json::to_vec(&new.finish.checksums)
                    .expect("lists of strings are always JSON"),
                created: now().0,
                list: new.root.encode(),
            };
            if let Some(old) = tx.put_part(&part)? {
                writing::unlink(tx, &row, &old.list)?;
            }
            rows::part(&part)
        })
        .await
    }

    /// Joins the parts named to the object and ends the upload.
    pub async fn complete_upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        request: CompleteRequest,
    ) -> Result<Version> {
        let (row, upload) = self
            .open_upload(who, container, path, upload_id, Action::PutObject)
            .await?;
        let described = rows::upload(upload.clone())?;
        let parts = self.chosen_parts(&upload, &request).await?;
        let lane = self.lane(&row)?;
        let mut intake = Intake::new(lane);
        let mut size = 0u64;
        for part in &parts {
            size += part.size as u64;
            let root = Node::decode(&part.list)?;
            let mut walk = ExtentWalk::new(lane.clone(), root, 0..part.size as u64);
            while let Some(extent) = walk.next().await? {
                intake.append(extent).await?;
            }
        }
        let (root, blocks) = intake.finish().await?;
        let views = parts.iter().map(rows::part).collect::<Result<Vec<_>>>()?;
        let finish = (request.finish)(&views)?;
        let mut description = described.description;
        let sealed = segments_of(&views);
        if !sealed.is_empty() {
            envelope::set_segments(&mut description.attributes, &sealed);
        }
        let attributes = &mut description.attributes;
        attributes.set(UPLOAD, UPLOAD_ID, upload_id);
        for (algorithm, value) in finish.checksums {
            description.attributes.set("checksum", algorithm, value);
        }
        let new = NewVersion {
            path: path.clone(),
            size,
            etag: finish.etag,
            description,
            merkle: None,
            author: who.author().0,
            root,
        };
        let completion = Completion {
            upload,
            parts,
            new,
            blocks,
            condition: request.condition,
        };
        let (who, container) = (who.clone(), container.clone());
        self.commit(move |tx| completion.commit(tx, &who, &container))
            .await
    }

    /// The current version of an object, when it is what this upload was completed to.
    pub async fn completed_upload(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
    ) -> Result<Option<Version>> {
        let (who, container, path) = (who.clone(), container.clone(), path.clone());
        let upload_id = upload_id.to_owned();
        self.look(move |tx| {
            let path = path.as_str().as_bytes();
            let target = Target::Path(path);
            let row = permitted(tx, &who, &container, Action::PutObject, target)?;
            let Some(live) = tx.live(row.id, path)? else {
                return Ok(None);
            };
            let version = rows::version(live, true)?;
            let same = version.attributes.get(UPLOAD, UPLOAD_ID) == Some(&upload_id);
            Ok(same.then_some(version))
        })
        .await
    }

    /// The parts that a completion names, checked.
    async fn chosen_parts(
        &self,
        upload: &UploadRow,
        request: &CompleteRequest,
    ) -> Result<Vec<PartRow>> {
        let (container, upload_id) = (upload.container_id, upload.upload_id.clone());
        let wanted = request.parts.clone();
        if wanted.is_empty() {
            let context = "a completion names at least one part";
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        if !wanted.is_sorted_by(|a, b| a.0 < b.0) {
            let context = "parts must be named in ascending order";
            return Err(Error::because(
                ErrorKind::Invalid,
                Reason::InvalidPartOrder,
                context,
            ));
        }
        let len_min = request.part_len_min;
        self.look(move |tx| {
            let mut chosen = Vec::with_capacity(wanted.len());
            for (number, etag) in &wanted {
                let part = tx.part(container, &upload_id, (*number).into())?;
                let part = part.filter(|part| part.etag == *etag).ok_or_else(|| {
                    let context = format!("part {number} is missing or has another ETag");
                    Error::because(ErrorKind::Invalid, Reason::InvalidPart, context)
                })?;
                chosen.push(part);
            }
            let last = chosen.len() - 1;
            if chosen[..last]
                .iter()
                .any(|part| (part.size as u64) < len_min)
            {
                let context = format!("only the last part may be below {len_min} bytes");
                return Err(Error::because(
                    ErrorKind::Invalid,
                    Reason::PartTooSmall,
                    context,
                ));
            }
            Ok(chosen)
        })
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
            for part in tx.delete_upload(row.id, &upload.upload_id)? {
                writing::unlink(tx, &row, &part.list)?;
            }
            Ok(())
        })
        .await
    }

    /// A page of parts with numbers above `after`, and whether there are more.
    pub async fn list_parts(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        upload_id: &str,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<Part>, bool)> {
        let action = Action::ListMultipartUploadParts;
        let (_, upload) = self
            .open_upload(who, container, path, upload_id, action)
            .await?;
        self.look(move |tx| {
            let limit = limit.min(PART_NUMBER_MAX as usize);
            let (container, id) = (upload.container_id, upload.upload_id.as_str());
            let mut page = tx.parts(container, id, Some(after.into()), limit as i64 + 1)?;
            let more = page.len() > limit;
            page.truncate(limit);
            Ok((page.iter().map(rows::part).collect::<Result<_>>()?, more))
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

/// A write of bytes that are read again because their encryption changes.
pub(crate) fn recoded(body: Body, size: u64, encryption: Option<Encryption>) -> PutRequest {
    PutRequest {
        body,
        len: Some(size),
        len_max: size,
        digests: DigestSet {
            md5: true,
            ..DigestSet::default()
        },
        encryption,
        finish: Box::new(|digests| {
            Ok(Finish {
                etag: hex::encode(digests.md5.unwrap_or_default()),
                checksums: Vec::new(),
            })
        }),
    }
}

/// The lengths and salts of the parts of an encrypted upload; empty for one that is not.
fn segments_of(parts: &[Part]) -> Vec<(u64, String)> {
    let salt = |part: &Part| {
        let mut pairs = part.checksums.iter();
        let found = pairs.find(|(name, _)| name == PART_SALT);
        found.map(|(_, salt)| (part.size, salt.clone()))
    };
    parts.iter().filter_map(salt).collect()
}

/// Everything that the completing transaction needs.
struct Completion {
    upload: UploadRow,
    parts: Vec<PartRow>,
    new: NewVersion,
    blocks: NewBlocks,
    condition: Condition,
}

impl Completion {
    fn commit(
        &self,
        tx: &mut WriteTx<'_>,
        who: &Caller,
        container: &ContainerName,
    ) -> Result<Version> {
        let (path, id) = (&self.new.path, &self.upload.upload_id);
        let (row, _) = find_upload(tx, who, container, path, id, Action::PutObject)?;
        let serial = tx.lock_container(row.id)?.seq;
        writing::check(tx, &row, &self.new.path, &self.condition)?;
        for part in &self.parts {
            // A part may have been sent again since we joined the lists.
            let now = tx.part(row.id, &part.upload_id, part.number)?;
            if now.is_none_or(|now| now.list != part.list) {
                let context = format!("part {} was replaced meanwhile", part.number);
                return Err(Error::because(
                    ErrorKind::Invalid,
                    Reason::InvalidPart,
                    context,
                ));
            }
        }
        writing::link(tx, &row.array_name, &row, &self.new.root, &self.blocks)?;
        for part in tx.delete_upload(row.id, &self.upload.upload_id)? {
            writing::unlink(tx, &row, &part.list)?;
        }
        let occasion = Occasion::new(Cause::CompleteMultipartUpload, who);
        let version = writing::write_version(tx, &row, serial, self.new.clone(), &occasion)?;
        let version = rows::version(version, true)?;
        Ok(with_expiry(&row, version))
    }
}

fn find_upload(
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

fn check_number(number: u32) -> Result<()> {
    if (1..=PART_NUMBER_MAX).contains(&number) {
        Ok(())
    } else {
        let context = format!("part numbers go from 1 to {PART_NUMBER_MAX}");
        Err(Error::new(ErrorKind::Invalid, context))
    }
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
            let upload = rows::upload(upload)?;
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
        None => UploadEntry::Upload(upload),
    }
}
