//! ListObjects, both versions.
//!
//! Promises: continuation tokens are opaque to clients and checked when they come back; with
//! `encoding-type=url` every text that comes from keys is escaped.
//! Does not: scan; one page of the store is one page here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dolium_store::{ListEntry, ListPage, ListRequest, Version};
use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, ETag, EncodingType, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::{Api, Owners};
use crate::auth::caller;
use crate::checksum::{Algorithm, NAMESPACE, TYPE};
use crate::class;
use crate::error::{of_store, refuse};
use crate::escape;
use crate::names::container;
use crate::time::timestamp;

/// The most entries of one page, as on AWS.
pub(crate) const PAGE_LEN_MAX: i32 = 1000;
/// What a continuation token begins with, so that a token of another kind is refused.
const TOKEN_MARK: &str = "1:";

/// The number of entries a client asks for.
pub(crate) fn limit(asked: Option<i32>, name: &str) -> S3Result<usize> {
    let asked = asked.unwrap_or(PAGE_LEN_MAX).min(PAGE_LEN_MAX);
    usize::try_from(asked).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        refuse(S3ErrorCode::InvalidArgument, message)
    })
}

/// A place in a listing as a continuation token.
pub(crate) fn write_token(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{TOKEN_MARK}{place}"))
}

/// The place that a continuation token names.
pub(crate) fn read_token(token: &str) -> S3Result<String> {
    let text = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text
        .as_deref()
        .and_then(|text| text.strip_prefix(TOKEN_MARK));
    place.map(str::to_owned).ok_or_else(|| {
        refuse(
            S3ErrorCode::InvalidArgument,
            "The continuation token provided is incorrect",
        )
    })
}

/// How the texts of a listing are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    Plain,
    /// Percent-encoded, all but letters, digits, `-_.~` and `/`.
    Url,
}

impl Encoding {
    /// The encoding a client asks for.
    pub(crate) fn of(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some(EncodingType::URL) => Ok(Self::Url),
            Some(_) => {
                let message = "Invalid Encoding Method specified in Request";
                Err(refuse(S3ErrorCode::InvalidArgument, message))
            }
        }
    }

    /// A text in this encoding.
    pub(crate) fn text(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => escape::path(text),
        }
    }

    /// An optional text in this encoding.
    pub(crate) fn maybe(self, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(&text))
    }

    /// A common prefix in this encoding.
    pub(crate) fn prefix(self, prefix: &str) -> CommonPrefix {
        CommonPrefix {
            prefix: Some(self.text(prefix)),
        }
    }
}

/// An empty text is no text: `?delimiter=` means none.
pub(crate) fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// The place of the last entry of a page.
pub(crate) fn last_place(page: &ListPage) -> Option<&str> {
    page.entries.last().map(|entry| match entry {
        ListEntry::Version(version) => version.path.as_str(),
        ListEntry::Prefix(prefix) => prefix,
    })
}

/// The checksum algorithms that a version carries, with the kind.
pub(crate) fn checksum_names(
    version: &Version,
) -> (Option<Vec<ChecksumAlgorithm>>, Option<String>) {
    let kept = version.attributes.namespace(NAMESPACE);
    let names: Vec<ChecksumAlgorithm> = kept
        .filter_map(|(name, _)| Algorithm::parse(name))
        .map(|algorithm| ChecksumAlgorithm::from(algorithm.upper()))
        .collect();
    let kind = version.attributes.get(NAMESPACE, TYPE).map(str::to_owned);
    ((!names.is_empty()).then_some(names), kind)
}

/// The entries of a page as S3 shows them, objects and common prefixes apart.
struct Entries {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
}

fn entries(
    api: &Api,
    page: ListPage,
    encoding: Encoding,
    owners: Option<Owners>,
) -> S3Result<Entries> {
    let mut found = Entries {
        contents: Vec::with_capacity(page.entries.len()),
        prefixes: vec![],
    };
    for entry in page.entries {
        let version = match entry {
            ListEntry::Prefix(prefix) => {
                found.prefixes.push(encoding.prefix(&prefix));
                continue;
            }
            ListEntry::Version(version) => version,
        };
        let (checksum_algorithm, checksum_type) = checksum_names(&version);
        let class = class::of(api, &version);
        let owner = owners.as_ref().map(|owners| owners.of(&version.attributes));
        found.contents.push(Object {
            checksum_algorithm,
            checksum_type: checksum_type.map(Into::into),
            key: Some(encoding.text(version.path.as_str())),
            last_modified: Some(timestamp(version.created)),
            e_tag: Some(ETag::Strong(version.etag)),
            size: i64::try_from(version.size).ok(),
            storage_class: Some(ObjectStorageClass::from(class)),
            owner,
            restore_status: None,
        });
    }
    Ok(found)
}

