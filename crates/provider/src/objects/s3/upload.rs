//! Writing an object: in one request when it is small, in parts otherwise.
//!
//! Promises: parts of the same object are cut alike at every service, so that their ETags compare;
//! one part is in memory; what was begun and fails is aborted.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use md5::{Digest, Md5};
use reqwest::{Method, Response};

use super::header;
use super::request::{Asked, Client, JOIN_TIMEOUT, error_code};
use crate::objects::incoming::answer_of;
use crate::objects::{ContentTag, ObjectBody, ObjectKey, bad_stream, whole};
use crate::{Error, ErrorKind, Result};

/// The length of a part, unless the object is so long that there would be too many.
pub const PART_LEN_MIN: u64 = 8 << 20;
/// The most parts that S3 takes.
const PARTS_MAX: u64 = 10_000;
/// The most that the answer to an upload may have.
const ANSWER_LEN_MAX: usize = 64 << 10;
/// Time for an abort, which nobody waits for gladly.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The length of the parts of an object; all but the last have it.
pub fn part_len(len: Option<u64>) -> u64 {
    let needed = len.unwrap_or(0).div_ceil(PARTS_MAX);
    needed.div_ceil(PART_LEN_MIN).max(1) * PART_LEN_MIN
}

/// A stream, cut into parts.
struct Parts<'a> {
    key: &'a ObjectKey,
    body: ObjectBody,
    part_len: usize,
    rest: Bytes,
    taken: u64,
    ended: bool,
}

impl Parts<'_> {
    /// The next part: full, or the last, which may be empty.
    async fn next(&mut self) -> Result<Vec<Bytes>> {
        let (mut part, mut filled) = (Vec::new(), 0);
        while filled < self.part_len {
            if self.rest.is_empty() {
                match self.body.next().await {
                    None => {
                        self.ended = true;
                        break;
                    }
                    Some(piece) => {
                        self.rest = piece.map_err(|source| bad_stream(self.key, source))?;
                        self.taken += self.rest.len() as u64;
                        continue;
                    }
                }
            }
            let take = self.rest.len().min(self.part_len - filled);
            part.push(self.rest.split_to(take));
            filled += take;
        }
        Ok(part)
    }
}

fn md5_of(part: &[Bytes]) -> [u8; 16] {
    let mut digest = Md5::new();
    part.iter().for_each(|piece| digest.update(piece));
    digest.finalize().into()
}

/// What the service says it took.
fn tag_of(response: &Response) -> ContentTag {
    header(response, "etag").map_or(ContentTag::Nothing, ContentTag::of_etag)
}

pub(super) async fn put(
    client: &Client,
    key: &ObjectKey,
    len: Option<u64>,
    body: ObjectBody,
) -> Result<ContentTag> {
    let part_len = usize::try_from(part_len(len)).unwrap_or(usize::MAX);
    let (rest, taken, ended) = (Bytes::new(), 0, false);
    let mut parts = Parts {
        key,
        body,
        part_len,
        rest,
        taken,
        ended,
    };
    let first = parts.next().await?;
    if !parts.ended {
        return multipart(client, parts, len, first).await;
    }
    whole(key, len, parts.taken)?;
    let mut asked = Asked::of_object("put", Method::PUT, key);
    asked
        .headers
        .push(("content-md5", STANDARD.encode(md5_of(&first))));
    asked.headers.push(("content-type", content_type(key)));
    asked.body = first;
    client.send(asked).await.map(|response| tag_of(&response))
}

/// What browsers are told of an object, by the end of its key.
pub(crate) fn content_type(key: &ObjectKey) -> String {
    mime_guess::from_path(key.as_str())
        .first_or_octet_stream()
        .to_string()
}

async fn multipart(
    client: &Client,
    mut parts: Parts<'_>,
    len: Option<u64>,
    first: Vec<Bytes>,
) -> Result<ContentTag> {
    let key = parts.key;
    let mut asked = Asked::of_object("put", Method::POST, key);
    asked.query.push(("uploads", String::new()));
    asked.headers.push(("content-type", content_type(key)));
    let begun = client.send(asked).await?;
    let answer = answer_of("put", key.as_str(), begun, ANSWER_LEN_MAX).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let id = answer
        .split_once("<UploadId>")
        .and_then(|(_, rest)| rest.split_once("</UploadId>"));
    let Some((id, _)) = id else {
        return Err(Error::new(
            ErrorKind::Unexpected,
            "put",
            "the answer has no UploadId",
        ));
    };
    let id = quick_xml::escape::unescape(id).map_or_else(|_| id.to_owned(), |id| id.into_owned());
    let done = async {
        let sent = send_parts(client, &mut parts, &id, first).await?;
        whole(key, len, parts.taken)?;
        complete(client, key, &id, sent).await
    };
    let result = done.await;
    if result.is_err() {
        let mut asked = Asked::of_object("put", Method::DELETE, key);
        asked.query.push(("uploadId", id));
        let aborted = tokio::time::timeout(ABORT_TIMEOUT, client.send(asked)).await;
        if !matches!(aborted, Ok(Ok(_))) {
            tracing::warn!(%key, "an unfinished upload could not be aborted");
        }
    }
    result
}

