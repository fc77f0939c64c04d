//! The suite on both engines. PostgreSQL runs when `DOLIUM_TEST_POSTGRES` has the URL of a server on
//! which databases may be made (`conformance/postgres/run.sh` starts a private one).

mod suite;

use dolium_catalog::{Catalog, CatalogSettings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.sqlite");
    let catalog = Catalog::open_sqlite(&path, CatalogSettings::default()).unwrap();
    suite::run(&catalog).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Ok(server) = std::env::var("DOLIUM_TEST_POSTGRES") else {
        eprintln!("skipped: DOLIUM_TEST_POSTGRES is not set");
        return;
    };
    let url = fresh_database(&server);
    let catalog = Catalog::open_postgres(&url, CatalogSettings::default()).unwrap();
    suite::run(&catalog).await;
}

/// Makes an empty database on the server and returns its URL.
fn fresh_database(server: &str) -> String {
    let name = format!("dolium_test_{}", std::process::id());
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
