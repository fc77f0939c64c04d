//! One object: writing, deleting, and what clients ask of its access list.
//!
//! Promises: what a client claims of a body is verified before it is committed.
//! Does not: read objects (`reading`) or copy them (`copy`).

use dolium_store::{
    Caller, Condition, ContainerName, DeleteRequest, Deleted, Description, PutRequest,
};
use futures::{StreamExt, stream};
use http::HeaderMap;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETag, Error as ErrorEntry, ObjectIdentifier, PutObjectInput, PutObjectOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::body::incoming;
use crate::checksum::{NAMESPACE, Plan, fill_checksums, kind_of};
use crate::class;
use crate::condition::{condition, only_tag};
use crate::describe::{self, description, take_headers};
use crate::encryption::{self, Told};
use crate::error::{of_store, of_write, refuse};
use crate::form::FromForm;
use crate::guards;
use crate::lifecycle;
use crate::names::{container, header_version_id, marker_id, path, selector, serial_id};
use crate::tagging;
use crate::time::end_of_second;
use crate::verdict::Verdict;

/// The largest body of one PUT, object or part: 5 GiB, as on AWS.
pub(crate) const BODY_LEN_MAX: u64 = 5 << 30;
/// The most keys that one DeleteObjects names, as on AWS.
const DELETE_KEYS_MAX: usize = 1000;
/// Deletions of one DeleteObjects that run at once, so that they share group commits.
const DELETES_AT_ONCE: usize = 32;

/// The announced length of a body.
pub(crate) fn body_len(content_length: Option<i64>) -> S3Result<u64> {
    let len = content_length
        .and_then(|len| u64::try_from(len).ok())
        .ok_or_else(|| {
            let message = "You must provide the Content-Length HTTP header.";
            refuse(S3ErrorCode::MissingContentLength, message)
        })?;
    if len > BODY_LEN_MAX {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return Err(refuse(S3ErrorCode::EntityTooLarge, message));
    }
    Ok(len)
}

/// The verdict on the body of a request.
pub(crate) fn verdict<T>(request: &S3Request<T>) -> Verdict {
    request
        .extensions
        .get::<Verdict>()
        .cloned()
        .unwrap_or_default()
}

/// Adds what the headers of every way of writing an object share: guards, tags, website redirect.
pub(crate) async fn decorate(
    api: &Api,
    headers: &HeaderMap,
    description: &mut Description,
) -> S3Result<()> {
    description.guards = guards::of_headers(api, headers).await?;
    description.class = class::asked(headers);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let tags = tagging::requested(text("x-amz-tagging"))?;
    description.attributes.replace(tagging::TAGS, tags);
    describe::redirect(text(describe::REDIRECT_HEADER), &mut description.attributes)
}

/// PutObject.
pub(crate) async fn put(
    api: &Api,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let caller = caller(&request)?;
    let verdict = verdict(&request);
    let plan = Plan::of(&request.headers, None)?.tagged(api.etags);
    let encryption = encryption::wanted(&request.headers)?;
    let told = Told::of(&request.headers);
    let trailers = request.trailing_headers.take();
    let mut input = request.input;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let announced = request.extensions.get::<FromForm>().is_none();
    let len = announced
        .then(|| body_len(input.content_length))
        .transpose()?;
    let mut description = description(take_headers!(input))?;
    decorate(api, &request.headers, &mut description).await?;
    let condition = condition(
        input.if_match.take(),
        input.if_none_match.take(),
        None,
        None,
    );
    let put = PutRequest {
        body: incoming(input.body.take(), verdict.clone()),
        len,
        len_max: BODY_LEN_MAX,
        digests: plan.digests(),
        encryption,
        finish: plan.hook(trailers, verdict.clone()),
    };
    let version = api
        .store
        .put(&caller, &bucket, &key, description, condition, put)
        .await;
    let version = version.map_err(|error| of_write(error, &verdict))?;
    let mut output = PutObjectOutput {
        version_id: header_version_id(&version, dolium_store::Selector::Current),
        checksum_type: kind_of(&version),
        expiration: lifecycle::expiration_of(&version),
        ..PutObjectOutput::default()
    };
    fill_checksums!(output, version.attributes.namespace(NAMESPACE));
    output.e_tag = Some(ETag::Strong(version.etag));
    let mut response = S3Response::new(output);
    told.tell(version.encrypted.as_ref(), &mut response.headers);
    Ok(response)
}

/// Fails when there is no such bucket: a request about many keys is about it, whatever becomes of them.
async fn exists(api: &Api, bucket: &ContainerName) -> S3Result<()> {
    match api
        .store
        .container_attributes(bucket)
        .await
        .map_err(of_store)?
    {
        Some(_) => Ok(()),
        None => Err(refuse(
            S3ErrorCode::NoSuchBucket,
            "The specified bucket does not exist",
        )),
    }
}

