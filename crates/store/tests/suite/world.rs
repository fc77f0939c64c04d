//! A small world: four directory providers, one array, one catalog, one user.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dolium_array::care::{Finding, Progress, Reporter};
use dolium_array::{Array, ArraySettings, Member, MemberId};
use dolium_block::MasterKey;
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, NewUser, SealingKey};
use dolium_provider::{ProviderSettings, open};
use dolium_store::{
    Body, ByteRange, Caller, Condition, ContainerName, ContainerRequest, DeleteRequest,
    Description, DigestSet, Digests, Finish, ObjectPath, PutRequest, Reading, Result, Selector,
    Source, Store, StoreParts, StoreSettings, Version, shard_key,
};
use futures::{StreamExt, TryStreamExt};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) identity: Identity,
    pub(crate) store: Store,
    pub(crate) who: Caller,
    catalog_file: &'static str,
}

pub(crate) const KEY: [u8; 32] = [42; 32];

/// The default array of four, and a cold one of two where there are folders for it.
fn arrays(dir: &std::path::Path) -> Vec<Arc<Array>> {
    let mut arrays = vec![array(
        dir,
        "default",
        "erasure:3+1",
        ["p1", "p2", "p3", "p4"].as_slice(),
    )];
    if dir.join("c1").exists() {
        arrays.push(array(dir, "cold", "mirror:2", &["c1", "c2"]));
    }
    arrays
}

fn array(dir: &std::path::Path, name: &str, layout: &str, members: &[&str]) -> Arc<Array> {
    let members = members.iter().zip(1..).map(|(name, number)| {
        let root = dir.join(name).to_str().unwrap().to_owned();
        let options = [("path".to_owned(), root)].into();
        let settings = ProviderSettings {
            kind: "directory".to_owned(),
            options,
        };
        Member {
            id: MemberId(number),
            name: (*name).to_owned(),
            provider: open(&settings).unwrap(),
        }
    });
    let layout = layout.parse().unwrap();
    let key = shard_key(&MasterKey::from_bytes(KEY));
    let settings = ArraySettings::new(name, layout, members.collect(), key);
    Arc::new(Array::new(settings).unwrap())
}

pub(crate) fn parts(dir: &std::path::Path, catalog_file: &str) -> StoreParts {
    let catalog = Catalog::open_sqlite(dir.join(catalog_file), CatalogSettings::default()).unwrap();
    StoreParts {
        catalog,
        arrays: arrays(dir),
        master_key: MasterKey::from_bytes(KEY),
    }
}

