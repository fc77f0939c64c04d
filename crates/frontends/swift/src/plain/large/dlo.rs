//! Dynamic large objects: all objects whose paths begin with a prefix, in the order of their names, at the
//! moment they are read.

use dolium_store::{AccountName, Caller, ListEntry, ListRequest};
use http::StatusCode;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;

use super::{Assembly, Part, Piece};
use crate::error::{Refusal, Result, of_store};
use crate::listing::LIMIT_MAX;
use crate::plain::source;
use crate::service::Front;
use crate::target::container_name;

/// The whole that a manifest means: `container/prefix`, encoded.
pub(crate) async fn assemble(
    front: &Front,
    caller: &Caller,
    account: Option<AccountName>,
    manifest: &str,
) -> Result<Assembly> {
    let decoded = percent_decode_str(manifest).decode_utf8_lossy();
    let conflict = || Refusal::of(StatusCode::CONFLICT);
    let (container, prefix) = decoded.split_once('/').ok_or_else(conflict)?;
    let container = container_name(account.ok_or_else(conflict)?, container)?;
    let request = ListRequest {
        prefix: prefix.to_owned(),
        limit: LIMIT_MAX,
        ..ListRequest::default()
    };
    let page = front.store.list(caller, &container, request).await;
    let page = page.map_err(of_store)?;
    if page.more {
        let text = format!("A dynamic large object has at most {LIMIT_MAX} segments");
        return Err(Refusal::text(StatusCode::CONFLICT, text));
    }
    let mut digest = Md5::new();
    let mut pieces = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        let ListEntry::Version(version) = entry else {
            continue;
        };
        digest.update(version.etag.as_bytes());
        let source = source(container.clone(), version.path);
        pieces.push(Piece {
            part: Part::Object(Box::new(source), version.etag),
            range: 0..version.size,
        });
    }
    let etag = hex::encode(digest.finalize());
    Ok(Assembly::new(
        front.store.clone(),
        caller.clone(),
        pieces,
        etag,
    ))
}
