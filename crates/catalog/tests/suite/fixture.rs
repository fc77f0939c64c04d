//! What the tests make their rows from.

use dolium_catalog::{
    Catalog, Cluster, ContainerId, ContainerRow, Error, NewContainer, ReadTx, UserId, VersionRow,
    WriteTx,
};

/// A write that must succeed.
pub(super) async fn write<T: Send + 'static>(
    catalog: &Catalog,
    op: impl Fn(&mut WriteTx<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    catalog.write(op).await.expect("the write succeeds").value
}

/// A read that must succeed.
pub(super) async fn read<T: Send + 'static>(
    catalog: &Catalog,
    op: impl FnOnce(&mut ReadTx<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    catalog.read(op).await.expect("the read succeeds")
}

/// A new account with one container, both of this name.
pub(super) async fn container(catalog: &Catalog, name: &'static str) -> ContainerRow {
    write(catalog, move |tx| {
        let account = tx.create_account(name, None, 1)?;
        tx.create_container(NewContainer {
            account_id: account.id,
            name: name.into(),
            created: 1,
            chunking: "fixed".into(),
            block_size: 4 << 20,
            array_name: "default".into(),
            attributes: b"{}".to_vec(),
        })
    })
    .await
}

/// A version with plausible fields.
pub(super) fn version(
    container_id: ContainerId,
    path: &[u8],
    serial: i64,
    cluster: Cluster,
) -> VersionRow {
    VersionRow {
        container_id,
        path: path.to_vec(),
        serial,
        cluster,
        null_version: cluster == Cluster::Normal,
        created: serial,
        size: if cluster == Cluster::Deleted { 0 } else { 10 },
        etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
        content_type: "text/plain".into(),
        root: None,
        author: UserId(1),
        meta: b"{}".to_vec(),
        list: vec![7; 40],
    }
}

/// Inserts live objects at these paths.
pub(super) async fn objects(catalog: &Catalog, container: ContainerId, paths: Vec<Vec<u8>>) {
    write(catalog, move |tx| {
        for path in &paths {
            let state = tx.lock_container(container)?;
            tx.insert_version(&version(container, path, state.seq, Cluster::Normal))?;
        }
        Ok(())
    })
    .await;
}
