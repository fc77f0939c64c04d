//! An archive stored file by file, as it arrives: tar, plain or compressed by gzip or bzip2.
//!
//! Promises: memory for one piece of the stream, whatever the archive and its files are.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder};
use dolium_store::{Condition, Error, ErrorKind, Reason, Version};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyStream;
use serde_json::json;
use tokio::io::AsyncRead;
use tokio_tar::{Archive, Entry};
use tokio_util::io::{ReaderStream, StreamReader};

use super::meter::{Meter, Metered};
use super::{CONTAINERS_MAX, FAILURES_MAX};
use crate::answer::{document, set, title};
use crate::body::{self, Body};
use crate::describe;
use crate::error::{Refusal, Result, of_store};
use crate::info::FILE_LEN_MAX;
use crate::plain::Call;
use crate::plain::object::put::tagged;
use crate::plain::report::{self, Report};
use crate::service::Front;
use crate::target::{Target, quote};

/// The most that lies between two files: their names and attributes, and padding.
const BETWEEN_LEN_MAX: u64 = 1 << 20;
/// Bytes of a file that are read at a time.
const PIECE: usize = 64 << 10;

type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Answers a request with an archive.
pub(super) async fn answer(front: &Front, mut call: Call) -> Result<Response<Body>> {
    let format = report::format_of(&call.headers)?;
    let waiting = std::mem::replace(&mut call.body, body::Waiting::new(body::empty()));
    let kind = call
        .query
        .get("extract-archive")
        .unwrap_or_default()
        .to_owned();
    let reader = unpacked(&kind, waiting.open())?;
    let mut extraction = Extraction {
        front,
        call: &call,
        containers: BTreeSet::new(),
        created: 0,
        report: Report::new("extract"),
    };
    let ended = extraction.run(reader).await;
    let (mut report, created) = (extraction.report, extraction.created);
    report.fields = vec![("Number Files Created", json!(created))];
    report.status = StatusCode::BAD_REQUEST;
    if let Err(why) = ended {
        report.body = Some(why);
    } else if !report.errors.is_empty() {
        report.body = Some(String::new());
    } else if created == 0 {
        report.body = Some("Invalid Tar File: No Valid Files".to_owned());
    } else {
        report.status = StatusCode::CREATED;
    }
    let text = report.write(format);
    let kind = report::media_type(format);
    Ok(document(StatusCode::OK, HeaderMap::new(), kind, text))
}

/// The tar within a body.
fn unpacked(kind: &str, body: Body) -> Result<Reader> {
    let frames = BodyStream::new(body).map_err(io::Error::other);
    let bytes = frames.try_filter_map(|frame| async move { Ok(frame.into_data().ok()) });
    let packed = StreamReader::new(bytes.boxed());
    match kind {
        "tar" => Ok(Box::pin(packed)),
        "tar.gz" => Ok(Box::pin(GzipDecoder::new(packed))),
        "tar.bz2" => Ok(Box::pin(BzDecoder::new(packed))),
        _ => Err(Refusal::bad("Unsupported archive format")),
    }
}

struct Extraction<'a> {
    front: &'a Front,
    call: &'a Call,
    containers: BTreeSet<String>,
    created: u64,
    report: Report,
}

