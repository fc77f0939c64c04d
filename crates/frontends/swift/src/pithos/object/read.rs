//! GET and HEAD of objects: their bytes, their versions, their hash maps.

use std::ops::Range;

use bytes::Bytes;
use dolium_store::{Condition, Opened, Reason, Selector, Serial, Source};
use futures::{StreamExt, stream};
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::{is_head, root_of, tag_of, uuid_of};
use crate::answer::set;
use crate::body::{self, Body, Bytestream};
use crate::describe::HTTP;
use crate::pithos::condition::{honours_range, judge};
use crate::pithos::fault::{Fault, Result, of_store};
use crate::pithos::format::Format;
use crate::pithos::moment::{date, seconds};
use crate::pithos::range::{Wanted, wanted};
use crate::pithos::words::{say, whole_number};
use crate::pithos::{Call, hashmap, metadata, reply, sharing};
use crate::plain::{Assembly, assemble_dynamic};
use crate::service::Front;

/// What an object answers with.
enum Content {
    Single(Box<Opened>),
    /// The objects that its manifest names.
    Assembled(Assembly),
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Single(opened) => opened.version().size,
            Self::Assembled(assembly) => assembly.size(),
        }
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytestream> {
        match self {
            Self::Single(opened) => opened.read(range).map_err(of_store),
            Self::Assembled(assembly) => {
                let read = assembly.read(range).await;
                read.map_err(|refusal| Fault::of(refusal.status, "A part cannot be read"))
            }
        }
    }
}

/// Answers GET and HEAD.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let version = call.query.get("version");
    if version == Some("list") && !is_head(&call) {
        return versions(front, &call).await;
    }
    let opened = open(front, &call, version).await?;
    let mut headers = describe(front, &opened).await?;
    if version.is_none() && opened.tells_sharing() {
        let at = (&call.container()?, &call.path()?);
        sharing::tell(front, &call, at, &mut headers).await?;
    }
    let (tag, created) = (tag_of(opened.version()), opened.version().created);
    judge(&call.words, &tag, created)?;
    if call.says("hashmap") && !is_head(&call) {
        return map(&call, &opened, headers);
    }
    let content = content(front, &call, opened).await?;
    if is_head(&call) {
        set(&mut headers, "content-length", content.size().to_string());
        return Ok(reply::empty(StatusCode::OK, Format::Json, headers));
    }
    dispose(&call, &mut headers);
    send(&call, headers, content, (&tag, created)).await
}

/// Opens the version that is asked for.
async fn open(front: &Front, call: &Call, version: Option<&str>) -> Result<Opened> {
    let absent = || Fault::not_found("Version does not exist");
    let selector = match version {
        None => Selector::Current,
        Some(text) => {
            let serial = whole_number(text).and_then(|serial| i64::try_from(serial).ok());
            Selector::Serial(Serial(serial.ok_or_else(absent)?))
        }
    };
    let source = Source {
        container: call.container()?,
        path: call.path()?,
        version: selector,
        condition: Condition::default(),
        key: None,
    };
    let opened = front.store.open_object(&call.caller, &source).await;
    opened.map_err(|error| match error.reason() {
        Some(Reason::NoSuchObject | Reason::DeleteMarker) if call.words.has("if-match") => {
            Fault::failed()
        }
        Some(Reason::NoSuchObject | Reason::DeleteMarker) => {
            Fault::not_found("Object does not exist")
        }
        Some(Reason::NoSuchVersion) => absent(),
        _ => of_store(error),
    })
}

async fn describe(front: &Front, opened: &Opened) -> Result<HeaderMap> {
    let version = opened.version();
    let names = front.store.names_of_users(vec![version.author]).await;
    let names = names.map_err(of_store)?;
    let author = names.get(&version.author).map_or("", String::as_str);
    let mut headers = HeaderMap::new();
    metadata::write_object(&version.attributes, &mut headers);
    if let Some(disposition) = version.attributes.get(HTTP, "content-disposition") {
        say(&mut headers, "content-disposition", disposition);
    }
    let moment = date(version.created);
    let kind = match version.content_type.as_str() {
        "" => crate::describe::DEFAULT_TYPE,
        kind => kind,
    };
    let uuid = uuid_of(version, opened.container_id());
    for (name, value) in [
        ("content-type", kind),
        ("etag", &tag_of(version)),
        ("last-modified", &moment),
        ("x-object-uuid", &uuid),
        ("x-object-version", &version.serial.0.to_string()),
        ("x-object-version-timestamp", &moment),
        ("x-object-modified-by", author),
    ] {
        say(&mut headers, name, value);
    }
    if let Some(root) = root_of(version) {
        say(&mut headers, "x-object-hash", &root);
    }
    Ok(headers)
}

async fn content(front: &Front, call: &Call, opened: Opened) -> Result<Content> {
    let manifest = opened
        .version()
        .attributes
        .get(crate::metadata::SWIFT, crate::describe::DLO);
    let Some(manifest) = manifest else {
        return Ok(Content::Single(Box::new(opened)));
    };
    let account = Some(call.account()?);
    let assembly = assemble_dynamic(front, &call.caller, account, manifest).await;
    let assembly = assembly.map_err(|refusal| match refusal.status {
        StatusCode::NOT_FOUND => Fault::not_found("Container does not exist"),
        status => Fault::of(status, "The manifest cannot be followed"),
    })?;
    Ok(Content::Assembled(assembly))
}

