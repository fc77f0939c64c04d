//! A manifest stored: its parts looked at, then itself.
//!
//! Promises: a manifest names only what the caller may read, and what is as the caller says it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dolium_store::{AccountName, Caller, Condition, Description, Error, ErrorKind, Store, Version};
use futures::{StreamExt, stream};
use http::{HeaderMap, Response, StatusCode};

use super::parse::{Asked, parse};
use super::{Kept, MANIFEST_LEN_MAX, SLO, SLO_ETAG, SLO_SIZE, etag_of, size_of, tag_of};
use crate::answer::{document, set, title};
use crate::body::{self, Body, Bytestream};
use crate::condition::unquoted;
use crate::describe;
use crate::error::{Refusal, Result, of_store};
use crate::listing::format::Format;
use crate::metadata::SWIFT;
use crate::plain::object::put::{condition, tagged};
use crate::plain::report::{self, Report};
use crate::plain::symlink::follow;
use crate::plain::{Call, source, version};
use crate::service::Front;
use crate::target::{container_name, object_path};
use crate::time::{iso, last_modified};

/// Parts that are looked at beside each other.
const LOOKS: usize = 4;

/// What storing a manifest needs, without its request.
struct Writer {
    store: Store,
    caller: Caller,
    account: AccountName,
    container: dolium_store::ContainerName,
    path: dolium_store::ObjectPath,
    description: Description,
    condition: Condition,
    claimed: Option<String>,
}

/// Why a manifest was not stored: parts that are not as they should be, or the rest.
enum Trouble {
    Parts(Vec<(String, String)>),
    Other(Refusal),
}

