//! CopyObject. No data moves.
//!
//! Promises: source and destination conditions are the store's, checked where it commits.
//! Does not: recompute checksums; a copy keeps those of its source.

use dolium_store::{CopyRequest, Namespace, Source, Version};
use http::HeaderMap;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, ETagCondition,
    MetadataDirective, TaggingDirective, Timestamp,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::checksum::{NAMESPACE, fill_checksums, kind_of};
use crate::class;
use crate::condition::condition;
use crate::describe::{self, description, take_headers};
use crate::encryption::{self, Told};
use crate::error::{of_store, refuse};
use crate::guards;
use crate::lifecycle;
use crate::names::{container, header_version_id, path, selector};
use crate::tagging;
use crate::time::timestamp;

/// The conditions that a copy puts on its source.
#[derive(Default)]
pub(crate) struct SourceConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// The object that `x-amz-copy-source` names, and its version id if that was named.
pub(crate) fn source(
    from: CopySource,
    given: SourceConditions,
) -> S3Result<(Source, Option<String>)> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = from
    else {
        let message = "Access points are not implemented";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    };
    let source = Source {
        container: container(&bucket)?,
        path: path(&key)?,
        version: selector(version_id.as_deref())?,
        condition: condition(
            given.if_match,
            given.if_none_match,
            given.if_modified_since,
            given.if_unmodified_since,
        ),
        key: None,
    };
    Ok((source, version_id.map(String::from)))
}

/// An error of a copy: a condition on the source that does not hold is always a failed precondition,
/// there is nothing that could be "not modified".
pub(crate) fn copy_error(error: dolium_store::Error) -> s3s::S3Error {
    match error.reason() {
        Some(dolium_store::Reason::NotModified) => refuse(
            S3ErrorCode::PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold",
        ),
        Some(dolium_store::Reason::DeleteMarker) => {
            refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
        }
        _ => of_store(error),
    }
}

/// CopyObject.
pub(crate) async fn copy(
    api: &Api,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let caller = caller(&request)?;
    let (if_match, if_none_match) = (
        tag_header(&request.headers, "if-match")?,
        tag_header(&request.headers, "if-none-match")?,
    );
    let mut input = request.input;
    let given = SourceConditions {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    let directive = input
        .metadata_directive
        .as_ref()
        .map(MetadataDirective::as_str);
    let redirect = request.headers.get(describe::REDIRECT_HEADER);
    let redirect = redirect.and_then(|value| value.to_str().ok());
    let replace = match directive {
        None | Some(MetadataDirective::COPY) => None,
        Some(MetadataDirective::REPLACE) => {
            let mut description = description(take_headers!(input))?;
            describe::redirect(redirect, &mut description.attributes)?;
            Some(description)
        }
        Some(_) => {
            return Err(refuse(
                S3ErrorCode::InvalidArgument,
                "Unknown metadata directive.",
            ));
        }
    };
    let tags = replaced_tags(&input)?;
    let (container, path) = (container(&input.bucket)?, path(&input.key)?);
    let (mut source, source_version_id) = source(input.copy_source, given)?;
    source.key = encryption::key_of_source(&request.headers)?;
    let copy = CopyRequest {
        source,
        container,
        path,
        condition: condition(if_match, if_none_match, None, None),
        replace,
        tags,
        class: class::asked(&request.headers),
        encryption: encryption::wanted(&request.headers)?,
        guards: guards::of_headers(api, &request.headers).await?,
        refuse_copy_onto_itself: true,
    };
    let version = api.store.copy(&caller, copy).await.map_err(copy_error)?;
    let encrypted = version.encrypted.clone();
    let mut response = S3Response::new(CopyObjectOutput {
        version_id: header_version_id(&version, dolium_store::Selector::Current),
        expiration: lifecycle::expiration_of(&version),
        copy_object_result: Some(result_of(version)),
        copy_source_version_id: source_version_id,
        ..CopyObjectOutput::default()
    });
    Told::of(&request.headers).tell(encrypted.as_ref(), &mut response.headers);
    Ok(response)
}

/// The tags of the copy, when they are not those of its source.
fn replaced_tags(input: &CopyObjectInput) -> S3Result<Option<Namespace>> {
    let directive = input.tagging_directive.as_ref();
    match directive.map(TaggingDirective::as_str) {
        None | Some(TaggingDirective::COPY) => Ok(None),
        Some(TaggingDirective::REPLACE) => tagging::requested(input.tagging.as_deref()).map(Some),
        Some(_) => Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Unknown tagging directive.",
        )),
    }
}

fn result_of(version: Version) -> CopyObjectResult {
    let mut result = CopyObjectResult {
        last_modified: Some(timestamp(version.created)),
        checksum_type: kind_of(&version),
        ..CopyObjectResult::default()
    };
    fill_checksums!(result, version.attributes.namespace(NAMESPACE));
    result.e_tag = Some(ETag::Strong(version.etag));
    result
}

/// A condition on the destination; the typed input of `s3s` has none.
fn tag_header(headers: &HeaderMap, name: &str) -> S3Result<Option<ETagCondition>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let parsed = ETagCondition::parse_http_header(value.as_bytes());
    let bad = |_| refuse(S3ErrorCode::InvalidArgument, format!("invalid {name}"));
    parsed.map(Some).map_err(bad)
}
