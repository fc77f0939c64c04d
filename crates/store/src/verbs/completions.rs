//! Completions of uploads: the parts' block lists are joined; no data moves.

use dolium_access::Action;
use dolium_block::Node;
use dolium_catalog::{PartRow, UploadRow, WriteTx};

use super::event::{Cause, Occasion};
use super::uploads::{UPLOAD, UPLOAD_ID, find_upload};
use super::writing::{self, NewVersion};
use crate::attributes::CHECKSUM;
use crate::caller::Caller;
use crate::envelope::{self, PART_SALT};
use crate::intake::{Intake, NewBlocks, Taken};
use crate::lifecycle::with_expiry;
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{Target, permitted};
use crate::reader::ExtentWalk;
use crate::request::{CompleteRequest, Condition, Part, Version};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, rows};

impl Store {
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
        let described = rows::upload(&row, upload.clone())?;
        let parts = self.chosen_parts(&upload, &request).await?;
        let place = rows::place_of_upload(&row, &upload)?;
        let lane = self.lane_of(&place)?;
        let sealed = described.encrypted().is_some();
        let grid = if sealed {
            None
        } else {
            Some(rows::chunking(&row)?)
        };
        let mut intake = Intake::new(lane, grid);
        let mut size = 0u64;
        for part in &parts {
            size += part.size as u64;
            let root = Node::decode(&part.list)?;
            let mut walk = ExtentWalk::new(lane.clone(), root, 0..part.size as u64);
            while let Some(extent) = walk.next().await? {
                intake.append(extent).await?;
            }
        }
        let Taken {
            root,
            blocks,
            merkle,
        } = intake.finish().await?;
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
            description.attributes.set(CHECKSUM, algorithm, value);
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
        let holder = self.new.place.holder(row.account_id);
        writing::link(tx, &holder, &self.new.root, &self.blocks)?;
        writing::drop_upload(tx, &row, &self.upload)?;
        let occasion = Occasion::new(Cause::CompleteMultipartUpload, who);
        let version = writing::write_version(tx, &row, serial, self.new.clone(), &occasion)?;
        let version = rows::version(version, true)?;
        Ok(with_expiry(&row, version))
    }
}
