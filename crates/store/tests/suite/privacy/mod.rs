//! Privacy: what one provider holds neither gives a file away nor tells that a known file is stored.
//!
//! Known files (text, zeros, noise, many lengths, one of them twice and in two accounts) are written over
//! `erasure:3+1`, then each provider is searched alone, as its operator could: for pieces of the files, for their
//! digests in every usual spelling, for names. `sizes` measures what lengths do tell. docs/privacy.md
//! says in words what is shown here.

mod repository;
mod search;
mod sizes;

use std::collections::{BTreeSet, HashSet};

use repository::Repository;
use search::{Search, known_files};

/// Long enough that no two shards have it in common by chance.
const WINDOW: usize = 16;
/// Where the payload of a shard begins (docs/format-shards.md).
const SHARD_HEADER: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn no_provider_holds_a_piece_or_a_digest_of_a_known_file() {
    let repository = Repository::new([1; 32]).await;
    let mut search = Search::default();
    for (name, bytes) in known_files() {
        let path = format!("private papers/{name}");
        repository.put("ada", &path, bytes.clone()).await;
        repository
            .put("ada", &format!("again/{name}"), bytes.clone())
            .await;
        repository.put("ben", &path, bytes.clone()).await;
        search.file(&name, &bytes);
        search.text(&name);
    }
    for text in [
        "private papers",
        "again/",
        "of-ada",
        "of-ben",
        "text/secret",
    ] {
        search.text(text);
    }
    repository.settle().await;
    for (provider, kept) in repository.kept().await.iter().enumerate() {
        let bytes: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            bytes > 1 << 20,
            "provider {provider} keeps {bytes} bytes: nothing was searched"
        );
        let found = search.run(kept);
        assert!(found.is_empty(), "provider {provider} tells: {found:?}");
    }
    for (name, bytes) in known_files() {
        let read = repository
            .get("ben", &format!("private papers/{name}"))
            .await;
        assert!(read == bytes, "{name} is not what was searched for");
    }
}

/// Two repositories with the same files, compared at the same provider: nothing says that they have them.
#[tokio::test(flavor = "multi_thread")]
async fn two_repositories_with_the_same_files_have_nothing_in_common() {
    let mut kept = Vec::new();
    for key in [[1; 32], [2; 32]] {
        let repository = Repository::new(key).await;
        for (name, bytes) in known_files()
            .into_iter()
            .filter(|(_, bytes)| bytes.len() < 4 << 20)
        {
            repository.put("ada", &name, bytes).await;
        }
        repository.settle().await;
        kept.push(repository.kept().await);
    }
    let [one, other] = &kept[..] else {
        panic!("two repositories")
    };
    for (provider, (mine, theirs)) in one.iter().zip(other).enumerate() {
        let ids = |kept: &repository::Kept| -> BTreeSet<String> {
            let packs = kept.iter().filter(|(name, _)| name.starts_with("packs/"));
            packs
                .map(|(name, _)| name.rsplit('/').next().unwrap()[..32].to_owned())
                .collect()
        };
        assert!(!ids(mine).is_empty());
        assert!(
            ids(mine).is_disjoint(&ids(theirs)),
            "provider {provider}: names"
        );
        let payload = |bytes: &'_ [u8]| bytes[SHARD_HEADER.min(bytes.len())..].to_vec();
        let mut mine_windows = HashSet::new();
        for (_, bytes) in mine {
            let payload = payload(bytes);
            mine_windows.extend(
                payload
                    .as_chunks::<WINDOW>()
                    .0
                    .iter()
                    .map(|w| u128::from_le_bytes(*w)),
            );
        }
        let mut common = 0;
        for (_, bytes) in theirs {
            for window in payload(bytes).array_windows::<WINDOW>() {
                common += u32::from(mine_windows.contains(&u128::from_le_bytes(*window)));
            }
        }
        assert_eq!(common, 0, "provider {provider}: bytes");
    }
}

/// The same file once more, in the same account or another, changes the journal alone: a provider that
/// watches sees that something was written, not that it was written before.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_copy_adds_no_pack() {
    let repository = Repository::new([3; 32]).await;
    let (_, bytes) = known_files().swap_remove(0);
    repository.put("ada", "first", bytes.clone()).await;
    let packs = |kept: &[repository::Kept]| -> BTreeSet<String> {
        let names = kept.iter().flatten().map(|(name, _)| name.clone());
        names.filter(|name| name.starts_with("packs/")).collect()
    };
    let before = packs(&repository.kept().await);
    repository.put("ada", "second", bytes.clone()).await;
    repository.put("ben", "third", bytes).await;
    assert_eq!(packs(&repository.kept().await), before);
}

/// All providers together, without the recovery key, give nothing.
#[tokio::test(flavor = "multi_thread")]
async fn all_providers_and_another_key_give_nothing() {
    let repository = Repository::new([4; 32]).await;
    for (name, bytes) in known_files() {
        repository.put("ada", &name, bytes).await;
    }
    repository.settle().await;
    let outcome = repository.recover_with([5; 32]).await;
    let error = outcome.expect_err("another key recovered something");
    assert!(!error.to_string().contains("private"), "{error}");
    repository.recover_with([4; 32]).await.unwrap();
}
