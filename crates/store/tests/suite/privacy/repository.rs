//! A repository over four providers in memory, whose holdings a test can look at as their operators can.

use std::path::Path;
use std::sync::Arc;

use dolium_array::{Array, ArraySettings, Member, MemberId};
use dolium_block::MasterKey;
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, NewUser, SealingKey};
use dolium_provider::{MemoryProvider, Provider};
use dolium_store::{
    ByteRange, Caller, Care, Condition, ContainerName, ContainerRequest, Description, Recovered,
    Result, Selector, Source, Store, StoreParts, shard_key,
};
use futures::TryStreamExt;
use tempfile::TempDir;

use super::super::world::{Quiet, path, request, settings};

/// Names and bytes of what one provider keeps.
pub(super) type Kept = Vec<(String, Vec<u8>)>;

/// A store with the users `ada` and `ben`, each with a container `of-…`.
pub(super) struct Repository {
    dir: TempDir,
    key: [u8; 32],
    memories: Vec<Arc<MemoryProvider>>,
    store: Store,
    users: Vec<(&'static str, Caller)>,
}

fn parts(dir: &Path, catalog: &str, key: [u8; 32], memories: &[Arc<MemoryProvider>]) -> StoreParts {
    let member = |(n, memory): (usize, &Arc<MemoryProvider>)| Member {
        id: MemberId(n as u16 + 1),
        name: format!("p{}", n + 1),
        provider: memory.clone(),
    };
    let members = memories.iter().enumerate().map(member).collect();
    let layout = "erasure:3+1".parse().unwrap();
    let shards = shard_key(&MasterKey::from_bytes(key));
    let array = Array::new(ArraySettings::new("default", layout, members, shards)).unwrap();
    StoreParts {
        catalog: Catalog::open_sqlite(dir.join(catalog), CatalogSettings::default()).unwrap(),
        arrays: vec![Arc::new(array)],
        master_key: MasterKey::from_bytes(key),
    }
}

fn container(user: &str) -> ContainerName {
    ContainerName::new(format!("of-{user}")).unwrap()
}

impl Repository {
    pub(super) async fn new(key: [u8; 32]) -> Self {
        let dir = TempDir::new().unwrap();
        let memories: Vec<Arc<MemoryProvider>> = (0..4).map(|_| Arc::default()).collect();
        let parts = parts(dir.path(), "catalog.sqlite", key, &memories);
        let identity = Identity::new(parts.catalog.clone(), SealingKey::from_bytes(key));
        let store = Store::open(parts, settings()).await.unwrap();
        let mut users = Vec::new();
        for name in ["ada", "ben"] {
            let new = NewUser {
                name: name.to_owned(),
                ..NewUser::default()
            };
            let who: Caller = identity.create_user(new).await.unwrap().principal.into();
            let (place, plain) = (container(name), ContainerRequest::default());
            store.create_container(&who, &place, plain).await.unwrap();
            users.push((name, who));
        }
        Self {
            dir,
            key,
            memories,
            store,
            users,
        }
    }

    fn user(&self, name: &str) -> &Caller {
        let user = self.users.iter().find(|(user, _)| *user == name);
        &user.unwrap().1
    }

    pub(super) async fn put(&self, user: &str, at: &str, bytes: Vec<u8>) {
        let description = Description {
            content_type: "text/secret".to_owned(),
            ..Description::default()
        };
        let (place, at) = (container(user), path(at));
        let (who, put) = (self.user(user), request(bytes.into()));
        let put = self
            .store
            .put(who, &place, &at, description, Condition::default(), put);
        put.await.unwrap();
    }

    pub(super) async fn get(&self, user: &str, at: &str) -> Vec<u8> {
        let source = Source {
            container: container(user),
            path: path(at),
            version: Selector::Current,
            condition: Condition::default(),
            key: None,
        };
        let reading = self
            .store
            .get(self.user(user), &source, ByteRange::Full)
            .await;
        let pieces: Vec<bytes::Bytes> = reading.unwrap().body.try_collect().await.unwrap();
        pieces.concat()
    }

    /// Merges the journal, so that its larger records are there too.
    pub(super) async fn settle(&self) {
        let checked = self
            .store
            .care("default", Care::Check, &Quiet)
            .await
            .unwrap();
        assert!(checked.clean());
    }

    /// What each provider keeps.
    pub(super) async fn kept(&self) -> Vec<Kept> {
        let mut all = Vec::new();
        for memory in &self.memories {
            let page = memory.list("", None, usize::MAX - 1).await.unwrap();
            let mut kept = Vec::new();
            for info in page.blobs {
                let bytes = memory.get(&info.name, 0..info.len).await.unwrap();
                kept.push((info.name.to_string(), bytes.to_vec()));
            }
            all.push(kept);
        }
        all
    }

    /// Tries to rebuild the catalog from all providers with a key.
    pub(super) async fn recover_with(&self, key: [u8; 32]) -> Result<Recovered> {
        let file = if key == self.key { "own" } else { "other" };
        let parts = parts(self.dir.path(), file, key, &self.memories);
        dolium_store::recover(&parts, &|_| {}).await
    }
}
