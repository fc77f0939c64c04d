//! Multipart uploads: begin, abort, list.
//!
//! Promises: an upload's checksum scheme is fixed when it begins and kept with it.
//! Does not: store parts (`part`) or join them (`completion`).

use dolium_store::{Description, UploadEntry};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::checksum::{Algorithm, TYPE};
use crate::composite::Scheme;
use crate::describe::{description, take_headers};
use crate::encryption::{self, Told};
use crate::error::{of_store, refuse};
use crate::names::{container, path};
use crate::object::decorate;

/// The highest part number, as on AWS.
pub(crate) const PART_NUMBER_MAX: u32 = 10_000;
/// The namespace that keeps the checksum scheme of an upload in progress.
const SCHEME: &str = "s3-upload";

/// The checksum scheme that an upload was begun with; `None` when its client named none.
pub(crate) fn scheme_of(description: &Description) -> Option<Scheme> {
    let get = |key: &str| description.attributes.get(SCHEME, key);
    let algorithm = Algorithm::parse(get("algorithm")?)?;
    Some(Scheme {
        algorithm,
        composite: get(TYPE) == Some(crate::checksum::COMPOSITE),
    })
}

/// The scheme that the headers of a new upload ask for.
fn requested_scheme(algorithm: Option<&str>, kind: Option<&str>) -> S3Result<Option<Scheme>> {
    let invalid = |message: &str| refuse(S3ErrorCode::InvalidRequest, message);
    let Some(name) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(invalid(
                "x-amz-checksum-type needs x-amz-checksum-algorithm",
            )),
        };
    };
    let algorithm = Algorithm::parse(name)
        .ok_or_else(|| invalid("Checksum algorithm provided is unsupported."))?;
    let is_sha = matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256);
    let composite = match kind {
        None => algorithm != Algorithm::Crc64Nvme,
        Some(crate::checksum::COMPOSITE) => true,
        Some(crate::checksum::FULL_OBJECT) => false,
        Some(_) => return Err(invalid("Value for x-amz-checksum-type header is invalid.")),
    };
    if (composite && algorithm == Algorithm::Crc64Nvme) || (!composite && is_sha) {
        return Err(invalid(
            "The checksum type cannot be used with this checksum algorithm.",
        ));
    }
    Ok(Some(Scheme {
        algorithm,
        composite,
    }))
}

/// CreateMultipartUpload.
pub(crate) async fn create(
    api: &Api,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let caller = caller(&request)?;
    let mut input = request.input;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(|algorithm| algorithm.as_str());
    let kind = input.checksum_type.as_ref().map(|kind| kind.as_str());
    let scheme = requested_scheme(algorithm, kind)?;
    let mut description = description(take_headers!(input))?;
    decorate(api, &request.headers, &mut description).await?;
    let encryption = encryption::wanted(&request.headers)?;
    let told = Told::of(&request.headers);
    if let Some(scheme) = scheme {
        description
            .attributes
            .set(SCHEME, "algorithm", scheme.algorithm.name());
        description.attributes.set(SCHEME, TYPE, scheme.kind());
    }
    let upload = api
        .store
        .create_upload(&caller, &bucket, &key, description, encryption)
        .await;
    let upload = upload.map_err(of_store)?;
    let encrypted = upload.encrypted();
    let mut response = S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.id),
        checksum_algorithm: scheme.map(|scheme| scheme.algorithm.upper().into()),
        checksum_type: scheme.map(|scheme| scheme.kind().to_owned().into()),
        ..CreateMultipartUploadOutput::default()
    });
    told.tell(encrypted.as_ref(), &mut response.headers);
    Ok(response)
}

/// AbortMultipartUpload.
pub(crate) async fn abort(
    api: &Api,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    if input.if_match_initiated_time.is_some() {
        let message = "Conditions on the abort of an upload are not implemented";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    api.store
        .abort_upload(&caller, &bucket, &key, &input.upload_id)
        .await
        .map_err(of_store)?;
    Ok(no_content(AbortMultipartUploadOutput::default()))
}

/// The key or common prefix of an entry of a listing of uploads.
pub(crate) fn key_of(entry: &UploadEntry) -> &str {
    match entry {
        UploadEntry::Upload(upload) => upload.path.as_str(),
        UploadEntry::Prefix(prefix) => prefix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        let scheme = |algorithm, composite| {
            Some(Scheme {
                algorithm,
                composite,
            })
        };
        let cases = [
            (None, None, Ok(None)),
            (Some("CRC32"), None, Ok(scheme(Algorithm::Crc32, true))),
            (
                Some("CRC32"),
                Some("FULL_OBJECT"),
                Ok(scheme(Algorithm::Crc32, false)),
            ),
            (
                Some("CRC64NVME"),
                None,
                Ok(scheme(Algorithm::Crc64Nvme, false)),
            ),
            (
                Some("SHA256"),
                Some("COMPOSITE"),
                Ok(scheme(Algorithm::Sha256, true)),
            ),
            (Some("SHA256"), Some("FULL_OBJECT"), Err(())),
            (Some("CRC64NVME"), Some("COMPOSITE"), Err(())),
            (Some("MD4"), None, Err(())),
            (None, Some("COMPOSITE"), Err(())),
        ];
        for (algorithm, kind, expected) in cases {
            assert_eq!(requested_scheme(algorithm, kind).map_err(|_| ()), expected);
        }
    }
}
