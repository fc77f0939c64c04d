//! Crashes: the process ends at the n-th call to a provider, again and again, and a plain map says what
//! must be there. What was acknowledged holds; the operation that was cut short is whole or absent.
//!
//! A life of the server is a tokio runtime of its own. At the n-th call the providers stop answering
//! (the n-th call itself may still take effect), and the runtime is thrown away with every task in it,
//! so that nothing more happens: no `close`, no end of what was under way. `DOLIUM_SEED=7` replays.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dolium_array::{Array, ArraySettings, Member, MemberId};
use dolium_block::MasterKey;
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, NewUser, SealingKey};
use dolium_provider::{
    BlobInfo, BlobName, Capabilities, ListPage, MemoryProvider, Payload, Provider,
    Result as ProviderResult,
};
use dolium_store::{
    ByteRange, Caller, Care, Condition, ContainerRequest, DeleteRequest, Store, StoreParts,
    Unwatched, shard_key,
};
use futures::TryStreamExt;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::model::Dice;
use super::world::{Quiet, bucket, noise, path, request, settings, source};

const KEY: [u8; 32] = [7; 32];
const LIVES: usize = 8;

/// Counts calls down and ends the world at zero.
#[derive(Debug)]
struct Fuse {
    left: AtomicI64,
    blown: Notify,
    /// Whether the last call still takes effect.
    last_counts: bool,
}

impl Fuse {
    /// Passes, or never returns.
    async fn pass(&self) {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left <= 1 {
            self.blown.notify_one();
        }
        if left < 1 || (left == 1 && !self.last_counts) {
            std::future::pending::<()>().await;
        }
    }
}

/// A provider behind a fuse.
#[derive(Debug)]
struct Fused {
    inner: Arc<MemoryProvider>,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl Provider for Fused {
    fn kind(&self) -> &'static str {
        "fused"
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn prepare(&self) -> ProviderResult<()> {
        self.inner.prepare().await
    }

    async fn put(&self, name: &BlobName, body: Payload) -> ProviderResult<()> {
        self.fuse.pass().await;
        self.inner.put(name, body).await
    }

    async fn get(&self, name: &BlobName, range: Range<u64>) -> ProviderResult<Bytes> {
        self.inner.get(name, range).await
    }

    async fn head(&self, name: &BlobName) -> ProviderResult<BlobInfo> {
        self.inner.head(name).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobName>,
        limit: usize,
    ) -> ProviderResult<ListPage> {
        self.inner.list(prefix, after, limit).await
    }

    async fn delete(&self, name: &BlobName) -> ProviderResult<()> {
        self.fuse.pass().await;
        self.inner.delete(name).await
    }
}

/// What outlives a crash, and what should be in it.
struct World {
    dir: TempDir,
    memory: Vec<Arc<MemoryProvider>>,
    who: Option<Caller>,
    model: BTreeMap<String, Vec<u8>>,
    /// The path whose change was under way, and what it would have become.
    unsure: Option<(String, Option<Vec<u8>>)>,
}

impl World {
    fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            memory: (0..4).map(|_| Arc::default()).collect(),
            who: None,
            model: BTreeMap::new(),
            unsure: None,
        }
    }

    fn parts(&self, catalog: &str, fuse: &Arc<Fuse>) -> StoreParts {
        let member = |(n, inner): (usize, &Arc<MemoryProvider>)| Member {
            id: MemberId(n as u16 + 1),
            name: format!("p{}", n + 1),
            provider: Arc::new(Fused {
                inner: inner.clone(),
                fuse: fuse.clone(),
            }),
        };
        let members = self.memory.iter().enumerate().map(member).collect();
        let layout = "erasure:3+1".parse().unwrap();
        let key = shard_key(&MasterKey::from_bytes(KEY));
        let array = Array::new(ArraySettings::new("default", layout, members, key)).unwrap();
        let file = self.dir.path().join(catalog);
        StoreParts {
            catalog: Catalog::open_sqlite(file, CatalogSettings::default()).unwrap(),
            arrays: vec![Arc::new(array)],
            master_key: MasterKey::from_bytes(KEY),
        }
    }

    async fn open(&mut self, catalog: &str, fuse: &Arc<Fuse>) -> Store {
        let parts = self.parts(catalog, fuse);
        let identity = Identity::new(parts.catalog.clone(), SealingKey::from_bytes(KEY));
        let store = Store::open(parts, settings()).await.unwrap();
        if self.who.is_none() {
            let user = NewUser {
                name: "ada".to_owned(),
                ..NewUser::default()
            };
            let who: Caller = identity.create_user(user).await.unwrap().principal.into();
            let name = bucket();
            let made = store.create_container(&who, &name, ContainerRequest::default());
            made.await.unwrap();
            self.who = Some(who);
        }
        store
    }

    /// Compares everything with the model, and settles what was unsure.
    async fn compare(&mut self, store: &Store) {
        let who = self.who.clone().unwrap();
        for n in 0..10 {
            let at = format!("k{n}");
            let got = match store.get(&who, &source(&at), ByteRange::Full).await {
                Ok(reading) => {
                    let pieces: Vec<Bytes> = reading.body.try_collect().await.unwrap();
                    Some(pieces.concat())
                }
                Err(_) => None,
            };
            if let Some((_, would)) = self.unsure.take_if(|(path, _)| *path == at)
                && got == would
            {
                match would {
                    Some(bytes) => drop(self.model.insert(at.clone(), bytes)),
                    None => drop(self.model.remove(&at)),
                }
            }
            let kept = self.model.get(&at);
            assert!(
                got.as_ref() == kept,
                "{at} differs from what was acknowledged"
            );
        }
    }

    /// One operation; the model knows of it when it was acknowledged.
    async fn step(&mut self, store: &Store, dice: &mut Dice) {
        let who = self.who.clone().unwrap();
        let at = format!("k{}", dice.roll(10));
        match dice.roll(10) {
            0..=5 => {
                let len = [10, 5000, 300_000, 5 << 20][dice.roll(4) as usize];
                let bytes = noise(dice.roll(1000), len);
                self.unsure = Some((at.clone(), Some(bytes.clone())));
                let (place, name) = (path(&at), bucket());
                let put = request(bytes.clone().into());
                let put = store.put(
                    &who,
                    &name,
                    &place,
                    Default::default(),
                    Condition::default(),
                    put,
                );
                put.await.unwrap();
                self.model.insert(at, bytes);
            }
            6..=7 => {
                self.unsure = Some((at.clone(), None));
                let (place, name) = (path(&at), bucket());
                let delete = store.delete(&who, &name, &place, DeleteRequest::default());
                delete.await.unwrap();
                self.model.remove(&at);
            }
            8 => drop(store.collect(&Unwatched).await.unwrap()),
            _ => {
                let checked = store.care("default", Care::Check, &Quiet);
                checked.await.unwrap();
            }
        }
        self.unsure = None;
    }

    /// Lives until the fuse blows.
    async fn live(&mut self, fuse: &Arc<Fuse>, dice: &mut Dice) {
        let store = self.open("catalog.sqlite", fuse).await;
        self.compare(&store).await;
        for _ in 0..60 {
            tokio::select! {
                biased;
                () = fuse.blown.notified() => {
                    // What can still be answered is, for a moment.
                    let end = Duration::from_millis(dice.roll(5));
                    tokio::time::sleep(end).await;
                    return;
                }
                () = self.step(&store, dice) => {}
            }
        }
    }
}

