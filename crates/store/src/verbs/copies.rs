//! Copies: a new version that names the same blocks. No data moves.

use std::collections::HashMap;

use dolium_access::Action;
use dolium_block::{BlockId, Node};
use dolium_catalog::{ContainerRow, ReadTx};

use super::event::{Cause, Occasion};
use super::guards::settle;
use super::parts::recoded;
use super::uploads::UPLOAD;
use super::writing::{self, NewVersion};
use crate::attributes::{CHECKSUM, Namespace, OBJECT};
use crate::caller::Caller;
use crate::digest::DigestSet;
use crate::envelope::{self, Encryption, SEALED};
use crate::intake::NewBlocks;
use crate::lane::Lane;
use crate::lifecycle::with_expiry;
use crate::lock::LOCK;
use crate::permission::{self, ACCESS, ReadAction, TAGS, Target, permitted};
use crate::place::{PLACE, Place};
use crate::reader::load_node;
use crate::request::{Body, CopyRequest, Description, Finish, Guards, Version};
use crate::store::Store;
use crate::{Error, ErrorKind, Result, rows};

impl Store {
    /// Copies a version onto an object. The copy keeps the source's ETag and checksums, since its
    /// bytes are the same.
    pub async fn copy(&self, who: &Caller, request: CopyRequest) -> Result<Version> {
        let held = self.inner.underway.begin();
        let mut blocks = NewBlocks {
            ongoing: Some(held.clone()),
            ..NewBlocks::default()
        };
        let (container, row, current) = self
            .open_source(who, &request.source, ReadAction::GET)
            .await?;
        let same = request.source.container == request.container
            && request.source.path == request.path
            && current;
        let changes = request.replace.is_some()
            || request.tags.is_some()
            || request.class.is_some()
            || request.encryption.is_some();
        if same && !changes && request.refuse_copy_onto_itself {
            let context = "the copy would change nothing: same object, same metadata";
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        let root = Node::decode(&row.list)?;
        let source = rows::version(row.clone(), current)?;
        let key = request.source.key.clone();
        let opened = envelope::open(&self.inner.keys, &source.attributes, key.as_ref())?;
        let encryption = self.copy_encryption(who, &request).await?;
        if opened.is_some() || encryption.is_some() {
            let body = self.content(&container, &row, 0..source.size, key.as_ref(), held)?;
            return self.recode(who, request, source, body, encryption).await;
        }
        let description = merge(request.replace, request.tags, request.guards, &source);
        let at = Place::of(&container, &source.attributes);
        let class = request.class;
        let new = NewVersion {
            path: request.path,
            size: source.size,
            etag: source.etag,
            description,
            merkle: row.root,
            author: who.author().0,
            root,
            place: at,
        };
        let condition = request.condition;
        let (source_account, name) = (container.account_id, request.container);
        let target = {
            let (who, name) = (who.clone(), name.clone());
            let path = new.path.clone();
            let target = move |tx: &mut ReadTx<'_>| {
                let target = Target::Path(path.as_str().as_bytes());
                permitted(tx, &who, &name, Action::PutObject, target)
            };
            self.look(target).await?
        };
        // Its blocks stay where they are; if they belong elsewhere, they are moved later.
        let belongs = self.place_for(&target, class.as_deref())?;
        let new = NewVersion {
            place: new.place.bound_for(&belongs.array),
            ..new
        };
        if target.account_id != source_account {
            blocks.nodes = load_references(self.lane_of(&new.place)?, &new.root).await?;
        }
        let who = who.clone();
        self.commit(move |tx| {
            let target = Target::Path(new.path.as_str().as_bytes());
            let row = permitted(tx, &who, &name, Action::PutObject, target)?;
            let mut new = new.clone();
            if !same_grid(&container, &row) {
                new.merkle = None;
            }
            settle(tx, &who, &row, &new.path, &mut new.description)?;
            let serial = tx.lock_container(row.id)?.seq;
            writing::check(tx, &row, &new.path, &condition)?;
            writing::link(tx, &new.place.holder(row.account_id), &new.root, &blocks)?;
            let occasion = Occasion::new(Cause::Copy, &who);
            let version = writing::write_version(tx, &row, serial, new, &occasion)?;
            Ok(with_expiry(&row, rows::version(version, true)?))
        })
        .await
    }

    /// What a copy is to be encrypted with.
    async fn copy_encryption(
        &self,
        who: &Caller,
        request: &CopyRequest,
    ) -> Result<Option<Encryption>> {
        let (who, name) = (who.clone(), request.container.clone());
        let row = self
            .look(move |tx| permission::find(tx, &who, &name))
            .await?;
        self.encryption_for(&row, request.encryption.clone())
    }

    /// A copy whose bytes change their encryption: they are read and written again.
    async fn recode(
        &self,
        who: &Caller,
        request: CopyRequest,
        source: Version,
        body: Body,
        encryption: Option<Encryption>,
    ) -> Result<Version> {
        let mut description = merge(request.replace, request.tags, request.guards, &source);
        description.class = request.class;
        let mut put = recoded(body, source.size, encryption);
        // The bytes are the source's, so are its tag and checksums.
        let etag = source.etag;
        put.digests = DigestSet::default();
        put.finish = Box::new(|_| {
            Ok(Finish {
                etag,
                checksums: Vec::new(),
            })
        });
        let (container, path) = (request.container, request.path);
        let target = (&container, &path);
        self.put_as(
            Cause::Copy,
            who,
            target,
            description,
            request.condition,
            put,
        )
        .await
    }
}

/// Whether two containers cut streams alike, so that the root of a list in one is its root in the other.
pub(crate) fn same_grid(one: &ContainerRow, other: &ContainerRow) -> bool {
    (&one.chunking, one.block_size) == (&other.chunking, other.block_size)
}

/// The copy's description: the replacement if there is one, with the source's checksums either way; its
/// tags unless others are given; never its guards.
fn merge(
    replace: Option<Description>,
    tags: Option<Namespace>,
    guards: Guards,
    source: &Version,
) -> Description {
    let mut description = replace.unwrap_or_else(|| {
        let mut attributes = source.attributes.clone();
        for namespace in [ACCESS, LOCK, TAGS, UPLOAD, SEALED, PLACE] {
            attributes.clear(namespace);
        }
        Description {
            content_type: source.content_type.clone(),
            attributes,
            guards: Guards::default(),
            class: None,
        }
    });
    let pairs = |namespace: &str| -> Namespace {
        let pairs = source.attributes.namespace(namespace);
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let attributes = &mut description.attributes;
    // The copy is another object.
    attributes.clear(OBJECT);
    attributes.replace(CHECKSUM, pairs(CHECKSUM));
    attributes.replace(TAGS, tags.unwrap_or_else(|| pairs(TAGS)));
    description.guards = guards;
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
