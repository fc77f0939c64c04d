//! A run: lives of the server, one after the other, until all operations are done; then the reckoning.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use dolium_array::{Array, ArraySettings, SpoolSettings, Timeouts};
use dolium_block::MasterKey;
use dolium_catalog::{Catalog, CatalogSettings};
use dolium_identity::{Identity, NewUser, SealingKey};
use dolium_provider::Provider;
use dolium_store::{
    AccountName, Caller, Care, Chunking, ContainerName, ContainerRequest, ContainerSettings, Store,
    StoreParts, StoreSettings, shard_key,
};
use futures::future::try_join_all;
use tempfile::TempDir;

use super::super::model::Dice;
use super::super::world::{bucket, settings};
use super::care::{Watch, care, care_beside, clean, collect};
use super::life::{Client, life};
use super::operation::round;
use super::report::Report;
use super::shapes::{Wanted, reshape_all};
use super::truth::Truth;
use super::weather::{ALL, Trouble, Weather};

const KEY: [u8; 32] = [9; 32];
/// The block length of one of the containers, so that objects have many blocks.
const FINE_BLOCK: u32 = 64 << 10;

/// Little, so that it is full now and then.
const SPOOL_MAX: u64 = 6 << 20;

/// What a run is to do.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) operations: usize,
    pub(super) troubles: Vec<Trouble>,
    /// Members that may have troubles at once.
    pub(super) bearable: usize,
    /// Before the reckoning one pack loses more shards than the layout bears.
    pub(super) sabotage: bool,
}

impl Plan {
    pub(super) fn new(seed: u64, operations: usize) -> Self {
        Self {
            seed,
            operations,
            troubles: ALL.to_vec(),
            bearable: 2,
            sabotage: false,
        }
    }
}

/// What outlives a server.
struct World {
    dir: TempDir,
    weather: Weather,
    shape: Wanted,
    truth: RefCell<Truth>,
    who: Option<Caller>,
    containers: Vec<ContainerName>,
    dice: Dice,
    report: Report,
    failures: AtomicU64,
    sent_again: AtomicU64,
}

/// How a life ended.
#[derive(PartialEq, Eq)]
enum End {
    Crash,
    Close,
}

