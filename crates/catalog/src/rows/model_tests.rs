//! Random operations against plain models: reference counts, and the counters of containers.

use std::collections::{BTreeMap, BTreeSet};

use dolium_block::{BlockId, PackId};
use proptest::prelude::*;

use crate::engine::Engine;
use crate::engine::sqlite::SqliteConnection;
use crate::rows::{
    AccountId, BlobKind, BlobRow, BlobState, BlockRow, Cluster, ContainerId, ContainerRow, Holder,
    NewContainer, UserId, VersionRow,
};
use crate::{Result, WriteTx, migration};

const BLOCKS: u8 = 6;
const HOLDERS: i64 = 4;
const ARRAYS: [&str; 2] = ["a", "b"];

/// Runs `op` in a transaction on an empty catalog.
fn on_empty(op: impl FnOnce(&mut WriteTx<'_>) -> Result<()>) {
    let mut engine = SqliteConnection::open_writer(std::path::Path::new(":memory:")).unwrap();
    migration::migrate(&mut engine).unwrap();
    engine.begin().unwrap();
    op(&mut WriteTx::new(engine.sql(), 1)).unwrap();
}

fn id(number: u8) -> BlockId {
    BlockId::of(&[number + 1])
}

/// Two accounts in two arrays.
fn holder(number: i64) -> Holder {
    Holder {
        account: AccountId(number / 2),
        array: ARRAYS[number as usize % 2].to_owned(),
    }
}

fn number_of(holder: &Holder) -> i64 {
    holder.account.0 * 2 + i64::from(holder.array == ARRAYS[1])
}

fn insert_blocks(tx: &mut WriteTx<'_>, array: &str) -> Result<()> {
    let pack = BlobRow {
        array_name: array.into(),
        kind: BlobKind::Pack,
        name: "p".into(),
        len: 1,
        layout: String::new(),
        placement: Vec::new(),
        state: BlobState::Live,
        created: 0,
    };
    let block = |number| BlockRow {
        id: id(number),
        array_name: array.into(),
        pack: PackId::from_bytes([0; 16]),
        start: 0,
        sealed_len: 1,
        len: 1,
        codec: 0,
        // Odd ones are nodes.
        is_node: number % 2 == 1,
        unref_at: Some(0),
    };
    tx.insert_pack_blocks(&pack, &(0..BLOCKS).map(block).collect::<Vec<_>>())
        .map(drop)
}

/// Adds lists and drops lists that were added, in any order, by two accounts in two arrays.
fn counts_are_right(steps: &[(bool, i64, Vec<u8>)]) {
    on_empty(|tx| {
        for array in ARRAYS {
            insert_blocks(tx, array)?;
        }
        let mut lists: Vec<(i64, Vec<BlockId>)> = Vec::new();
        let mut counts: BTreeMap<(BlockId, i64), i64> = BTreeMap::new();
        let mut released: BTreeMap<(i64, BlockId), i64> = BTreeMap::new();
        let nodes: BTreeSet<BlockId> = (0..BLOCKS).filter(|n| n % 2 == 1).map(id).collect();
        for (at, (add, who, numbers)) in steps.iter().enumerate() {
            let now = at as i64 + 1;
            if *add || lists.is_empty() {
                let who = *who;
                let list: Vec<BlockId> = numbers.iter().map(|number| id(*number)).collect();
                let before = counts.clone();
                for id in &list {
                    *counts.entry((*id, who)).or_insert(0) += 1;
                }
                let added = tx.add_refs(&holder(who), &list)?;
                let unique: BTreeSet<BlockId> = list.iter().copied().collect();
                let is_new =
                    |id: &&BlockId| nodes.contains(id) && !before.contains_key(&(**id, who));
                assert_eq!(
                    added.new_nodes,
                    unique.iter().filter(is_new).copied().collect::<Vec<_>>()
                );
                lists.push((who, list));
            } else {
                let (who, list) = lists.swap_remove(now as usize % lists.len());
                for id in &list {
                    *counts.get_mut(&(*id, who)).unwrap() -= 1;
                }
                for (gone, _) in counts.iter().filter(|(_, count)| **count == 0) {
                    if nodes.contains(&gone.0) {
                        *released.entry((gone.1, gone.0)).or_insert(0) += 1;
                    }
                }
                counts.retain(|_, count| *count > 0);
                tx.drop_refs(&holder(who), &list, now)?;
            }
            let ids: Vec<BlockId> = (0..BLOCKS).map(id).collect();
            for who in 0..HOLDERS {
                let expect: Vec<bool> = ids
                    .iter()
                    .map(|id| counts.contains_key(&(*id, who)))
                    .collect();
                assert_eq!(tx.has_blocks(&holder(who), &ids)?, expect);
            }
            for array in ARRAYS {
                for row in tx.locate(array, &ids)?.into_iter().flatten() {
                    let used =
                        |(id, who): &(BlockId, i64)| *id == row.id && holder(*who).array == array;
                    assert_eq!(
                        row.unref_at.is_none(),
                        counts.keys().any(used),
                        "garbage exactly when nobody refers to it there"
                    );
                }
            }
            let found = tx.released(1000)?;
            let found = found
                .into_iter()
                .map(|row| ((number_of(&row.holder()), row.block_id), row.times));
            assert_eq!(found.collect::<BTreeMap<_, _>>(), released);
        }
        Ok(())
    });
}

fn container(tx: &mut WriteTx<'_>) -> Result<ContainerRow> {
    let account = tx.create_account("a", None, 0)?;
    tx.create_container(NewContainer {
        account_id: account.id,
        name: b"c".to_vec(),
        created: 0,
        chunking: String::new(),
        block_size: 1,
        array_name: String::new(),
        attributes: Vec::new(),
    })
}

fn version(container_id: ContainerId, path: u8, serial: i64, cluster: Cluster) -> VersionRow {
    VersionRow {
        container_id,
        path: vec![path],
        serial,
        cluster,
        null_version: false,
        created: 0,
        size: serial * 10,
        etag: String::new(),
        content_type: String::new(),
        root: None,
        author: UserId(0),
        meta: Vec::new(),
        list: Vec::new(),
    }
}

/// Any sequence of inserts, moves and deletes leaves the counters that counting gives.
fn counters_are_right(steps: &[(u8, u8, u8)]) {
    let cluster =
        |number| [Cluster::Normal, Cluster::History, Cluster::Deleted][number as usize % 3];
    on_empty(|tx| {
        let id = container(tx)?.id;
        for (action, path, number) in steps {
            let serial = tx.lock_container(id)?.seq;
            let head = tx.head(id, &[*path])?;
            match (action % 3, head) {
                (1, Some(head)) => tx.set_cluster(id, &[*path], head.serial, cluster(*number))?,
                (2, Some(head)) => drop(tx.delete_version(id, &[*path], head.serial)?),
                _ => tx.insert_version(&version(id, *path, serial, cluster(*number)))?,
            }
        }
        let mut kept = tx.container_state(id)?.unwrap();
        tx.rebuild_derived()?;
        let counted = tx.container_state(id)?.unwrap();
        assert!(counted.seq <= kept.seq);
        kept.seq = counted.seq;
        assert_eq!(kept, counted);
        Ok(())
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reference_counts(
        steps in prop::collection::vec(
            (any::<bool>(), 0..HOLDERS, prop::collection::vec(0..BLOCKS, 0..10)), 1..40)
    ) {
        counts_are_right(&steps);
    }

    #[test]
    fn container_counters(steps in prop::collection::vec((any::<u8>(), 0u8..5, any::<u8>()), 0..60)) {
        counters_are_right(&steps);
    }
}
