//! Listings of a bucket, page by page.
//!
//! Promises: keys arrive as they are, whatever bytes XML cannot carry; one page is in memory. A
//! service that lists in another order is read to its end and sorted, up to a named number of keys.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde::Deserialize;

use super::request::{Asked, Client};
use crate::objects::incoming::answer_of;
use crate::objects::{ContentTag, ObjectInfo, ObjectKey};
use crate::{Error, ErrorKind, Result};

/// The most that one page may take: 1,000 keys of 1,024 bytes, each escaped threefold, and more.
const PAGE_LEN_MAX: usize = 16 << 20;
/// The most keys of a service without order.
const UNORDERED_MAX: usize = 1_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    contents: Vec<Entry>,
    #[serde(default)]
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(rename = "ETag")]
    tag: Option<String>,
    last_modified: Option<String>,
}

/// Where a listing is.
enum At {
    Start,
    After(String),
    End,
}

pub(super) fn list(client: Arc<Client>, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
    let ordered = client.ordered;
    let prefix = format!("{}{prefix}", client.root);
    let pages = stream::try_unfold(At::Start, move |at| {
        let (client, prefix) = (Arc::clone(&client), prefix.clone());
        async move {
            let token = match at {
                At::Start => None,
                At::After(token) => Some(token),
                At::End => return Ok(None),
            };
            let (infos, next) = page(&client, &prefix, token).await?;
            let infos = stream::iter(infos.into_iter().map(Ok::<_, Error>));
            Ok::<_, Error>(Some((infos, next.map_or(At::End, At::After))))
        }
    });
    let all = pages.try_flatten().boxed();
    if ordered { all } else { sorted(all) }
}

/// Reads a listing to its end and sorts it.
fn sorted(all: BoxStream<'static, Result<ObjectInfo>>) -> BoxStream<'static, Result<ObjectInfo>> {
    let whole = async move {
        let mut infos: Vec<ObjectInfo> = all.take(UNORDERED_MAX + 1).try_collect().await?;
        if infos.len() > UNORDERED_MAX {
            let why =
                format!("more than {UNORDERED_MAX} keys of a service that does not order them");
            return Err(Error::new(ErrorKind::Unsupported, "ls", why));
        }
        infos.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(stream::iter(infos.into_iter().map(Ok)))
    };
    stream::once(whole).try_flatten().boxed()
}

async fn page(
    client: &Client,
    prefix: &str,
    token: Option<String>,
) -> Result<(Vec<ObjectInfo>, Option<String>)> {
    let mut asked = Asked::of_bucket("ls", Method::GET);
    asked.query = vec![
        ("list-type", "2".to_owned()),
        ("encoding-type", "url".to_owned()),
        ("prefix", prefix.to_owned()),
    ];
    asked
        .query
        .extend(token.map(|token| ("continuation-token", token)));
    let response = client.send(asked).await?;
    let body = answer_of("ls", "the bucket", response, PAGE_LEN_MAX).await?;
    let page: Page = quick_xml::de::from_reader(&body[..]).map_err(|source| {
        let why = "the listing is not what S3 answers";
        Error::new(ErrorKind::Unexpected, "ls", why).with_source(source)
    })?;
    let encoded = page.encoding_type.as_deref() == Some("url");
    let infos = page
        .contents
        .into_iter()
        .filter_map(|entry| info(&client.root, entry, encoded));
    let next = page.next_continuation_token.filter(|_| page.is_truncated);
    Ok((infos.collect(), next))
}

fn info(root: &str, entry: Entry, encoded: bool) -> Option<ObjectInfo> {
    let key = match encoded {
        true => {
            let spaced = entry.key.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced)
                .decode_utf8()
                .ok()?
                .into_owned()
        }
        false => entry.key,
    };
    let modified: Option<jiff::Timestamp> = entry.last_modified.and_then(|text| text.parse().ok());
    Some(ObjectInfo {
        key: ObjectKey::new(key.strip_prefix(root)?).ok()?,
        len: entry.size,
        tag: entry
            .tag
            .map_or(ContentTag::Nothing, |tag| ContentTag::of_etag(&tag)),
        modified: modified.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_as_services_write_them() {
        let text = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>b</Name><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
            <Contents><Key>r/a+b%2B%01</Key><Size>3</Size><ETag>&quot;9e107d9d372bb6826bd81d3542a419d6-2&quot;</ETag>\
            <LastModified>2026-11-27T20:05:00.123Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>\
            <Contents><Key>r/</Key><Size>0</Size></Contents><Contents><Key>other</Key></Contents>\
            <NextContinuationToken>t&amp;1</NextContinuationToken></ListBucketResult>";
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert_eq!(page.next_continuation_token.as_deref(), Some("t&1"));
        assert!(page.is_truncated);
        let infos: Vec<ObjectInfo> = page
            .contents
            .into_iter()
            .filter_map(|entry| info("r/", entry, true))
            .collect();
        // The root itself and what lies beside it have no keys of ours.
        assert_eq!(infos.len(), 1);
        assert_eq!(infos[0].key.as_str(), "a b+\u{1}");
        assert!(matches!(infos[0].tag, ContentTag::Multipart(_, 2)));
        assert!(infos[0].modified.is_some());
        let empty: Page = quick_xml::de::from_str("<ListBucketResult/>").unwrap();
        assert!(empty.contents.is_empty() && !empty.is_truncated);
    }
}
