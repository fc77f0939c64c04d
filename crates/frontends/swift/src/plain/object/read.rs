//! GET and HEAD of objects.

use std::ops::Range;

use bytes::Bytes;
use dolium_store::{Caller, Instant, Opened, Source};
use futures::{StreamExt, stream};
use http::{HeaderMap, Response, StatusCode};

use super::reply;
use crate::answer::set;
use crate::body::{Body, Bytestream};
use crate::condition;
use crate::describe::{self, DLO};
use crate::error::{Refusal, Result, of_store};
use crate::metadata::SWIFT;
use crate::plain::container::QUOTED_ETAGS;
use crate::plain::large::{Assembly, dlo, slo};
use crate::plain::symlink::{self, Link};
use crate::plain::{Call, source, version};
use crate::query::Query;
use crate::service::Front;

/// Where the bytes of an answer come from.
pub(in crate::plain) enum Content {
    /// One version.
    Single(Box<Opened>),
    /// Several objects, as one.
    Assembled(Assembly),
    /// Bytes that are at hand.
    Bytes(Bytes),
}

/// An object as it is shown.
pub(in crate::plain) struct Shown {
    /// Its headers, but for tag and length.
    pub(in crate::plain) headers: HeaderMap,
    /// Its tag, without quotes.
    pub(in crate::plain) etag: String,
    /// Whether the tag is written in quotes.
    pub(in crate::plain) quoted: bool,
    /// When it was changed.
    pub(in crate::plain) changed: Instant,
    /// Its length.
    pub(in crate::plain) size: u64,
    /// Its bytes.
    pub(in crate::plain) content: Content,
    /// What it is, at the end of links.
    pub(in crate::plain) source: Source,
}

impl Shown {
    fn single(opened: Opened, headers: HeaderMap, source: Source) -> Self {
        let version = opened.version();
        Self {
            headers,
            etag: version.etag.clone(),
            quoted: opened.setting(SWIFT, QUOTED_ETAGS).as_deref() == Some("yes"),
            changed: version.created,
            size: version.size,
            content: Content::Single(Box::new(opened)),
            source,
        }
    }

    /// The tag as it is written.
    pub(in crate::plain) fn written_etag(&self) -> String {
        match self.quoted {
            true => format!("\"{}\"", self.etag),
            false => self.etag.clone(),
        }
    }

    /// The bytes of a range.
    pub(in crate::plain) async fn read(&self, range: Range<u64>) -> Result<Bytestream> {
        match &self.content {
            Content::Single(opened) => opened.read(range).map_err(of_store),
            Content::Assembled(assembly) => assembly.read(range).await,
            Content::Bytes(bytes) => {
                let bytes = bytes.slice(range.start as usize..range.end as usize);
                Ok(stream::once(async move { Ok(bytes) }).boxed())
            }
        }
    }
}

/// Answers GET and HEAD.
pub(super) async fn answer(front: &Front, call: Call) -> Result<Response<Body>> {
    let mut source = source(call.target.container_name()?, call.target.object_path()?);
    if let Some(version) = version::asked(&call.query)? {
        source.version = version;
    }
    let caller = reader(&call);
    let links = symlink::is_asked(&call);
    let shown = match show(front, &caller, source, &call.query, links).await {
        Ok(shown) => shown,
        Err(refusal) if refusal.is_not_found() && condition::fails_on_nothing(&call.headers) => {
            return Err(Refusal::of(StatusCode::PRECONDITION_FAILED));
        }
        Err(refusal) => return Err(version::of_marker(refusal, &call.query)),
    };
    if shown.headers.contains_key("x-static-large-object")
        && matches!(shown.content, Content::Assembled(_))
        && let Some(number) = slo::show::number(&call)?
    {
        return slo::show::answer_part(&call, shown, number).await;
    }
    reply::answer(&call, shown).await
}

/// The caller of a request, who may want to see also what has ended.
pub(super) fn reader(call: &Call) -> Caller {
    if describe::says_yes(&call.headers, "x-open-expired") {
        return call.caller.clone().seeing_expired();
    }
    call.caller.clone()
}

/// Opens an object the way the query wants to see it.
pub(in crate::plain) async fn show(
    front: &Front,
    caller: &Caller,
    source: Source,
    query: &Query,
    links: bool,
) -> Result<Shown> {
    if links {
        let opened = front.store.open_object(caller, &source).await;
        let opened = opened.map_err(of_store)?;
        let mut headers = describe::headers(opened.version());
        version::mark(opened.version(), &mut headers);
        if Link::of(opened.version(), source.container.account()).is_some() {
            symlink::describe(opened.version(), &mut headers);
            return Ok(Shown::single(opened, headers, source));
        }
    }
    let followed = symlink::follow(&front.store, caller, &source).await?;
    let (opened, source) = (followed.opened, followed.source);
    let version = opened.version();
    let changed = version.created;
    let mut headers = describe::headers(version);
    version::mark(version, &mut headers);
    let location = symlink::location(&source);
    let location = location.and_then(|at| version::location(version, &at));
    if let Some(location) = location.or(followed.location) {
        set(&mut headers, "content-location", location);
    }
    let manifest = query.get("multipart-manifest") == Some("get");
    if let Some(etag) = slo::etag_of(version).map(str::to_owned) {
        set(&mut headers, "x-static-large-object", "True");
        if manifest {
            return manifest_of(opened, headers, query, source).await;
        }
        set(&mut headers, "x-manifest-etag", &version.etag);
        let assembly = slo::assemble(&front.store, caller, &source, &opened).await;
        let assembly = assembly.map_err(of_store)?;
        return Ok(assembled(assembly, etag, headers, changed, source));
    }
    if let Some(prefix) = version.attributes.get(SWIFT, DLO).filter(|_| !manifest) {
        let account = source.container.account().cloned();
        let assembly = dlo::assemble(front, caller, account, prefix).await?;
        let etag = assembly.etag.clone();
        return Ok(assembled(assembly, etag, headers, changed, source));
    }
    Ok(Shown::single(opened, headers, source))
}

fn assembled(
    assembly: Assembly,
    etag: String,
    headers: HeaderMap,
    changed: Instant,
    source: Source,
) -> Shown {
    Shown {
        headers,
        etag,
        quoted: true,
        changed,
        size: assembly.size(),
        content: Content::Assembled(assembly),
        source,
    }
}

/// A manifest as an object of its own.
async fn manifest_of(
    opened: Opened,
    mut headers: HeaderMap,
    query: &Query,
    source: Source,
) -> Result<Shown> {
    if query.get("format") == Some("raw") {
        let bytes = slo::show::raw(&opened).await?;
        return Ok(Shown {
            headers,
            etag: slo::show::raw_etag(&bytes),
            quoted: false,
            changed: opened.version().created,
            size: bytes.len() as u64,
            content: Content::Bytes(bytes),
            source,
        });
    }
    let kind = "application/json; charset=utf-8";
    set(&mut headers, "content-type", kind);
    Ok(Shown::single(opened, headers, source))
}
