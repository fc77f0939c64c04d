//! Tags of buckets and objects.
//!
//! Promises: the limits of S3 (10 tags on an object, 50 on a bucket, 128 and 256 characters), in every
//! way that tags come: a header, a document, a form.
//! Does not: decide who may tag.

use dolium_store::access::Action;
use dolium_store::{Namespace, ReadAction, Version};
use s3s::dto::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput,
    DeleteObjectTaggingOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetObjectTaggingInput, GetObjectTaggingOutput, PutBucketTaggingInput, PutBucketTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag, Tagging,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::circumstances::requested_tags;
use crate::error::{not_configured, refuse};
use crate::names::{header_version_id, source_of};
use crate::query::Query;
use crate::reading::read_error;
use crate::setting;

/// The namespace of object tags.
pub(crate) const TAGS: &str = "tag";
/// The setting that keeps a bucket's tags.
const SETTING: &str = "tagging";
/// Tags of one object, as on AWS.
const OBJECT_TAGS_MAX: usize = 10;
/// Tags of one bucket, as on AWS.
const BUCKET_TAGS_MAX: usize = 50;
/// Characters of a tag's key.
const KEY_LEN_MAX: usize = 128;
/// Characters of a tag's value.
const VALUE_LEN_MAX: usize = 256;

fn invalid(message: &str) -> S3Error {
    refuse(S3ErrorCode::InvalidTag, message)
}

fn check(tags: &Namespace, count: usize, max: usize) -> S3Result<()> {
    if count > max {
        // AWS says BadRequest for objects and documents alike.
        let message = format!("Object tags cannot be greater than {max}");
        return Err(refuse(S3ErrorCode::InvalidTag, message));
    }
    if tags.len() < count {
        return Err(invalid("Cannot provide multiple Tags with the same key"));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_LEN_MAX {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > VALUE_LEN_MAX {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return Err(invalid("A tag cannot hold control characters"));
        }
    }
    Ok(())
}

/// The tags of an `x-amz-tagging` header: a query string.
pub(crate) fn parse_header(text: &str) -> S3Result<Namespace> {
    let query = Query::parse(Some(text));
    let mut tags = Namespace::new();
    let mut count = 0;
    for (key, value) in query.iter() {
        count += 1;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded \
                           URL query parameters without tag name duplicates.";
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    check(&tags, count, OBJECT_TAGS_MAX)?;
    Ok(tags)
}

/// The tags of a document.
fn of_document(tagging: &Tagging, max: usize) -> S3Result<Namespace> {
    let pair = |tag: &Tag| {
        let key = tag.key.clone().unwrap_or_default();
        (key, tag.value.clone().unwrap_or_default())
    };
    let tags: Namespace = tagging.tag_set.iter().map(pair).collect();
    check(&tags, tagging.tag_set.len(), max)?;
    Ok(tags)
}

/// The tags of a document that names them for an object.
pub(crate) fn of_object_document(tagging: &Tagging) -> S3Result<Namespace> {
    of_document(tagging, OBJECT_TAGS_MAX)
}

fn set_of(version: &Version) -> Vec<Tag> {
    let tag = |(key, value): (&str, &str)| Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    version.attributes.namespace(TAGS).map(tag).collect()
}

/// The number of tags, as GET tells it.
pub(crate) fn count(version: &Version) -> Option<i32> {
    let count = version.attributes.namespace(TAGS).count();
    i32::try_from(count).ok().filter(|count| *count > 0)
}

/// GetObjectTagging.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let version = match api.store.describe(&caller, &source, ReadAction::TAGS).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: set_of(&version),
        version_id: header_version_id(&version, source.version),
    }))
}

/// PutObjectTagging.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let tags = of_document(&input.tagging, OBJECT_TAGS_MAX)?;
    let mut context = caller.context().clone();
    requested_tags(&mut context, tags.iter());
    let caller = caller.with_context(context);
    let version = match api.store.set_object_tags(&caller, &source, tags).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    let version_id = header_version_id(&version, source.version);
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

/// DeleteObjectTagging.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    let version = match api.store.remove_object_tags(&caller, &source).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    let version_id = header_version_id(&version, source.version);
    Ok(no_content(DeleteObjectTaggingOutput { version_id }))
}

/// GetBucketTagging.
pub(crate) async fn get_bucket(
    api: &Api,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let (caller, bucket) = (caller(&request)?, &request.input.bucket);
    let action = Action::GetBucketTagging;
    match setting::load::<Tagging>(api, &caller, action, bucket, SETTING).await? {
        Some(Tagging { tag_set }) => Ok(S3Response::new(GetBucketTaggingOutput { tag_set })),
        None => not_configured(S3ErrorCode::NoSuchTagSet),
    }
}

/// PutBucketTagging.
pub(crate) async fn put_bucket(
    api: &Api,
    request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    let (caller, input) = (caller(&request)?, request.input);
    of_document(&input.tagging, BUCKET_TAGS_MAX)?;
    let (action, bucket) = (Action::PutBucketTagging, &input.bucket);
    setting::save(api, &caller, action, bucket, SETTING, &input.tagging).await?;
    Ok(no_content(PutBucketTaggingOutput {}))
}

/// DeleteBucketTagging.
pub(crate) async fn delete_bucket(
    api: &Api,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    let (caller, bucket) = (caller(&request)?, &request.input.bucket);
    setting::clear(api, &caller, Action::PutBucketTagging, bucket, SETTING).await?;
    Ok(no_content(DeleteBucketTaggingOutput {}))
}

/// The tags that a request to write an object asks for.
pub(crate) fn requested(header: Option<&str>) -> S3Result<Namespace> {
    header.map_or_else(|| Ok(Namespace::new()), parse_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let tags = parse_header("a=1&b=two%20words&c").unwrap();
        let expected = [("a", "1"), ("b", "two words"), ("c", "")];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(tags, Namespace::from(expected));
        let many: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert!(parse_header(&many[..10].join("&")).is_ok());
        assert!(parse_header(&many.join("&")).is_err());
        for bad in ["a=1&a=2", "=1", &format!("{}=v", "k".repeat(129))] {
            assert!(parse_header(bad).is_err(), "{bad}");
        }
    }
}
