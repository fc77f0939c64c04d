//! Beyond the reference: the feed of a container's changes, and a container brought back to a moment.

use std::time::Duration;

use dolium_store::{ChangeOf, ChangePage, ErrorKind, Instant, ObjectChange};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant as Ticks, sleep};

use super::fault::{Fault, Result, of_store};
use super::format::Format;
use super::moment::{iso, seconds};
use super::words::whole_number;
use super::{Call, listing, reply};
use crate::body::Body;
use crate::service::Front;

/// The longest that a request may wait for a change, in seconds: proxies cut what waits a minute.
const WAIT_MAX: u64 = 55;
/// Pause between looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// The most requests that wait at a time: others are answered at once.
static WAITING: Semaphore = Semaphore::const_new(256);

/// Answers with the changes behind a cursor; without one, with the cursor of now.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let cursor = call.query.given("changes").map(parse).transpose()?;
    let limit = listing::limit(&call.query);
    let wait = call.query.get("wait").and_then(whole_number).unwrap_or(0);
    let end = Ticks::now() + Duration::from_secs(wait.min(WAIT_MAX));
    let permit = WAITING.try_acquire();
    loop {
        let page = front
            .store
            .changes(&call.caller, &name, cursor, limit)
            .await;
        let page = page.map_err(|error| match error.kind() {
            ErrorKind::Conflict => Fault::of(StatusCode::GONE, error.context()),
            _ => of_store(error),
        })?;
        let waits = cursor.is_some() && page.changes.is_empty() && permit.is_ok();
        if !waits || Ticks::now() >= end {
            return Ok(written(&page));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn written(page: &ChangePage) -> Response<Body> {
    let changes: Vec<Value> = page.changes.iter().map(change).collect();
    let document = json!({
        "cursor": format!("{}.{}", page.container, page.position),
        "more": page.more,
        "changes": changes,
    });
    let text = document.to_string();
    reply::written(StatusCode::OK, Format::Json, HeaderMap::new(), text)
}

fn change(change: &ObjectChange) -> Value {
    let kind = match change.kind {
        ChangeOf::Put => "put",
        ChangeOf::Delete => "delete",
        ChangeOf::Update => "update",
    };
    json!({
        "name": change.path.as_str(),
        "change": kind,
        "x_object_version": change.serial.0,
        "timestamp": seconds(change.at),
        "last_modified": iso(change.at),
    })
}

/// A cursor: the container's number and the position in its log.
fn parse(text: &str) -> Result<(i64, i64)> {
    let number = |text: &str| i64::try_from(whole_number(text)?).ok();
    let parsed = text
        .split_once('.')
        .and_then(|(container, position)| Some((number(container)?, number(position)?)));
    parsed.ok_or_else(|| Fault::bad("Invalid cursor"))
}

/// Brings a container back to a moment, given in seconds that may have decimals.
pub(super) async fn restore(front: &Front, call: Call) -> Result<Response<Body>> {
    let name = call.container()?;
    let text = call.query.get("restore").unwrap_or_default();
    let at = moment(text).ok_or_else(|| Fault::bad("Invalid moment to restore"))?;
    if at >= Instant::now() {
        return Err(Fault::bad("The moment to restore has not been yet"));
    }
    let done = front.store.restore_container(&call.caller, &name, at).await;
    let done = done.map_err(of_store)?;
    let text = json!({ "written": done.written, "deleted": done.deleted }).to_string();
    Ok(reply::written(
        StatusCode::ACCEPTED,
        Format::Json,
        HeaderMap::new(),
        text,
    ))
}

fn moment(text: &str) -> Option<Instant> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole = i64::try_from(whole_number(whole)?).ok()?;
    if part.is_empty() || part.len() > 6 {
        return None;
    }
    let part = i64::try_from(whole_number(&format!("{part:0<6}"))?).ok()?;
    let at = whole.checked_mul(1_000_000)?.checked_add(part)?;
    Some(Instant(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cursors_and_moments() {
        assert_eq!(parse("7.9").ok(), Some((7, 9)));
        for bad in ["", "7", "7.", ".9", "7.9.1", "-7.9", "a.b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(moment("5"), Some(Instant(5_000_000)));
        assert_eq!(moment("5.25"), Some(Instant(5_250_000)));
        for bad in ["", "5.", "x", "5.1234567", "-1", "9999999999999999"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in ".{0,40}") {
            let _ = (parse(&text).is_ok(), moment(&text));
        }
    }
}
