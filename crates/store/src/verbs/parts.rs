//! Parts of uploads: stored as they come, or made of ranges of objects.

use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{ContainerRow, PartRow, UploadRow};

use super::objects::resolve;
use super::uploads::{PART_NUMBER_MAX, find_upload};
use super::writing;
use crate::caller::Caller;
use crate::clock::now;
use crate::digest::DigestSet;
use crate::envelope::{self, Encryption, ObjectKey, PART_SALT};
use crate::ingest::{self, Ingested};
use crate::intake::{Intake, NewBlocks, Taken};
use crate::names::{ContainerName, ObjectPath};
use crate::permission::ReadAction;
use crate::place::Place;
use crate::reader::ExtentWalk;
use crate::request::{Body, ByteRange, Finish, Part, PutRequest, Source};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

/// What a part adds to its upload.
struct NewPart {
    number: u32,
    size: u64,
    finish: Finish,
    root: Node,
    blocks: NewBlocks,
}

impl Store {
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
        let lane = self.lane_of(&rows::place_of_upload(&row, &upload)?)?;
        let key = self.part_key(&row, upload, put.encryption.as_ref())?;
        let (keystream, salt) = key.as_ref().map(envelope::segment).unzip();
        let chunking = rows::chunking(&row)?;
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
    fn part_key(
        &self,
        container: &ContainerRow,
        upload: UploadRow,
        given: Option<&Encryption>,
    ) -> Result<Option<ObjectKey>> {
        let attributes = rows::upload(container, upload)?.description.attributes;
        let given = match given {
            Some(Encryption::Customer(key)) => Some(key),
            _ => None,
        };
        envelope::open(&self.inner.keys, &attributes, given)
    }

    /// Makes a part of a range of an object. No data moves, unless source or upload are encrypted, or are kept
    /// in different arrays.
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
        let held = self.inner.underway.begin();
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
        let lane = self.lane_of(&rows::place_of_upload(&target, &upload)?)?;
        let sealed = self
            .part_key(&target, upload, encryption.as_ref())?
            .is_some();
        let attributes = rows::decode_attributes(&row.meta)?;
        let opened = envelope::open(&self.inner.keys, &attributes, source.key.as_ref())?;
        if sealed || opened.is_some() {
            let body = self.content(&from, &row, range, source.key.as_ref(), held)?;
            let put = recoded(body, size, encryption);
            return self
                .put_part(who, container, path, upload_id, number, put)
                .await;
        }
        let root = Node::decode(&row.list)?;
        let source_lane = self.lane_of(&Place::of(&from, &attributes))?;
        let mut walk = ExtentWalk::new(source_lane.clone(), root, range);
        let mut intake = Intake::new(lane, None);
        while let Some(extent) = walk.next().await? {
            if source_lane.array.name() != lane.array.name() {
                intake.carry(source_lane, extent.id).await?;
            }
            intake.append(extent).await?;
        }
        let Taken { root, blocks, .. } = intake.finish().await?;
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
            let place = rows::place_of_upload(&row, &upload)?;
            let holder = place.holder(row.account_id);
            writing::link(tx, &holder, &new.root, &new.blocks)?;
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
                writing::unlink(tx, &holder, &old.list)?;
            }
            rows::part(&part)
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

fn check_number(number: u32) -> Result<()> {
    if (1..=PART_NUMBER_MAX).contains(&number) {
        Ok(())
    } else {
        let context = format!("part numbers go from 1 to {PART_NUMBER_MAX}");
        Err(Error::new(ErrorKind::Invalid, context))
    }
}
