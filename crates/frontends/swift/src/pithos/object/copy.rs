//! Copies and moves: COPY and MOVE with a destination, or PUT with a source.

use std::sync::Arc;

use dolium_store::{Condition, Description, Error, ErrorKind, Source, Transfer};
use http::{Response, StatusCode};

use super::read::selector;
use super::written;
use crate::body::Body;
use crate::pithos::Call;
use crate::pithos::condition::{of_result, of_write};
use crate::pithos::fault::{Fault, Result};
use crate::pithos::metadata::Said;
use crate::pithos::sharing;
use crate::pithos::target::{account_name, container_name, object_in_header, object_path};
use crate::service::Front;

/// A place of an object: account, container, path.
struct Place {
    account: String,
    container: String,
    path: String,
}

impl Place {
    fn here(call: &Call) -> Self {
        Self {
            account: call.target.account.clone(),
            container: call.target.container.clone().unwrap_or_default(),
            path: call.target.object.clone().unwrap_or_default(),
        }
    }

    /// The place that headers name; without an account, it is in that of whoever asks.
    fn named(call: &Call, place: &str, account: &str) -> Result<Self> {
        let (container, path) = object_in_header(place)?;
        let account = match call.words.given(account) {
            Some(account) => account.to_owned(),
            None => own_account(call),
        };
        Ok(Self {
            account,
            container,
            path,
        })
    }
}

/// The account of whoever asks.
pub(super) fn own_account(call: &Call) -> String {
    let principal = call.caller.principal();
    principal.map_or_else(String::new, |user| user.account.clone())
}

/// Answers COPY and MOVE.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let Some(destination) = call.words.get("destination") else {
        return Err(Fault::bad("Missing Destination header"));
    };
    let to = Place::named(&call, destination, "destination-account")?;
    let moves = call.method.as_str() == "MOVE";
    let conditions = (of_write(&call.words), Condition::default());
    run(front, &call, (Place::here(&call), to), moves, conditions).await
}

/// Answers PUT with a source; one to move wins over one to copy.
pub(super) async fn from(front: &Front, call: Call) -> Result<Response<Body>> {
    if !call.words.has("content-length") && !call.words.has("transfer-encoding") {
        return Err(Fault::length_required("Missing Content-Length header"));
    }
    let moved = call.words.given("x-move-from");
    let source = moved
        .or(call.words.given("x-copy-from"))
        .unwrap_or_default();
    let source = Place::named(&call, source, "x-source-account")?;
    let moves = moved.is_some();
    let conditions = (Condition::default(), of_write(&call.words));
    run(
        front,
        &call,
        (source, Place::here(&call)),
        moves,
        conditions,
    )
    .await
}

async fn run(
    front: &Front,
    call: &Call,
    (from, to): (Place, Place),
    moves: bool,
    (of_source, of_target): (Condition, Condition),
) -> Result<Response<Body>> {
    let said = Said::of(&call.words)?;
    let share = sharing::edit(&call.words)?;
    let keeps_type = call.says("ignore_content_type");
    let edit = Arc::new(move |description: &mut Description| {
        said.merge(&mut description.attributes)?;
        description.guards.share = share.clone();
        if let Some(kind) = said.content_type.clone().filter(|_| !keeps_type) {
            description.content_type = kind;
        }
        Ok(())
    });
    // A move takes what is there now, whatever version is named.
    let version = call.words.get("x-source-version").filter(|_| !moves);
    let transfer = Transfer {
        source: Source {
            container: container_name(account_name(&from.account)?, &from.container)?,
            path: object_path(&from.path)?,
            version: selector(version)?,
            condition: of_source,
            key: None,
        },
        container: container_name(account_name(&to.account)?, &to.container)?,
        path: object_path(&to.path)?,
        condition: of_target,
        edit,
        moves,
        delimiter: call.query.given("delimiter").map(str::to_owned),
    };
    let done = front.store.transfer(&call.caller, transfer).await;
    let done = done.map_err(retried);
    let version = of_result(&call.words, done)?;
    Ok(written(StatusCode::CREATED, &version, false))
}

/// What was changed meanwhile may be tried again: 503 says so, 409 would not.
fn retried(error: Error) -> Error {
    match (error.kind(), error.reason()) {
        (ErrorKind::Conflict, None) => Error::new(ErrorKind::Unavailable, error.context()),
        _ => error,
    }
}