/// Says how a browser takes the object: as the object says, or as the request does.
fn dispose(call: &Call, headers: &mut HeaderMap) {
    let asked = call.query.get("disposition-type");
    let asked = asked.filter(|kind| ["inline", "attachment"].contains(kind));
    if asked.is_none() && headers.contains_key("content-disposition") {
        return;
    }
    let name = call.target.object.as_deref().unwrap_or_default();
    let name = name.replace(['"', '\\'], "_");
    let kind = asked.unwrap_or("inline");
    let value = format!("{kind}; filename=\"{name}\"");
    say(headers, "content-disposition", &value);
}

async fn send(
    call: &Call,
    mut headers: HeaderMap,
    content: Content,
    (tag, created): (&str, dolium_store::Instant),
) -> Result<Response<Body>> {
    let size = content.size();
    let header = call.words.get("range");
    let header = header.filter(|_| honours_range(&call.words, tag, created));
    let parts = match wanted(header, size) {
        Wanted::Unsatisfiable => return Err(Fault::unsatisfiable()),
        Wanted::Whole => {
            set(&mut headers, "content-length", size.to_string());
            let body = content.read(0..size).await?;
            return Ok(flowing(StatusCode::OK, headers, body));
        }
        Wanted::Parts(parts) => parts,
    };
    if let [part] = parts.as_slice() {
        set(&mut headers, "content-range", shown(part, size));
        let len = part.end - part.start;
        set(&mut headers, "content-length", len.to_string());
        let body = content.read(part.clone()).await?;
        return Ok(flowing(StatusCode::PARTIAL_CONTENT, headers, body));
    }
    several(headers, content, parts).await
}

fn shown(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

fn flowing(status: StatusCode, headers: HeaderMap, bytes: Bytestream) -> Response<Body> {
    let mut response = Response::new(body::streamed(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Several ranges as one body of many parts, each opened when its turn comes.
async fn several(
    mut headers: HeaderMap,
    content: Content,
    parts: Vec<Range<u64>>,
) -> Result<Response<Body>> {
    let boundary = hex::encode(rand::random::<[u8; 16]>());
    let size = content.size();
    let kind = format!("multipart/byteranges; boundary={boundary}");
    say(&mut headers, "content-type", &kind);
    let mut pieces: Vec<Bytestream> = Vec::new();
    let text =
        |text: String| -> Bytestream { stream::once(async move { Ok(Bytes::from(text)) }).boxed() };
    for part in parts {
        let range = shown(&part, size);
        pieces.push(text(format!(
            "--{boundary}\r\nContent-Range: {range}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        )));
        pieces.push(content.read(part).await?);
        pieces.push(text("\r\n".to_owned()));
    }
    pieces.push(text(format!("--{boundary}--\r\n")));
    let bytes = stream::iter(pieces).flatten().boxed();
    Ok(flowing(StatusCode::PARTIAL_CONTENT, headers, bytes))
}

fn map(call: &Call, opened: &Opened, headers: HeaderMap) -> Result<Response<Body>> {
    let format = call.format(Format::Json);
    let path = call.target.object.as_deref().unwrap_or_default();
    let document = hashmap::document(opened, path, format)?;
    Ok(flowing(StatusCode::OK, headers, document))
}

async fn versions(front: &Front, call: &Call) -> Result<Response<Body>> {
    let (container, path) = (call.container()?, call.path()?);
    let found = front
        .store
        .versions_of(&call.caller, &container, &path)
        .await;
    let found = found.map_err(of_store)?;
    let format = call.format(Format::Json);
    let text = match format {
        Format::Xml => {
            let name = crate::listing::entry::text(path.as_str());
            let versions: String = found
                .iter()
                .map(|(serial, at)| {
                    let at = seconds(*at);
                    format!("<version timestamp=\"{at}\">{}</version>", serial.0)
                })
                .collect();
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<object name=\"{name}\">{versions}\
                 </object>"
            )
        }
        Format::Text | Format::Json => {
            let versions: Vec<_> = found
                .iter()
                .map(|(serial, at)| json!([serial.0, seconds(*at)]))
                .collect();
            json!({ "versions": versions }).to_string()
        }
    };
    Ok(reply::written(
        StatusCode::OK,
        format,
        HeaderMap::new(),
        text,
    ))
}

/// The version that a copy's source names.
pub(super) fn selector(text: Option<&str>) -> Result<Selector> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(Selector::Current);
    };
    let serial = whole_number(text).and_then(|serial| i64::try_from(serial).ok());
    let serial = serial.ok_or_else(|| Fault::not_found("Version does not exist"))?;
    Ok(Selector::Serial(Serial(serial)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(selector(None).ok(), Some(Selector::Current));
        assert_eq!(selector(Some("7")).ok(), Some(Selector::Serial(Serial(7))));
        assert!(selector(Some("-1")).is_err() && selector(Some("x")).is_err());
    }
}