impl Extraction<'_> {
    async fn run(&mut self, reader: Reader) -> std::result::Result<(), String> {
        let bad = |error: io::Error| format!("Invalid Tar File: {error}");
        let meter = Meter::default();
        let reader: Reader = Box::pin(Metered::new(reader, meter.clone()));
        let mut archive = Archive::new(reader);
        let mut entries = archive.entries().map_err(bad)?;
        // Where the content of the last entry ends, which may not have been read to its end.
        let mut content_end = 0u64;
        loop {
            let rest = content_end.saturating_sub(meter.read());
            meter.allow(rest.saturating_add(BETWEEN_LEN_MAX));
            let Some(entry) = entries.next().await else {
                return Ok(());
            };
            let entry = entry.map_err(bad)?;
            let len = entry.header().size().map_err(bad)?;
            content_end = meter.read().saturating_add(len);
            if !entry.header().entry_type().is_file() {
                continue;
            }
            meter.allow(u64::MAX);
            let name = entry.path_bytes().map_err(bad)?;
            let name = String::from_utf8_lossy(&name).into_owned();
            let Some(target) = self.target(&name) else {
                continue;
            };
            match self.store(target, entry).await {
                Ok(_) => self.created += 1,
                Err(refusal) => {
                    let why = format!("{} {}", refusal.status.as_u16(), title(refusal.status));
                    self.report.errors.push((quote(&name), why));
                }
            }
            if self.report.errors.len() >= FAILURES_MAX {
                return Err("Max failures exceeded".to_owned());
            }
        }
    }

    /// Where a file of the archive goes: below what the request addresses.
    fn target(&self, name: &str) -> Option<Target> {
        let name = name.trim_start_matches("./").trim_start_matches('/');
        let given = &self.call.target;
        let whole = match (&given.container, &given.object) {
            (None, _) => name.to_owned(),
            (Some(container), None) => format!("{container}/{name}"),
            (Some(container), Some(prefix)) => {
                format!("{container}/{}/{name}", prefix.trim_end_matches('/'))
            }
        };
        let (container, object) = whole.split_once('/')?;
        (!container.is_empty() && !object.is_empty()).then(|| Target {
            account: given.account.clone(),
            container: Some(container.to_owned()),
            object: Some(object.to_owned()),
        })
    }

    async fn store(
        &mut self,
        target: Target,
        mut entry: Entry<Archive<Reader>>,
    ) -> Result<Version> {
        let (front, caller) = (self.front, &self.call.caller);
        let container = target.container_name()?;
        if self.containers.insert(container.as_str().to_owned()) {
            if self.containers.len() > CONTAINERS_MAX {
                let text = format!("More than {CONTAINERS_MAX} containers to create from tar.");
                return Err(Refusal::bad(text));
            }
            let nothing = Arc::new(|_: &mut _, _| Ok(()));
            let made = front
                .store
                .put_container(caller, &container, None, nothing)
                .await;
            // Who may write into a container need not be one who may make it.
            if let Err(error) = made
                && error.kind() != ErrorKind::Denied
            {
                return Err(of_store(error));
            }
        }
        let path = target.object_path()?;
        let len = entry.header().size();
        let len = len.map_err(|_| Refusal::bad("A file has no length"))?;
        if len > FILE_LEN_MAX {
            return Err(Refusal::of(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let words = words_of(&mut entry).await;
        let words = words.map_err(|_| Refusal::bad("A file's attributes cannot be read"))?;
        let description = describe::of_put(&words, path.as_str())?;
        let broken = |error: io::Error| {
            let context = "the archive broke off";
            Error::because(ErrorKind::Invalid, Reason::BodyFailed, context).with_source(error)
        };
        let body = ReaderStream::with_capacity(entry, PIECE).map_err(broken);
        let put = tagged(body.boxed(), Some(len), None);
        let condition = Condition::default();
        let stored = front
            .store
            .put(caller, &container, &path, description, condition, put);
        stored.await.map_err(of_store)
    }
}

/// The extended attributes of a file that say something of an object, as the headers that would say it.
/// GNU's tar and BSD's have a prefix each.
async fn words_of(entry: &mut Entry<Archive<Reader>>) -> io::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(attributes) = entry.pax_extensions().await? else {
        return Ok(headers);
    };
    for attribute in attributes {
        let attribute = attribute?;
        let Ok(key) = attribute.key() else { continue };
        if let Some(name) = word_of(key) {
            set(&mut headers, &name, attribute.value_bytes());
        }
    }
    Ok(headers)
}

fn word_of(key: &str) -> Option<String> {
    let prefixes = ["SCHILY.xattr.user.", "LIBARCHIVE.xattr.user."];
    let key = prefixes
        .iter()
        .find_map(|prefix| key.strip_prefix(prefix))?;
    match key.strip_prefix("meta.") {
        Some(name) => Some(format!("x-object-meta-{name}")),
        None => (key == "mime_type").then(|| "content-type".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        for (key, word) in [
            ("SCHILY.xattr.user.mime_type", Some("content-type")),
            (
                "SCHILY.xattr.user.meta.Colour",
                Some("x-object-meta-Colour"),
            ),
            ("LIBARCHIVE.xattr.user.meta.a", Some("x-object-meta-a")),
            ("SCHILY.xattr.security.selinux", None),
            ("SCHILY.xattr.user.other", None),
            ("path", None),
        ] {
            assert_eq!(word_of(key).as_deref(), word, "{key}");
        }
    }
}
