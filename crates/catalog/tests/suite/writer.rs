//! The writer: order, isolation of failing operations, panics.

use std::sync::Arc;

use dolium_catalog::{Catalog, Error, ErrorKind};

use super::fixture::{container, read};

pub(super) async fn run(catalog: &Catalog) {
    many_at_once(catalog).await;
    panics(catalog).await;
    ignored_failure(catalog).await;
}

/// Concurrent operations, a third of which fail, all get their own result.
async fn many_at_once(catalog: &Catalog) {
    let id = container(catalog, "writer").await.id;
    let catalog = Arc::new(catalog.clone());
    let mut tasks = Vec::new();
    for number in 0..600i64 {
        let catalog = Arc::clone(&catalog);
        tasks.push(tokio::spawn(async move {
            let result = catalog.write(move |tx| {
                let state = tx.lock_container(id)?;
                tx.create_account(&format!("writer-{number}"), None, 1)?;
                if number % 3 == 0 {
                    return Err(Error::new(ErrorKind::Denied, "test", "as asked"));
                }
                Ok(state.seq)
            });
            (number, result.await)
        }));
    }
    let mut seqs = Vec::new();
    for task in tasks {
        let (number, result) = task.await.unwrap();
        match result {
            Ok(committed) => {
                assert_ne!(number % 3, 0);
                seqs.push((committed.journal_seq.unwrap(), committed.value));
            }
            Err(error) => assert_eq!((number % 3, error.kind()), (0, ErrorKind::Denied)),
        }
    }
    seqs.sort_unstable();
    assert_eq!(
        seqs.iter().map(|seq| seq.1).collect::<Vec<_>>(),
        (1..=400).collect::<Vec<_>>()
    );
    assert!(
        seqs.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0),
        "journal numbers have gaps"
    );
    let lost = read(&catalog, |tx| tx.account_by_name("writer-0")).await;
    assert_eq!(lost, None, "what a failed operation did is undone");
}

async fn panics(catalog: &Catalog) {
    let result = catalog.write::<(), Error, _>(|tx| {
        tx.create_account("panic", None, 1)?;
        panic!("in the operation");
    });
    assert_eq!(result.await.unwrap_err().kind(), ErrorKind::Unexpected);
    let result = catalog.read::<(), Error, _>(|_| panic!("in the read"));
    assert_eq!(result.await.unwrap_err().kind(), ErrorKind::Unexpected);
    assert_eq!(read(catalog, |tx| tx.account_by_name("panic")).await, None);
}

async fn ignored_failure(catalog: &Catalog) {
    // The text is no integer for either engine once it must be one: a statement that fails.
    let result = catalog.write(|tx| {
        let account = tx.create_account("ignored", None, 1)?;
        let twin = dolium_catalog::UserRow {
            id: dolium_catalog::UserId(0),
            account_id: account.id,
            name: "nul\0name".into(),
            display_name: String::new(),
            canonical_id: "ignored".into(),
            email: None,
            admin: false,
            disabled: false,
            created: 1,
        };
        Ok::<_, Error>(tx.create_user(&twin).is_ok())
    });
    match result.await {
        // SQLite stores NUL in text; PostgreSQL refuses, and going on after that fails it all.
        Ok(committed) => assert!(committed.value),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unexpected);
            assert_eq!(
                read(catalog, |tx| tx.account_by_name("ignored")).await,
                None
            );
        }
    }
}
