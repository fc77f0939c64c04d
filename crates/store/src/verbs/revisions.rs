//! Revisions: new words for an object as a new version of the same content, so that the old words stay in
//! its history.

use dolium_access::Action;
use dolium_block::Node;

use super::descriptions::{DescriptionEdit, KEPT, edited};
use super::event::{Cause, Occasion};
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::intake::NewBlocks;
use crate::lock;
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{Target, permitted};
use crate::place::Place;
use crate::request::{Condition, Version};
use crate::rows::encode_attributes;
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, expiry, rows, sharing};

impl Store {
    /// Writes a version with the same content and other words. Gives `None` when the words are the same: then
    /// there is no new version.
    pub async fn revise(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        condition: Condition,
        edit: DescriptionEdit,
    ) -> Result<Option<Version>> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx| {
            let target = Target::Path(path.as_str().as_bytes());
            let container = permitted(tx, &who, &name, Action::PutObject, target)?;
            let serial = tx.lock_container(container.id)?.seq;
            let found = expiry::unended(tx.live(container.id, path.as_str().as_bytes())?)?;
            let row = found.ok_or_else(absent)?;
            writing::check(tx, &container, &path, &condition)?;
            let description = edited(&row, &edit, &KEPT)?;
            let same = description.content_type == row.content_type
                && encode_attributes(&description.attributes) == row.meta;
            if same {
                sharing::apply(tx, &who, &container, &row.path, &description.guards.share)?;
                return Ok(None);
            }
            if container.versioning != dolium_catalog::Versioning::On {
                // The old version goes, with its words.
                lock::check_delete(tx, &who, &container, &row, false)?;
            }
            let root = Node::decode(&row.list)?;
            let place = Place::of_meta(&container, &row.meta)?;
            let holder = place.holder(container.account_id);
            writing::link(tx, &holder, &root, &NewBlocks::default())?;
            let new = NewVersion {
                path: path.clone(),
                size: row.size as u64,
                etag: row.etag.clone(),
                description,
                merkle: row.root.clone(),
                author: who.author().0,
                root,
                place,
            };
            let occasion = Occasion::new(Cause::Put, &who);
            let version = writing::write_version(tx, &container, serial, new, &occasion)?;
            rows::version(version, true).map(Some)
        })
        .await
    }
}

/// That there is no such object.
pub(super) fn absent() -> Error {
    let reason = Reason::NoSuchObject;
    Error::because(ErrorKind::NotFound, reason, "there is no such object")
}
