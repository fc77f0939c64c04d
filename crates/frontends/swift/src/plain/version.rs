//! Versions of objects: how they are named, asked for, put back and removed.
//!
//! They are the store's, and so S3's too, under the same names: sixteen hexadecimal digits, or `null` for
//! what was written while nothing kept versions. Unlike S3, removing a version never brings another one
//! to light, and without versioning a deletion leaves no marker; `leaves_gap` asks the store for that.

use dolium_store::{
    ARCHIVED_DELETION, Caller, Container, DeleteRequest, Deleted, ListEntry, ListPage, ListRequest,
    Reason, Selector, Serial, Version, Versioning,
};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::json;

use super::object::put::created;
use super::{Call, container, symlink};
use crate::answer::set;
use crate::body::Body;
use crate::error::{Refusal, Result, of_store};
use crate::listing;
use crate::listing::entry::Entry;
use crate::listing::format;
use crate::query::Query;
use crate::service::Front;
use crate::target::Target;

/// The parameter that names a version.
const PARAMETER: &str = "version-id";
/// The header that names one.
const HEADER: &str = "x-object-version-id";
/// The name of what was written while nothing kept versions.
const NULL: &str = "null";
/// The digits of a version's name.
const DIGITS: usize = 16;
/// The tag of a marker, which has no bytes.
const ETAG_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The name of a version; `None` for one that is told of by no name.
pub(super) fn id_of(version: &Version) -> Option<String> {
    (!version.null).then(|| written(version.serial))
}

fn written(serial: Serial) -> String {
    format!("{:016x}", serial.0)
}

fn parse(text: &str) -> Option<Selector> {
    if text == NULL {
        return Some(Selector::Null);
    }
    if text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let serial = u64::from_str_radix(text, 16).ok()?;
        return i64::try_from(serial)
            .ok()
            .map(|serial| Selector::Serial(Serial(serial)));
    }
    // Names of versions elsewhere are moments: well-formed, and of nothing that is here.
    let (seconds, rest) = text.split_once('.')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(seconds) && number(rest)).then_some(Selector::Serial(Serial(0)))
}

/// The version that a query names.
pub(super) fn asked(query: &Query) -> Result<Option<Selector>> {
    let Some(text) = query.given(PARAMETER) else {
        return Ok(None);
    };
    let parsed = parse(text).ok_or_else(|| Refusal::bad("Invalid version parameter"))?;
    Ok(Some(parsed))
}

/// Leaves the versions to who may have them: a signed URL is for the object, whichever version that is.
pub(super) fn strip(call: &mut Call) -> Result<()> {
    if !call.query.has(PARAMETER) {
        return Ok(());
    }
    match call.method {
        Method::GET | Method::HEAD => {
            call.query.remove(PARAMETER);
            Ok(())
        }
        _ => Err(super::temp_url::invalid()),
    }
}

/// Tells of the version that an answer is about.
pub(super) fn mark(version: &Version, headers: &mut HeaderMap) {
    if let Some(id) = id_of(version) {
        set(headers, HEADER, id);
    }
}

/// What is said of a version that is a marker.
pub(super) fn of_marker(refusal: Refusal, query: &Query) -> Refusal {
    let Some(id) = query.given(PARAMETER) else {
        return refusal;
    };
    if refusal.reason != Some(Reason::DeleteMarker) {
        return refusal;
    }
    let mut headers = HeaderMap::new();
    set(&mut headers, HEADER, id);
    set(&mut headers, "content-type", ARCHIVED_DELETION);
    refusal.with_headers(headers)
}

/// Answers a PUT that makes an older version the current one again.
pub(super) async fn restore(front: &Front, call: Call) -> Result<Response<Body>> {
    match call.content_length()? {
        None => return Err(Refusal::of(StatusCode::LENGTH_REQUIRED)),
        Some(0) => {}
        Some(_) => {
            let text = "PUT version-id requests require a zero byte body";
            return Err(Refusal::bad(text));
        }
    }
    let version = match asked(&call.query)? {
        Some(serial @ Selector::Serial(_)) => serial,
        _ => return Err(Refusal::bad("Invalid version parameter")),
    };
    let (container, path) = (call.target.container_name()?, call.target.object_path()?);
    let made = front
        .store
        .make_current(&call.caller, &container, &path, version)
        .await;
    Ok(created(&made.map_err(of_store)?))
}

/// Removes an object, or the version of it that is named; gives the name of the version that was removed or
/// that marks the removal.
pub(super) async fn remove(
    front: &Front,
    caller: &Caller,
    target: &Target,
    version: Option<Selector>,
) -> Result<Option<String>> {
    let (container, path) = (target.container_name()?, target.object_path()?);
    let request = DeleteRequest {
        version,
        leaves_gap: true,
        ..DeleteRequest::default()
    };
    let deleted = front.store.delete(caller, &container, &path, request).await;
    let deleted = deleted.map_err(of_store)?;
    let id = named(&deleted);
    if !deleted.absent {
        return Ok(id);
    }
    let mut refusal = Refusal::of(StatusCode::NOT_FOUND);
    if let Some(id) = id {
        set(&mut refusal.headers, HEADER, id);
    }
    Err(refusal)
}

