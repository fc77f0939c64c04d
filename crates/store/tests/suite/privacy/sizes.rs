//! What lengths tell a provider: measured, so that docs/privacy.md says neither more nor less.

use super::super::world::noise;
use super::repository::Repository;

/// What a pack has beyond its blocks: head, tail, and the seal and count of its index (docs/format.md).
const OF_PACK: u64 = 24 + 12 + 32 + 1;
/// What a block adds to its bytes: its seal, and its entry with lengths of three bytes.
const OF_BLOCK: u64 = 32 + 32 + 3 + 3 + 2;

/// The length of a blob by the header of any of its shards.
fn blob_len(shard: &[u8]) -> u64 {
    u64::from_be_bytes(*shard[24..].first_chunk().unwrap())
}

/// The lengths of packs, as the first provider sees them.
async fn packs(repository: &Repository) -> Vec<u64> {
    let kept = &repository.kept().await[0];
    let packs = kept.iter().filter(|(name, _)| name.starts_with("packs/"));
    packs.map(|(_, bytes)| blob_len(bytes)).collect()
}

/// The length of the only pack of a repository that holds one object.
async fn lone(bytes: Vec<u8>) -> u64 {
    let repository = Repository::new([6; 32]).await;
    repository.put("ada", "lone", bytes).await;
    let packs = packs(&repository).await;
    assert_eq!(packs.len(), 1);
    packs[0]
}

/// An object that is written alone and does not compress tells its length to the byte: the header of a
/// shard has the length of its pack, and nothing pads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_object_tells_its_length() {
    let mut beyond = Vec::new();
    for len in [5000, 5001, 5002, 9999] {
        beyond.push(lone(noise(len, len as usize)).await - len);
    }
    assert_eq!(
        beyond, [beyond[0]; 4],
        "what a pack has beyond its object depends on the object"
    );
    assert!(beyond[0] < 200, "{beyond:?}");
}

/// One that compresses tells the length of what it was compressed to, which depends on what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_object_that_compresses_tells_how_well() {
    let easy = lone(vec![b'a'; 100_000]).await;
    let hard = lone([noise(1, 50_000), vec![b'a'; 50_000]].concat()).await;
    assert!(easy < 1000 && hard > 50_000, "{easy}, {hard}");
}

/// Zeros at the end, or nothing but zeros, take no room: their length is told to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn zeros_tell_nothing() {
    let short = lone(noise(2, 5000)).await;
    let long = lone([noise(2, 5000), vec![0; 3_000_000]].concat()).await;
    assert_eq!(short, long);
}

/// Objects that arrive at the same time share packs. A pack tells what its blocks have together, whatever
/// each of them has.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_come_together_tell_their_sum() {
    let even = [70_000; 16];
    let uneven = std::array::from_fn(|n| {
        if n % 2 == 0 {
            69_000 - n
        } else {
            71_000 + n - 1
        }
    });
    for lens in [even, uneven] {
        assert_eq!(lens.iter().sum::<usize>(), 16 * 70_000);
        let repository = Repository::new([7; 32]).await;
        let puts = lens.iter().enumerate().map(|(n, len)| {
            let (repository, path) = (&repository, format!("{n}"));
            let bytes = noise(n as u64, *len);
            async move { repository.put("ada", &path, bytes).await }
        });
        futures::future::join_all(puts).await;
        let packs = packs(&repository).await;
        assert!(packs.len() < lens.len(), "nothing shared a pack: {packs:?}");
        let beyond = packs.len() as u64 * OF_PACK + lens.len() as u64 * OF_BLOCK;
        assert_eq!(packs.iter().sum::<u64>(), 16 * 70_000 + beyond, "{packs:?}");
    }
}
