//! Relinking: references counted again from what versions and parts say.
//!
//! The last step of recovery. A version that names a block no pack holds is kept and reported: its
//! other bytes can still be read.

use std::collections::HashMap;
use std::sync::Arc;

use dolium_array::Array;
use dolium_block::{BlockId, Node};
use dolium_catalog::{
    Catalog, ContainerId, Holder, ReadTx, TableDef, Val, WriteTx, journaled_tables,
};
use tokio::sync::Semaphore;

use crate::block_cache::BlockCache;
use crate::lane::{Lane, read_permits};
use crate::packer::Packer;
use crate::place::Place;
use crate::settings::Keys;
use crate::several::Peers;
use crate::verbs::load_references;
use crate::{Error, ErrorKind, Result, rows};

/// Rows read at a time.
const PAGE_ROWS: usize = 200;

/// Counts references.
pub(crate) struct Relinker {
    catalog: Catalog,
    lanes: HashMap<String, Lane>,
}

impl Relinker {
    pub(crate) fn new(catalog: Catalog, arrays: &[Arc<Array>], keys: &Keys) -> Self {
        let keys = Arc::new(keys.clone());
        let lane = |array: &Arc<Array>| Lane {
            array: array.clone(),
            arrays: arrays
                .iter()
                .map(|a| (a.name().to_owned(), a.clone()))
                .collect::<Vec<_>>()
                .into(),
            packer: Packer::new(
                array.clone(),
                keys.pack_index.clone(),
                usize::MAX,
                0,
                Peers::default(),
            ),
            underway: crate::underway::Underway::default(),
            catalog: catalog.clone(),
            keys: keys.clone(),
            read_ahead_permits: Arc::new(Semaphore::new(0)),
            read_permits: read_permits(),
            block_cache: Arc::new(BlockCache::new(0)),
        };
        let lanes = arrays
            .iter()
            .map(|array| (array.name().to_owned(), lane(array)))
            .collect();
        Self { catalog, lanes }
    }

    /// Relinks all versions and parts; `done` hears of each whether it is complete.
    pub(crate) async fn all(&self, done: &mut (dyn FnMut(bool) + Send)) -> Result<()> {
        let with_lists = ["version", "part"];
        let tables = journaled_tables();
        for table in tables
            .iter()
            .filter(|table| with_lists.contains(&table.name))
        {
            self.table(table, done).await?;
        }
        Ok(())
    }

    async fn table(
        &self,
        table: &'static TableDef,
        done: &mut (dyn FnMut(bool) + Send),
    ) -> Result<()> {
        let Some(number) = table.journal_id else {
            return Ok(());
        };
        let mut after: Option<Vec<Val>> = None;
        loop {
            let from = after.take();
            let rows = self
                .catalog
                .read(move |tx| tx.dump(number, from.as_deref(), PAGE_ROWS));
            let rows = rows.await.map_err(Error::from)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = Some(last[..table.key_len].to_vec());
            for row in rows {
                let Some(Val::Blob(list)) = row.last() else {
                    return Err(Error::new(ErrorKind::Unexpected, "a row has no block list"));
                };
                let list = list.clone();
                let holder = self.catalog.read(move |tx| holder(tx, table, &row));
                done(self.list(&holder.await?, &list).await?);
            }
        }
    }

    /// Refers to the content of one list; false when a block of it is missing.
    async fn list(&self, holder: &Holder, list: &[u8]) -> Result<bool> {
        if list.is_empty() {
            return Ok(true);
        }
        let root = Node::decode(list)?;
        let nodes = match &root {
            Node::Leaf(_) => HashMap::new(),
            Node::Inner { .. } => {
                let lane = self.lanes.get(&holder.array).ok_or_else(|| {
                    let context = format!("the array {} is not configured", holder.array);
                    Error::new(ErrorKind::Invalid, context)
                })?;
                match load_references(lane, &root).await {
                    Ok(nodes) => nodes,
                    Err(error) => {
                        tracing::warn!(%error, "a block list cannot be read");
                        return Ok(false);
                    }
                }
            }
        };
        let holder = holder.clone();
        let relinked = self
            .catalog
            .write(move |tx| relink(tx, &holder, root.references(), &nodes));
        Ok(relinked.await?.value)
    }
}

/// Who refers to the list of a version's or part's row. Both tables begin with the container.
fn holder(tx: &mut ReadTx<'_>, table: &TableDef, row: &[Val]) -> Result<Holder> {
    let malformed = || {
        Error::new(
            ErrorKind::Unexpected,
            "a row has not the columns of its table",
        )
    };
    let column = |name: &str| {
        let at = table.columns.iter().position(|column| column.name == name);
        at.and_then(|at| row.get(at)).ok_or_else(malformed)
    };
    let Val::Int(id) = column("container_id")? else {
        return Err(malformed());
    };
    let id = ContainerId(*id);
    let container = tx.container(id)?.ok_or_else(|| {
        let context = format!("a row names no container: {id}");
        Error::new(ErrorKind::Corrupt, context)
    })?;
    let place = match (column("meta"), column("upload_id")) {
        (Ok(Val::Blob(meta)), _) => Place::of_meta(&container, meta)?,
        (_, Ok(Val::Text(upload))) => match tx.upload(id, upload)? {
            Some(upload) => rows::place_of_upload(&container, &upload)?,
            // A part without its upload: nothing can become of it.
            None => Place::in_array(&container.array_name),
        },
        _ => return Err(malformed()),
    };
    Ok(place.holder(container.account_id))
}

fn relink(
    tx: &mut WriteTx<'_>,
    holder: &Holder,
    ids: Vec<BlockId>,
    nodes: &HashMap<BlockId, Vec<BlockId>>,
) -> Result<bool> {
    let (mut waiting, mut complete) = (vec![ids], true);
    while let Some(ids) = waiting.pop() {
        let mut added = tx.add_refs(holder, &ids)?;
        if !added.missing.is_empty() {
            complete = false;
            let missing = std::mem::take(&mut added.missing);
            let present: Vec<BlockId> =
                ids.into_iter().filter(|id| !missing.contains(id)).collect();
            added = tx.add_refs(holder, &present)?;
        }
        for node in added.new_nodes {
            waiting.push(nodes.get(&node).cloned().unwrap_or_default());
        }
    }
    Ok(complete)
}