/// Answers a PUT of a manifest.
pub(in crate::plain) async fn put(front: &Front, mut call: Call) -> Result<Response<Body>> {
    if call.headers.contains_key("x-copy-from") {
        return Err(Refusal::of(StatusCode::METHOD_NOT_ALLOWED));
    }
    let len = call.content_length()?;
    if len.is_none() && !call.headers.contains_key("transfer-encoding") {
        return Err(Refusal::of(StatusCode::LENGTH_REQUIRED));
    }
    let too_large = || {
        let text = format!("Manifest File > {MANIFEST_LEN_MAX} bytes");
        Refusal::text(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    if len.is_some_and(|len| len > MANIFEST_LEN_MAX as u64) {
        return Err(too_large());
    }
    let waiting = std::mem::replace(&mut call.body, body::Waiting::new(body::empty()));
    let bytes = body::document(waiting.open(), MANIFEST_LEN_MAX)
        .await
        .map_err(of_store)?;
    let bytes = bytes.ok_or_else(too_large)?;
    let heartbeat = call
        .query
        .get("heartbeat")
        .is_some_and(|v| describe::is_true(v.as_bytes()));
    let format = report::format_of(&call.headers).unwrap_or(Format::Text);
    let asked = parse(&bytes, own(&call))?;
    let writer = Writer::of(front, &call)?;
    if heartbeat {
        return Ok(beating(writer, asked, format));
    }
    match writer.run(asked).await {
        Ok(version) => Ok(created(&version)),
        Err(Trouble::Other(refusal)) => Err(refusal),
        Err(Trouble::Parts(errors)) => Ok(refused(errors, format)),
    }
}

/// Stores a manifest that is at hand, as a copy of one does.
pub(in crate::plain) async fn put_bytes(
    front: &Front,
    call: &Call,
    bytes: &[u8],
    description: Description,
) -> Result<std::result::Result<Version, Response<Body>>> {
    let asked = parse(bytes, own(call))?;
    let mut writer = Writer::of(front, call)?;
    writer.claimed = None;
    writer.description = description;
    let format = report::format_of(&call.headers).unwrap_or(Format::Text);
    match writer.run(asked).await {
        Ok(version) => Ok(Ok(version)),
        Err(Trouble::Other(refusal)) => Err(refusal),
        Err(Trouble::Parts(errors)) => Ok(Err(refused(errors, format))),
    }
}

fn own(call: &Call) -> (&str, &str) {
    let target = &call.target;
    let container = target.container.as_deref().unwrap_or_default();
    (container, target.object.as_deref().unwrap_or_default())
}

fn created(version: &Version) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let etag = etag_of(version).unwrap_or_default();
    set(&mut headers, "etag", format!("\"{etag}\""));
    set(
        &mut headers,
        "last-modified",
        last_modified(version.created),
    );
    version::mark(version, &mut headers);
    crate::answer::bare(StatusCode::CREATED, headers)
}

fn failed_report(errors: Vec<(String, String)>) -> Report {
    let mut report = Report::new("put");
    report.status = StatusCode::BAD_REQUEST;
    report.errors = errors;
    report
}

fn refused(errors: Vec<(String, String)>, format: Format) -> Response<Body> {
    let status = StatusCode::BAD_REQUEST;
    let text = match format {
        Format::Json => serde_json::json!({ "Errors": errors }).to_string(),
        Format::Text => {
            let lines = errors.iter().map(|(name, why)| format!("{name}, {why}\n"));
            format!("Errors:\n{}", lines.collect::<String>())
        }
        Format::Xml | Format::TextXml => failed_report(errors).write(format),
    };
    document(status, HeaderMap::new(), report::media_type(format), text)
}

/// An answer that begins at once and ends with a report, for clients that would not wait in silence.
fn beating(writer: Writer, asked: Vec<Asked>, format: Format) -> Response<Body> {
    let end = async move {
        let report = match writer.run(asked).await {
            Ok(version) => {
                let mut report = Report::new("put");
                report.status = StatusCode::CREATED;
                let etag = format!("\"{}\"", etag_of(&version).unwrap_or_default());
                let changed = last_modified(version.created);
                report.fields = vec![("Etag", etag.into()), ("Last Modified", changed.into())];
                report
            }
            Err(Trouble::Parts(errors)) => failed_report(errors),
            Err(Trouble::Other(refusal)) => {
                let mut report = Report::new("put");
                report.status = refusal.status;
                report
            }
        };
        Ok(format!("\r\n\r\n{}", report.write(format)).into())
    };
    let start = stream::once(async { Ok(" ".into()) });
    let bytes: Bytestream = start.chain(stream::once(end)).boxed();
    let mut response = Response::new(body::streamed(bytes));
    *response.status_mut() = StatusCode::ACCEPTED;
    set(
        response.headers_mut(),
        "content-type",
        report::media_type(format),
    );
    response
}

impl Writer {
    fn of(front: &Front, call: &Call) -> Result<Self> {
        let path = call.target.object_path()?;
        let claimed = call
            .header("etag")
            .map(|tag| unquoted(tag.trim()).to_owned());
        Ok(Self {
            store: front.store.clone(),
            caller: call.caller.clone(),
            account: call.target.account_name()?,
            container: call.target.container_name()?,
            description: describe::of_put(&call.headers, path.as_str())?,
            condition: condition(call)?,
            path,
            claimed,
        })
    }

    /// Looks at all parts and stores the manifest.
    async fn run(mut self, asked: Vec<Asked>) -> std::result::Result<Version, Trouble> {
        let last = asked.len().saturating_sub(1);
        let looks = asked.into_iter().enumerate();
        let looks = looks.map(|(index, asked)| look(&self, asked, index == last));
        let looked: Vec<_> = stream::iter(looks).buffered(LOOKS).collect().await;
        let (mut parts, mut errors) = (Vec::new(), Vec::new());
        for result in looked {
            match result {
                Ok(part) => parts.push(part),
                Err(Trouble::Parts(more)) => errors.extend(more),
                Err(other) => return Err(other),
            }
        }
        if !errors.is_empty() {
            return Err(Trouble::Parts(errors));
        }
        let etag = tag_of(&parts);
        if self
            .claimed
            .as_ref()
            .is_some_and(|claimed| *claimed != etag)
        {
            let refusal = Refusal::of(StatusCode::UNPROCESSABLE_ENTITY);
            return Err(Trouble::Other(refusal));
        }
        let size: u64 = parts.iter().map(length).sum();
        let attributes = &mut self.description.attributes;
        attributes.set(SWIFT, SLO, "true");
        attributes.set(SWIFT, SLO_ETAG, etag);
        attributes.set(SWIFT, SLO_SIZE, size.to_string());
        self.write(&parts)
            .await
            .map_err(|error| Trouble::Other(of_store(error)))
    }

    async fn write(self, parts: &[Kept]) -> dolium_store::Result<Version> {
        let text = serde_json::to_vec(parts).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a manifest cannot be written").with_source(error)
        })?;
        let len = text.len() as u64;
        let put = tagged(body::incoming(body::whole(text)), Some(len), None);
        let Self {
            description,
            condition,
            ..
        } = self;
        let put = self.store.put(
            &self.caller,
            &self.container,
            &self.path,
            description,
            condition,
            put,
        );
        put.await
    }
}

