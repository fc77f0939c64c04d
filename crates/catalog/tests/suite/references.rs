//! Packs, blocks, references and garbage.

use dolium_block::{BlockId, PackId};
use dolium_catalog::{
    AccountId, BlobKind, BlobRow, BlobState, BlobTotals, BlockRow, Catalog, Holder, PackUsage,
    ReleasedRow,
};

use super::fixture::{read, write};

const A: AccountId = AccountId(901);
const B: AccountId = AccountId(902);

const ARRAY: &str = "refs";

fn holder(account: AccountId) -> Holder {
    Holder {
        account,
        array: ARRAY.to_owned(),
    }
}

fn id(number: u32) -> BlockId {
    BlockId::of(&[&number.to_be_bytes()[..], b"x"].concat())
}

fn pack(number: u8) -> PackId {
    PackId::from_bytes([number; 16])
}

fn blob(pack: PackId) -> BlobRow {
    BlobRow {
        array_name: ARRAY.into(),
        kind: BlobKind::Pack,
        name: pack.to_string(),
        len: 1000,
        layout: "mirror:2".into(),
        placement: vec![1, 2],
        state: BlobState::Live,
        created: 1,
    }
}

fn block(number: u32, pack: PackId) -> BlockRow {
    BlockRow {
        id: id(number),
        array_name: ARRAY.into(),
        pack,
        start: i64::from(number) * 10,
        sealed_len: 10,
        len: 20,
        codec: 1,
        is_node: number.is_multiple_of(100),
        unref_at: Some(5),
    }
}

pub(super) async fn run(catalog: &Catalog) {
    blobs_and_blocks(catalog).await;
    counting(catalog).await;
    nodes(catalog).await;
}

async fn blobs_and_blocks(catalog: &Catalog) {
    let insert = |number: u8, blocks: std::ops::Range<u32>| {
        write(catalog, move |tx| {
            let blocks: Vec<_> = blocks.clone().map(|n| block(n, pack(number))).collect();
            tx.insert_pack_blocks(&blob(pack(number)), &blocks)
        })
    };
    assert_eq!(insert(1, 1..400).await, 0);
    assert_eq!(
        insert(2, 390..410).await,
        10,
        "blocks that were known keep their place"
    );

    let found = read(catalog, |tx| {
        tx.locate(ARRAY, &[id(405), id(9999), id(395), id(405)])
    })
    .await;
    let expect = [
        Some(block(405, pack(2))),
        None,
        Some(block(395, pack(1))),
        Some(block(405, pack(2))),
    ];
    assert_eq!(found, expect);
    let many: Vec<BlockId> = (0..1000).map(id).collect();
    let found = read(catalog, move |tx| tx.locate(ARRAY, &many)).await;
    assert_eq!(found.iter().flatten().count(), 409);

    let usage = read(catalog, |tx| tx.pack_usage(None, 10)).await;
    let expect = [
        PackUsage {
            pack: pack(1),
            blocks: 399,
            bytes: 3990,
        },
        PackUsage {
            pack: pack(2),
            blocks: 10,
            bytes: 100,
        },
    ];
    assert_eq!(usage, expect);
    assert_eq!(read(catalog, |tx| tx.pack_live(pack(2))).await, expect[1]);
    assert_eq!(read(catalog, |tx| tx.pack_live(pack(9))).await.blocks, 0);

    let moved = BlockRow {
        start: 3,
        ..block(1, pack(2))
    };
    let to = moved.clone();
    assert!(write(catalog, move |tx| tx.move_block(id(1), pack(1), &to)).await);
    let to = moved.clone();
    assert!(!write(catalog, move |tx| tx.move_block(id(1), pack(1), &to)).await);
    let blocks = read(catalog, |tx| tx.pack_blocks(pack(2))).await;
    assert_eq!((blocks.len(), &blocks[0]), (11, &moved));

    write(catalog, |tx| {
        let name = pack(2).to_string();
        tx.set_placement("refs", BlobKind::Pack, &name, "mirror:3", &[9])?;
        tx.set_blob_state("refs", BlobKind::Pack, &name, BlobState::Dying)
    })
    .await;
    let totals = read(catalog, |tx| tx.blob_totals("refs", BlobKind::Pack)).await;
    assert_eq!(
        totals,
        BlobTotals {
            count: 2,
            bytes: 2000,
            dying: 1
        }
    );
    let first = pack(1).to_string();
    let page = read(catalog, move |tx| {
        tx.blobs("refs", BlobKind::Pack, Some(&first), 9)
    })
    .await;
    let expect = BlobRow {
        layout: "mirror:3".into(),
        placement: vec![9],
        state: BlobState::Dying,
        ..blob(pack(2))
    };
    assert_eq!(page, [expect]);
    // Either text means the shape that is wanted, and what is dying is not looked for.
    for (layouts, expect) in [
        (["mirror:2", "mirror:2/x"], vec![]),
        (["mirror:2/x", "mirror:2"], vec![]),
        (["mirror:3", "mirror:3/x"], vec![blob(pack(1))]),
    ] {
        let layouts = layouts.map(str::to_owned);
        let page = read(catalog, move |tx| {
            tx.blobs_cut_otherwise("refs", BlobKind::Pack, &layouts, None, 9)
        });
        assert_eq!(page.await, expect);
    }
}