/// All parts of an upload.
struct Sent {
    /// The list that completes it.
    listed: String,
    /// What the object's tag is then.
    tag: ContentTag,
}

/// Sends all parts.
async fn send_parts(
    client: &Client,
    parts: &mut Parts<'_>,
    id: &str,
    first: Vec<Bytes>,
) -> Result<Sent> {
    let (mut sums, mut count) = (Md5::new(), 0);
    let mut listed =
        String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    let mut part = first;
    for number in 1.. {
        if number > PARTS_MAX {
            let why = format!(
                "{}: a stream of unknown length has more than {PARTS_MAX} parts",
                parts.key
            );
            return Err(Error::new(ErrorKind::Unsupported, "put", why));
        }
        let mut asked = Asked::of_object("put", Method::PUT, parts.key);
        asked.query.push(("partNumber", number.to_string()));
        asked.query.push(("uploadId", id.to_owned()));
        let sum = md5_of(&part);
        (sums, count) = (sums.chain_update(sum), count + 1);
        asked.headers.push(("content-md5", STANDARD.encode(sum)));
        asked.body = part;
        let response = client.send(asked).await?;
        let tag = header(&response, "etag").ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                "put",
                "the answer to a part has no ETag",
            )
        })?;
        let tag = quick_xml::escape::escape(tag);
        listed.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        ));
        if parts.ended {
            break;
        }
        part = parts.next().await?;
        if part.is_empty() {
            break;
        }
    }
    listed.push_str("</CompleteMultipartUpload>");
    let tag = ContentTag::Multipart(sums.finalize().into(), count);
    Ok(Sent { listed, tag })
}

async fn complete(client: &Client, key: &ObjectKey, id: &str, sent: Sent) -> Result<ContentTag> {
    let mut asked = Asked::of_object("put", Method::POST, key);
    asked.query.push(("uploadId", id.to_owned()));
    let kind = ("content-type", "application/xml".to_owned());
    asked.headers.push(kind);
    asked.body = vec![sent.listed.into()];
    asked.patience = JOIN_TIMEOUT;
    let response = match client.send(asked).await {
        // An attempt whose answer was lost may have been the one that did it.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let found = client
                .send(Asked::of_object("info", Method::HEAD, key))
                .await;
            return match found {
                Ok(found) if tag_of(&found) == sent.tag => Ok(sent.tag),
                _ => Err(error),
            };
        }
        response => response?,
    };
    let answer = answer_of("put", key.as_str(), response, ANSWER_LEN_MAX).await?;
    let answer = String::from_utf8_lossy(&answer);
    // S3 may say 200 first and fail afterwards.
    if let Some(code) = error_code(&answer) {
        let why = format!("{key}: the upload could not be completed ({code})");
        return Err(Error::new(ErrorKind::Unavailable, "put", why));
    }
    let tag = answer
        .split_once("<ETag>")
        .and_then(|(_, rest)| rest.split_once("</ETag>"));
    let tag = tag.map(|(tag, _)| tag.replace("&quot;", "\"").replace("&#34;", "\""));
    Ok(tag.map_or(ContentTag::Nothing, |tag| ContentTag::of_etag(&tag)))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[test]
    fn parts_are_never_too_many() {
        assert_eq!(part_len(None), PART_LEN_MIN);
        assert_eq!(part_len(Some(PART_LEN_MIN * PARTS_MAX)), PART_LEN_MIN);
        for len in [PART_LEN_MIN * PARTS_MAX + 1, 1 << 40, 5 << 40] {
            let part = part_len(Some(len));
            assert!(
                len.div_ceil(part) <= PARTS_MAX && part.is_multiple_of(PART_LEN_MIN),
                "{len}"
            );
        }
    }

    #[tokio::test]
    async fn a_stream_is_cut_where_parts_end() {
        let key = ObjectKey::new("k").unwrap();
        let pieces = [3, 4, 5].map(|len| Ok(Bytes::from(vec![len as u8; len])));
        let body = stream::iter(pieces).boxed();
        let (rest, taken, ended) = (Bytes::new(), 0, false);
        let mut parts = Parts {
            key: &key,
            body,
            part_len: 6,
            rest,
            taken,
            ended,
        };
        for (expected, ended) in [(6, false), (6, false), (0, true)] {
            let part = parts.next().await.unwrap();
            assert_eq!(part.iter().map(Bytes::len).sum::<usize>(), expected);
            assert_eq!(parts.ended, ended);
        }
        assert_eq!(parts.taken, 12);
    }
}
