//! Rules: where they are kept, what they say of an object, and whom they do not concern.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_kept_with_their_document_and_checked() {
    let world = World::new().await;
    let (who, name) = (&world.who, bucket());
    let with = |class: &str| Rule {
        transitions: vec![Transition {
            at: When::Days(1),
            class: class.to_owned(),
        }],
        ..rule("r")
    };
    let document = |text: Option<&str>| {
        vec![SettingChange {
            namespace: "test",
            key: "document",
            value: text.map(str::to_owned),
        }]
    };
    let put = |rule: Rule| {
        world
            .store
            .set_lifecycle(who, &name, Some(vec![rule]), document(Some("text")))
    };
    let refused = put(with("GLACIER")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::BadStorageClass));
    let refused = put(rule("idle")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(world.store.lifecycle(who, &name).await.unwrap(), None);
    let refused = put(with("default")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::BadStorageClass));
    put(with("STANDARD")).await.unwrap();
    let kept = world.store.lifecycle(who, &name).await.unwrap();
    assert_eq!(kept, Some(vec![with("STANDARD")]));
    let setting = || {
        let action = Action::GetLifecycleConfiguration;
        world.store.setting(who, action, &name, "test", "document")
    };
    assert_eq!(setting().await.unwrap().as_deref(), Some("text"));
    let store = &world.store;
    let clear = store.set_lifecycle(who, &name, None, document(None));
    clear.await.unwrap();
    assert_eq!(world.store.lifecycle(who, &name).await.unwrap(), None);
    assert_eq!(setting().await.unwrap(), None);
    let nobody = dolium_store::Caller::anonymous();
    let refused = store.set_lifecycle(&nobody, &name, None, Vec::new());
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_say_when_they_end() {
    let world = World::new().await;
    let ends = Rule {
        filter: prefix("a/"),
        expiration: Some(Expiration::At(When::Days(1))),
        ..rule("ends")
    };
    set(&world, std::slice::from_ref(&ends)).await;
    let version = world.put("a/1", "x").await;
    let (Instant(at), by) = version.expiry.clone().unwrap();
    let day = 86_400_000_000;
    assert_eq!((at % day, by.as_str()), (0, "ends"));
    assert!((day..=2 * day).contains(&(at - version.created.0)));
    let head = world.store.head(&world.who, &source("a/1")).await.unwrap();
    assert_eq!(head.expiry, version.expiry);
    let computed = expiry_of(&[ends], &head, Duration::from_micros(day as u64));
    assert_eq!(computed, head.expiry);
    assert_eq!(world.put("b/1", "x").await.expiry, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_containers_are_left_alone_and_removed_ones_do_not_matter() {
    let world = World::new().await;
    let other = ContainerName::new("other-bucket").unwrap();
    let (who, store) = (&world.who, &world.store);
    store
        .create_container(who, &other, ContainerRequest::default())
        .await
        .unwrap();
    let put = request("x".into());
    store
        .put(
            who,
            &other,
            &path("a"),
            Description::default(),
            Condition::default(),
            put,
        )
        .await
        .unwrap();
    world.put("a", "x").await;
    let all = Rule {
        expiration: Some(PAST),
        ..rule("all")
    };
    set(&world, &[all]).await;
    assert_eq!(apply(&world).await.expired, 1);
    let request = DeleteRequest::default();
    store
        .delete(who, &other, &path("a"), request)
        .await
        .unwrap();
    store.delete_container(who, &other).await.unwrap();
    store.delete_container(who, &bucket()).await.unwrap();
    assert!(apply(&world).await.is_empty());
}
