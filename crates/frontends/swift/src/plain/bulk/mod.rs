//! Many things at once.

use dolium_store::{Caller, Condition, DeleteRequest, EtagMatch};

use crate::error::{Result, of_store};
use crate::service::Front;
use crate::target::Target;

/// Removes one object or empty container.
pub(super) async fn remove(front: &Front, caller: &Caller, target: &Target) -> Result<()> {
    let container = target.container_name()?;
    if target.object.is_none() {
        let deleted = front.store.delete_container(caller, &container).await;
        return deleted.map_err(of_store);
    }
    let request = DeleteRequest {
        condition: Condition {
            if_match: Some(EtagMatch::Any),
            ..Condition::default()
        },
        ..DeleteRequest::default()
    };
    let path = target.object_path()?;
    let deleted = front.store.delete(caller, &container, &path, request).await;
    deleted.map(drop).map_err(of_store)
}
