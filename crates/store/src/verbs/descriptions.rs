//! New words for an object whose content stays: what Swift's POST does.
//!
//! Promises: content, guards, tags and checksums stay as they are; what is retained or held is not
//! changed; the object counts as modified now.

use std::sync::Arc;

use dolium_access::Action;
use dolium_catalog::{ChangeKind, VersionRow, WriteTx};

use super::uploads::UPLOAD;
use super::writing;
use crate::attributes::{CHECKSUM, OBJECT};
use crate::caller::Caller;
use crate::clock::now;
use crate::envelope::SEALED;
use crate::lock::{self, LOCK};
use crate::names::{ContainerName, ObjectPath};
use crate::permission::{ACCESS, TAGS, Target, permitted};
use crate::place::PLACE;
use crate::request::{Description, Guards, Version};
use crate::rows::{decode_attributes, encode_attributes};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result, expiry, rows, sharing};

/// The namespaces that stay as they are, whatever an edit makes of them.
pub(super) const KEPT: [&str; 8] = [ACCESS, LOCK, SEALED, CHECKSUM, UPLOAD, TAGS, PLACE, OBJECT];

/// Changes a description inside the transaction; may run more than once.
pub type DescriptionEdit = Arc<dyn Fn(&mut Description) -> Result<()> + Send + Sync>;

impl Store {
    /// Changes what the current version of an object says about itself.
    pub async fn redescribe(
        &self,
        who: &Caller,
        container: &ContainerName,
        path: &ObjectPath,
        edit: DescriptionEdit,
    ) -> Result<Version> {
        let (who, name, path) = (who.clone(), container.clone(), path.clone());
        self.commit(move |tx: &mut WriteTx<'_>| {
            let target = Target::Path(path.as_str().as_bytes());
            let container = permitted(tx, &who, &name, Action::PutObject, target)?;
            let seq = tx.lock_container(container.id)?.seq;
            let found = tx.live(container.id, path.as_str().as_bytes())?;
            let absent = || {
                let reason = Reason::NoSuchObject;
                Error::because(ErrorKind::NotFound, reason, "there is no such object")
            };
            let mut row = found.ok_or_else(absent)?;
            if expiry::has_ended(&row)? && !who.sees_expired() {
                return Err(absent());
            }
            lock::check_delete(tx, &who, &container, &row, false)?;
            let after = edited(&row, &edit, &KEPT)?;
            sharing::check_kind(tx, &who, &container, &row.path, &after.content_type)?;
            row.content_type = after.content_type;
            row.meta = encode_attributes(&after.attributes);
            row.created = now().0;
            // Who last said what it is answers for what it refers to.
            row.author = who.author();
            tx.update_version(&row)?;
            sharing::apply(tx, &who, &container, &row.path, &after.guards.share)?;
            writing::note_change(tx, &container, seq, ChangeKind::Put, &row)?;
            expiry::remind(tx, &row)?;
            rows::version(row, true)
        })
        .await
    }
}

/// What an edit makes of what a version says of itself; these namespaces stay as they are.
pub(super) fn edited(
    row: &VersionRow,
    edit: &DescriptionEdit,
    kept: &[&str],
) -> Result<Description> {
    let before = decode_attributes(&row.meta)?;
    let mut after = Description {
        content_type: row.content_type.clone(),
        attributes: before.clone(),
        guards: Guards::default(),
        class: None,
    };
    edit(&mut after)?;
    for namespace in kept {
        let kept = before.namespace(namespace);
        let kept = kept.map(|(key, value)| (key.to_owned(), value.to_owned()));
        after.attributes.replace(namespace, kept.collect());
    }
    Ok(after)
}