/// DeleteObject.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let size = input
        .if_match_size
        .and_then(|size| u64::try_from(size).ok());
    let condition = Condition {
        if_size: size,
        if_modified_at: input.if_match_last_modified_time.map(end_of_second),
        ..condition(input.if_match, None, None, None)
    };
    let delete = DeleteRequest {
        version: explicit_version(input.version_id.as_deref())?,
        condition,
        bypass_governance: input.bypass_governance_retention.unwrap_or_default(),
        ..DeleteRequest::default()
    };
    let named = input.version_id;
    let deleted = api
        .store
        .delete(&caller, &bucket, &key, delete)
        .await
        .map_err(of_store)?;
    let (version_id, marker) = told(&deleted, named);
    let delete_marker = marker.then_some(true);
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker,
        version_id,
        ..DeleteObjectOutput::default()
    }))
}

fn explicit_version(version_id: Option<&str>) -> S3Result<Option<dolium_store::Selector>> {
    match version_id {
        None | Some("") => Ok(None),
        given => selector(given).map(Some),
    }
}

/// The version id and marker flag that DELETE answers: those of the new marker, or of what is gone.
fn told(deleted: &Deleted, named: Option<String>) -> (Option<String>, bool) {
    match (deleted.marker, deleted.removed, named) {
        (Some((serial, null)), _, None) => (Some(marker_id(serial, null)), true),
        (_, Some((_, was_marker)), Some(named)) => (Some(named), was_marker),
        (_, _, named) => (named, false),
    }
}

/// DeleteObjects.
pub(crate) async fn delete_many(
    api: &Api,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let bucket = container(&input.bucket)?;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETE_KEYS_MAX {
        let message = "The XML you provided must name 1 to 1000 objects";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let bypass = input.bypass_governance_retention.unwrap_or_default();
    exists(api, &bucket).await?;
    let quiet = input.delete.quiet.unwrap_or_default();
    let mut results = stream::iter(objects)
        .map(|object| delete_one(api, &caller, &bucket, object, bypass))
        .buffered(DELETES_AT_ONCE);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    while let Some(result) = results.next().await {
        match result {
            Ok(entry) if !quiet => deleted.push(entry),
            Ok(_) => {}
            Err(entry) => errors.push(entry),
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

async fn delete_one(
    api: &Api,
    caller: &Caller,
    bucket: &ContainerName,
    object: ObjectIdentifier,
    bypass_governance: bool,
) -> Result<DeletedObject, ErrorEntry> {
    let ObjectIdentifier {
        key,
        version_id,
        e_tag,
        last_modified_time,
        size,
    } = object;
    let result = async {
        let version = explicit_version(version_id.as_deref())?;
        let condition = Condition {
            if_size: size.and_then(|size| u64::try_from(size).ok()),
            if_modified_at: last_modified_time.map(end_of_second),
            ..only_tag(e_tag)
        };
        let delete = DeleteRequest {
            version,
            condition,
            bypass_governance,
            ..DeleteRequest::default()
        };
        let path = path(&key)?;
        api.store
            .delete(caller, bucket, &path, delete)
            .await
            .map_err(of_store)
    };
    match result.await {
        Ok(deleted) => Ok(deleted_entry(key, version_id, &deleted)),
        Err(error) => Err(error_entry(key, version_id, &error)),
    }
}

fn deleted_entry(key: String, version_id: Option<String>, deleted: &Deleted) -> DeletedObject {
    let marker = match (deleted.marker, deleted.removed) {
        (Some((serial, null)), _) if version_id.is_none() => Some(marker_id(serial, null)),
        (_, Some((serial, true))) => Some(serial_id(serial)),
        _ => None,
    };
    DeletedObject {
        delete_marker: marker.is_some().then_some(true),
        delete_marker_version_id: marker,
        key: Some(key),
        version_id,
    }
}

fn error_entry(key: String, version_id: Option<String>, error: &S3Error) -> ErrorEntry {
    ErrorEntry {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key),
        message: error.message().map(str::to_owned),
        version_id,
    }
}

#[cfg(test)]
mod tests {
    use dolium_store::Serial;

    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(body_len(Some(5 << 30)).unwrap(), 5 << 30);
        let code = |len| body_len(len).unwrap_err().code().as_str().to_owned();
        assert_eq!(code(Some((5 << 30) + 1)), "EntityTooLarge");
        assert_eq!(code(None), "MissingContentLength");
        assert_eq!(code(Some(-1)), "MissingContentLength");
    }

    #[test]
    fn what_delete_tells() {
        let marker = Deleted {
            marker: Some((Serial(1), false)),
            removed: None,
            absent: false,
        };
        assert_eq!(told(&marker, None), (Some("0000000000000001".into()), true));
        let null = Deleted {
            marker: Some((Serial(1), true)),
            removed: Some((Serial(0), false)),
            absent: false,
        };
        assert_eq!(told(&null, None), (Some("null".into()), true));
        let gone = Deleted {
            marker: None,
            removed: Some((Serial(1), true)),
            absent: false,
        };
        assert!(told(&gone, Some("0000000000000001".into())).1);
        assert_eq!(told(&gone, None), (None, false));
        assert_eq!(told(&Deleted::default(), None), (None, false));
    }
}
