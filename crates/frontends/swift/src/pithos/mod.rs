//! Pithos+: accounts, containers, objects and their blocks at `/pithos/object-store/v1`.
//!
//! A dialect of the Swift API with versions, hash maps and sharing. It shows the same accounts, containers
//! and objects that plain Swift and S3 show; a Pithos+ account is a Dolium account by its name.
//!
//! Promises: every refusal is a fault in the words of the dialect; a request without a token that this
//! server gave reads nothing.
//! Does not: decide permissions, quotas or versions.

mod account;
mod block;
mod changes;
mod condition;
mod container;
mod fault;
mod form;
mod format;
mod groups;
mod hashmap;
mod identity;
mod listed;
mod listing;
mod metadata;
mod moment;
mod object;
mod others;
mod public;
mod range;
mod reply;
mod sharing;
mod target;
mod terms;
mod top;
mod words;

use dolium_store::{AccountName, Caller, ContainerName, ObjectPath};
use http::{HeaderMap, Method, Request, Response, StatusCode};

use crate::answer::set;
use crate::body::{Body, Waiting};
use crate::circumstances::{Peer, gather};
use crate::query::Query;
use crate::service::Front;
use fault::{Fault, Result};
use format::Format;
use target::{Level, Target};
use words::Words;

/// One request, taken apart.
struct Call {
    method: Method,
    target: Target,
    query: Query,
    words: Words,
    caller: Caller,
    body: Waiting,
    /// Scheme and host as the client wrote them, for addresses in answers.
    base: String,
}

impl Call {
    /// The account's name in the catalog.
    fn account(&self) -> Result<AccountName> {
        target::account_name(&self.target.account)
    }

    /// The container's name in the catalog.
    fn container(&self) -> Result<ContainerName> {
        let container = self.target.container.as_deref().unwrap_or_default();
        target::container_name(self.account()?, container)
    }

    /// The object's path in the catalog.
    fn path(&self) -> Result<ObjectPath> {
        target::object_path(self.target.object.as_deref().unwrap_or_default())
    }

    /// The format that the request asks for.
    fn format(&self, default: Format) -> Format {
        Format::chosen(self.query.get("format"), self.words.get("accept"), default)
    }

    /// The length of the body; `None` is one that comes in chunks of unknown number.
    fn body_len(&self) -> Result<Option<u64>> {
        if self.words.has("transfer-encoding") {
            return Ok(None);
        }
        let len = self.words.number("content-length");
        let missing = || Fault::length_required("Missing Content-Length header");
        len.map(Some).ok_or_else(missing)
    }

    /// Whether a parameter is there that says so by being there, such as `update`.
    fn says(&self, parameter: &str) -> bool {
        self.query.has(parameter)
    }
}

/// Whether a path belongs to this dialect.
pub(crate) fn claims(path: &str) -> bool {
    ["/pithos/", "/public/"]
        .iter()
        .any(|begin| path.starts_with(begin))
        || path == "/pithos"
}

/// Answers a request whose path [`claims`] said is this dialect's.
pub(crate) async fn answer(front: &Front, request: Request<Body>, id: &str) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query());
    let format = Format::of(&query, &parts.headers, Format::Json);
    let is_head = parts.method == Method::HEAD;
    let asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers,
        peer: parts.extensions.get::<Peer>().copied(),
        body: Waiting::new(body),
    };
    let answered = route(front, asked, id).await;
    let mut response = answered.unwrap_or_else(|fault| fault.answer(format));
    reply::finish(&mut response);
    if is_head && !response.status().is_success() {
        *response.body_mut() = crate::body::empty();
    }
    response
}

/// A request before anything is known of it.
struct Asked {
    method: Method,
    path: String,
    query: Query,
    headers: HeaderMap,
    peer: Option<Peer>,
    body: Waiting,
}

async fn route(front: &Front, asked: Asked, id: &str) -> Result<Response<Body>> {
    if let Some(service) = identity::Service::of(&asked.path) {
        return identity::answer(front, asked, service).await;
    }
    let level = target::parse(&asked.path)?;
    let words = Words::of(&asked.headers)?;
    let target = match level {
        Level::Storage(target) => target,
        Level::Top => return top::answer(front, asked).await,
        Level::Public(word) => return public::answer(front, asked, &word, id).await,
    };
    let allowed = methods(&target);
    if !allowed.contains(&asked.method.as_str()) {
        return Err(not_allowed(allowed));
    }
    let caller = caller(front, &asked).await?;
    let context = gather(&asked.headers, asked.peer, id);
    let call = Call {
        base: base(&asked),
        method: asked.method,
        target,
        query: asked.query,
        words,
        caller: caller.with_context(context),
        body: asked.body,
    };
    dispatch(front, call).await
}

async fn dispatch(front: &Front, call: Call) -> Result<Response<Body>> {
    let named = (
        call.target.container.is_some(),
        call.target.object.is_some(),
    );
    match named {
        (false, _) => account::answer(front, call).await,
        (true, false) => container::answer(front, call).await,
        (true, true) => object::answer(front, call).await,
    }
}

/// The methods of what a path names.
fn methods(target: &Target) -> &'static [&'static str] {
    match (&target.container, &target.object) {
        (None, _) => &["HEAD", "GET", "POST"],
        (Some(_), None) => &["HEAD", "GET", "PUT", "POST", "DELETE"],
        (Some(_), Some(_)) => &["HEAD", "GET", "PUT", "COPY", "MOVE", "POST", "DELETE"],
    }
}

/// 405, with the methods that there are.
fn not_allowed(methods: &[&str]) -> Fault {
    let mut fault = Fault::of(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    set(&mut fault.headers, "allow", methods.join(","));
    fault
}

/// Scheme and host of a request.
fn base(asked: &Asked) -> String {
    let host = asked
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok());
    let secure = asked.peer.is_some_and(|peer| peer.secure);
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// Who asks: by the token in the query or, if there is none, in the headers.
async fn caller(front: &Front, asked: &Asked) -> Result<Caller> {
    let mut headers = asked.headers.clone();
    if let Some(token) = asked.query.given("X-Auth-Token") {
        set(&mut headers, "x-auth-token", token);
    }
    let caller = crate::auth::caller(front, &headers).await;
    let caller = caller.map_err(|refusal| Fault::of(refusal.status, "Access denied"))?;
    if caller.principal().is_none() {
        return Err(Fault::of(StatusCode::UNAUTHORIZED, "Access denied"));
    }
    Ok(caller)
}
