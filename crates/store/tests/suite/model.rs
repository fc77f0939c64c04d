//! The store against a plain map: random operations, restarts and recoveries between them, a broken
//! provider now and then. A seed replays a failure: `DOLIUM_SEED=7`.

use std::collections::BTreeMap;

use dolium_array::care::{Finding, Progress, Reporter};
use dolium_store::{ByteRange, Care, Condition, ListEntry, ListRequest, Unwatched};

use super::world::{World, bucket, noise, source};

const STEPS: usize = 120;

/// A small generator, so that a seed means the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Quiet;

impl Reporter for Quiet {
    fn finding(&self, _finding: &Finding) {}
    fn progress(&self, _progress: &Progress) {}
}

async fn compare(world: &World, model: &BTreeMap<String, Vec<u8>>) {
    let request = ListRequest {
        limit: 1000,
        ..ListRequest::default()
    };
    let page = world
        .store
        .list(&world.who, &bucket(), request)
        .await
        .unwrap();
    let listed: Vec<(String, u64)> = page
        .entries
        .iter()
        .map(|entry| match entry {
            ListEntry::Version(version) => (version.path.to_string(), version.size),
            ListEntry::Prefix(prefix) => panic!("a prefix {prefix}"),
        })
        .collect();
    let expected: Vec<(String, u64)> = model
        .iter()
        .map(|(path, bytes)| (path.clone(), bytes.len() as u64))
        .collect();
    assert_eq!(listed, expected);
    for (path, bytes) in model {
        assert!(world.get(path).await.unwrap() == *bytes, "{path} differs");
    }
}

async fn run(seed: u64) {
    let mut dice = Dice(seed);
    let mut world = World::new().await;
    let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for step in 0..STEPS {
        let path = format!("k{}", dice.roll(12));
        match dice.roll(20) {
            0..=8 => {
                let len = [0, 10, 5000, 300_000, 5 << 20][dice.roll(5) as usize];
                let bytes = noise(dice.roll(30), len as usize);
                world.put(&path, bytes.clone()).await;
                model.insert(path, bytes);
            }
            9..=11 => {
                world.delete(&path, None).await;
                model.remove(&path);
            }
            12..=14 => {
                let Some(bytes) = model.get(&path) else {
                    continue;
                };
                let first = dice.roll(bytes.len() as u64 + 1);
                let last = first + dice.roll(100_000);
                let range = ByteRange::From {
                    first,
                    last: Some(last),
                };
                let end = bytes.len().min(last as usize + 1);
                match world.read(&source(&path), range).await {
                    Ok(read) => assert!(read == bytes[first as usize..end], "step {step}"),
                    Err(_) => assert!(first as usize >= bytes.len(), "step {step}"),
                }
            }
            15..=16 => {
                let condition = Condition {
                    if_none_match: Some(dolium_store::EtagMatch::Any),
                    ..Condition::default()
                };
                let created = world.try_put(&path, "created", condition).await;
                assert_eq!(created.is_err(), model.contains_key(&path), "step {step}");
                model.entry(path).or_insert_with(|| b"created".to_vec());
            }
            17 => drop(world.store.collect(&Unwatched).await.unwrap()),
            18 => world = world.reopen().await,
            _ => {
                let victim = 1 + dice.roll(4) as u16;
                let aside = world.dir.path().join("aside");
                std::fs::rename(world.provider(victim), &aside).unwrap();
                compare(&world, &model).await;
                std::fs::rename(&aside, world.provider(victim)).unwrap();
                // What is written before the array looks again lacks a shard; another outage may come
                // only after this.
                let care = Care::Repair {
                    resume: None,
                    verify: false,
                };
                world.store.care("default", care, &Quiet).await.unwrap();
            }
        }
    }
    compare(&world, &model).await;
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.incomplete, 0);
    compare(&world, &model).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_agree_with_a_map() {
    let seeds = match std::env::var("DOLIUM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![1, 2, 3],
    };
    for seed in seeds {
        eprintln!("seed {seed}");
        run(seed).await;
    }
}
