//! Peers: the other servers on the catalog, and what collection must spare for their writes.
//!
//! Each server says every few seconds since when its oldest write is under way (`dolium_catalog`'s `server` rows).
//! One that was silent for [`TTL`] is forgotten by the next collection. It may only sleep, and then go on with
//! a write whose pack was taken for garbage meanwhile. So a pack remembers under which name its
//! server was known when it began to fill, and the transaction that records the pack asks for that name.
//!
//! Promises: a pack that a transaction records lies in the array, whatever other servers collected.
//! Does not: cost anything where the catalog is one process's own.

use std::sync::Arc;
use std::time::Duration;

use dolium_catalog::{Catalog, WriteTx};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::underway::Underway;
use crate::{Error, ErrorKind, Result};

/// How long a server may be silent. It is also the longest pause of a database that no write notices.
const TTL: Duration = Duration::from_secs(30);
/// Pause between signs of life. What is garbage is spared for so much longer.
const SPEAK_EVERY: Duration = Duration::from_secs(3);

/// This server among others. Clones share everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(Option<Arc<Mutex<Arc<str>>>>);

/// Under which name this server was known at some moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member(Option<Arc<str>>);

fn ttl() -> i64 {
    TTL.as_micros() as i64
}

fn fresh_name() -> Arc<str> {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>()).into()
}

impl Peers {
    /// Joins the servers on a catalog, before the first write.
    pub(crate) async fn join(catalog: &Catalog, underway: &Underway) -> Result<Self> {
        if !catalog.is_shared() {
            return Ok(Self::default());
        }
        let name = fresh_name();
        add(catalog, underway, &name).await?;
        Ok(Self(Some(Arc::new(Mutex::new(name)))))
    }

    /// Under which name this server is known now.
    pub(crate) fn member(&self) -> Member {
        Member(self.0.as_ref().map(|name| name.lock().clone()))
    }

    /// Gives signs of life until `stop`, then leaves.
    pub(crate) async fn speak(self, catalog: Catalog, underway: Underway, stop: CancellationToken) {
        let Some(shared) = &self.0 else { return };
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(SPEAK_EVERY) => {}
            }
            let name = shared.lock().clone();
            match hear(&catalog, &underway, &name).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(
                        "the other servers have not heard of this one for too long; writes that were \
                         under way have to be sent again"
                    );
                    let fresh = fresh_name();
                    match add(&catalog, &underway, &fresh).await {
                        Ok(()) => *shared.lock() = fresh,
                        Err(error) => tracing::warn!(%error, "this server cannot join the others"),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the other servers cannot be told of this one")
                }
            }
        }
        let name = shared.lock().to_string();
        let left = catalog.write(move |tx| tx.remove_server(&name)).await;
        let left: std::result::Result<_, dolium_catalog::Error> = left;
        if let Err(error) = left {
            tracing::warn!(%error, "the other servers will notice by themselves that this one stopped");
        }
    }

    /// The instant up to which garbage may go for all that other servers have under way; nothing when
    /// there can be none.
    pub(crate) async fn spare(&self, catalog: &Catalog) -> Result<Option<i64>> {
        let Some(shared) = &self.0 else {
            return Ok(None);
        };
        let (own, latest) = (shared.lock().to_string(), now().0);
        let oldest = catalog.write(move |tx| tx.oldest_write(&own)).await;
        let oldest = oldest.map_err(Error::from)?.value;
        Ok(Some(oldest.unwrap_or(latest).min(latest)))
    }
}

impl Member {
    /// Refuses when the others have forgotten this server since.
    pub(crate) fn check(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let Some(name) = &self.0 else { return Ok(()) };
        if tx.has_server(name)? {
            return Ok(());
        }
        let context = "this server was cut off from the others for too long; send the data again";
        Err(Error::new(ErrorKind::Unavailable, context))
    }
}

async fn add(catalog: &Catalog, underway: &Underway, name: &Arc<str>) -> Result<()> {
    let (name, oldest) = (name.to_string(), underway.spare(now().0));
    let added = catalog.write(move |tx| tx.add_server(&name, oldest, ttl()));
    added.await.map(drop).map_err(Error::from)
}

async fn hear(catalog: &Catalog, underway: &Underway, name: &Arc<str>) -> Result<bool> {
    // Asked before the transaction: what begins later, begins after that instant.
    let (name, oldest) = (name.to_string(), underway.spare(now().0));
    let heard = catalog.write(move |tx| tx.hear_server(&name, oldest, ttl()));
    Ok(heard.await.map_err(Error::from)?.value)
}
