//! Uploads in parts: they lie in the class that they were begun in.

use super::*;

pub(super) async fn begin(world: &World, at: &str, description: Description) -> Upload {
    let (name, at) = (bucket(), path(at));
    let begun = world
        .store
        .create_upload(&world.who, &name, &at, description, None);
    begun.await.unwrap()
}

pub(super) async fn send(world: &World, upload: &Upload, number: u32, bytes: Vec<u8>) -> Part {
    let (name, put) = (bucket(), request(bytes.into()));
    let sent = world
        .store
        .put_part(&world.who, &name, &upload.path, &upload.id, number, put);
    sent.await.unwrap()
}

pub(super) async fn copy_part(
    world: &World,
    upload: &Upload,
    number: u32,
    from: &str,
    range: ByteRange,
) -> Part {
    let (name, who) = (bucket(), &world.who);
    let (at, id) = (&upload.path, &upload.id);
    let made = world
        .store
        .copy_part(who, &name, at, id, number, source(from), range, None);
    made.await.unwrap()
}

pub(super) async fn complete(world: &World, upload: &Upload, parts: &[Part]) -> Version {
    let pairs = parts.iter().map(|part| (part.number, part.etag.clone()));
    let request = CompleteRequest {
        parts: pairs.collect(),
        part_len_min: 0,
        condition: Condition::default(),
        finish: std::sync::Arc::new(|_| Ok(Finish::default())),
    };
    let (name, who) = (bucket(), &world.who);
    let done = world
        .store
        .complete_upload(who, &name, &upload.path, &upload.id, request);
    done.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_lie_in_the_class_of_their_upload() {
    let world = World::with_cold().await;
    let bytes = noise(1, 6 << 20);
    world.put("hot", bytes.clone()).await;
    let upload = begin(&world, "big", in_class("COLD")).await;
    assert_eq!(&*upload.array, "cold");
    let one = copy_part(&world, &upload, 1, "hot", ByteRange::Full).await;
    let two = send(&world, &upload, 2, noise(2, 1000)).await;
    let done = complete(&world, &upload, &[one, two]).await;
    assert_eq!(&*done.array, "cold");
    world.delete("hot", None).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&HOT), 0);
    assert_eq!(
        world.get("big").await.unwrap(),
        [bytes, noise(2, 1000)].concat()
    );
    let aborted = begin(&world, "x", in_class("COLD")).await;
    send(&world, &aborted, 1, noise(3, 400_000)).await;
    let name = bucket();
    let ended = world
        .store
        .abort_upload(&world.who, &name, &aborted.path, &aborted.id);
    ended.await.unwrap();
    world.delete("big", None).await;
    collect(&world).await;
    assert_eq!(world.bytes_in(&COLD), 0);
}
