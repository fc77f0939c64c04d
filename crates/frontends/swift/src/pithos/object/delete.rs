//! DELETE of objects: what is current, what lies below it, or old versions.

use http::{HeaderMap, Response, StatusCode};

use crate::body::Body;
use crate::pithos::condition::{of_result, of_write};
use crate::pithos::fault::{Fault, Result, of_store};
use crate::pithos::format::Format;
use crate::pithos::moment::until;
use crate::pithos::{Call, reply};
use crate::service::Front;

/// Answers DELETE.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let (container, path) = (call.container()?, call.path()?);
    let (store, caller) = (&front.store, &call.caller);
    if call.query.given("until").is_some() {
        // Whoever meant to purge must not delete.
        let at = until(&call.query).ok_or_else(|| Fault::bad("Invalid until"))?;
        let purged = store.purge_object(caller, &container, &path, at).await;
        purged.map_err(of_store)?;
    } else {
        let condition = of_write(&call.words);
        let delimiter = call.query.given("delimiter");
        let deleted = store.delete_tree(caller, &container, &path, condition, delimiter);
        of_result(&call.words, deleted.await)?;
    }
    let headers = HeaderMap::new();
    Ok(reply::empty(StatusCode::NO_CONTENT, Format::Json, headers))
}
