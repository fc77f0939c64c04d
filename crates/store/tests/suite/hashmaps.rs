//! Hash maps, patches, transfers and looking back, at the verbs.

use std::sync::Arc;

use bytes::Bytes;
use dolium_block::MerkleRoot;
use dolium_identity::NewUser;
use dolium_store::{
    AccountName, BlockId, Caller, Chunking, Condition, ContainerName, Description, ErrorKind,
    Hashmap, MapOutcome, ObjectPath, Patch, PatchBytes, Reason, Selector, Source, Transfer,
    Unwatched, Versioning,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::world::{World, noise, path, request};

const BLOCK: usize = 1024;

/// A container of somebody's, with blocks of 1 KiB.
async fn container(world: &World, who: &Caller, name: &str) -> ContainerName {
    let account = &who.principal().unwrap().account;
    let name = ContainerName::in_account(AccountName::new(account).unwrap(), name).unwrap();
    let edit = Arc::new(|settings: &mut dolium_store::ContainerSettings, _| {
        settings.versioning = Versioning::On;
        Ok(())
    });
    let chunking = Chunking::fixed(BLOCK as u32).unwrap();
    let made = world
        .store
        .put_container_cut(who, &name, None, chunking, edit);
    assert!(made.await.unwrap());
    name
}

async fn user(world: &World, name: &str) -> Caller {
    let new = NewUser {
        name: name.to_owned(),
        ..NewUser::default()
    };
    world
        .identity
        .create_user(new)
        .await
        .unwrap()
        .principal
        .into()
}

fn names(bytes: &[u8]) -> Vec<BlockId> {
    bytes.chunks(BLOCK).map(BlockId::of).collect()
}

fn body(bytes: &[u8]) -> dolium_store::Body {
    stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed()
}

fn source(container: &ContainerName, at: &str, version: Selector) -> Source {
    Source {
        container: container.clone(),
        path: path(at),
        version,
        condition: Condition::default(),
        key: None,
    }
}

async fn read(world: &World, who: &Caller, container: &ContainerName, at: &str) -> Vec<u8> {
    let source = source(container, at, Selector::Current);
    let opened = world.store.open_object(who, &source).await.unwrap();
    let size = opened.version().size;
    let found: Vec<BlockId> = opened.hashes().unwrap().try_collect().await.unwrap();
    let bytes: Vec<Bytes> = opened.read(0..size).unwrap().try_collect().await.unwrap();
    let bytes = bytes.concat();
    // What the object says of itself is true of what is read.
    assert_eq!(found, names(&bytes));
    let root = MerkleRoot::of(found);
    assert_eq!(opened.version().root.as_deref(), Some(root.as_bytes()));
    bytes
}

async fn put(world: &World, who: &Caller, container: &ContainerName, at: &str, bytes: &[u8]) {
    let (description, condition) = (Description::default(), Condition::default());
    let put = request(bytes.to_vec().into());
    world
        .store
        .put(who, container, &path(at), description, condition, put)
        .await
        .unwrap();
}

async fn put_map(
    world: &World,
    who: &Caller,
    container: &ContainerName,
    at: &str,
    bytes: &[u8],
) -> MapOutcome {
    let map = Hashmap {
        size: bytes.len() as u64,
        hashes: names(bytes),
    };
    let (description, condition) = (Description::default(), Condition::default());
    let at: ObjectPath = path(at);
    world
        .store
        .put_hashmap(who, container, &at, description, condition, map)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_gives_nothing_to_who_has_not_the_block() {
    let world = World::new().await;
    let bob = user(&world, "bob").await;
    let mine = container(&world, &world.who, "mine").await;
    let theirs = container(&world, &bob, "theirs").await;
    let secret = noise(1, 3 * BLOCK + 9);
    put(&world, &world.who, &mine, "o", &secret).await;
    for _ in 0..2 {
        let outcome = put_map(&world, &bob, &theirs, "o", &secret).await;
        let MapOutcome::Missing(missing) = outcome else {
            panic!("a name was enough");
        };
        assert_eq!(missing, names(&secret));
        let read = world
            .store
            .read_block(&bob, &theirs, names(&secret)[0])
            .await;
        assert_eq!(read.unwrap_err().reason(), Some(Reason::NoSuchObject));
    }
    let uploaded = world
        .store
        .upload_blocks(&bob, &theirs, body(&secret), None)
        .await;
    assert_eq!(uploaded.unwrap(), names(&secret));
    // Into another's container one uploads nothing.
    let refused = world
        .store
        .upload_blocks(&bob, &mine, body(&secret), None)
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let outcome = put_map(&world, &bob, &theirs, "o", &secret).await;
    assert!(matches!(outcome, MapOutcome::Stored(_)));
    assert_eq!(read(&world, &bob, &theirs, "o").await, secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_somewhere_has_not_all_that_is_there() {
    let world = World::new().await;
    let bob = user(&world, "bob").await;
    let mine = container(&world, &world.who, "mine").await;
    let theirs = container(&world, &bob, "theirs").await;
    let share = |readers: &'static str| {
        let edit = Arc::new(move |settings: &mut dolium_store::ContainerSettings, _| {
            settings.writers = Some("bob".to_owned());
            settings.readers = Some(readers.to_owned());
            Ok(())
        });
        world.store.change_container(&world.who, &mine, edit)
    };
    let secret = noise(5, 2 * BLOCK);
    put(&world, &world.who, &mine, "o", &secret).await;
    share("").await.unwrap();
    for at in ["o", "p"] {
        let outcome = put_map(&world, &bob, &mine, at, &secret).await;
        assert!(matches!(outcome, MapOutcome::Missing(_)), "{at}");
    }
    // What one may read at the place that one writes, one may keep there, and nowhere else.
    share("bob").await.unwrap();
    let outcome = put_map(&world, &bob, &mine, "p", &secret).await;
    assert!(matches!(outcome, MapOutcome::Missing(_)));
    let outcome = put_map(&world, &bob, &mine, "o", &secret).await;
    assert!(matches!(outcome, MapOutcome::Stored(_)));
    // What one uploaded at home may go there.
    let own = noise(6, 3 * BLOCK);
    let uploaded = world.store.upload_blocks(&bob, &theirs, body(&own), None);
    uploaded.await.unwrap();
    let outcome = put_map(&world, &bob, &mine, "p", &own).await;
    assert!(matches!(outcome, MapOutcome::Stored(_)));
    assert_eq!(read(&world, &world.who, &mine, "p").await, own);
}

#[tokio::test(flavor = "multi_thread")]
async fn loose_blocks_are_garbage_in_time() {
    let world = World::new().await;
    let mine = container(&world, &world.who, "mine").await;
    let bytes = noise(2, 5 * BLOCK);
    let upload = || {
        world
            .store
            .upload_blocks(&world.who, &mine, body(&bytes), Some(bytes.len() as u64))
    };
    upload().await.unwrap();
    // In this world garbage has no age at all: a note of the upload goes with the blocks.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    world.store.collect(&Unwatched).await.unwrap();
    let outcome = put_map(&world, &world.who, &mine, "o", &bytes).await;
    assert!(matches!(outcome, MapOutcome::Missing(_)));
    upload().await.unwrap();
    let outcome = put_map(&world, &world.who, &mine, "o", &bytes).await;
    assert!(matches!(outcome, MapOutcome::Stored(_)));
    world.store.collect(&Unwatched).await.unwrap();
    assert_eq!(read(&world, &world.who, &mine, "o").await, bytes);
    let (world, recovered) = world.recover().await;
    assert_eq!(recovered.incomplete, 0);
    assert_eq!(read(&world, &world.who, &mine, "o").await, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_patched_copied_and_collected() {
    let world = World::new().await;
    let bob = user(&world, "bob").await;
    let mine = container(&world, &world.who, "mine").await;
    let theirs = container(&world, &bob, "theirs").await;
    // More blocks than one node holds.
    let mut bytes = noise(3, 1300 * BLOCK + 5);
    put(&world, &world.who, &mine, "o", &bytes).await;
    let new = noise(4, 3000);
    let patch = Patch {
        offset: Some(700_000),
        len: None,
        total: None,
        truncate: None,
        bytes: PatchBytes::Body(body(&new), None),
    };
    let edit: dolium_store::DescriptionEdit = Arc::new(|_: &mut _| Ok(()));
    let condition = Condition::default();
    let at = path("o");
    let patched = world
        .store
        .patch(&world.who, &mine, &at, condition, edit.clone(), patch);
    patched.await.unwrap();
    bytes[700_000..703_000].copy_from_slice(&new);
    assert_eq!(read(&world, &world.who, &mine, "o").await, bytes);
    let transfer = |who: &Caller, to: &ContainerName, moves| Transfer {
        source: source(&mine, "o", Selector::Current),
        container: to.clone(),
        path: path(&who.principal().unwrap().account),
        condition: Condition::default(),
        edit: edit.clone(),
        moves,
        delimiter: None,
    };
    // A stranger takes nothing; nor does one who may not write there.
    let refused = world
        .store
        .transfer(&bob, transfer(&bob, &theirs, false))
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let refused = world
        .store
        .transfer(&world.who, transfer(&bob, &theirs, true))
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let moved = transfer(&world.who, &mine, true);
    let to = moved.path.clone();
    world.store.transfer(&world.who, moved).await.unwrap();
    world.store.collect(&Unwatched).await.unwrap();
    assert_eq!(read(&world, &world.who, &mine, to.as_str()).await, bytes);
}
