//! Hazards found by review: each test fails without the rule that its comment names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use dolium_store::{Condition, ErrorKind, PutRequest, Result, Store, Unwatched, Version};
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};

use super::world::{Quiet, World, bucket, noise, parts, path, request, settings};

/// A put whose body arrives when the test says so.
struct SlowPut {
    body: mpsc::Sender<Result<Bytes>>,
    done: tokio::task::JoinHandle<Result<Version>>,
}

impl SlowPut {
    fn begin(world: &World, at: &str) -> Self {
        let (body, pieces) = mpsc::channel(0);
        let put = PutRequest {
            body: pieces.boxed(),
            len: None,
            ..request(Bytes::new())
        };
        let (store, who, at) = (world.store.clone(), world.who.clone(), path(at));
        let done = tokio::spawn(async move {
            let description = Default::default();
            store
                .put(&who, &bucket(), &at, description, Condition::default(), put)
                .await
        });
        Self { body, done }
    }

    async fn send(&mut self, bytes: Vec<u8>) {
        self.body.send(Ok(bytes.into())).await.unwrap();
    }

    async fn finish(self) -> Version {
        drop(self.body);
        self.done.await.unwrap().unwrap()
    }
}

/// Packs fill by sealed length, so permits are held by sealed length: else a stream that compresses
/// well waits for ever for permits that its own unfilled pack holds.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_compress_well_do_not_starve() {
    let world = World::new().await;
    let mut bytes = vec![b'a'; 64 << 20];
    for (n, block) in bytes.chunks_mut(4 << 20).enumerate() {
        block[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
    }
    let put = world.put("text", bytes.clone());
    tokio::time::timeout(Duration::from_secs(60), put)
        .await
        .expect("the put hangs");
    assert!(world.get("text").await.unwrap() == bytes);
}

/// A pack that a running write has blocks in is not garbage, however little of it is committed.
#[tokio::test(flavor = "multi_thread")]
async fn collection_spares_the_packs_of_running_writes() {
    let world = World::new().await;
    let bytes = noise(1, 41 << 20);
    let mut slow = SlowPut::begin(&world, "slow");
    for piece in bytes[..40 << 20].chunks(1 << 20) {
        slow.send(piece.to_vec()).await;
    }
    // Shares the pack that is being filled and commits it: by what is on record it is nearly empty.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.put("other", noise(2, 5000)).await;
    world.put("third", noise(3, 5000)).await;
    for _ in 0..2 {
        world.store.collect(&Unwatched).await.unwrap();
    }
    slow.send(bytes[40 << 20..].to_vec()).await;
    slow.finish().await;
    assert!(world.get("slow").await.unwrap() == bytes);
    assert_eq!(world.get("other").await.unwrap(), noise(2, 5000));
}

/// What writes held is free once they have ended, also when they gave up.
#[tokio::test(flavor = "multi_thread")]
async fn abandoned_writes_leave_nothing_behind() {
    let world = World::new().await;
    let mut slow = SlowPut::begin(&world, "slow");
    for n in 0..40 {
        slow.send(noise(n, 1 << 20)).await;
    }
    slow.done.abort();
    assert!(slow.done.await.is_err());
    // Takes the pack that was being filled along.
    world.put("other", noise(99, 5000)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..2 {
        world.store.collect(&Unwatched).await.unwrap();
    }
    let left = world.stored_bytes();
    assert!(
        left < 1 << 20,
        "{left} bytes are left of an abandoned write"
    );
    assert_eq!(world.get("other").await.unwrap(), noise(99, 5000));
}

/// All files below a folder of all providers whose names hold `part`, by provider.
fn files(world: &World, kind: &str, part: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, part: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, part, found);
            } else if entry.file_name().unwrap().to_str().unwrap().contains(part) {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    for n in 1..=4 {
        walk(&world.provider(n).join(kind), part, &mut found);
    }
    found
}

/// The names of the journal's batches, oldest first.
fn batches(world: &World) -> Vec<String> {
    let stem = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files(world, "journal", "").iter().map(stem).collect();
    names.sort();
    names.dedup();
    names
}

