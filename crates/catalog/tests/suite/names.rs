//! Accounts, users, keys, containers, bucket names: uniqueness, pages, refusals.

use dolium_catalog::{
    AccessKeyRow, AccountId, Catalog, Cluster, ContainerId, Error, ErrorKind, NewContainer, UserId,
    UserRow, Val, VersionRow, WriteTx,
};

use super::fixture::{container, read, version, write};

pub(super) async fn run(catalog: &Catalog) {
    accounts_and_users(catalog).await;
    containers(catalog).await;
    uploads(catalog).await;
    facts(catalog).await;
}

async fn facts(catalog: &Catalog) {
    assert_eq!(read(catalog, |tx| tx.meta("fact")).await, None);
    for value in [&b"1"[..], b""] {
        write(catalog, move |tx| tx.set_meta("fact", value)).await;
        assert_eq!(
            read(catalog, |tx| tx.meta("fact")).await.as_deref(),
            Some(value)
        );
    }
    refused(catalog, ErrorKind::Denied, |tx| {
        tx.set_meta("schema_version", b"9")
    })
    .await;
}

async fn refused<T: Send + 'static>(
    catalog: &Catalog,
    kind: ErrorKind,
    op: impl Fn(&mut WriteTx<'_>) -> Result<T, Error> + Send + 'static,
) {
    let Err(error) = catalog.write(op).await else {
        panic!("must be refused as {kind:?}")
    };
    assert_eq!(error.kind(), kind, "{error}");
}

fn user(account_id: AccountId, name: &str) -> UserRow {
    UserRow {
        id: UserId(0),
        account_id,
        name: name.into(),
        display_name: name.to_uppercase(),
        canonical_id: format!("{name}-canonical"),
        email: Some(format!("{name}@Example.org")),
        admin: false,
        disabled: false,
        created: 5,
    }
}

async fn accounts_and_users(catalog: &Catalog) {
    let account = write(catalog, |tx| tx.create_account("names", Some(9), 1)).await;
    refused(catalog, ErrorKind::AlreadyExists, |tx| {
        tx.create_account("names", None, 1)
    })
    .await;
    let id = account.id;
    let ann = write(catalog, move |tx| tx.create_user(&user(id, "ann"))).await;
    let bob = write(catalog, move |tx| tx.create_user(&user(id, "bob"))).await;
    assert_ne!(ann, bob);
    refused(catalog, ErrorKind::AlreadyExists, move |tx| {
        tx.create_user(&user(id, "ann"))
    })
    .await;
    refused(catalog, ErrorKind::AlreadyExists, move |tx| {
        tx.create_user(&UserRow {
            canonical_id: "bob-canonical".into(),
            ..user(id, "eve")
        })
    })
    .await;
    refused(catalog, ErrorKind::Conflict, move |tx| {
        tx.delete_account(id)
    })
    .await;

    let found = read(catalog, |tx| tx.user_by_email("ANN@example.ORG")).await;
    assert_eq!(found.map(|user| user.id), Some(ann));
    let names = read(catalog, |tx| tx.users(Some("ann"), 10)).await;
    assert_eq!(
        names
            .iter()
            .map(|user| user.name.as_str())
            .collect::<Vec<_>>(),
        ["bob"]
    );

    let key = AccessKeyRow {
        access_key: "AKIA1".into(),
        user_id: ann,
        sealed_secret: vec![0, 255],
        created: 6,
        disabled: false,
    };
    let row = key.clone();
    write(catalog, move |tx| tx.create_access_key(&row)).await;
    let row = key.clone();
    refused(catalog, ErrorKind::AlreadyExists, move |tx| {
        tx.create_access_key(&row)
    })
    .await;
    assert_eq!(read(catalog, |tx| tx.access_key("AKIA1")).await, Some(key));
    write(catalog, move |tx| tx.delete_user(ann)).await;
    assert_eq!(read(catalog, |tx| tx.access_key("AKIA1")).await, None);
    refused(catalog, ErrorKind::NotFound, move |tx| tx.delete_user(ann)).await;
}