fn life<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let value = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(5));
    value
}

fn fuse(calls: i64, last_counts: bool) -> Arc<Fuse> {
    Arc::new(Fuse {
        left: AtomicI64::new(calls),
        blown: Notify::new(),
        last_counts,
    })
}

fn run(seed: u64) {
    let mut dice = Dice(seed);
    let mut world = World::new();
    life(async { drop(world.open("catalog.sqlite", &fuse(1 << 40, true)).await) });
    for _ in 0..LIVES {
        let fuse = fuse(1 + dice.roll(250) as i64, dice.roll(2) == 0);
        life(world.live(&fuse, &mut dice));
    }
    let calm = fuse(1 << 40, true);
    life(async {
        let store = world.open("catalog.sqlite", &calm).await;
        world.compare(&store).await;
        store.collect(&Unwatched).await.unwrap();
        store.collect(&Unwatched).await.unwrap();
        world.compare(&store).await;
        let verify = Care::Repair {
            resume: None,
            verify: true,
        };
        let care = store.care("default", verify, &Quiet);
        care.await.unwrap();
        let checked = store.care("default", Care::Check, &Quiet);
        let summary = checked.await.unwrap();
        assert!(summary.clean(), "{summary:?}");
        store.close().await.unwrap();
    });
    life(async {
        let parts = world.parts("recovered.sqlite", &calm);
        let recovered = dolium_store::recover(&parts, &|_| {}).await.unwrap();
        assert_eq!(recovered.incomplete, 0);
        drop(parts);
        let store = world.open("recovered.sqlite", &calm).await;
        world.compare(&store).await;
        store.collect(&Unwatched).await.unwrap();
        world.compare(&store).await;
    });
}

#[test]
fn what_was_acknowledged_survives_the_end_at_any_call() {
    let seeds = match std::env::var("DOLIUM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=4).collect(),
    };
    for seed in seeds {
        eprintln!("seed {seed}");
        run(seed);
    }
}
