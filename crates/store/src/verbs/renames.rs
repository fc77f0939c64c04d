//! Renames: an object gets another path in its container, in one transaction.

use dolium_access::Action;
use dolium_block::Node;

use super::deletions::remove_current;
use super::event::{Cause, Occasion};
use super::objects::existing;
use super::writing::{self, NewVersion};
use crate::caller::Caller;
use crate::condition::Present;
use crate::intake::NewBlocks;
use crate::lifecycle::with_expiry;
use crate::permission::{self, ReadAction, Target};
use crate::place::Place;
use crate::request::{Description, Guards, RenameRequest, Version};
use crate::rows;
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

impl Store {
    /// Gives an object another path. Everything it carries goes with it. In a versioned container the
    /// old path keeps its versions under a delete marker.
    pub async fn rename(&self, who: &Caller, request: RenameRequest) -> Result<Version> {
        if request.source.path == request.path {
            let context = "the object has that name already";
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        let who = who.clone();
        self.commit(move |tx| {
            let source = &request.source;
            let container = permission::find(tx, &who, &source.container)?;
            let from = Target::Path(source.path.as_str().as_bytes());
            permission::require(tx, &who, &container, Action::DeleteObject, from)?;
            let to = Target::Path(request.path.as_str().as_bytes());
            permission::require(tx, &who, &container, Action::PutObject, to)?;
            let (row, _) = existing(tx, &who, &container, source, ReadAction::GET)?;
            source.condition.check_read(Present::of(&row))?;
            let serial = tx.lock_container(container.id)?.seq;
            writing::check(tx, &container, &request.path, &request.condition)?;
            let root = Node::decode(&row.list)?;
            let place = Place::of_meta(&container, &row.meta)?;
            let holder = place.holder(container.account_id);
            writing::link(tx, &holder, &root, &NewBlocks::default())?;
            let new = NewVersion {
                path: request.path.clone(),
                size: row.size as u64,
                etag: row.etag.clone(),
                description: Description {
                    content_type: row.content_type.clone(),
                    attributes: rows::decode_attributes(&row.meta)?,
                    guards: Guards::default(),
                    class: None,
                },
                merkle: row.root.clone(),
                author: row.author.0,
                root,
                place,
            };
            let occasion = Occasion::new(Cause::Rename, &who);
            let version = writing::write_version(tx, &container, serial, new, &occasion)?;
            let serial = tx.lock_container(container.id)?.seq;
            remove_current(tx, &occasion, &container, serial, &source.path)?;
            Ok(with_expiry(&container, rows::version(version, true)?))
        })
        .await
    }
}