async fn counting(catalog: &Catalog) {
    let list = vec![id(1), id(2), BlockId::ZERO, id(1)];
    let added = write(catalog, move |tx| {
        tx.add_refs(&holder(A), &[id(1), id(7777)])
    })
    .await;
    assert_eq!(added.missing, [id(7777)]);
    let has = |account| {
        read(catalog, move |tx| {
            tx.has_blocks(&holder(account), &[id(1), id(2), id(3)])
        })
    };
    assert_eq!(
        has(A).await,
        [false; 3],
        "nothing is added when something is missing"
    );

    let ids = list.clone();
    let added = write(catalog, move |tx| {
        tx.add_refs(&holder(B), &[id(2)])?;
        tx.add_refs(&holder(A), &ids)
    })
    .await;
    assert_eq!((added.missing, added.new_nodes), (vec![], vec![]));
    assert_eq!(
        (has(A).await, has(B).await),
        (vec![true, true, false], vec![false, true, false])
    );

    write(catalog, |tx| tx.drop_refs(&holder(A), &[id(1)], 50)).await;
    assert_eq!(
        has(A).await,
        [true, true, false],
        "the second reference still holds"
    );
    write(catalog, |tx| {
        tx.drop_refs(&holder(A), &[id(1), id(2), id(3)], 60)
    })
    .await;
    assert_eq!(has(A).await, [false; 3]);

    let unref = read(catalog, |tx| tx.locate(ARRAY, &[id(1), id(2)])).await;
    let unref: Vec<_> = unref
        .into_iter()
        .flatten()
        .map(|row| row.unref_at)
        .collect();
    assert_eq!(
        unref,
        [Some(60), None],
        "another account still holds the second block"
    );
    let garbage = read(catalog, |tx| tx.garbage(60, 1000)).await;
    assert!(!garbage.iter().any(|row| [id(1), id(2)].contains(&row.id)));
    let garbage = read(catalog, |tx| tx.garbage(61, 1000)).await;
    assert_eq!(garbage.len(), 408);
    assert_eq!(
        garbage.last().map(|row| row.id),
        Some(id(1)),
        "the longest unused come first"
    );

    assert_eq!(
        write(catalog, |tx| tx.touch_unreferenced(
            ARRAY,
            &[id(1), id(2)],
            70
        ))
        .await,
        1
    );
    let removed = write(catalog, |tx| {
        tx.remove_garbage(ARRAY, &[id(1), id(2), id(3)], 61)
    })
    .await;
    assert_eq!(removed, 1, "only the third is still garbage");
    assert_eq!(
        write(catalog, |tx| tx.remove_garbage(ARRAY, &[id(1), id(2)], 71)).await,
        1
    );
}

async fn nodes(catalog: &Catalog) {
    let node = id(100);
    let add = || write(catalog, move |tx| tx.add_refs(&holder(A), &[node, id(101)]));
    assert_eq!(add().await.new_nodes, [node]);
    assert_eq!(
        add().await.new_nodes,
        [],
        "its children are counted already"
    );
    let drop = || write(catalog, move |tx| tx.drop_refs(&holder(A), &[node], 80));
    drop().await;
    assert_eq!(read(catalog, |tx| tx.released(9)).await, []);
    drop().await;
    let released = move |times| ReleasedRow {
        account_id: A,
        array_name: ARRAY.to_owned(),
        block_id: node,
        times,
    };
    assert_eq!(read(catalog, |tx| tx.released(9)).await, [released(1)]);
    assert_eq!(add().await.new_nodes, [node]);
    drop().await;
    assert_eq!(read(catalog, |tx| tx.released(9)).await, [released(2)]);

    let is_garbage = || async {
        let garbage = read(catalog, |tx| tx.garbage(1000, 1000)).await;
        garbage.iter().any(|row| row.id == node)
    };
    assert!(
        !is_garbage().await,
        "a node is kept until its children are released"
    );
    assert_eq!(
        write(catalog, move |tx| tx.remove_garbage(ARRAY, &[node], 1000)).await,
        0
    );
    write(catalog, move |tx| tx.finish_release(&released(1))).await;
    assert!(!is_garbage().await);
    write(catalog, move |tx| tx.finish_release(&released(1))).await;
    assert!(is_garbage().await);
    assert_eq!(
        write(catalog, move |tx| tx.remove_garbage(ARRAY, &[node], 1000)).await,
        1
    );
}
