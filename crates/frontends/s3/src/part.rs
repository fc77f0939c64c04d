//! Parts of uploads: UploadPart, UploadPartCopy, ListParts.
//!
//! Promises: a part carries the checksum of its upload's scheme, whatever its client sent.
//! Does not: combine parts (`multipart`).

use dolium_store::access::Action;
use dolium_store::{Part, PutRequest};
use s3s::dto::{
    CopyPartResult, ETag, ListPartsInput, ListPartsOutput, Part as PartEntry, StorageClass,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::{Api, initiator};
use crate::auth::caller;
use crate::body::incoming;
use crate::checksum::{Algorithm, Plan, fill_checksums};
use crate::class;
use crate::condition::copy_range;
use crate::copy::{SourceConditions, copy_error, source};
use crate::encryption::{self, Told};
use crate::error::{of_store, of_write, refuse};
use crate::listing::limit;
use crate::multipart::{PART_NUMBER_MAX, scheme_of};
use crate::names::{container, path};
use crate::object::{BODY_LEN_MAX, body_len, verdict};
use crate::time::timestamp;

fn part_number(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok();
    number
        .filter(|number| (1..=PART_NUMBER_MAX).contains(number))
        .ok_or_else(|| {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            refuse(S3ErrorCode::InvalidArgument, message)
        })
}

/// UploadPart.
pub(crate) async fn put(
    api: &Api,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let caller = caller(&request)?;
    let verdict = verdict(&request);
    let trailers = request.trailing_headers.take();
    let mut input = request.input;
    let number = part_number(input.part_number)?;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let len = body_len(input.content_length)?;
    let upload = api
        .store
        .upload(&caller, &bucket, &key, &input.upload_id, Action::PutObject)
        .await;
    let upload = upload.map_err(of_store)?;
    let scheme = scheme_of(&upload.description);
    let plan = match scheme {
        Some(scheme) => Plan::of(&request.headers, Some(scheme.algorithm))?,
        // The object will get CRC-64/NVME, whatever the parts are verified with.
        None => Plan::of(&request.headers, None)?.also(Algorithm::Crc64Nvme),
    };
    let plan = plan.tagged(api.etags);
    let put = PutRequest {
        body: incoming(input.body.take(), verdict.clone()),
        len: Some(len),
        len_max: BODY_LEN_MAX,
        digests: plan.digests(),
        encryption: encryption::key_of_part(&request.headers)?,
        finish: plan.hook(trailers, verdict.clone()),
    };
    let part = api
        .store
        .put_part(&caller, &bucket, &key, &input.upload_id, number, put)
        .await;
    let part = part.map_err(|error| of_write(error, &verdict))?;
    let mut output = UploadPartOutput::default();
    fill_checksums!(
        output,
        part.checksums
            .iter()
            .take(1)
            .map(|(name, value)| (name, value))
    );
    output.e_tag = Some(ETag::Strong(part.etag));
    let mut response = S3Response::new(output);
    Told::of(&request.headers).tell(upload.encrypted().as_ref(), &mut response.headers);
    Ok(response)
}

/// UploadPartCopy.
pub(crate) async fn copy(
    api: &Api,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let caller = caller(&request)?;
    let mut input = request.input;
    let number = part_number(input.part_number)?;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let given = SourceConditions {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    let range = copy_range(input.copy_source_range.as_deref())?;
    let (mut source, copy_source_version_id) = source(input.copy_source, given)?;
    source.key = encryption::key_of_source(&request.headers)?;
    let encryption = encryption::key_of_part(&request.headers)?;
    let id = &input.upload_id;
    let upload = api
        .store
        .upload(&caller, &bucket, &key, id, Action::PutObject)
        .await
        .map_err(of_store)?;
    let part = api
        .store
        .copy_part(
            &caller, &bucket, &key, id, number, source, range, encryption,
        )
        .await;
    let part = part.map_err(copy_error)?;
    let mut result = CopyPartResult {
        last_modified: Some(timestamp(part.created)),
        ..CopyPartResult::default()
    };
    fill_checksums!(
        result,
        part.checksums
            .iter()
            .take(1)
            .map(|(name, value)| (name, value))
    );
    result.e_tag = Some(ETag::Strong(part.etag));
    let mut response = S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id,
        ..UploadPartCopyOutput::default()
    });
    Told::of(&request.headers).tell(upload.encrypted().as_ref(), &mut response.headers);
    Ok(response)
}

/// ListParts.
pub(crate) async fn list(
    api: &Api,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let limit = limit(input.max_parts, "max-parts")?;
    let after = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
    let action = Action::ListMultipartUploadParts;
    let upload = api
        .store
        .upload(&caller, &bucket, &key, &input.upload_id, action)
        .await;
    let upload = upload.map_err(of_store)?;
    let scheme = scheme_of(&upload.description);
    let class = class::of_upload(api, &upload);
    let found = api
        .store
        .list_parts(&caller, &bucket, &key, &input.upload_id, after, limit)
        .await;
    let (parts, more) = found.map_err(of_store)?;
    let entries: Vec<PartEntry> = parts.into_iter().map(entry).collect();
    let next = entries.last().and_then(|entry| entry.part_number);
    let owners = api.owners(&bucket).await?;
    let author = api.owner(upload.author).await?;
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        checksum_algorithm: scheme.map(|scheme| scheme.algorithm.upper().into()),
        checksum_type: scheme.map(|scheme| scheme.kind().to_owned().into()),
        initiator: Some(initiator(&author)),
        owner: Some(owners.of(&upload.description.attributes)),
        is_truncated: Some(more),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: next,
        part_number_marker: i32::try_from(after).ok(),
        parts: Some(entries),
        storage_class: Some(StorageClass::from(class)),
        ..ListPartsOutput::default()
    }))
}

fn entry(part: Part) -> PartEntry {
    let mut entry = PartEntry {
        last_modified: Some(timestamp(part.created)),
        part_number: i32::try_from(part.number).ok(),
        size: i64::try_from(part.size).ok(),
        ..PartEntry::default()
    };
    fill_checksums!(
        entry,
        part.checksums
            .iter()
            .take(1)
            .map(|(name, value)| (name, value))
    );
    entry.e_tag = Some(ETag::Strong(part.etag));
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_numbers() {
        assert_eq!(part_number(1).unwrap(), 1);
        assert_eq!(part_number(10_000).unwrap(), 10_000);
        for bad in [0, -1, 10_001, i32::MAX] {
            assert!(part_number(bad).is_err());
        }
    }
}