fn named(deleted: &Deleted) -> Option<String> {
    match (&deleted.marker, &deleted.removed) {
        (Some((serial, false)), _) | (None, Some((serial, _))) => Some(written(*serial)),
        _ => None,
    }
}

/// Tells in an answer which version a removal was about.
pub(super) fn removed(id: Option<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        set(&mut headers, HEADER, id);
    }
    headers
}

/// What a container says of its versions.
pub(super) fn describe(container: &Container, headers: &mut HeaderMap) {
    let enabled = match container.versioning {
        Versioning::Off => return,
        Versioning::On => "True",
        Versioning::Suspended => "False",
    };
    set(headers, "x-versions-enabled", enabled);
}

/// What a listing of objects says of one whose versions are kept.
pub(super) fn listed(version: &Version, location: &str) -> Vec<(&'static str, serde_json::Value)> {
    match id_of(version) {
        Some(id) => vec![
            ("version_symlink", json!(true)),
            (
                "symlink_path",
                json!(format!("{location}?{PARAMETER}={id}")),
            ),
        ],
        None => Vec::new(),
    }
}

/// Where a version is, when it is what its object shows.
pub(super) fn location(version: &Version, object: &str) -> Option<String> {
    let id = id_of(version).filter(|_| version.current)?;
    Some(format!("{object}?{PARAMETER}={id}"))
}

/// Whether a listing is to be one of versions.
pub(super) fn are_listed(call: &Call) -> bool {
    call.query.has("versions")
}

/// What a request asks of a listing of versions.
fn request(query: &Query) -> Result<ListRequest> {
    let mut request = listing::request(query)?;
    if let Some(marker) = query.given("version_marker") {
        if request.after.is_none() {
            return Err(Refusal::bad("version_marker param requires marker"));
        }
        let parsed = parse(marker);
        let refuse = || Refusal::bad("invalid version_marker param");
        request.after_version = Some(parsed.ok_or_else(refuse)?);
    }
    Ok(request)
}

/// Answers a listing of versions, which is only to be had in JSON.
pub(super) async fn list(front: &Front, call: &Call, headers: HeaderMap) -> Result<Response<Body>> {
    if !format::takes_json(&call.query, &call.headers)? {
        return Err(Refusal::of(StatusCode::NOT_ACCEPTABLE));
    }
    let request = request(&call.query)?;
    // Who continues behind the null version of a path has been told what is current, as elsewhere.
    let told = request.after.clone();
    let told = told.filter(|_| request.after_version == Some(Selector::Null));
    let name = call.target.container_name()?;
    let page = front.store.list_versions(&call.caller, &name, request);
    let ListPage { entries, .. } = page.await.map_err(of_store)?;
    let account = call.target.account_name()?;
    let entry = |entry: ListEntry| match entry {
        ListEntry::Prefix(name) => Entry::Prefix(name),
        ListEntry::Version(version) => {
            let is_told = told.as_deref() == Some(version.path.as_str());
            let mut fields = container::object_fields(&version);
            fields.extend(symlink::listed(&version, &account));
            if version.marker {
                for (name, value) in &mut fields {
                    match *name {
                        "hash" => *value = json!(ETAG_OF_NOTHING),
                        "content_type" => *value = json!(ARCHIVED_DELETION),
                        _ => {}
                    }
                }
            }
            let id = id_of(&version).unwrap_or_else(|| NULL.to_owned());
            fields.push(("version_id", json!(id)));
            fields.push(("is_latest", json!(version.current && !is_told)));
            Entry::Item(version.path.as_str().to_owned(), fields)
        }
    };
    let entries: Vec<Entry> = entries.into_iter().map(entry).collect();
    let frame = ("container", name.as_str(), "object");
    let by_parameter = call.query.has("format");
    let format = format::Format::Json;
    Ok(format::answer(
        format,
        by_parameter,
        headers,
        frame,
        &entries,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        for (text, found) in [
            ("null", Some(Selector::Null)),
            ("000000000000001f", Some(Selector::Serial(Serial(31)))),
            ("1234567890.12345", Some(Selector::Serial(Serial(0)))),
            ("bad", None),
            ("", None),
            ("ffffffffffffffff", None),
            ("1234567890.", None),
            (".5", None),
            ("00000000000001f", None),
        ] {
            assert_eq!(parse(text), found, "{text}");
        }
        let query = Query::parse(Some("marker=a&version_marker=bad"));
        assert!(request(&query).is_err());
        assert!(request(&Query::parse(Some("version_marker=null"))).is_err());
    }

    proptest! {
        #[test]
        fn a_name_is_read_back(serial in 0i64..) {
            let found = parse(&written(Serial(serial)));
            prop_assert_eq!(found, Some(Selector::Serial(Serial(serial))));
        }

        #[test]
        fn any_text_is_a_name_or_none(text in "\\PC{0,24}") {
            let _ = parse(&text);
        }
    }
}