pub(crate) fn settings() -> StoreSettings {
    StoreSettings {
        garbage_age_min: Duration::ZERO,
        orphan_age_min: Duration::ZERO,
        background: false,
        // Little room, so that streams have to wait for each other.
        ingest_bytes_max: 12 << 20,
        classes: vec![("cold".to_owned(), "COLD".to_owned())],
        ..StoreSettings::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_folder(TempDir::new().unwrap()).await
    }

    /// A world with a second array: the class `COLD`.
    pub(crate) async fn with_cold() -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("c1")).unwrap();
        Self::in_folder(dir).await
    }

    async fn in_folder(dir: TempDir) -> Self {
        let parts = parts(dir.path(), "catalog.sqlite");
        for array in &parts.arrays {
            for (_, prepared) in array.prepare().await {
                prepared.unwrap();
            }
        }
        let identity = Identity::new(parts.catalog.clone(), SealingKey::from_bytes(KEY));
        let store = Store::open(parts, settings()).await.unwrap();
        let user = NewUser {
            name: "ada".to_owned(),
            ..NewUser::default()
        };
        let who = identity.create_user(user).await.unwrap().principal.into();
        let world = Self {
            dir,
            identity,
            store,
            who,
            catalog_file: "catalog.sqlite",
        };
        world
            .store
            .create_container(&world.who, &bucket(), ContainerRequest::default())
            .await
            .unwrap();
        world
    }

    /// Stops the store and opens it again over the same files.
    pub(crate) async fn reopen(mut self) -> Self {
        self.store.close().await.unwrap();
        self.store = Store::open(parts(self.dir.path(), self.catalog_file), settings())
            .await
            .unwrap();
        self
    }

    /// Opens the store again with days of another length.
    pub(crate) async fn with_day(mut self, day: Duration) -> Self {
        self.store.close().await.unwrap();
        let settings = StoreSettings {
            lifecycle_day: day,
            ..settings()
        };
        let parts = parts(self.dir.path(), self.catalog_file);
        self.store = Store::open(parts, settings).await.unwrap();
        self
    }

    /// Opens the store again with other care.
    pub(crate) async fn with_care(mut self, care: dolium_store::CareSettings) -> Self {
        self.store.close().await.unwrap();
        let settings = StoreSettings { care, ..settings() };
        let parts = parts(self.dir.path(), self.catalog_file);
        self.store = Store::open(parts, settings).await.unwrap();
        self
    }

    /// Forgets the catalog and rebuilds it from the providers.
    pub(crate) async fn recover(mut self) -> (Self, dolium_store::Recovered) {
        self.store.close().await.unwrap();
        self.catalog_file = "recovered.sqlite";
        let parts = parts(self.dir.path(), self.catalog_file);
        let recovered = dolium_store::recover(&parts, &|_| {}).await.unwrap();
        self.store = Store::open(parts, settings()).await.unwrap();
        (self, recovered)
    }

    pub(crate) fn provider(&self, n: u16) -> PathBuf {
        self.dir.path().join(format!("p{n}"))
    }

    /// Bytes in all provider folders of the default array.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.bytes_in(&["p1", "p2", "p3", "p4"])
    }

    /// Bytes of packs in folders of providers.
    pub(crate) fn bytes_in(&self, providers: &[&str]) -> u64 {
        fn walk(dir: &std::path::Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(dir) else {
                return 0;
            };
            entries
                .map(|entry| {
                    let entry = entry.unwrap();
                    if entry.file_type().unwrap().is_dir() {
                        walk(&entry.path())
                    } else {
                        entry.metadata().unwrap().len()
                    }
                })
                .sum()
        }
        let packs = providers
            .iter()
            .map(|name| self.dir.path().join(name).join("packs"));
        packs.map(|packs| walk(&packs)).sum()
    }

    pub(crate) async fn put(&self, at: &str, bytes: impl Into<Bytes>) -> Version {
        self.try_put(at, bytes, Condition::default()).await.unwrap()
    }

    pub(crate) async fn try_put(
        &self,
        at: &str,
        bytes: impl Into<Bytes>,
        condition: Condition,
    ) -> Result<Version> {
        let put = request(bytes.into());
        let (who, description) = (&self.who, Description::default());
        self.store
            .put(who, &bucket(), &path(at), description, condition, put)
            .await
    }

    pub(crate) async fn get(&self, at: &str) -> Result<Vec<u8>> {
        self.read(&source(at), ByteRange::Full).await
    }

    pub(crate) async fn read(&self, source: &Source, range: ByteRange) -> Result<Vec<u8>> {
        let reading: Reading = self.store.get(&self.who, source, range).await?;
        let pieces: Vec<Bytes> = reading.body.try_collect().await?;
        let bytes = pieces.concat();
        assert_eq!(bytes.len() as u64, reading.range.end - reading.range.start);
        Ok(bytes)
    }

    pub(crate) async fn delete(&self, at: &str, version: Option<Selector>) {
        let request = DeleteRequest {
            version,
            ..DeleteRequest::default()
        };
        self.store
            .delete(&self.who, &bucket(), &path(at), request)
            .await
            .unwrap();
    }
}

/// A care pass that nobody watches.
pub(crate) struct Quiet;

impl Reporter for Quiet {
    fn finding(&self, _finding: &Finding) {}

    fn progress(&self, _progress: &Progress) {}
}

pub(crate) fn bucket() -> ContainerName {
    ContainerName::new("bucket").unwrap()
}

pub(crate) fn path(path: &str) -> ObjectPath {
    ObjectPath::new(path).unwrap()
}

pub(crate) fn source(at: &str) -> Source {
    Source {
        container: bucket(),
        path: path(at),
        version: Selector::Current,
        condition: Condition::default(),
        key: None,
    }
}

/// A put of bytes that arrive in odd pieces; its ETag is its MD5.
pub(crate) fn request(bytes: Bytes) -> PutRequest {
    let len = bytes.len() as u64;
    let pieces: Vec<Result<Bytes>> = (0..bytes.len())
        .step_by(70_001)
        .map(|at| Ok(bytes.slice(at..bytes.len().min(at + 70_001))))
        .collect();
    let body: Body = futures::stream::iter(pieces).boxed();
    PutRequest {
        body,
        len: Some(len),
        len_max: 1 << 40,
        digests: DigestSet {
            md5: true,
            ..DigestSet::default()
        },
        encryption: None,
        finish: Box::new(finish),
    }
}

fn finish(digests: &Digests) -> Result<Finish> {
    let etag = hex::encode(digests.md5.unwrap());
    Ok(Finish {
        etag,
        checksums: Vec::new(),
    })
}

/// Bytes that do not shrink and are the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next)
        .flatten()
        .take(len.next_multiple_of(8))
        .collect();
    bytes.truncate(len);
    bytes
}
