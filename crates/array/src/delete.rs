//! Deleting blobs: all shards, each member's in one go.
//!
//! Promises: idempotent; an error names the members that failed. What a former member holds is not touched.

use std::collections::BTreeMap;

use dolium_provider::BlobName;
use futures::future::join_all;

use crate::array::Inner;
use crate::member::{Peer, Traffic};
use crate::write::listed;
use crate::{Array, BlobId, Error, MemberId, Result, StoredBlob};

impl Array {
    /// Removes all shards of a blob. Idempotent; an error names the members that failed.
    pub async fn delete(&self, blob: &StoredBlob) -> Result<()> {
        self.delete_all(std::slice::from_ref(blob)).await
    }

    /// Removes all shards of several blobs, each member's in one go. Idempotent; an error names the
    /// members that failed, and means that shards of any of the blobs may be left.
    pub async fn delete_all(&self, blobs: &[StoredBlob]) -> Result<()> {
        let mut names: BTreeMap<MemberId, Vec<BlobName>> = BTreeMap::new();
        for blob in blobs {
            for (index, member) in blob.placement.shards().iter().enumerate() {
                if let Some(member) = member {
                    let name = blob.id.shard_name(index as u8)?;
                    names.entry(*member).or_default().push(name);
                }
            }
        }
        let deletes = names.iter().map(|(member, names)| async move {
            match self.inner.peer(*member) {
                Some(peer) => self.inner.delete_shards(names, &peer).await,
                // What a former member still has is its owner's business.
                None => Ok(()),
            }
        });
        let failed: Vec<Error> = join_all(deletes)
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect();
        match failed.first() {
            None => Ok(()),
            Some(first) => {
                let which = match blobs {
                    [blob] => blob.id.to_string(),
                    blobs => format!("{} blobs", blobs.len()),
                };
                let why = format!("{which}: {}", listed(&failed));
                Err(Error::new(first.kind(), "delete", why))
            }
        }
    }
}

impl Inner {
    pub(crate) async fn delete_shard(&self, id: &BlobId, index: u8, peer: &Peer) -> Result<()> {
        let name = id.shard_name(index)?;
        self.delete_shards(std::slice::from_ref(&name), peer).await
    }

    async fn delete_shards(&self, names: &[BlobName], peer: &Peer) -> Result<()> {
        let delete = peer.member.provider.delete_all(names);
        peer.call("delete", self.timeouts.read, Traffic::None, delete)
            .await
    }
}
