//! A static large object removed with all its parts.

use std::collections::BTreeSet;

use dolium_store::Selector;
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::{SLO, parts_of};
use crate::answer::{document, title};
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::metadata::SWIFT;
use crate::plain::report::{self, Report};
use crate::plain::{Call, source, version};
use crate::service::Front;
use crate::target::{Target, object_in_path};

/// The most objects that one request removes: parts of parts count too.
const OBJECTS_MAX: usize = 10_000;

/// Whether a DELETE is about the parts too.
pub(in crate::plain) fn is_asked(call: &Call) -> bool {
    call.query.get("multipart-manifest") == Some("delete")
}

/// Answers a DELETE of a manifest with its parts. The status says only that there is a report.
pub(in crate::plain) async fn delete_whole(front: &Front, call: Call) -> Result<Response<Body>> {
    let format = report::format_of(&call.headers)?;
    let mut report = Report::new("delete");
    let (mut deleted, mut missing) = (0u64, 0u64);
    let version = version::asked(&call.query)?;
    match gather(front, &call, version).await {
        Ok(targets) => {
            for target in targets {
                // Of the manifest the version that was named, of its parts what they are now.
                let version = version.filter(|_| target == call.target);
                match version::remove(front, &call.caller, &target, version).await {
                    Ok(_) => deleted += 1,
                    Err(refusal) if refusal.is_not_found() => missing += 1,
                    Err(refusal) => report.errors.push((name_of(&target), line(&refusal))),
                }
            }
        }
        Err(refusal) if refusal.is_not_found() => missing += 1,
        Err(refusal) if refusal.denied => return Err(refusal),
        Err(refusal) => {
            let why = match refusal.sentence() {
                "" => line(&refusal),
                sentence => sentence.to_owned(),
            };
            report.errors.push((name_of(&call.target), why));
        }
    }
    report.fields = vec![
        ("Number Deleted", json!(deleted)),
        ("Number Not Found", json!(missing)),
    ];
    if !report.errors.is_empty() {
        report.status = StatusCode::BAD_REQUEST;
        report.body = Some(String::new());
    } else if deleted == 0 && missing > 0 {
        report.status = StatusCode::NOT_FOUND;
        report.body = Some(String::new());
    }
    let text = report.write(format);
    Ok(document(
        StatusCode::OK,
        HeaderMap::new(),
        report::media_type(format),
        text,
    ))
}

fn name_of(target: &Target) -> String {
    let container = target.container.as_deref().unwrap_or_default();
    let object = target.object.as_deref().unwrap_or_default();
    crate::target::quote(&format!("/{container}/{object}"))
}

fn line(refusal: &Refusal) -> String {
    format!("{} {}", refusal.status.as_u16(), title(refusal.status))
}

/// All objects that a manifest names, those of manifests in it too, and itself last.
async fn gather(front: &Front, call: &Call, version: Option<Selector>) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(call.target.clone(), true)];
    while let Some((target, is_manifest)) = waiting.pop() {
        if !seen.insert((target.container.clone(), target.object.clone())) {
            continue;
        }
        if seen.len() > OBJECTS_MAX {
            return Err(Refusal::bad(format!("Too many objects; max {OBJECTS_MAX}")));
        }
        found.push(target.clone());
        if !is_manifest {
            continue;
        }
        let mut wanted = source(target.container_name()?, target.object_path()?);
        if let Some(version) = version.filter(|_| found.len() == 1) {
            wanted.version = version;
        }
        let opened = front.store.open_object(&call.caller, &wanted).await;
        let opened = match opened.map_err(of_store) {
            Ok(opened) => opened,
            // A part that is gone is counted when it is removed.
            Err(refusal) if refusal.is_not_found() && found.len() > 1 => continue,
            Err(refusal) => return Err(refusal),
        };
        if opened.version().attributes.get(SWIFT, SLO).is_none() {
            if found.len() == 1 {
                return Err(Refusal::bad("Not an SLO manifest"));
            }
            continue;
        }
        for part in parts_of(&opened).await.map_err(of_store)? {
            let Some((container, object)) = part.name.as_deref().and_then(object_in_path) else {
                continue;
            };
            let target = Target {
                account: call.target.account.clone(),
                container: Some(container),
                object: Some(object),
            };
            waiting.push((target, part.sub_slo));
        }
    }
    // Manifests go after what they name.
    found.reverse();
    Ok(found)
}
