//! Listings of containers: what is asked, and how an object is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolium_store::{BrowseRequest, BrowseTest, ListEntry, ListPage, Version};
use http::{HeaderMap, Response};
use serde_json::json;

use super::Call;
use super::fault::{Result, of_store};
use super::format::Format;
use super::listing::{self, Entry};
use super::moment::{iso, seconds, until};
use super::object::{root_of, uuid_of};
use super::sharing;
use super::terms::Terms;
use crate::body::Body;
use crate::query::Query;
use crate::service::Front;

/// What a request asks of the listing of a container.
pub(super) fn request(query: &Query) -> BrowseRequest {
    let root = |name: &str| {
        let text = query.get(name).unwrap_or_default();
        text.trim_start_matches('/').to_owned()
    };
    let mut request = BrowseRequest {
        prefix: root("prefix"),
        delimiter: query.given("delimiter").map(str::to_owned),
        after: query.given("marker").map(str::to_owned),
        limit: listing::limit(query),
        before: until(query),
        ..BrowseRequest::default()
    };
    if query.has("path") {
        request.prefix = root("path");
        request.delimiter = Some("/".to_owned());
        request.objects_only = true;
    }
    if let Some(delimiter) = &request.delimiter
        && !request.prefix.is_empty()
        && !request.prefix.ends_with(delimiter.as_str())
    {
        request.prefix.push_str(delimiter);
    }
    let terms = Terms::parse(query.get("meta").unwrap_or_default());
    if !terms.is_empty() {
        let test: BrowseTest = Arc::new(move |version: &Version| terms.admit(&version.attributes));
        request.test = Some(test);
    }
    request
}

/// A page of objects as an answer, with how they are shared.
pub(super) async fn answer(
    front: &Front,
    call: &Call,
    headers: HeaderMap,
    container: i64,
    page: ListPage,
) -> Result<Response<Body>> {
    let name = call.container()?;
    let format = call.format(Format::Text);
    let mut entries = entries(front, call, container, page).await?;
    if format != Format::Text && until(&call.query).is_none() {
        sharing::tell_entries(front, call, &name, &mut entries).await?;
    }
    let frame = ("container", Some(name.as_str()), "object");
    Ok(listing::answer(format, headers, frame, &entries))
}

/// The entries of a page.
async fn entries(front: &Front, call: &Call, container: i64, page: ListPage) -> Result<Vec<Entry>> {
    let versions = page.entries.iter().filter_map(|entry| match entry {
        ListEntry::Version(version) => Some(version.author),
        ListEntry::Prefix(_) => None,
    });
    let mut authors: Vec<i64> = versions.collect();
    authors.sort_unstable();
    authors.dedup();
    let names = front.store.names_of_users(authors).await;
    let names = names.map_err(of_store)?;
    let past = until(&call.query).is_some();
    let entries = page.entries.into_iter().map(|entry| match entry {
        ListEntry::Prefix(name) => Entry::Subdir(name),
        ListEntry::Version(version) => entry_of(&version, container, &names, past),
    });
    Ok(entries.collect())
}

fn entry_of(version: &Version, container: i64, names: &BTreeMap<i64, String>, past: bool) -> Entry {
    let is_md5 = version.etag.len() == 32;
    let hash = if is_md5 { version.etag.as_str() } else { "" };
    let mut fields = vec![
        ("bytes", json!(version.size)),
        ("hash", json!(hash)),
        ("content_type", json!(version.content_type)),
    ];
    if !past {
        fields.push(("last_modified", json!(iso(version.created))));
    }
    let author = names.get(&version.author).map_or("", String::as_str);
    fields.extend([
        ("x_object_hash", json!(root_of(version).unwrap_or_default())),
        ("x_object_uuid", json!(uuid_of(version, container))),
        ("x_object_version", json!(version.serial.0)),
        (
            "x_object_version_timestamp",
            json!(seconds(version.created)),
        ),
        ("x_object_modified_by", json!(author)),
    ]);
    Entry::Item(version.path.as_str().to_owned(), fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let of = |text: &str| request(&Query::parse(Some(text)));
        let prefix = |text: &str| of(text).prefix;
        assert_eq!(prefix("prefix=photos&delimiter=/"), "photos/");
        assert_eq!(prefix("prefix=photos/&delimiter=/"), "photos/");
        assert_eq!(prefix("prefix=/photos"), "photos");
        assert_eq!(prefix("prefix=photos"), "photos");
        assert_eq!(prefix("path=photos"), "photos/");
        assert_eq!(prefix("path=/"), "");
        assert!(of("path=").objects_only && !of("prefix=a&delimiter=/").objects_only);
        assert!(of("meta=a").test.is_some() && of("meta=").test.is_none());
    }
}
