//! What is delivered, to whom, in which order, and through which accidents.

use std::time::{Duration, Instant};

use dolium_catalog::{DeliveryRow, Error, WriteTx};
use dolium_notify::{NotifySettings, TargetKind, TargetSettings, start};
use serde_json::Value;

use super::receiver::Receiver;
use super::world::{REGION, World, rule, webhook};

fn keys(records: &[Value]) -> Vec<String> {
    let keys = records.iter().map(|record| &record["s3"]["object"]["key"]);
    keys.map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_order_with_their_fields() {
    let hook = Receiver::new().await;
    let world = World::new(&[rule("hook", "")]).await;
    let notifier = world.start(vec![webhook("hook", &hook)]);
    world.push_all(0..300).await;
    let taken = hook.taken(300).await;
    assert_eq!(keys(&taken), numbers(0..300));
    let first = &taken[0];
    assert_eq!(first["awsRegion"], REGION);
    assert_eq!(first["eventName"], "ObjectCreated:Put");
    assert_eq!(first["userIdentity"]["principalId"], "ada-s-id");
    assert_eq!(first["s3"]["configurationId"], "to-hook");
    assert_eq!(first["s3"]["bucket"]["name"], "photos");
    assert_eq!(
        first["s3"]["bucket"]["ownerIdentity"]["principalId"],
        "ada-s-id"
    );
    assert_eq!(hook.tokens().await[0], "Bearer open sesame");
    world.drained("hook").await;
    notifier.close().await;
    assert_eq!(hook.taken(300).await.len(), 300, "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_choose() {
    let (all, some) = (Receiver::new().await, Receiver::new().await);
    let rules = [rule("all", ""), rule("some", "in/"), rule("all", "in/")];
    let world = World::new(&rules).await;
    let notifier = world.start(vec![webhook("all", &all), webhook("some", &some)]);
    world.push("ObjectCreated:Put", "in/a").await;
    world.push("ObjectCreated:Put", "out/b").await;
    world.push("LifecycleExpiration:Delete", "in/c").await;
    world.push("ObjectRemoved:Delete", "in/d").await;
    assert_eq!(keys(&all.taken(3).await), ["in/a", "out/b", "in/d"]);
    assert_eq!(keys(&some.taken(2).await), ["in/a", "in/d"]);
    world.drained("all").await;
    notifier.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_down_gets_all_in_order_and_holds_up_nobody() {
    let (down, hung, up) = (
        Receiver::new().await,
        Receiver::new().await,
        Receiver::new().await,
    );
    down.refuse(true);
    hung.hang();
    let rules = [rule("down", ""), rule("hung", ""), rule("up", "")];
    let world = World::new(&rules).await;
    let targets = vec![
        webhook("down", &down),
        webhook("hung", &hung),
        webhook("up", &up),
    ];
    let notifier = world.start(targets);
    world.push_all(0..50).await;
    assert_eq!(keys(&up.taken(50).await), numbers(0..50));
    down.refused(3).await;
    down.refuse(false);
    assert_eq!(keys(&down.taken(50).await), numbers(0..50));
    let began = Instant::now();
    notifier.close().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "a stop waits for no target"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_survives_a_restart() {
    let hook = Receiver::new().await;
    hook.refuse(true);
    let world = World::new(&[rule("hook", "")]).await;
    world.push_all(0..10).await;
    let notifier = world.start(vec![webhook("hook", &hook)]);
    hook.refused(1).await;
    notifier.close().await;
    world.push_all(10..20).await;
    hook.refuse(false);
    let notifier = world.start(vec![webhook("hook", &hook)]);
    assert_eq!(keys(&hook.taken(20).await), numbers(0..20));
    world.drained("hook").await;
    notifier.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_is_not_followed() {
    let (hook, other) = (Receiver::new().await, Receiver::new().await);
    hook.redirect(other.url()).await;
    let world = World::new(&[rule("hook", "")]).await;
    let notifier = world.start(vec![webhook("hook", &hook)]);
    world.push_all(0..1).await;
    hook.refused(2).await;
    notifier.close().await;
    assert!(other.tokens().await.is_empty() && other.taken(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_for_targets_that_are_not_there_do_not_pile_up() {
    let world = World::new(&[rule("gone", "")]).await;
    world.push_all(0..600).await;
    let notifier = world.start(Vec::new());
    tokio::time::timeout(Duration::from_secs(20), world.drained("gone"))
        .await
        .expect("events leave");
    notifier.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_no_more() {
    let hook = Receiver::new().await;
    hook.refuse(true);
    let world = World::new(&[rule("hook", "")]).await;
    let fill = |tx: &mut WriteTx<'_>| {
        for id in -100_000..0 {
            tx.push_delivery(&DeliveryRow {
                target: "hook".to_owned(),
                id,
                created: i64::MAX,
                body: b"{}".to_vec(),
            })?;
        }
        Ok::<_, Error>(())
    };
    world.catalog.write(fill).await.unwrap();
    let notifier = world.start(vec![webhook("hook", &hook)]);
    hook.refused(1).await;
    world.push_all(0..3).await;
    let left = || async {
        let count: Result<_, Error> = world
            .catalog
            .read(|tx| Ok((tx.count_events()?, tx.count_deliveries("hook")?)))
            .await;
        count.unwrap()
    };
    while left().await.0 > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left().await.1, 100_000);
    notifier.close().await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let world = World::new(&[]).await;
    let kinds = [
        TargetKind::Webhook {
            url: "http://user:hunter2@[".into(),
            token: None,
        },
        TargetKind::Nats {
            url: "nats://user:hunter2@[".into(),
            subject: "a".to_owned(),
            token: None,
            credentials: None,
            jetstream: false,
        },
        TargetKind::RabbitMq {
            url: "amqp://user:hunter2@[".into(),
            exchange: "a".to_owned(),
            routing_key: String::new(),
        },
    ];
    for kind in kinds {
        let target = TargetSettings {
            name: "hook".to_owned(),
            kind,
        };
        let settings = NotifySettings {
            targets: vec![target],
            ..NotifySettings::default()
        };
        let error = start(&world.catalog, &world.leases(), settings)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("hook") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
