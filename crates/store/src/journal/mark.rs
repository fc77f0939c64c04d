//! How far the journal is known to be durable, as servers on one catalog tell each other.
//!
//! The number of an entry, its bytes and the chain over all entries up to it are the same for every server. So
//! any server may ship any entry, also one that another ships at the same moment: batches overlap, and
//! recovery takes what it needs of each. A mark only saves work.
//!
//! Promises: a mark is set after all entries up to it are durable in the array, and never goes back.

use dolium_catalog::{Catalog, ReadTx, WriteTx};

use super::Base;
use crate::{Error, Result};

/// The key of `meta` that keeps the mark.
const MARK: &str = "journal_shipped";

/// The furthest point that the catalog knows of: everything up to it is in the array.
pub(super) fn furthest(tx: &mut ReadTx<'_>) -> Result<Base> {
    let base = read(tx, Base::META)?;
    let mark = read(tx, MARK)?;
    Ok(if mark.seq > base.seq { mark } else { base })
}

/// A point that the catalog keeps; the beginning when it keeps none.
pub(super) fn read(tx: &mut ReadTx<'_>, key: &str) -> Result<Base> {
    let bytes = tx.meta(key)?;
    bytes.map_or(Ok(Base::START), |bytes| Base::decode(&bytes))
}

/// Tells the others how far this server has shipped.
pub(super) async fn tell(catalog: &Catalog, at: Base) -> Result<()> {
    let told = catalog.write(move |tx: &mut WriteTx<'_>| {
        if furthest(tx)?.seq < at.seq {
            tx.set_meta(MARK, &at.encode())?;
        }
        Ok::<_, Error>(())
    });
    told.await.map(drop)
}
