//! The suite that both engines pass: everything a caller may rely on, through the public interface.

mod events;
mod fixture;
mod journal;
mod leases;
mod listing;
mod names;
mod recovery;
mod references;
mod sharing;
mod versions;
mod writer;

use dolium_catalog::Catalog;

/// Runs the whole suite on two empty catalogs; the second is recovered from the first.
pub(crate) async fn run(catalog: &Catalog, other: &Catalog) {
    names::run(catalog).await;
    versions::run(catalog).await;
    listing::run(catalog).await;
    references::run(catalog).await;
    sharing::run(catalog).await;
    journal::run(catalog).await;
    events::run(catalog).await;
    leases::run(catalog).await;
    writer::run(catalog).await;
    recovery::run(catalog, other).await;
}
