//! Plain Swift: accounts, containers and objects at `/v1`.

mod account;
mod bulk;
mod container;
mod cors;
mod form;
mod large;
mod object;
mod report;
mod static_web;
mod symlink;
mod temp_url;
mod version;

use dolium_store::{Caller, Condition, ContainerName, ObjectPath, Selector, Source};
use http::{HeaderMap, Method, Response, StatusCode};

use crate::answer::set;
use crate::body::{Body, Waiting};
use crate::error::{Refusal, Result};
use crate::query::Query;
use crate::service::Front;
use crate::target::Target;

pub(crate) use bulk::{CONTAINERS_MAX, DELETES_MAX, FAILURES_MAX};
pub(crate) use large::Assembly;
pub(crate) use large::dlo::assemble as assemble_dynamic;
pub(crate) use large::slo::{MANIFEST_LEN_MAX, PARTS_MAX};
pub(crate) use symlink::LINKS_MAX;

/// One request, taken apart.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) caller: Caller,
    pub(crate) body: Waiting,
    /// The path as the client wrote it.
    pub(crate) path: String,
    /// Whether the way was encrypted.
    pub(crate) secure: bool,
}

/// The methods of all resources.
const METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
/// And of objects.
const OBJECT_METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS, COPY";

impl Call {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// The bytes that the body is said to have.
    pub(crate) fn content_length(&self) -> Result<Option<u64>> {
        let Some(value) = self.headers.get("content-length") else {
            return Ok(None);
        };
        let parsed = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let refuse = || Refusal::bad("Content-Length is no number");
        parsed.map(Some).ok_or_else(refuse)
    }
}

/// The current version of an object, without conditions.
pub(crate) fn source(container: ContainerName, path: ObjectPath) -> Source {
    Source {
        container,
        path,
        version: Selector::Current,
        condition: Condition::default(),
        key: None,
    }
}

/// Answers a request for storage.
pub(crate) async fn answer(front: &Front, mut call: Call) -> Result<Response<Body>> {
    if call.method == Method::OPTIONS {
        return cors::preflight(front, &call).await;
    }
    if !call.target.has_prefix() {
        return Err(Refusal::denied());
    }
    let origin = cors::Origin::of(&call);
    let answered = match temp_url::is_signed(&call) {
        true => match temp_url::admit(front, &mut call).await {
            Ok(visit) => match version::strip(&mut call) {
                Ok(()) => dispatch(front, call)
                    .await
                    .map(|response| visit.finish(response)),
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        },
        false => dispatch(front, call).await,
    };
    match origin {
        None => answered,
        Some(origin) => Ok(origin.mark(front, answered).await),
    }
}

async fn dispatch(front: &Front, call: Call) -> Result<Response<Body>> {
    if let Some(page) = static_web::answer(front, &call).await? {
        return Ok(page);
    }
    if let Some(boundary) = form::boundary(&call) {
        return form::answer(front, call, &boundary).await;
    }
    if call.target.object.is_none() && temp_url::is_signed(&call) {
        // Who has a URL for all objects of a container may still not list it.
        return Err(temp_url::invalid());
    }
    let many = bulk::is_asked(&call) || call.query.get("multipart-manifest") == Some("delete");
    if many && temp_url::is_signed(&call) {
        // What was signed is one object, and the query is not signed at all.
        return Err(temp_url::invalid());
    }
    if bulk::is_asked(&call) {
        return bulk::answer(front, call).await;
    }
    let target = (
        call.target.container.is_some(),
        call.target.object.is_some(),
    );
    match target {
        (false, _) => account::answer(front, call).await,
        (true, false) => container::answer(front, call).await,
        (true, true) => object::answer(front, call).await,
    }
}

/// 405, with the methods that there are.
fn no_such_method(methods: &str) -> Refusal {
    let mut refusal = Refusal::of(StatusCode::METHOD_NOT_ALLOWED);
    set(&mut refusal.headers, "allow", methods);
    refusal
}