async fn containers(catalog: &Catalog) {
    let row = container(catalog, "boxes").await;
    let (id, account) = (row.id, row.account_id);
    let new = NewContainer {
        account_id: account,
        name: b"boxes".to_vec(),
        created: 1,
        chunking: "fixed".into(),
        block_size: 1,
        array_name: "default".into(),
        attributes: Vec::new(),
    };
    let same = new.clone();
    refused(catalog, ErrorKind::AlreadyExists, move |tx| {
        tx.create_container(same.clone())
    })
    .await;
    for name in ["b\u{e9}", "a", "Z"] {
        let new = NewContainer {
            name: name.into(),
            ..new.clone()
        };
        write(catalog, move |tx| tx.create_container(new.clone())).await;
    }
    let page = read(catalog, move |tx| tx.containers(account, Some(b"Z"), 2)).await;
    let names: Vec<_> = page.iter().map(|row| row.name.as_slice()).collect();
    assert_eq!(names, [&b"a"[..], b"boxes"], "byte order, after the marker");

    for bucket in ["boxes-b", "boxes-B", "boxes.a"] {
        write(catalog, move |tx| tx.create_bucket(bucket, id)).await;
    }
    refused(catalog, ErrorKind::AlreadyExists, move |tx| {
        tx.create_bucket("boxes-b", id)
    })
    .await;
    let buckets = read(catalog, move |tx| tx.buckets(account, None, 10)).await;
    let names: Vec<_> = buckets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["boxes-B", "boxes-b", "boxes.a"],
        "byte order in any locale"
    );
    let found = read(catalog, |tx| tx.container_by_bucket("boxes.a")).await;
    assert_eq!(found, Some(row));

    write(catalog, move |tx| tx.delete_container(id)).await;
    assert_eq!(
        read(catalog, |tx| tx.container_by_bucket("boxes.a")).await,
        None
    );
    refused(catalog, ErrorKind::NotFound, move |tx| {
        tx.lock_container(id)
    })
    .await;
}

async fn uploads(catalog: &Catalog) {
    use dolium_catalog::{PartRow, UploadMarker, UploadRow};
    let row = container(catalog, "uploads").await;
    let id = row.id;
    let upload = move |path: &str, upload_id: &str| UploadRow {
        container_id: id,
        upload_id: upload_id.into(),
        path: path.into(),
        account_id: row.account_id,
        author: UserId(1),
        created: 1,
        meta: Vec::new(),
    };
    write(catalog, move |tx| {
        for (path, upload_id) in [("a", "1"), ("b", "4"), ("b", "3"), ("b/x", "2"), ("c", "5")] {
            tx.create_upload(&upload(path, upload_id))?;
        }
        Ok(())
    })
    .await;
    let ids = |rows: Vec<UploadRow>| {
        rows.into_iter()
            .map(|row| row.upload_id)
            .collect::<Vec<_>>()
    };
    let at = |path: &str, id: Option<&str>| UploadMarker {
        path: path.into(),
        upload_id: id.map(str::to_owned),
    };
    let all = read(catalog, move |tx| tx.uploads(id, b"", None, 10)).await;
    assert_eq!(ids(all), ["1", "3", "4", "2", "5"]);
    let marker = at("b", Some("3"));
    let page = read(catalog, move |tx| tx.uploads(id, b"b", Some(&marker), 10)).await;
    assert_eq!(ids(page), ["4", "2"]);
    let marker = at("b", None);
    let page = read(catalog, move |tx| tx.uploads(id, b"", Some(&marker), 1)).await;
    assert_eq!(ids(page), ["2"]);

    let part = move |number, size| PartRow {
        container_id: id,
        upload_id: "3".into(),
        number,
        size,
        etag: "e".into(),
        checksums: Vec::new(),
        created: 1,
        list: vec![number as u8],
    };
    write(catalog, move |tx| tx.put_part(&part(2, 5))).await;
    let replaced = write(catalog, move |tx| tx.put_part(&part(2, 6))).await;
    assert_eq!(replaced, Some(part(2, 5)));
    write(catalog, move |tx| tx.put_part(&part(1, 7))).await;
    let parts = read(catalog, move |tx| tx.parts(id, "3", Some(1), 10)).await;
    assert_eq!(parts, [part(2, 6)]);
    refused(catalog, ErrorKind::Conflict, move |tx| {
        tx.delete_container(id)
    })
    .await;
    lists(catalog, id).await;
    let parts = write(catalog, move |tx| tx.delete_upload(id, "3")).await;
    assert_eq!(parts, [part(1, 7), part(2, 6)]);
    refused(catalog, ErrorKind::NotFound, move |tx| {
        tx.put_part(&part(1, 1))
    })
    .await;
}

/// Every list of the versions and parts comes once, whatever the page size is.
async fn lists(catalog: &Catalog, id: ContainerId) {
    write(catalog, move |tx| {
        for (list, path) in [(10, b"x"), (11, b"x"), (12, b"x"), (13, b"y")] {
            let serial = tx.lock_container(id)?.seq;
            let row = version(id, path, serial, Cluster::History);
            tx.insert_version(&VersionRow {
                list: vec![list],
                ..row
            })?;
        }
        Ok(())
    })
    .await;
    for limit in 1..8 {
        let (mut seen, mut cursor) = (Vec::new(), None::<Vec<Val>>);
        loop {
            let after = cursor.take();
            let page = read(catalog, move |tx| tx.lists(id, after.as_deref(), limit)).await;
            assert!(page.0.len() as i64 <= limit);
            seen.extend(page.0.into_iter().flatten());
            match page.1 {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [12, 11, 10, 13, 1, 2], "limit {limit}");
    }
    let bad = catalog
        .read(move |tx| tx.lists(id, Some(&[Val::Null]), 1))
        .await
        .unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::Invalid);
}
