//! Relinking: references counted again from what versions and parts say.
//!
//! The last step of recovery. A version that names a block no pack holds is kept and reported: its
//! other bytes can still be read.

use std::collections::HashMap;
use std::sync::Arc;

use dolium_array::Array;
use dolium_block::{BlockId, Node};
use dolium_catalog::{
    AccountId, Catalog, ContainerId, ContainerRow, TableDef, Val, WriteTx, journaled_tables,
};
use tokio::sync::Semaphore;

use crate::lane::{Lane, read_permits};
use crate::packer::Packer;
use crate::settings::Keys;
use crate::verbs::load_references;
use crate::{Error, ErrorKind, Result};

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
            packer: Packer::new(array.clone(), keys.pack_index.clone(), usize::MAX, 0),
            catalog: catalog.clone(),
            keys: keys.clone(),
            read_ahead_permits: Arc::new(Semaphore::new(0)),
            read_permits: read_permits(),
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
                // Both tables begin with the container and end with the list.
                let (Some(Val::Int(container)), Some(Val::Blob(list))) = (row.first(), row.last())
                else {
                    return Err(Error::new(ErrorKind::Unexpected, "a row has no block list"));
                };
                let id = ContainerId(*container);
                let container = self.catalog.read(move |tx| tx.container(id)).await;
                let container = container.map_err(Error::from)?.ok_or_else(|| {
                    Error::new(
                        ErrorKind::Corrupt,
                        format!("a row names no container: {id}"),
                    )
                })?;
                done(self.list(&container, list).await?);
            }
        }
    }

    /// Refers to the content of one list; false when a block of it is missing.
    async fn list(&self, container: &ContainerRow, list: &[u8]) -> Result<bool> {
        if list.is_empty() {
            return Ok(true);
        }
        let root = Node::decode(list)?;
        let nodes = match &root {
            Node::Leaf(_) => HashMap::new(),
            Node::Inner { .. } => {
                let lane = self.lanes.get(&container.array_name).ok_or_else(|| {
                    let context = format!("the array {} is not configured", container.array_name);
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
        let account = container.account_id;
        let relinked = self
            .catalog
            .write(move |tx| relink(tx, account, root.references(), &nodes));
        Ok(relinked.await?.value)
    }
}

fn relink(
    tx: &mut WriteTx<'_>,
    account: AccountId,
    ids: Vec<BlockId>,
    nodes: &HashMap<BlockId, Vec<BlockId>>,
) -> Result<bool> {
    let (mut waiting, mut complete) = (vec![ids], true);
    while let Some(ids) = waiting.pop() {
        let mut added = tx.add_refs(account, &ids)?;
        if !added.missing.is_empty() {
            complete = false;
            let missing = std::mem::take(&mut added.missing);
            let present: Vec<BlockId> =
                ids.into_iter().filter(|id| !missing.contains(id)).collect();
            added = tx.add_refs(account, &present)?;
        }
        for node in added.new_nodes {
            waiting.push(nodes.get(&node).cloned().unwrap_or_default());
        }
    }
    Ok(complete)
}
