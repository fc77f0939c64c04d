//! Fills a bucket with empty objects, through the catalog of a server that is not running: a million
//! objects in a minute, each with its journal entry, as if they had been put one by one.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use dolium_block::TreeBuilder;
use dolium_catalog::{
    Catalog, CatalogSettings, ChangeKind, ChangeRow, Cluster, ContainerRow, VersionRow, WriteTx,
};

use crate::report::say;

/// Objects of one transaction.
const TRANSACTION_OBJECTS: u64 = 1000;
/// The MD5 of nothing.
const EMPTY_ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Fill a bucket with empty objects through the catalog of a stopped server.
#[derive(Debug, Args)]
pub(crate) struct Fill {
    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// A bucket that exists.
    #[arg(long)]
    bucket: String,
    /// How many objects.
    #[arg(long)]
    objects: u64,
    /// Over how many common prefixes.
    #[arg(long)]
    prefixes: u64,
}

/// The key of an object: prefixes of equal length, objects spread evenly over them.
pub(crate) fn key(number: u64, objects: u64, prefixes: u64) -> String {
    let each = objects.div_ceil(prefixes);
    format!("dir-{:07}/object-{:04}", number / each, number % each)
}

impl Fill {
    pub(crate) async fn run(self) -> Result<()> {
        let file = self.data_dir.join("catalog.sqlite");
        let catalog = Catalog::open_sqlite(&file, CatalogSettings::default())?;
        let bucket = self.bucket.clone();
        let container = catalog
            .read(move |tx| tx.container_by_bucket(&bucket))
            .await;
        let container = container?.context("there is no such bucket")?;
        let begin = Instant::now();
        let (objects, prefixes) = (self.objects, self.prefixes);
        let list = TreeBuilder::new().finish(&mut Vec::new()).encode();
        let mut first = 0;
        while first < objects {
            let end = objects.min(first + TRANSACTION_OBJECTS);
            let (container, list) = (container.clone(), list.clone());
            let written = catalog.write(move |tx| {
                for number in first..end {
                    insert(tx, &container, key(number, objects, prefixes), &list)?;
                }
                Ok::<_, dolium_catalog::Error>(())
            });
            written.await?;
            first = end;
        }
        let seconds = begin.elapsed().as_secs_f64();
        say(&format!("{objects} objects in {seconds:.1} s"))
    }
}

fn insert(
    tx: &mut WriteTx<'_>,
    container: &ContainerRow,
    key: String,
    list: &[u8],
) -> dolium_catalog::Result<()> {
    let serial = tx.lock_container(container.id)?.seq;
    let row = VersionRow {
        container_id: container.id,
        path: key.into_bytes(),
        serial,
        cluster: Cluster::Normal,
        null_version: true,
        created: jiff::Timestamp::now().as_microsecond(),
        size: 0,
        etag: EMPTY_ETAG.to_owned(),
        content_type: "binary/octet-stream".to_owned(),
        root: None,
        author: dolium_catalog::UserId(1),
        meta: b"{}".to_vec(),
        list: list.to_vec(),
    };
    tx.insert_version(&row)?;
    tx.append_change(&ChangeRow {
        container_id: container.id,
        seq: serial,
        kind: ChangeKind::Put,
        path: row.path,
        serial,
        at: row.created,
    })
}
