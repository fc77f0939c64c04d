//! Recovery: a snapshot read while writes go on, and the journal since it began, give the same
//! catalog again.

use dolium_catalog::{
    Catalog, Change, Cluster, ContainerId, ContainerState, Entry, Error, Op, UserId, UserRow, Val,
    WriteTx, journaled_tables,
};

use super::fixture::{container, objects, read, version, write};

pub(crate) async fn run(catalog: &Catalog, empty: &Catalog) {
    let start = read(catalog, |tx| tx.next_seq()).await;
    let row = container(catalog, "recovery").await;
    let id = row.id;
    write(catalog, move |tx| add_user(tx, "first")).await;
    objects(
        catalog,
        id,
        (0..30).map(|n| format!("{n}").into_bytes()).collect(),
    )
    .await;

    write(catalog, move |tx| {
        tx.set_shares(id, "recovery", b"1", &[("ada".into(), true)])?;
        tx.create_public_link(&dolium_catalog::PublicLinkRow {
            word: "recovered".into(),
            container_id: id,
            path: b"2".to_vec(),
        })
    })
    .await;
    // The first tables are read before the changes below, the others after them.
    let (early, late) = journaled_tables()
        .into_iter()
        .partition::<Vec<_>, _>(|table| table.name == "container");
    let snapshot_start = read(catalog, |tx| tx.next_seq()).await;
    assert!(snapshot_start > start);
    for table in early {
        copy(catalog, empty, table.journal_id.unwrap()).await;
    }
    // The snapshot will have only the second user of this name when the first one's entry is applied.
    let passing = write(catalog, |tx| add_user(tx, "passing")).await;
    write(catalog, move |tx| tx.delete_user(passing)).await;
    write(catalog, |tx| add_user(tx, "passing")).await;
    write(catalog, move |tx| {
        // A name passes from one row to another, and then the row it came from takes a new one.
        let mut user = tx.user_by_name("first")?.unwrap();
        user.name = "renamed".into();
        tx.update_user(&user)?;
        add_user(tx, "first")
    })
    .await;
    write(catalog, move |tx| {
        for path in ["3", "4", "5"] {
            let serial = tx.lock_container(id)?.seq;
            let old = tx.live(id, path.as_bytes())?.unwrap();
            tx.set_cluster(id, path.as_bytes(), old.serial, Cluster::History)?;
            tx.insert_version(&version(id, path.as_bytes(), serial, Cluster::Deleted))?;
        }
        delete_head(tx, id, b"7")
    })
    .await;
    for table in late {
        copy(catalog, empty, table.journal_id.unwrap()).await;
    }
    write(catalog, move |tx| delete_head(tx, id, b"8")).await;

    for _ in 0..2 {
        replay(catalog, empty, snapshot_start).await;
        same(catalog, empty).await;
    }
    let state = |catalog| read(catalog, move |tx| tx.container_state(id));
    let (live, recovered) = (state(catalog).await.unwrap(), state(empty).await.unwrap());
    assert!(
        recovered.seq >= 33,
        "new serials must be above all that exist"
    );
    assert_eq!(
        ContainerState {
            seq: live.seq,
            ..recovered
        },
        live
    );

    continues(catalog, empty).await;
    refuses(empty).await;
}

fn add_user(tx: &mut WriteTx<'_>, name: &str) -> Result<UserId, Error> {
    let account = tx.account_by_name("recovery")?.unwrap();
    let count = tx.users_of_account(account.id)?.len();
    tx.create_user(&UserRow {
        id: UserId(0),
        account_id: account.id,
        name: name.into(),
        display_name: String::new(),
        canonical_id: format!("recovery-{count}"),
        email: None,
        admin: true,
        disabled: false,
        created: 1,
    })
}

fn delete_head(tx: &mut WriteTx<'_>, id: ContainerId, path: &[u8]) -> Result<(), Error> {
    let serial = tx.head(id, path)?.unwrap().serial;
    tx.delete_version(id, path, serial).map(drop)
}

async fn copy(from: &Catalog, to: &Catalog, table: u8) {
    let rows = read(from, move |tx| tx.dump(table, None, usize::MAX)).await;
    let changes = rows
        .into_iter()
        .map(|values| Change {
            table,
            op: Op::Put,
            values,
        })
        .collect();
    let entry = Entry { changes };
    let done = to.write(move |tx| tx.apply(&entry)).await.unwrap();
    assert_eq!(done.journal_seq, None, "recovery is not journaled");
}

async fn replay(from: &Catalog, to: &Catalog, start: i64) {
    for entry in read(from, move |tx| tx.outbox_after(start - 1, usize::MAX)).await {
        let entry = Entry::decode(&entry.entry).unwrap();
        write(to, move |tx| tx.apply(&entry)).await;
    }
    write(to, |tx| tx.rebuild_derived()).await;
}

async fn same(left: &Catalog, right: &Catalog) {
    for table in journaled_tables() {
        let number = table.journal_id.unwrap();
        let rows = |catalog| read(catalog, move |tx| tx.dump(number, None, usize::MAX));
        assert_eq!(rows(left).await, rows(right).await, "{}", table.name);
    }
}

/// The recovered catalog hands out new ids and continues the journal where it ended.
async fn continues(catalog: &Catalog, recovered: &Catalog) {
    let next = read(catalog, |tx| tx.next_seq()).await;
    write(recovered, move |tx| tx.set_next_seq(next)).await;
    let newest = write(catalog, |tx| tx.create_account("newest", None, 1)).await;
    let done = recovered
        .write(|tx| tx.create_account("newest", None, 1))
        .await
        .unwrap();
    assert_eq!(done.journal_seq, Some(next));
    assert!(done.value.id >= newest.id);
    assert_eq!(*recovered.committed().borrow(), next);
}

async fn refuses(catalog: &Catalog) {
    let bad = [
        (200, Op::Put, vec![]),
        (1, Op::Put, vec![Val::Int(1)]),
        (1, Op::Delete, vec![Val::Text("1".into())]),
        (
            1,
            Op::Put,
            vec![Val::Int(1), Val::Null, Val::Null, Val::Int(1)],
        ),
    ];
    for (table, op, values) in bad {
        let entry = Entry {
            changes: vec![Change { table, op, values }],
        };
        let text = format!("{entry:?}");
        assert!(
            catalog.write(move |tx| tx.apply(&entry)).await.is_err(),
            "{text}"
        );
    }
}
