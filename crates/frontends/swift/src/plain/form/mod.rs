//! Uploads by forms of browsers: a POST of files that somebody who knows a key of the account or the
//! container allowed beforehand, to whoever fills in the form.
//!
//! The form says where the browser goes afterwards, how many files it may send, how large, and until when,
//! and signs that together with its path. Those fields stand before the files.
//!
//! Promises: the signature is compared in constant time, before anything is stored; a form reaches no
//! further than its key; files stream, and one that is too large stores nothing.
//! Does not: undo the files before one that is refused.

mod head;
mod parts;

use std::sync::Arc;

use dolium_store::{Caller, Condition, Description, Error, ErrorKind, Pass, Reason};
use futures::{StreamExt, stream};
use http::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;

use super::Call;
use super::object::put::tagged;
use super::temp_url::{Signature, keys};
use crate::answer::{document, set, title};
use crate::body::{Body, Bytestream, Waiting};
use crate::describe;
use crate::error::{Refusal, Result, of_store};
use crate::info::FILE_LEN_MAX;
use crate::service::Front;
use crate::target::{Target, object_path, quote};
use crate::time::now_seconds;
use head::{Head, parameters};
use parts::{Broken, Parts};

/// The media type of a form.
const KIND: &str = "multipart/form-data";
/// The longest value of a field.
const VALUE_LEN_MAX: usize = 4096;
/// The most fields of a form beside its files.
const FIELDS_MAX: usize = 64;

/// The boundary of a request that is a form.
pub(super) fn boundary(call: &Call) -> Option<String> {
    let kind = call.header("content-type")?;
    let is_form = kind
        .get(..KIND.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(KIND));
    if call.method != Method::POST || !is_form || call.target.container.is_none() {
        return None;
    }
    let found = parameters(kind)?;
    let found = found.into_iter().find(|(name, _)| name == "boundary");
    found.map(|(_, boundary)| boundary)
}

/// Answers a form.
pub(super) async fn answer(
    front: &Front,
    mut call: Call,
    boundary: &str,
) -> Result<Response<Body>> {
    let waiting = std::mem::replace(&mut call.body, Waiting::new(crate::body::empty()));
    let mut parts = Parts::new(waiting.open(), boundary).map_err(of_broken)?;
    parts.begin().await.map_err(of_broken)?;
    let mut form = Form {
        front,
        call: &call,
        fields: Vec::new(),
        pass: None,
        files: 0,
    };
    let stored = form.store_all(parts).await;
    form.reply(stored)
}

/// A form as far as it has been read.
struct Form<'a> {
    front: &'a Front,
    call: &'a Call,
    fields: Vec<(String, String)>,
    /// What the signature opens, once it was checked.
    pass: Option<Pass>,
    files: u64,
}

