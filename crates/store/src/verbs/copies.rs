//! Copies: a new version that names the same blocks. No data moves.

use std::collections::HashMap;

use dolium_block::{BlockId, Node};
use dolium_identity::Principal;

use super::event::{Cause, Occasion};
use super::writing::{self, NewVersion};
use crate::ingest::NewBlocks;
use crate::lane::Lane;
use crate::reader::load_node;
use crate::request::{CopyRequest, Description, Version};
use crate::store::{Store, permitted};
use crate::{Error, ErrorKind, Result, rows};

impl Store {
    /// Copies a version onto an object. The copy keeps the source's ETag and checksums, since its
    /// bytes are the same.
    pub async fn copy(&self, who: &Principal, request: CopyRequest) -> Result<Version> {
        let (container, row, current) = self.open_source(who, &request.source).await?;
        let same = request.source.container == request.container
            && request.source.path == request.path
            && current;
        if same && request.replace.is_none() && request.refuse_copy_onto_itself {
            let context = "the copy would change nothing: same object, same metadata";
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        let root = Node::decode(&row.list)?;
        let source = rows::version(row.clone(), current)?;
        let description = merge(request.replace, &source);
        let new = NewVersion {
            path: request.path,
            size: source.size,
            etag: source.etag,
            description,
            merkle: row.root,
            author: who.user_id.0,
            root,
        };
        let condition = request.condition;
        let (source_account, name) = (container.account_id, request.container);
        let target_account = {
            let (who, name) = (who.clone(), name.clone());
            self.look(move |tx| permitted(tx, &who, &name))
                .await?
                .account_id
        };
        let mut blocks = NewBlocks::default();
        if target_account != source_account {
            blocks.nodes = load_references(self.lane(&container)?, &new.root).await?;
        }
        let who = who.clone();
        self.commit(move |tx| {
            let row = permitted(tx, &who, &name)?;
            let serial = tx.lock_container(row.id)?.seq;
            writing::check(tx, &row, &new.path, &condition)?;
            writing::link(tx, &row.array_name, &row, &new.root, &blocks)?;
            let occasion = Occasion::new(Cause::Copy, &who);
            let version = writing::write_version(tx, &row, serial, new.clone(), &occasion)?;
            rows::version(version, true)
        })
        .await
    }
}

/// The copy's description: the replacement if there is one, with the source's checksums either way.
fn merge(replace: Option<Description>, source: &Version) -> Description {
    let Some(mut description) = replace else {
        return Description {
            content_type: source.content_type.clone(),
            attributes: source.attributes.clone(),
        };
    };
    for (algorithm, value) in source.attributes.namespace("checksum") {
        description.attributes.set("checksum", algorithm, value);
    }
    description
}

/// The references of every node below `root`, for an account that does not refer to them yet.
pub(crate) async fn load_references(
    lane: &Lane,
    root: &Node,
) -> Result<HashMap<BlockId, Vec<BlockId>>> {
    let mut found = HashMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(node) = waiting.pop() {
        let Node::Inner { children, .. } = node else {
            continue;
        };
        for child in children {
            if found.contains_key(&child.id) {
                continue;
            }
            let below = load_node(lane, child.id, child.node_len).await?;
            found.insert(child.id, below.references());
            waiting.push(below);
        }
    }
    Ok(found)
}