/// The bytes that a part adds to the whole.
fn length(part: &Kept) -> u64 {
    match (&part.data, part.range()) {
        (Some(data), _) => STANDARD.decode(data).map_or(0, |bytes| bytes.len() as u64),
        (None, Some(range)) => range.end - range.start,
        (None, None) => 0,
    }
}

/// Looks at one part.
async fn look(writer: &Writer, asked: Asked, is_last: bool) -> std::result::Result<Kept, Trouble> {
    let (path, container, object, etag, size, range) = match asked {
        Asked::Data(data) => {
            return Ok(Kept {
                data: Some(data),
                ..Kept::default()
            });
        }
        Asked::Object {
            path,
            container,
            object,
            etag,
            size,
            range,
        } => (path, container, object, etag, size, range),
    };
    let wrong = |why: &str| Trouble::Parts(vec![(path.clone(), why.to_owned())]);
    let named = container_name(writer.account.clone(), &container);
    let source = named.and_then(|container| Ok(source(container, object_path(&object)?)));
    let source = source.map_err(|refusal| wrong(&status_line(refusal.status)))?;
    let version = match follow(&writer.store, &writer.caller, &source).await {
        Ok(followed) => followed.opened.version().clone(),
        Err(refusal) if refusal.status.is_server_error() => return Err(Trouble::Other(refusal)),
        Err(refusal) => return Err(wrong(&status_line(refusal.status))),
    };
    let sub_slo = etag_of(&version).is_some();
    let whole = size_of(&version).unwrap_or(version.size);
    let hash = etag_of(&version).unwrap_or(&version.etag).to_owned();
    let mut errors = Vec::new();
    let mut blame = |why: &str| errors.push((path.clone(), why.to_owned()));
    if size.is_some_and(|size| size != whole) {
        blame("Size Mismatch");
    }
    if etag.is_some_and(|etag| etag != hash) {
        blame("Etag Mismatch");
    }
    if whole == 0 && !is_last {
        blame("Too small; each segment must be at least 1 byte.");
    }
    let resolved = range.map(|range| range.within(whole));
    if resolved == Some(None) {
        blame("Unsatisfiable Range");
    }
    if !errors.is_empty() {
        return Err(Trouble::Parts(errors));
    }
    // A range that is all of it is none.
    let part = resolved.flatten().filter(|part| *part != (0..whole));
    let leading = if path.starts_with('/') { "" } else { "/" };
    Ok(Kept {
        name: Some(format!("{leading}{path}")),
        bytes: Some(whole),
        hash: Some(hash),
        content_type: Some(version.content_type.clone()),
        last_modified: Some(iso(version.created)),
        range: part.map(|part| format!("{}-{}", part.start, part.end - 1)),
        sub_slo,
        data: None,
    })
}

fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), title(status))
}
