//! Removing one object, or all.

use dolium_provider::Error as ServiceError;
use dolium_provider::objects::ObjectKey;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};

use crate::{Outcome, Raid, Watch};

/// Removals of one service that are under way at the same time.
const REMOVALS_MAX: usize = 8;

/// What became of one service's objects.
#[derive(Debug)]
pub struct Emptied {
    /// How many were removed.
    pub removed: u64,
    /// Why not all, if not all were.
    pub fault: Option<ServiceError>,
}

impl Raid {
    /// Removes an object from all services. One that does not have it has done it.
    pub async fn remove(&self, key: &ObjectKey) -> Vec<Outcome> {
        let removals = self
            .services
            .iter()
            .enumerate()
            .map(async |(service, reached)| {
                let result = reached.objects.remove(key).await;
                Outcome { service, result }
            });
        join_all(removals).await
    }

    /// Removes all objects whose keys begin with a prefix from all services.
    pub async fn remove_all(&self, prefix: &str, watch: &dyn Watch) -> Vec<Emptied> {
        let services = self.services.iter().enumerate();
        join_all(services.map(|(service, _)| self.empty(service, prefix, watch))).await
    }

    async fn empty(&self, service: usize, prefix: &str, watch: &dyn Watch) -> Emptied {
        let objects = &self.services[service].objects;
        let mut removals = objects
            .list(prefix)
            .map_ok(async |info| objects.remove(&info.key).await)
            .try_buffer_unordered(REMOVALS_MAX);
        let mut emptied = Emptied {
            removed: 0,
            fault: None,
        };
        while let Some(removed) = removals.next().await {
            match removed {
                Ok(()) => {
                    emptied.removed += 1;
                    watch.moved(service, 1);
                }
                Err(fault) => {
                    emptied.fault = Some(fault);
                    break;
                }
            }
        }
        emptied
    }
}
