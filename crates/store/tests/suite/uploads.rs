//! Multipart uploads: joined by their lists, checked at completion.

use std::sync::Arc;

use dolium_store::{
    ByteRange, CompleteRequest, Condition, Finish, Part, Reason, Result, Upload, Version,
};

use super::world::{World, bucket, noise, path, request, source};

async fn begin(world: &World, at: &str) -> Upload {
    world
        .store
        .create_upload(&world.who, &bucket(), &path(at), Default::default(), None)
        .await
        .unwrap()
}

async fn send(world: &World, upload: &Upload, number: u32, bytes: Vec<u8>) -> Part {
    let put = request(bytes.into());
    world
        .store
        .put_part(&world.who, &bucket(), &upload.path, &upload.id, number, put)
        .await
        .unwrap()
}

async fn complete(world: &World, upload: &Upload, parts: &[&Part]) -> Result<Version> {
    let request = CompleteRequest {
        parts: parts
            .iter()
            .map(|part| (part.number, part.etag.clone()))
            .collect(),
        part_len_min: 5 << 20,
        condition: Condition::default(),
        finish: Arc::new(|parts| {
            Ok(Finish {
                etag: format!("tag-{}", parts.len()),
                checksums: Vec::new(),
            })
        }),
    };
    world
        .store
        .complete_upload(&world.who, &bucket(), &upload.path, &upload.id, request)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_join_in_order_and_can_be_replaced() {
    let world = World::new().await;
    let upload = begin(&world, "big").await;
    let (a, b) = (noise(1, 5 << 20), noise(2, 777));
    send(&world, &upload, 2, noise(9, 10)).await;
    let two = send(&world, &upload, 2, b.clone()).await;
    let one = send(&world, &upload, 1, a.clone()).await;
    let (listed, more) = world
        .store
        .list_parts(&world.who, &bucket(), &upload.path, &upload.id, 0, 1)
        .await
        .unwrap();
    assert_eq!((listed.as_slice(), more), (&[one.clone()][..], true));
    let version = complete(&world, &upload, &[&one, &two]).await.unwrap();
    assert_eq!(version.etag, "tag-2");
    assert_eq!(world.get("big").await.unwrap(), [a, b].concat());
    let again = complete(&world, &upload, &[&one, &two]).await.unwrap_err();
    assert_eq!(again.reason(), Some(Reason::NoSuchUpload));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_completions_are_refused() {
    let world = World::new().await;
    let upload = begin(&world, "big").await;
    let one = send(&world, &upload, 1, noise(1, 100)).await;
    let two = send(&world, &upload, 2, noise(2, 100)).await;
    let reason =
        async |parts: &[&Part]| complete(&world, &upload, parts).await.unwrap_err().reason();
    assert_eq!(reason(&[&one, &two]).await, Some(Reason::PartTooSmall));
    assert_eq!(reason(&[&two, &one]).await, Some(Reason::InvalidPartOrder));
    let lie = Part {
        etag: "lie".to_owned(),
        ..one.clone()
    };
    assert_eq!(reason(&[&lie]).await, Some(Reason::InvalidPart));
    world
        .store
        .abort_upload(&world.who, &bucket(), &upload.path, &upload.id)
        .await
        .unwrap();
    assert_eq!(reason(&[&one]).await, Some(Reason::NoSuchUpload));
    world
        .store
        .delete_container(&world.who, &bucket())
        .await
        .unwrap();
}

/// Issue demand F: one byte changed in the middle stores one block.
#[tokio::test(flavor = "multi_thread")]
async fn recombination_stores_only_what_changed() {
    let world = World::new().await;
    let mut bytes = noise(5, 24 << 20);
    world.put("big", bytes.clone()).await;
    let before = world.stored_bytes();
    let at = 10 << 20;
    bytes[at] ^= 1;
    let upload = begin(&world, "big").await;
    let copy = async |number, first: usize, last: usize| {
        let range = ByteRange::From {
            first: first as u64,
            last: Some(last as u64 - 1),
        };
        let (who, store) = (&world.who, &world.store);
        store
            .copy_part(
                who,
                &bucket(),
                &upload.path,
                &upload.id,
                number,
                source("big"),
                range,
                None,
            )
            .await
            .unwrap()
    };
    let head = copy(1, 0, 8 << 20).await;
    let middle = send(&world, &upload, 2, bytes[8 << 20..16 << 20].to_vec()).await;
    let tail = copy(3, 16 << 20, bytes.len()).await;
    complete(&world, &upload, &[&head, &middle, &tail])
        .await
        .unwrap();
    assert_eq!(world.get("big").await.unwrap(), bytes);
    let added = world.stored_bytes() - before;
    // One block of 4 MiB over 3+1 shards, and what shards add.
    assert!(
        (5 << 20..6 << 20).contains(&added),
        "{added} bytes were added"
    );
}