/// The server may end in the middle of writing a batch: that is no gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_cut_short_does_not_hinder_recovery() {
    let world = World::new().await;
    world.put("kept", "1").await;
    world.put("last", "2").await;
    world.store.close().await.unwrap();
    let last = batches(&world).pop().unwrap();
    for shard in &files(&world, "journal", &last)[..2] {
        std::fs::remove_file(shard).unwrap();
    }
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.journal_torn, 1);
    assert_eq!(world.get("kept").await.unwrap(), b"1");
    assert!(world.get("last").await.is_err());
}

/// Anything else that is missing from the journal is a gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_journal_is_never_passed_over() {
    let world = World::new().await;
    for n in 0..6 {
        world.put("a", format!("{n}")).await;
    }
    world.store.close().await.unwrap();
    let names = batches(&world);
    for shard in &files(&world, "journal", &names[names.len() - 3])[..2] {
        std::fs::remove_file(shard).unwrap();
    }
    recovery_is_refused(&world).await;
}

/// Providers that hold nothing may have been wiped: what they lack was not cut short.
#[tokio::test(flavor = "multi_thread")]
async fn wiped_providers_are_not_taken_for_a_batch_cut_short() {
    let world = World::new().await;
    world.put("a", "1").await;
    // Merges the journal into one segment.
    let care = dolium_store::Care::Check;
    let checked = world.store.care("default", care, &Quiet);
    checked.await.unwrap();
    world.store.close().await.unwrap();
    for n in [1, 2] {
        for kind in ["journal", "packs"] {
            std::fs::remove_dir_all(world.provider(n).join(kind)).unwrap();
        }
    }
    recovery_is_refused(&world).await;
}

async fn recovery_is_refused(world: &World) {
    let parts = parts(world.dir.path(), "refused.sqlite");
    let error = dolium_store::recover(&parts, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let served = Store::open(parts, settings()).await;
    let error = served.err().expect("half a catalog must not be served");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// Any provider can list a name; only who has the key can write a batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_batch_name_blocks_nothing() {
    let world = World::new().await;
    world.put("a", "1").await;
    let shard = &files(&world, "journal", "")[0];
    let index = shard.extension().unwrap().to_str().unwrap();
    for forged in [
        "00000000000fffff-00000000001fffff-00000000",
        "7fffffffffffffff-7fffffffffffffff-00000000",
    ] {
        // The folder is the name's, whatever it is.
        let folder = shard.parent().unwrap();
        std::fs::copy(shard, folder.join(format!("{forged}.{index}"))).unwrap();
    }
    let world = world.reopen().await;
    world.put("b", "2").await;
    let (world, _) = world.recover().await;
    assert_eq!(world.get("b").await.unwrap(), b"2");
}

/// What a deletion left of a pack must not hide the whole copies of its blocks elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_compacted_packs_do_not_hide_their_blocks() {
    let world = World::new().await;
    for n in 0..10u64 {
        world.put(&format!("{n}"), noise(n, 60_000)).await;
    }
    // The last data shard holds the pack's index.
    let leftovers: Vec<(PathBuf, Vec<u8>)> = files(&world, "packs", ".2")
        .into_iter()
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect();
    assert!(leftovers.len() >= 10);
    world.store.collect(&Unwatched).await.unwrap();
    for (file, bytes) in leftovers {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.incomplete, 0);
    for n in 0..10u64 {
        assert_eq!(world.get(&format!("{n}")).await.unwrap(), noise(n, 60_000));
    }
}

/// Reads do not compute the shards' checksums, since the seal tells. What a member changed must be found
/// all the same, whichever member it is, and the bytes come from the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_changed_is_not_given_out() {
    let world = World::new().await;
    let bytes = noise(7, 5 << 20);
    world.put("a", bytes.clone()).await;
    for n in 1..=4 {
        let mut shards = files(&world, "packs", "");
        shards.retain(|at| at.starts_with(world.provider(n)));
        assert!(!shards.is_empty());
        let honest: Vec<Vec<u8>> = shards.iter().map(|at| std::fs::read(at).unwrap()).collect();
        for (at, bytes) in shards.iter().zip(&honest) {
            let mut changed = bytes.clone();
            for at in (100..changed.len()).step_by(1000) {
                changed[at] ^= 1;
            }
            std::fs::write(at, changed).unwrap();
        }
        assert!(
            world.get("a").await.unwrap() == bytes,
            "with provider {n} lying"
        );
        for (at, bytes) in shards.iter().zip(honest) {
            std::fs::write(at, bytes).unwrap();
        }
    }
}
