//! What a WebDAV server says of a file or a folder.
//!
//! Promises: a folder's answer has a limit; whatever prefixes and addresses a server writes, names
//! come decoded.

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::request::{Client, method};
use crate::objects::incoming::answer_of;
use crate::objects::tree::{Folders, Resource};
use crate::{Error, ErrorKind, Result};

/// The most that the answer of one folder may have: about a hundred thousand entries.
const ANSWER_LEN_MAX: usize = 64 << 20;

const ASKED: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>\
    <resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>";

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    response: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    href: String,
    #[serde(default)]
    propstat: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    prop: Properties,
}

#[derive(Deserialize)]
struct Properties {
    getcontentlength: Option<String>,
    getlastmodified: Option<String>,
    resourcetype: Option<ResourceType>,
}

#[derive(Deserialize)]
struct ResourceType {
    collection: Option<IgnoredAny>,
}

/// What is at one path below the root.
pub(super) async fn find(client: &Client, path: &str) -> Result<Resource> {
    let mut entries = ask(client, path, "0").await?;
    match entries.pop() {
        Some((_, found)) => Ok(found),
        None => Err(Error::new(ErrorKind::NotFound, "info", path)),
    }
}

/// Asks for a path, or for it and what is in it; paths come absolute and decoded.
async fn ask(client: &Client, path: &str, depth: &str) -> Result<Vec<(String, Resource)>> {
    let response = client
        .send("ls", method("PROPFIND"), path, |request| {
            request
                .header("depth", depth)
                .header("content-type", "application/xml")
                .body(ASKED)
        })
        .await?;
    let body = answer_of("ls", path, response, ANSWER_LEN_MAX).await?;
    let answer: Answer = quick_xml::de::from_reader(&body[..]).map_err(|source| {
        let why = "the answer is not what WebDAV servers say";
        Error::new(ErrorKind::Unexpected, "ls", why).with_source(source)
    })?;
    Ok(answer.response.into_iter().filter_map(resource).collect())
}

fn resource(entry: Entry) -> Option<(String, Resource)> {
    // Some servers answer with whole addresses.
    let path = match entry.href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => &entry.href,
    };
    let path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    let of = |get: fn(&Properties) -> Option<&str>| {
        entry.propstat.iter().find_map(|found| get(&found.prop))
    };
    let modified = of(|prop| prop.getlastmodified.as_deref());
    let modified = modified.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    let folder = entry.propstat.iter().any(|found| {
        let kind = found.prop.resourcetype.as_ref();
        kind.is_some_and(|kind| kind.collection.is_some())
    });
    let len = of(|prop| prop.getcontentlength.as_deref()).and_then(|len| len.trim().parse().ok());
    match (folder, len) {
        (true, _) => Some((path, Resource::Folder)),
        (false, Some(len)) => Some((path, Resource::File(len, modified))),
        (false, None) => None,
    }
}

#[async_trait]
impl Folders for Client {
    async fn entries(&self, path: &str) -> Result<Vec<(String, Resource)>> {
        let here = format!("{}{path}", self.root);
        let mut entries = Vec::new();
        for (found, resource) in ask(self, path, "1").await? {
            let name = found
                .strip_prefix(&here)
                .map(|name| name.trim_end_matches('/'));
            // The folder itself is among them.
            if let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) {
                entries.push((name.to_owned(), resource));
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_servers_write_them() {
        let text = "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\" xmlns:lp1=\"DAV:\">\
            <D:response><D:href>/f/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype>\
            <lp1:getlastmodified>Sun, 01 May 2022 06:39:47 GMT</lp1:getlastmodified></D:prop>\
            <D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><getcontentlength/></D:prop>\
            <D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>\
            <D:response><D:href>http://h:1/f/a%20b</D:href><D:propstat><D:prop><lp1:resourcetype/>\
            <lp1:getcontentlength>12</lp1:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>\
            </D:response></D:multistatus>";
        let answer: Answer = quick_xml::de::from_str(text).unwrap();
        let found: Vec<(String, Resource)> =
            answer.response.into_iter().filter_map(resource).collect();
        assert_eq!(found[0].0, "/f/");
        assert_eq!(found[0].1, Resource::Folder);
        assert_eq!(found[1].0, "/f/a b");
        assert_eq!(found[1].1, Resource::File(12, None));
    }
}
