//! Versions: clusters, heads, counters, the change log.

use dolium_catalog::{
    AccountUsage, Catalog, ChangeKind, ChangeRow, Cluster, ContainerState, ErrorKind,
};

use super::fixture::{container, read, version, write};

pub(super) async fn run(catalog: &Catalog) {
    let row = container(catalog, "versions").await;
    let (id, account) = (row.id, row.account_id);
    let state = |seq, objects, bytes, versions, version_bytes| {
        Some(ContainerState {
            container_id: id,
            seq,
            objects,
            bytes,
            versions,
            version_bytes,
            shares: 0,
        })
    };

    write(catalog, move |tx| {
        for path in [b"a", b"b"] {
            let serial = tx.lock_container(id)?.seq;
            tx.insert_version(&version(id, path, serial, Cluster::Normal))?;
        }
        Ok(())
    })
    .await;
    assert_eq!(
        read(catalog, move |tx| tx.container_state(id)).await,
        state(2, 2, 20, 2, 20)
    );

    // Overwrite with the old version kept, then hide the path behind a marker.
    write(catalog, move |tx| {
        let serial = tx.lock_container(id)?.seq;
        tx.set_cluster(id, b"a", 1, Cluster::History)?;
        tx.insert_version(&version(id, b"a", serial, Cluster::Normal))
    })
    .await;
    assert_eq!(
        read(catalog, move |tx| tx.container_state(id)).await,
        state(3, 2, 20, 3, 30)
    );
    let live = read(catalog, move |tx| tx.live(id, b"a")).await;
    assert_eq!(live, Some(version(id, b"a", 3, Cluster::Normal)));
    write(catalog, move |tx| {
        let serial = tx.lock_container(id)?.seq;
        tx.set_cluster(id, b"a", 3, Cluster::History)?;
        tx.insert_version(&version(id, b"a", serial, Cluster::Deleted))
    })
    .await;
    assert_eq!(
        read(catalog, move |tx| tx.container_state(id)).await,
        state(4, 1, 10, 4, 30)
    );
    assert_eq!(read(catalog, move |tx| tx.live(id, b"a")).await, None);
    let head = read(catalog, move |tx| tx.head(id, b"a")).await;
    assert_eq!(
        head.map(|row| (row.serial, row.cluster)),
        Some((4, Cluster::Deleted))
    );
    let null = read(catalog, move |tx| tx.null_version(id, b"a")).await;
    assert_eq!(null.map(|row| row.serial), Some(3));

    let usage = read(catalog, move |tx| tx.account_usage(account)).await;
    let expect = AccountUsage {
        containers: 1,
        objects: 1,
        bytes: 10,
        versions: 4,
        version_bytes: 30,
    };
    assert_eq!(usage, expect);

    let refused = catalog
        .write(move |tx| tx.delete_container(id))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let twice = version(id, b"b", 2, Cluster::Normal);
    let refused = catalog
        .write(move |tx| tx.insert_version(&twice))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);

    write(catalog, move |tx| {
        for (path, serial) in [(b"a", 1), (b"a", 3), (b"a", 4), (b"b", 2)] {
            tx.delete_version(id, path, serial)?;
        }
        Ok(())
    })
    .await;
    assert_eq!(
        read(catalog, move |tx| tx.container_state(id)).await,
        state(4, 0, 0, 0, 0)
    );

    let change = move |seq| ChangeRow {
        container_id: id,
        seq,
        kind: ChangeKind::Put,
        path: b"a".to_vec(),
        serial: seq,
        at: 1,
    };
    write(catalog, move |tx| {
        (1..=4).try_for_each(|seq| tx.append_change(&change(seq)))
    })
    .await;
    assert_eq!(
        write(catalog, move |tx| tx.trim_changes(id, 2, 10)).await,
        2
    );
    let changes = read(catalog, move |tx| tx.changes_after(id, 0, 10)).await;
    assert_eq!(changes, [change(3), change(4)]);
    write(catalog, move |tx| tx.delete_container(id)).await;
    assert!(
        read(catalog, move |tx| tx.changes_after(id, 0, 10))
            .await
            .is_empty()
    );
}
