//! Who may read an object, on every service that can say it of one.

use dolium_provider::objects::{ObjectAccess, ObjectKey};
use futures::future::join_all;

use crate::{Outcome, Raid};

impl Raid {
    /// Changes who may read an object. Services that cannot say so.
    pub async fn set_access(&self, key: &ObjectKey, access: ObjectAccess) -> Vec<Outcome> {
        let changes = self
            .services
            .iter()
            .enumerate()
            .map(async |(service, reached)| {
                let result = reached.objects.set_access(key, access).await;
                Outcome { service, result }
            });
        join_all(changes).await
    }
}
