//! Objects and empty containers deleted by a list: one encoded path on each line.

use futures::future::join_all;
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::{DELETES_MAX, FAILURES_MAX, remove};
use crate::answer::{document, title};
use crate::body::{self, Body};
use crate::error::{Refusal, Result, of_store};
use crate::plain::Call;
use crate::plain::report::{self, Report};
use crate::service::Front;
use crate::target::{Target, unquote};

/// The longest list.
const LIST_LEN_MAX: usize = 8 << 20;
/// Objects that are deleted beside each other.
const WIDTH: usize = 8;

/// Answers a request with a list.
pub(super) async fn answer(front: &Front, mut call: Call) -> Result<Response<Body>> {
    let format = report::format_of(&call.headers)?;
    let waiting = std::mem::replace(&mut call.body, body::Waiting::new(body::empty()));
    let list = body::document(waiting.open(), LIST_LEN_MAX).await;
    let too_large = || Refusal::of(StatusCode::PAYLOAD_TOO_LARGE);
    let list = list.map_err(of_store)?.ok_or_else(too_large)?;
    let list = std::str::from_utf8(&list).map_err(|_| crate::target::bad_text())?;
    let lines: Vec<&str> = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.len() > DELETES_MAX {
        return Err(too_large());
    }
    let mut report = Report::new("delete");
    let (mut deleted, mut missing) = (0u64, 0u64);
    // A container goes after the objects that stand before it.
    for batch in lines.chunk_by(|left, right| is_object(left) && is_object(right)) {
        for batch in batch.chunks(WIDTH) {
            let removals = batch.iter().map(|line| remove_line(front, &call, line));
            for (line, done) in batch.iter().zip(join_all(removals).await) {
                match done {
                    Ok(()) => deleted += 1,
                    Err(refusal) if refusal.is_not_found() => missing += 1,
                    Err(refusal) => report.errors.push(((*line).to_owned(), why(&refusal))),
                }
            }
        }
        if report.errors.len() >= FAILURES_MAX {
            report.body = Some("Max delete failures exceeded".to_owned());
            break;
        }
    }
    report.fields = vec![
        ("Number Deleted", json!(deleted)),
        ("Number Not Found", json!(missing)),
    ];
    if !report.errors.is_empty() {
        report.status = StatusCode::BAD_REQUEST;
        report.body.get_or_insert_default();
    } else if deleted + missing == 0 {
        report.status = StatusCode::BAD_REQUEST;
        report.body = Some("Invalid bulk delete.".to_owned());
    }
    let text = report.write(format);
    let kind = report::media_type(format);
    Ok(document(StatusCode::OK, HeaderMap::new(), kind, text))
}

fn is_object(line: &str) -> bool {
    let line = line.trim_start_matches('/');
    let object = line.split_once('/').map(|(_, object)| object);
    object.is_some_and(|object| !object.is_empty())
}

async fn remove_line(front: &Front, call: &Call, line: &str) -> Result<()> {
    let decoded = unquote(line)?;
    let path = decoded.strip_prefix('/').unwrap_or(&decoded);
    let (container, object) = match path.split_once('/') {
        Some((container, object)) => (container, Some(object)),
        None => (path, None),
    };
    let target = Target {
        account: call.target.account.clone(),
        container: Some(container.to_owned()),
        object: object
            .filter(|object| !object.is_empty())
            .map(str::to_owned),
    };
    remove(front, &call.caller, &target).await
}

fn why(refusal: &Refusal) -> String {
    format!("{} {}", refusal.status.as_u16(), title(refusal.status))
}
