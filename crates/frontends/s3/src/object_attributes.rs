//! GetObjectAttributes: what is known of an object without its bytes.
//!
//! Promises: answers with what was asked for and nothing else; parts come in pages.

use dolium_store::{ReadAction, Version};
use http::HeaderMap;
use s3s::dto::{
    Checksum, ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectAttributes, ObjectPart, StorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::checksum::{NAMESPACE, TYPE, fill_checksums};
use crate::class;
use crate::composite::parse_sizes;
use crate::encryption;
use crate::error::refuse;
use crate::names::{header_version_id, source_of};
use crate::reading::{PARTS, part_sum, read_error};
use crate::time::timestamp;

/// The most parts that GetObjectAttributes lists at once.
const ATTRIBUTES_PARTS_MAX: i32 = 1000;

/// GetObjectAttributes.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let caller = caller(&request)?;
    let names: Vec<String> = requested_attributes(&request.headers)?;
    let input = request.input;
    let mut source = source_of(&input.bucket, &input.key, input.version_id.as_deref())?;
    source.key = encryption::key_of_read(&request.headers)?;
    let action = ReadAction::ATTRIBUTES;
    let version = match api.store.describe(&caller, &source, action).await {
        Ok(version) => version,
        Err(error) => return Err(read_error(api, &caller, &source, error).await),
    };
    let wants = |name: &str| names.iter().any(|given| given == name);
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(timestamp(version.created)),
        version_id: header_version_id(&version, source.version),
        ..GetObjectAttributesOutput::default()
    };
    if wants(ObjectAttributes::ETAG) {
        output.e_tag = Some(ETag::Strong(version.etag.clone()));
    }
    if wants(ObjectAttributes::OBJECT_SIZE) {
        output.object_size = i64::try_from(version.size).ok();
    }
    if wants(ObjectAttributes::STORAGE_CLASS) {
        output.storage_class = Some(StorageClass::from(class::of(api, &version)));
    }
    if wants(ObjectAttributes::CHECKSUM) {
        output.checksum = checksum_of(&version);
    }
    if wants(ObjectAttributes::OBJECT_PARTS) {
        output.object_parts = parts_of(&version, input.max_parts, input.part_number_marker);
    }
    Ok(S3Response::new(output))
}

/// The attributes asked for: one header with commas, or one header each.
fn requested_attributes(headers: &HeaderMap) -> S3Result<Vec<String>> {
    let values = headers.get_all("x-amz-object-attributes").iter();
    let text = values
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let known = [
        "ETag",
        "Checksum",
        "ObjectParts",
        "StorageClass",
        "ObjectSize",
    ];
    if names.iter().all(|name| known.contains(&name.as_str())) {
        return Ok(names);
    }
    Err(refuse(
        S3ErrorCode::InvalidArgument,
        "Invalid attribute name specified",
    ))
}

fn checksum_of(version: &Version) -> Option<Checksum> {
    let kind = version.attributes.get(NAMESPACE, TYPE)?;
    let mut checksum = Checksum {
        checksum_type: Some(kind.to_owned().into()),
        ..Checksum::default()
    };
    fill_checksums!(checksum, version.attributes.namespace(NAMESPACE));
    Some(checksum)
}

fn parts_of(
    version: &Version,
    max_parts: Option<i32>,
    marker: Option<i32>,
) -> Option<GetObjectAttributesParts> {
    let sizes = version
        .attributes
        .get(NAMESPACE, PARTS)
        .and_then(parse_sizes)?;
    let max = max_parts
        .unwrap_or(ATTRIBUTES_PARTS_MAX)
        .clamp(0, ATTRIBUTES_PARTS_MAX);
    let marker = marker.unwrap_or(0).max(0);
    let numbered = (1i32..).zip(&sizes).filter(|(number, _)| *number > marker);
    let parts: Vec<ObjectPart> = numbered
        .take(usize::try_from(max).unwrap_or(0))
        .map(|(number, size)| {
            let mut part = ObjectPart {
                part_number: Some(number),
                size: i64::try_from(*size).ok(),
                ..ObjectPart::default()
            };
            fill_checksums!(part, part_sum(version, number as usize).into_iter());
            part
        })
        .collect();
    let last = parts
        .last()
        .and_then(|part| part.part_number)
        .unwrap_or(marker);
    let total = i32::try_from(sizes.len()).unwrap_or(i32::MAX);
    Some(GetObjectAttributesParts {
        is_truncated: Some(last < total && max > 0),
        max_parts: Some(max),
        next_part_number_marker: Some(last),
        part_number_marker: Some(marker),
        parts: Some(parts),
        total_parts_count: Some(total),
    })
}
