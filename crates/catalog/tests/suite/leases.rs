//! Leases and servers: who works, who was overtaken, and since when writes are under way.

use dolium_catalog::{Catalog, ErrorKind, LeaseRow};

use super::fixture::{read, write};

const HOUR: i64 = 3_600_000_000;

async fn take(
    catalog: &Catalog,
    name: &'static str,
    who: &'static str,
    ttl: i64,
    pause: i64,
) -> Option<LeaseRow> {
    write(catalog, move |tx| tx.take_lease(name, who, ttl, pause)).await
}

pub(super) async fn run(catalog: &Catalog) {
    one_holder(catalog).await;
    rounds(catalog).await;
    servers(catalog).await;
}

async fn one_holder(catalog: &Catalog) {
    let held = take(catalog, "work", "a", HOUR, 0).await.unwrap();
    assert_eq!((held.fence, held.holder.as_str()), (1, "a"));
    assert_eq!(take(catalog, "work", "b", HOUR, 0).await, None);
    assert!(!read(catalog, |tx| tx.lease_is_free("work", 0)).await);
    let again = held.clone();
    assert!(write(catalog, move |tx| tx.renew_lease(&again, HOUR)).await);

    // It lets its time pass; another takes it, and what the first would write is refused.
    let silent = held.clone();
    write(catalog, move |tx| tx.renew_lease(&silent, 0)).await;
    write(catalog, |tx| tx.check_lease("work", 1)).await;
    let taken = take(catalog, "work", "b", HOUR, 0).await.unwrap();
    assert_eq!(taken.fence, 2);
    let refused = catalog.write(|tx| tx.check_lease("work", 1)).await;
    let refused: dolium_catalog::Error = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let late = held.clone();
    assert!(!write(catalog, move |tx| tx.renew_lease(&late, HOUR)).await);
    write(catalog, move |tx| tx.end_lease(&held)).await;
    assert!(
        !read(catalog, |tx| tx.lease_is_free("work", 0)).await,
        "who was overtaken ends nothing"
    );
    write(catalog, move |tx| tx.end_lease(&taken)).await;
    assert!(read(catalog, |tx| tx.lease_is_free("work", 0)).await);
}

async fn rounds(catalog: &Catalog) {
    assert_eq!(
        take(catalog, "rounds", "a", HOUR, HOUR).await,
        None,
        "the first round is one pause away"
    );
    assert_eq!(take(catalog, "rounds", "a", HOUR, HOUR).await, None);
    let held = take(catalog, "rounds", "a", HOUR, 0).await.unwrap();
    write(catalog, move |tx| tx.end_lease(&held)).await;
    assert_eq!(take(catalog, "rounds", "b", HOUR, HOUR).await, None);
    assert!(take(catalog, "rounds", "b", HOUR, 0).await.is_some());
    let names = read(catalog, |tx| tx.leases()).await;
    let names: Vec<_> = names.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["rounds", "work"]);
}

async fn servers(catalog: &Catalog) {
    write(catalog, |tx| {
        tx.add_server("own", 5, HOUR)?;
        tx.add_server("early", 7, HOUR)?;
        tx.add_server("late", 9, HOUR)
    })
    .await;
    assert_eq!(write(catalog, |tx| tx.oldest_write("own")).await, Some(7));
    assert!(write(catalog, |tx| tx.hear_server("early", 11, HOUR)).await);
    assert_eq!(write(catalog, |tx| tx.oldest_write("own")).await, Some(9));
    write(catalog, |tx| tx.hear_server("late", 9, -1)).await;
    assert_eq!(read(catalog, |tx| tx.servers()).await.len(), 2);
    assert!(
        read(catalog, |tx| tx.has_server("late")).await,
        "nobody has acted on its silence yet"
    );
    assert_eq!(write(catalog, |tx| tx.oldest_write("own")).await, Some(11));
    assert!(!read(catalog, |tx| tx.has_server("late")).await);
    assert!(!write(catalog, |tx| tx.hear_server("late", 9, HOUR)).await);
    assert!(write(catalog, |tx| tx.remove_server("early")).await);
    assert_eq!(write(catalog, |tx| tx.oldest_write("own")).await, None);
    write(catalog, |tx| tx.remove_server("own")).await;
}
