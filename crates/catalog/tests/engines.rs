//! The suite on both engines. PostgreSQL runs when `DOLIUM_TEST_POSTGRES` has the URL of a server on
//! which databases may be made (`conformance/postgres/run.sh` starts a private one).

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod suite;

use dolium_catalog::{Catalog, CatalogSettings, Error, WriteTx};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        Catalog::open_sqlite(dir.path().join(name), CatalogSettings::default()).unwrap()
    };
    let (catalog, other) = (open("a"), open("b"));
    suite::run(&catalog, &other).await;

    let newest = |catalog: Catalog| async move {
        catalog
            .read(|tx| Ok::<_, Error>((tx.next_seq()?, tx.accounts(None, 9999)?)))
            .await
    };
    let before = newest(catalog.clone()).await.unwrap();
    let committed = *catalog.committed().borrow();
    drop(catalog);
    let again = open("a");
    assert_eq!(
        newest(again.clone()).await.unwrap(),
        before,
        "everything is there after a restart"
    );
    assert_eq!(*again.committed().borrow(), committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Ok(server) = std::env::var("DOLIUM_TEST_POSTGRES") else {
        eprintln!("skipped: DOLIUM_TEST_POSTGRES is not set");
        return;
    };
    let open = |name: &str| {
        let url = fresh_database(&server, name);
        let open = || Catalog::open_postgres(&url, CatalogSettings::default()).unwrap();
        (open(), open(), url.clone())
    };
    let (catalog, twin, _) = open("a");
    let (other, ..) = open("b");
    suite::run(&catalog, &other).await;
    share(catalog, twin).await;
    let (catalog, _twin, url) = open("c");
    disconnect(catalog, &server, &url).await;
}

/// Two servers on one database: one sequence without gaps, all operations in some order.
async fn share(first: Catalog, second: Catalog) {
    let start = first
        .read(|tx| tx.next_seq())
        .await
        .map_err(|e: Error| e)
        .unwrap();
    let mut tasks = Vec::new();
    for number in 0..200 {
        let catalog = if number % 2 == 0 {
            first.clone()
        } else {
            second.clone()
        };
        tasks.push(tokio::spawn(async move {
            let name = format!("share-{number}");
            let op = move |tx: &mut WriteTx<'_>| tx.create_account(&name, None, 1);
            catalog.write::<_, Error, _>(op).await.unwrap()
        }));
    }
    let mut seqs = Vec::new();
    for task in tasks {
        let done = task.await.unwrap();
        seqs.push((done.journal_seq.unwrap(), done.value.id));
    }
    seqs.sort_unstable();
    let expect: Vec<i64> = (start..start + 200).collect();
    assert_eq!(seqs.iter().map(|seq| seq.0).collect::<Vec<_>>(), expect);
    assert!(
        seqs.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "ids grow in commit order"
    );
}

/// The server ends every connection again and again; each operation is there exactly once.
async fn disconnect(catalog: Catalog, server: &str, url: &str) {
    let name = url.rsplit('/').next().unwrap().to_owned();
    let kill =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let server = server.to_owned();
    let killer = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&server, postgres::NoTls).unwrap();
        for _ in 0..10 {
            std::thread::sleep(std::time::Duration::from_millis(30));
            client.batch_execute(&kill).unwrap();
        }
    });
    let mut done = 0;
    while !killer.is_finished() {
        let name = format!("disconnect-{done}");
        let op = move |tx: &mut WriteTx<'_>| tx.create_account(&name, None, 1);
        catalog.write::<_, Error, _>(op).await.unwrap();
        done += 1;
    }
    let read = catalog.read(|tx| Ok::<_, Error>((tx.next_seq()?, tx.accounts(None, 99_999)?)));
    let (next_seq, accounts) = read.await.unwrap();
    assert_eq!((next_seq - 1, accounts.len() as i64), (done, done));
}

/// Makes an empty database on the server and returns its URL.
fn fresh_database(server: &str, name: &str) -> String {
    let name = format!("dolium_test_{}_{name}", std::process::id());
    let (server, base) = (
        server.to_owned(),
        server.trim_end_matches("/postgres").to_owned(),
    );
    let create = format!("CREATE DATABASE {name}");
    // The client blocks on a runtime of its own, which a thread of this one may not.
    std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&server, postgres::NoTls).unwrap();
        client.batch_execute(&create).unwrap();
    })
    .join()
    .unwrap();
    format!("{base}/{name}")
}