/// Runs a plan to its end; an error says what was wrong.
pub(super) fn run(plan: &Plan) -> Result<Report, String> {
    let begun = Instant::now();
    let mut world = World {
        dir: TempDir::new().unwrap(),
        weather: Weather::new(plan.seed, &plan.troubles, plan.bearable),
        shape: Wanted::first(),
        truth: RefCell::new(Truth::new()),
        who: None,
        containers: vec![bucket()],
        dice: Dice(plan.seed),
        report: Report::default(),
        failures: AtomicU64::new(0),
        sent_again: AtomicU64::new(0),
    };
    life(world.settle_in());
    while world.report.operations < plan.operations {
        match life(world.live(plan.operations))? {
            End::Crash => world.report.crashes += 1,
            End::Close => world.report.closes += 1,
        }
        world.truth.borrow_mut().doubt_all();
    }
    life(world.reckon(plan.sabotage))?;
    life(world.recover())?;
    let mut report = world.report;
    report.failures = world.failures.into_inner();
    report.sent_again = world.sent_again.into_inner();
    let (begun_kinds, met, outages) = (
        &world.weather.begun,
        world.weather.met(),
        world.weather.outages,
    );
    report.weather = format!("{outages} outages, troubles {begun_kinds:?}, faults met {met:?}");
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

impl World {
    fn parts(&self, catalog: &str) -> StoreParts {
        let key = shard_key(&MasterKey::from_bytes(KEY));
        let layout = self.shape.layout.parse().unwrap();
        let mut settings = ArraySettings::new("default", layout, self.weather.members(), key);
        // Members are in memory: who answers at all answers at once.
        settings.timeouts = Timeouts {
            read: Duration::from_millis(200),
            write: Duration::from_millis(200),
            straggler_grace: Duration::from_millis(60),
            cool_down: Duration::from_millis(200),
        };
        settings.draining = self.shape.draining.clone();
        // What members do not take waits beside the catalog, and is lost with it.
        settings.spool = Some(SpoolSettings {
            dir: self.dir.path().join(format!("{catalog}-spool")),
            bytes_max: SPOOL_MAX,
        });
        let file = self.dir.path().join(catalog);
        StoreParts {
            catalog: Catalog::open_sqlite(file, CatalogSettings::default()).unwrap(),
            arrays: vec![Arc::new(Array::new(settings).unwrap())],
            master_key: MasterKey::from_bytes(KEY),
        }
    }

    async fn open(&self, catalog: &str) -> Result<Store, String> {
        let settings = StoreSettings {
            pack_len: 2 << 20,
            // What is read comes from the members, most of the time.
            block_cache_bytes_max: 256 << 10,
            ..settings()
        };
        let opened = Store::open(self.parts(catalog), settings).await;
        opened.map_err(|error| format!("the store does not open: {error:?}"))
    }

    /// The first start: a user, and two containers that cut differently.
    async fn settle_in(&mut self) {
        let parts = self.parts("catalog.sqlite");
        let identity = Identity::new(parts.catalog.clone(), SealingKey::from_bytes(KEY));
        let store = Store::open(parts, settings()).await.unwrap();
        let user = NewUser {
            name: "ada".to_owned(),
            ..NewUser::default()
        };
        let who: Caller = identity.create_user(user).await.unwrap().principal.into();
        let plain = &self.containers[0];
        let made = store.create_container(&who, plain, ContainerRequest::default());
        made.await.unwrap();
        let fine = ContainerName::in_account(AccountName::new("ada").unwrap(), "fine").unwrap();
        let chunking = Chunking::fixed(FINE_BLOCK).unwrap();
        let edit = Arc::new(|_: &mut ContainerSettings, _| Ok(()));
        let cut = store.put_container_cut(&who, &fine, None, chunking, edit);
        assert!(cut.await.unwrap());
        self.containers.push(fine);
        self.who = Some(who);
        store.close().await.unwrap();
    }

    /// Rounds until the server ends.
    async fn live(&mut self, operations: usize) -> Result<End, String> {
        while self.weather.next().is_some() {
            self.weather.unfold().await;
        }
        let store = self.open("catalog.sqlite").await?;
        let rounds = 5 + self.dice.roll(60);
        for _ in 0..rounds {
            if self.report.operations >= operations {
                break;
            }
            if self.round(&store).await? == End::Crash {
                return Ok(End::Crash);
            }
            let due = self.weather.wants_repair() && self.dice.roll(3) == 0;
            if due || self.weather.is_outage() {
                self.repair(&store).await?;
            }
        }
        let closed = store.close().await;
        closed.map_err(|error| format!("the store does not close: {error:?}"))?;
        Ok(End::Close)
    }

    /// One round of operations, perhaps with a care pass beside them, perhaps cut short.
    async fn round(&mut self, store: &Store) -> Result<End, String> {
        let number = self.report.rounds;
        self.report.rounds += 1;
        self.weather.forecast(&mut self.dice, number);
        let operations = round(&mut self.dice);
        self.report.operations += operations.len();
        let care = self.dice.roll(14);
        let crash = (self.dice.roll(25) == 0).then(|| Duration::from_millis(self.dice.roll(40)));
        let (fair, outage) = (self.weather.is_fair(), self.weather.is_outage());
        let client = Client {
            store,
            who: self.who.as_ref().unwrap(),
            containers: &self.containers,
            truth: &self.truth,
            lenient: outage,
            failures: &self.failures,
            sent_again: &self.sent_again,
        };
        let work = async {
            let all = try_join_all(
                operations
                    .iter()
                    .map(|operation| client.perform(*operation)),
            );
            let changes = unfold(&mut self.weather);
            let care = async {
                match care {
                    0..=6 if !outage => care_beside(store, care, fair).await,
                    _ => Ok(()),
                }
            };
            tokio::join!(changes, all, care)
        };
        let crashed = async {
            match crash {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        let ((), all, cared) = tokio::select! {
            biased;
            done = work => done,
            () = crashed => return Ok(End::Crash),
        };
        let at = |why: String| {
            let writes = operations.iter().filter(|other| other.action.writes());
            format!(
                "round {number}, counted {:?}, care {care}, beside {:?}: {why}",
                self.weather.counted(),
                writes.collect::<Vec<_>>()
            )
        };
        all.map_err(at)?;
        cared.map_err(at)?;
        self.report.cares += u64::from(care < 7 && !outage);
        // Whether the work was done in time must not change what comes next.
        Ok(if crash.is_some() {
            End::Crash
        } else {
            End::Close
        })
    }

    /// Calm weather, then a repair: afterwards nothing is missing.
    async fn repair(&mut self, store: &Store) -> Result<(), String> {
        self.weather.calm();
        self.report.repairs += 1;
        if self.dice.roll(2) == 0 {
            let delivered = store.deliver().await;
            delivered.map_err(|error| format!("delivery failed: {error:?}"))?;
        }
        if self.dice.roll(2) == 0 {
            collect(store, &Watch::patient()).await?;
        }
        let verify = Care::Repair {
            resume: None,
            verify: true,
        };
        care(store, verify, &Watch::patient()).await?;
        clean(store, Care::Check).await?;
        self.weather.repaired();
        if self.dice.roll(3) == 0 {
            // What the last shape left undone is still there when the next one comes.
            if self.dice.roll(2) == 0 {
                reshape_all(store).await?;
                clean(store, Care::Check).await?;
            }
            self.shape = Wanted::roll(&mut self.dice);
            self.shape.give(store);
            self.report.shapes += 1;
        }
        if self.dice.roll(4) == 0 {
            clean(store, Care::Scrub { resume: None }).await?;
            self.client(store).compare().await?;
        }
        Ok(())
    }

    fn client<'a>(&'a self, store: &'a Store) -> Client<'a> {
        Client {
            store,
            who: self.who.as_ref().unwrap(),
            containers: &self.containers,
            truth: &self.truth,
            lenient: false,
            failures: &self.failures,
            sent_again: &self.sent_again,
        }
    }

    /// All faults off, repair, and everything is as the model says.
    async fn reckon(&mut self, sabotage: bool) -> Result<(), String> {
        self.weather.calm();
        let store = self.open("catalog.sqlite").await?;
        self.repair(&store).await?;
        reshape_all(&store).await?;
        for _ in 0..2 {
            collect(&store, &Watch::patient()).await?;
        }
        if sabotage {
            self.lose_a_pack().await;
        }
        clean(&store, Care::Check).await?;
        clean(&store, Care::Scrub { resume: None }).await?;
        self.client(&store).compare().await?;
        let closed = store.close().await;
        closed.map_err(|error| format!("the store does not close: {error:?}"))
    }

    /// What the providers hold is enough for everything.
    async fn recover(&mut self) -> Result<(), String> {
        let parts = self.parts("recovered.sqlite");
        let recovered = dolium_store::recover(&parts, &|_| {}).await;
        let recovered = recovered.map_err(|error| format!("recovery failed: {error:?}"))?;
        drop(parts);
        if recovered.incomplete != 0 {
            return Err(format!("recovery found things incomplete: {recovered:?}"));
        }
        let store = self.open("recovered.sqlite").await?;
        self.client(&store).compare().await
    }

    /// Takes the shards of the first pack from three members.
    async fn lose_a_pack(&self) {
        let memories = self.weather.memories();
        let packs = memories[0].list("packs", None, 1).await.unwrap();
        let (stem, _) = packs.blobs[0].name.as_str().rsplit_once('.').unwrap();
        for memory in &memories[..3] {
            for info in memory.list(stem, None, 10).await.unwrap().blobs {
                memory.delete(&info.name).await.unwrap();
            }
        }
    }
}

/// Lets the weather change as forecast.
async fn unfold(weather: &mut Weather) {
    let begun = tokio::time::Instant::now();
    while let Some(delay) = weather.next() {
        tokio::time::sleep_until(begun + delay).await;
        weather.unfold().await;
    }
}
