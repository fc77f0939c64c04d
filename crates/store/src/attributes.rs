//! Attributes: what a client says of an object, kept by namespace so that protocols do not disturb
//! each other's metadata on one object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The namespace of checksums: base64 by lower-case algorithm, and their `type`.
pub const CHECKSUM: &str = "checksum";

/// The namespace of what tells one object from another, whatever their paths are.
pub const OBJECT: &str = "object";
/// Its key for an identifier: a new version of a path keeps its predecessor's, a rename takes it along, a
/// copy has another.
pub const OBJECT_ID: &str = "id";

/// A new identifier of an object: a random UUID.
pub fn new_object_id() -> String {
    let mut bytes = rand::random::<[u8; 16]>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    parts.join("-")
}

/// Key to value of one namespace.
pub type Namespace = BTreeMap<String, String>;

/// The namespaces of one version.
///
/// By convention: `http` keeps representation headers by lower-case name (`cache-control`,
/// `content-disposition`, `content-encoding`, `content-language`, `expires`), `user` keeps user
/// metadata as S3 and Swift share it, `tag` object tags, `access` who may reach it, `lock` until when it
/// cannot be deleted, `object` what tells it from others, `lifecycle` (on containers) when it ends by itself, `event` (on containers) who is told of
/// what happens in it, `checksum` keeps base64 checksums by lower-case algorithm (`crc32`, `crc32c`,
/// `crc64nvme`, `sha1`, `sha256`) and their `type`; a front end may add its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, Namespace>);

impl Attributes {
    /// One value.
    pub fn get(&self, namespace: &str, key: &str) -> Option<&str> {
        self.0.get(namespace)?.get(key).map(String::as_str)
    }

    /// All of one namespace, empty when absent.
    pub fn namespace(&self, namespace: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.get(namespace).into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Sets one value.
    pub fn set(&mut self, namespace: &str, key: impl Into<String>, value: impl Into<String>) {
        self.0
            .entry(namespace.to_owned())
            .or_default()
            .insert(key.into(), value.into());
    }

    /// The canonical id and display name of an owner, where one is named: of what another account than
    /// the container's wrote, and of what was given an access list.
    pub fn owner(&self) -> Option<(String, String)> {
        // A list that does not parse closes the object where permissions are decided; here it only has
        // no owner to show.
        let acl = crate::permission::acl_of(self).ok().flatten()?;
        Some((acl.owner, acl.owner_name))
    }

    /// Removes one value.
    pub fn remove(&mut self, namespace: &str, key: &str) {
        if let Some(entries) = self.0.get_mut(namespace) {
            entries.remove(key);
            if entries.is_empty() {
                self.0.remove(namespace);
            }
        }
    }

    /// Replaces all of a namespace.
    pub fn replace(&mut self, namespace: &str, entries: Namespace) {
        if entries.is_empty() {
            self.0.remove(namespace);
        } else {
            self.0.insert(namespace.to_owned(), entries);
        }
    }

    /// Removes a namespace.
    pub fn clear(&mut self, namespace: &str) {
        self.0.remove(namespace);
    }

    /// Bytes of all keys and values, for limits.
    pub fn size_bytes(&self) -> usize {
        let pairs = self.0.values().flatten();
        pairs.map(|(key, value)| key.len() + value.len()).sum()
    }
}
