//! The suite that both engines pass: everything a caller may rely on, through the public interface.

mod fixture;
mod journal;
mod listing;
mod names;
mod references;
mod versions;
mod writer;

use dolium_catalog::Catalog;

/// Runs the whole suite on an empty catalog.
pub(crate) async fn run(catalog: &Catalog) {
    names::run(catalog).await;
    versions::run(catalog).await;
    listing::run(catalog).await;
    references::run(catalog).await;
    journal::run(catalog).await;
    writer::run(catalog).await;
}