impl Form<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().rev().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Result<u64> {
        let value = self.field(name).filter(|value| !value.is_empty());
        let parsed = value.unwrap_or("0").trim().parse();
        parsed.map_err(|_| refused(StatusCode::BAD_REQUEST, &format!("{name} not an integer")))
    }

    /// Stores all files of the form.
    async fn store_all(&mut self, parts: Parts) -> Result<()> {
        let parts = Arc::new(Mutex::new(parts));
        loop {
            let head = parts.lock().await.next().await.map_err(of_broken)?;
            let Some(head) = head else { break };
            match &head.filename {
                // What was signed has been read: nothing behind the first file changes it.
                None if self.pass.is_some() => {}
                None => {
                    let value = self.value(&parts).await?;
                    let name = head.name.unwrap_or_default().to_ascii_lowercase();
                    if self.fields.len() >= FIELDS_MAX {
                        return Err(refused(StatusCode::BAD_REQUEST, "too many fields"));
                    }
                    self.fields.push((name, value));
                }
                // What browsers send for a file that nobody chose.
                Some(name) if name.is_empty() => {}
                Some(name) => {
                    let name = name.clone();
                    self.store(&parts, &head, &name).await?;
                }
            }
        }
        if self.files == 0 {
            return Err(refused(StatusCode::BAD_REQUEST, "no files to process"));
        }
        Ok(())
    }

    async fn value(&self, parts: &Mutex<Parts>) -> Result<String> {
        let mut value = Vec::new();
        let mut parts = parts.lock().await;
        while let Some(chunk) = parts.chunk().await.map_err(of_broken)? {
            if value.len() + chunk.len() > VALUE_LEN_MAX {
                return Err(refused(StatusCode::BAD_REQUEST, "a field is too long"));
            }
            value.extend_from_slice(&chunk);
        }
        String::from_utf8(value).map_err(|_| refused(StatusCode::BAD_REQUEST, "a field is no text"))
    }

    /// Stores one file.
    async fn store(&mut self, parts: &Arc<Mutex<Parts>>, head: &Head, name: &str) -> Result<()> {
        self.files += 1;
        if self.files > self.number("max_file_count")? {
            return Err(refused(StatusCode::BAD_REQUEST, "max file count exceeded"));
        }
        let len_max = self.number("max_file_size")?;
        let pass = match &self.pass {
            Some(pass) => pass.clone(),
            None => {
                let pass = self.check().await?;
                self.pass.insert(pass).clone()
            }
        };
        let prefix = self.call.target.object.as_deref().unwrap_or_default();
        let path = object_path(&format!("{prefix}{name}"))?;
        let description = self.description(head, path.as_str())?;
        let body = stream::unfold(parts.clone(), |parts| async {
            let chunk = parts.lock().await.chunk().await;
            chunk
                .map_err(of_reading)
                .transpose()
                .map(|chunk| (chunk, parts))
        });
        let body: Bytestream = body.boxed();
        let mut put = tagged(body, None, None);
        put.len_max = len_max.min(FILE_LEN_MAX);
        let context = self.call.caller.context().clone();
        let caller = Caller::anonymous().with_context(context).with_pass(pass);
        let container = self.call.target.container_name()?;
        let stored = self.front.store.put(
            &caller,
            &container,
            &path,
            description,
            Condition::default(),
            put,
        );
        match stored.await.map_err(of_store) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.reason == Some(Reason::TooLarge) => {
                Err(refused(StatusCode::BAD_REQUEST, "max_file_size exceeded"))
            }
            Err(refusal) if refusal.reason == Some(Reason::BodyFailed) => Err(refused(
                StatusCode::BAD_REQUEST,
                "the form ends within a part",
            )),
            Err(refusal) => Err(refusal),
        }
    }

    /// What is said of a file.
    fn description(&self, head: &Head, path: &str) -> Result<Description> {
        let mut headers = HeaderMap::new();
        let said = |field: &str, own: &Option<String>| {
            let field = self.field(field).map(str::to_owned);
            field
                .or_else(|| own.clone())
                .filter(|value| !value.is_empty())
        };
        let words = [
            ("content-type", said("content-type", &head.content_type)),
            (
                "content-encoding",
                said("content-encoding", &head.content_encoding),
            ),
            ("x-delete-at", self.field("x_delete_at").map(str::to_owned)),
            (
                "x-delete-after",
                self.field("x_delete_after").map(str::to_owned),
            ),
        ];
        for (name, value) in words {
            if let Some(value) = value {
                set(&mut headers, name, value);
            }
        }
        describe::of_put(&headers, path)
    }

    /// Checks the signature; gives what it opens.
    async fn check(&self) -> Result<Pass> {
        let expires = self.number("expires")?;
        if i64::try_from(expires).unwrap_or(i64::MAX) < now_seconds() {
            return Err(refused(StatusCode::UNAUTHORIZED, "Form Expired"));
        }
        let invalid = || refused(StatusCode::UNAUTHORIZED, "Invalid Signature");
        let signature = self.field("signature").and_then(Signature::parse);
        let signature = signature.ok_or_else(invalid)?;
        let path = self.path().ok_or_else(invalid)?;
        let or_zero = |name: &str| {
            self.field(name)
                .filter(|value| !value.is_empty())
                .unwrap_or("0")
        };
        let text = [
            &path,
            self.field("redirect").unwrap_or_default(),
            or_zero("max_file_size"),
            or_zero("max_file_count"),
            or_zero("expires"),
        ]
        .join("\n");
        let keys = keys(self.front, &self.call.target).await?;
        let fits = |keys: &[String]| keys.iter().any(|key| signature.is_of(key, &text));
        let Target { container, .. } = &self.call.target;
        let container = match (fits(&keys.account), fits(&keys.container)) {
            (true, _) => None,
            (false, true) => container.clone(),
            (false, false) => return Err(invalid()),
        };
        Ok(Pass {
            account: self.call.target.account_name()?,
            container,
            read: false,
            write: true,
        })
    }

    /// The path that is signed: as the client wrote it, unless its host stands for a part of it.
    fn path(&self) -> Option<String> {
        let written = percent_decode_str(&self.call.path).decode_utf8().ok()?;
        if written.starts_with("/v1") {
            return Some(written.into_owned());
        }
        let Target {
            account,
            container,
            object,
        } = &self.call.target;
        let whole = format!("/v1/{account}/{}", container.as_deref()?);
        Some(match object {
            Some(object) => format!("{whole}/{object}"),
            None => whole,
        })
    }

    /// Tells how it went: to the browser's user, or to the page that the browser goes to.
    fn reply(&self, stored: Result<()>) -> Result<Response<Body>> {
        let (status, message) = match stored {
            Ok(()) => (StatusCode::CREATED, String::new()),
            // Nobody is sent anywhere by a form that nobody signed.
            Err(refusal) if self.pass.is_none() => return Err(refusal),
            Err(refusal) => (refusal.status, refusal.sentence().to_owned()),
        };
        let redirect = self.field("redirect").filter(|to| !to.is_empty());
        let Some(redirect) = redirect else {
            let line = format!("{} {}", status.as_u16(), title(status));
            let text = match message.is_empty() {
                true => line,
                false => format!("{line}\r\n{message}"),
            };
            let kind = "text/plain; charset=UTF-8";
            return Ok(document(status, HeaderMap::new(), kind, text));
        };
        let sign = if redirect.contains('?') { '&' } else { '?' };
        let message = message.strip_prefix(PREFIX).unwrap_or(&message);
        let to = format!(
            "{redirect}{sign}status={}&message={}",
            status.as_u16(),
            quote(message)
        );
        let mut headers = HeaderMap::new();
        set(&mut headers, "location", &to);
        if !headers.contains_key("location") {
            return Err(refused(
                StatusCode::BAD_REQUEST,
                "the redirect is no address",
            ));
        }
        let link = quick_xml::escape::escape(to.as_str());
        let text =
            format!("<html><body><p><a href=\"{link}\">Click to continue...</a></p></body></html>");
        let kind = "text/html; charset=UTF-8";
        Ok(document(StatusCode::SEE_OTHER, headers, kind, text))
    }
}

/// What messages begin with.
const PREFIX: &str = "FormPost: ";

fn refused(status: StatusCode, why: &str) -> Refusal {
    Refusal::text(status, format!("{PREFIX}{why}"))
}

fn of_broken(broken: Broken) -> Refusal {
    match broken {
        Broken::Malformed(why) => refused(StatusCode::BAD_REQUEST, why),
        Broken::Body(_) => refused(StatusCode::BAD_REQUEST, "the request broke off"),
    }
}

fn of_reading(broken: Broken) -> Error {
    let failed = |why| Error::because(ErrorKind::Invalid, Reason::BodyFailed, why);
    match broken {
        Broken::Malformed(why) => failed(why),
        Broken::Body(source) => failed("the body of the request broke off").with_source(source),
    }
}
