//! Many things at once: deleted by a list, or stored from an archive.
//!
//! The status of the answer says only that there is a report; how it went stands in that.

mod delete;
mod extract;
mod meter;

use dolium_store::Caller;
use http::{Method, Response};

use super::{Call, version};
use crate::body::Body;
use crate::error::{Result, of_store};
use crate::service::Front;
use crate::target::Target;

/// The most lines of one list.
pub(crate) const DELETES_MAX: usize = 10_000;
/// The failures after which a request is given up.
pub(crate) const FAILURES_MAX: usize = 1000;
/// The most containers that one archive makes.
pub(crate) const CONTAINERS_MAX: usize = 10_000;

/// Whether a request is one about many things.
pub(super) fn is_asked(call: &Call) -> bool {
    match call.method {
        Method::POST | Method::DELETE => call.query.has("bulk-delete"),
        Method::PUT => call.query.has("extract-archive"),
        _ => false,
    }
}

/// Answers it.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.method {
        Method::PUT => extract::answer(front, call).await,
        _ => delete::answer(front, call).await,
    }
}

/// Removes one object or empty container.
pub(super) async fn remove(front: &Front, caller: &Caller, target: &Target) -> Result<()> {
    let container = target.container_name()?;
    if target.object.is_none() {
        let deleted = front.store.delete_container(caller, &container).await;
        return deleted.map_err(of_store);
    }
    version::remove(front, caller, target, None).await.map(drop)
}
