//! Events and deliveries: order, removal, expiry; and that the journal does not hear of them.

use dolium_catalog::{Catalog, DeliveryRow, EventRow, UserId};

use super::fixture::{container, read, write};

fn event(container: dolium_catalog::ContainerId, path: &str, created: i64) -> EventRow {
    EventRow {
        id: 0,
        container_id: container,
        created,
        kind: "ObjectCreated:Put".to_owned(),
        path: path.as_bytes().to_vec(),
        seq: 8,
        serial: 7,
        size: 10,
        etag: "e".to_owned(),
        null_version: true,
        author: created.is_positive().then_some(UserId(1)),
        meta: b"{}".to_vec(),
    }
}

fn delivery(target: &str, id: i64, created: i64) -> DeliveryRow {
    DeliveryRow {
        target: target.to_owned(),
        id,
        created,
        body: id.to_string().into_bytes(),
    }
}

pub(super) async fn run(catalog: &Catalog) {
    let id = container(catalog, "events").await.id;
    let before = read(catalog, |tx| tx.next_seq()).await;
    assert_eq!(read(catalog, |tx| tx.oldest_event()).await, None);
    let mut pushed = Vec::new();
    for n in 0..5 {
        let row = event(id, &format!("k{n}"), n);
        pushed.push(write(catalog, move |tx| tx.push_event(row.clone())).await);
    }
    assert!(pushed.is_sorted());
    let (first, second) = (pushed[0], pushed[1]);
    let page = read(catalog, move |tx| tx.events(first, 3)).await;
    let ids: Vec<i64> = page.iter().map(|row| row.id).collect();
    assert_eq!(ids, pushed[1..4]);
    let expect = EventRow {
        id: second,
        ..event(id, "k1", 1)
    };
    assert_eq!(page[0], expect, "what was written is read");
    assert_eq!(read(catalog, |tx| tx.oldest_event()).await, Some(first));
    let newest = read(catalog, |tx| tx.newest_event()).await;
    assert_eq!(newest, pushed.last().copied());
    assert!(write(catalog, move |tx| tx.delete_event(first)).await);
    assert!(!write(catalog, move |tx| tx.delete_event(first)).await);
    assert_eq!(read(catalog, |tx| tx.count_events()).await, 4);
    deliveries(catalog).await;
    assert_eq!(read(catalog, |tx| tx.next_seq()).await, before);
}

async fn deliveries(catalog: &Catalog) {
    for row in [
        delivery("b", 2, 20),
        delivery("a", 3, 30),
        delivery("a", 1, 10),
        delivery("a", 2, 20),
    ] {
        write(catalog, move |tx| tx.push_delivery(&row)).await;
    }
    let ids = async |target: &'static str| {
        let rows = read(catalog, move |tx| tx.deliveries(target, 10)).await;
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("a").await, [1, 2, 3]);
    assert_eq!(ids("b").await, [2]);
    assert_eq!(
        write(catalog, |tx| tx.delete_deliveries("a", 1)).await,
        1,
        "the other queue keeps its own"
    );
    assert_eq!(read(catalog, |tx| tx.count_deliveries("a")).await, 2);
    let mut gone = write(catalog, |tx| tx.expire_deliveries(30, 10)).await;
    gone.sort();
    assert_eq!(gone, [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    assert_eq!(ids("a").await, [3]);
}