/// One page of the store; a page of nothing still needs its bucket.
async fn page(
    api: &Api,
    caller: &dolium_store::Caller,
    bucket: &str,
    request: ListRequest,
) -> S3Result<ListPage> {
    let bucket = container(bucket)?;
    if request.limit == 0 {
        api.store
            .container(caller, &bucket)
            .await
            .map_err(of_store)?;
        return Ok(ListPage {
            entries: Vec::new(),
            more: false,
        });
    }
    api.store
        .list(caller, &bucket, request)
        .await
        .map_err(of_store)
}

/// ListObjects.
pub(crate) async fn list(
    api: &Api,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let wanted = ListRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: given(input.delimiter.as_ref()),
        after: given(input.marker.as_ref()),
        after_version: None,
        limit: limit(input.max_keys, "max-keys")?,
        ..ListRequest::default()
    };
    let (max_keys, delimiter) = (wanted.limit, wanted.delimiter.clone());
    let page = page(api, &caller, &input.bucket, wanted).await?;
    let more = page.more;
    // Without a delimiter the last key says where to go on.
    let next = (more && delimiter.is_some()).then(|| last_place(&page).map(|at| encoding.text(at)));
    let owners = api.owners(&container(&input.bucket)?).await?;
    let found = entries(api, page, encoding, Some(owners))?;
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: encoding.maybe(Some(input.prefix.unwrap_or_default())),
        marker: encoding.maybe(Some(input.marker.unwrap_or_default())),
        max_keys: i32::try_from(max_keys).ok(),
        is_truncated: Some(more),
        contents: Some(found.contents),
        common_prefixes: Some(found.prefixes),
        delimiter: encoding.maybe(delimiter),
        next_marker: next.flatten(),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// ListObjectsV2.
pub(crate) async fn list_v2(
    api: &Api,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let caller = caller(&request)?;
    let input = request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let after = match given(input.continuation_token.as_ref()).as_deref() {
        Some(token) => Some(read_token(token)?),
        None => given(input.start_after.as_ref()),
    };
    let wanted = ListRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: given(input.delimiter.as_ref()),
        after,
        after_version: None,
        limit: limit(input.max_keys, "max-keys")?,
        ..ListRequest::default()
    };
    let (max_keys, delimiter) = (wanted.limit, wanted.delimiter.clone());
    let page = page(api, &caller, &input.bucket, wanted).await?;
    let (more, count) = (page.more, page.entries.len());
    let next = more.then(|| last_place(&page).map(write_token)).flatten();
    let owners = match input.fetch_owner {
        Some(true) => Some(api.owners(&container(&input.bucket)?).await?),
        _ => None,
    };
    let found = entries(api, page, encoding, owners)?;
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: encoding.maybe(Some(input.prefix.unwrap_or_default())),
        max_keys: i32::try_from(max_keys).ok(),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(more),
        next_continuation_token: next,
        contents: Some(found.contents),
        common_prefixes: Some(found.prefixes),
        delimiter: encoding.maybe(delimiter),
        encoding_type: input.encoding_type,
        start_after: encoding.maybe(input.start_after),
        request_charged: None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits() {
        assert_eq!(limit(None, "max-keys").unwrap(), 1000);
        assert_eq!(limit(Some(0), "max-keys").unwrap(), 0);
        assert_eq!(limit(Some(i32::MAX), "max-keys").unwrap(), 1000);
        assert!(limit(Some(-1), "max-keys").is_err());
    }

    #[test]
    fn url_encoding() {
        assert_eq!(
            Encoding::Url.text("a b+c/é\n%*~"),
            "a%20b%2Bc/%C3%A9%0A%25%2A~"
        );
        assert_eq!(Encoding::Plain.text("a b"), "a b");
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in [
            "",
            "a",
            "????",
            &URL_SAFE_NO_PAD.encode("2:a"),
            &URL_SAFE_NO_PAD.encode([255]),
        ] {
            assert!(read_token(token).is_err(), "{token}");
        }
    }

    proptest! {
        #[test]
        fn tokens_round_trip(place in "\\PC{0,40}") {
            prop_assert_eq!(read_token(&write_token(&place)).unwrap(), place);
        }
    }
}
