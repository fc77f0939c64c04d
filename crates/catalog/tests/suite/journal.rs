//! The journal: order, gaps, trimming, snapshot pages.

use dolium_catalog::{Catalog, Entry, Op, Val, journaled_tables};

use super::fixture::{container, objects, read, write};

pub(super) async fn run(catalog: &Catalog) {
    let id = container(catalog, "journal").await.id;
    let before = read(catalog, |tx| tx.next_seq()).await;
    assert_eq!(*catalog.committed().borrow(), before - 1);

    let first = catalog
        .write(|tx| tx.create_account("journal-1", None, 1))
        .await
        .unwrap();
    assert_eq!(first.journal_seq, Some(before));
    let failed = catalog.write(|tx| {
        tx.create_account("journal-lost", None, 1)?;
        tx.create_account("journal-1", None, 1)
    });
    assert!(failed.await.is_err());
    let silent = catalog
        .write(move |tx| tx.lock_container(id))
        .await
        .unwrap();
    assert_eq!(silent.journal_seq, None, "a counter is not journaled");
    let second = catalog
        .write(|tx| tx.create_account("journal-2", None, 1))
        .await
        .unwrap();
    assert_eq!(
        second.journal_seq,
        Some(before + 1),
        "no gap after a failed operation"
    );
    assert_eq!(*catalog.committed().borrow(), before + 1);

    let entries = read(catalog, move |tx| tx.outbox_after(before - 1, 1 << 20)).await;
    let seqs: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, [before, before + 1]);
    let entry = Entry::decode(&entries[1].entry).unwrap();
    assert_eq!(entry.changes.len(), 1);
    assert_eq!((entry.changes[0].table, entry.changes[0].op), (1, Op::Put));
    assert_eq!(entry.changes[0].values[1], Val::Text("journal-2".into()));

    let one = read(catalog, |tx| tx.outbox_after(0, 1)).await;
    assert_eq!(one.len(), 1, "at least one entry, however large");
    let all = read(catalog, |tx| tx.outbox_after(0, usize::MAX)).await;
    assert_eq!(
        all.iter().map(|e| e.seq).collect::<Vec<_>>(),
        (1..before + 2).collect::<Vec<_>>()
    );
    assert_eq!(
        write(catalog, move |tx| tx.outbox_trim(before)).await,
        before as u64
    );
    let rest = read(catalog, |tx| tx.outbox_after(0, usize::MAX)).await;
    assert_eq!(
        rest.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [before + 1]
    );

    pages(catalog).await;
}

/// Pages of any size are the whole table, in one order.
async fn pages(catalog: &Catalog) {
    let id = container(catalog, "pages").await.id;
    objects(
        catalog,
        id,
        (0..20).map(|n| format!("{}", n % 7).into_bytes()).collect(),
    )
    .await;
    for table in journaled_tables() {
        let number = table.journal_id.unwrap();
        let all = read(catalog, move |tx| tx.dump(number, None, usize::MAX)).await;
        let mut paged: Vec<Vec<Val>> = Vec::new();
        loop {
            let key = paged.last().map(|row| row[..table.key_len].to_vec());
            let page = read(catalog, move |tx| tx.dump(number, key.as_deref(), 7)).await;
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all, "{}", table.name);
    }
}
