//! ListObjectVersions and ListMultipartUploads: listings that go on at two markers.
//!
//! Promises: a page's last markers, given back, continue right behind it.
//! Does not: list objects (`listing`) or parts (`part`).

use dolium_store::{ListEntry, ListPage, ListRequest, Upload, UploadEntry, Version};
use s3s::dto::{
    DeleteMarkerEntry, ETag, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, MultipartUpload, ObjectVersion,
    ObjectVersionStorageClass, Owner, StorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::{Api, Owners, initiator};
use crate::auth::caller;
use crate::class;
use crate::error::{of_store, refuse};
use crate::listing::{Encoding, checksum_names, given, last_place, limit};
use crate::multipart::{key_of, scheme_of};
use crate::names::{container, selector, version_id};
use crate::time::timestamp;

/// ListObjectVersions.
pub(crate) async fn versions(
    api: &Api,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let wanted = versions_wanted(&input)?;
    let (max_keys, delimiter) = (wanted.limit, wanted.delimiter.clone());
    let bucket = container(&input.bucket)?;
    let page = if max_keys == 0 {
        api.store
            .container(&caller, &bucket)
            .await
            .map_err(of_store)?;
        ListPage {
            entries: Vec::new(),
            more: false,
        }
    } else {
        api.store
            .list_versions(&caller, &bucket, wanted)
            .await
            .map_err(of_store)?
    };
    let mut output = ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: encoding.maybe(Some(input.prefix.unwrap_or_default())),
        key_marker: encoding.maybe(Some(input.key_marker.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        max_keys: i32::try_from(max_keys).ok(),
        is_truncated: Some(page.more),
        delimiter: encoding.maybe(delimiter),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    };
    if page.more {
        output.next_key_marker = last_place(&page).map(|place| encoding.text(place));
        if let Some(ListEntry::Version(version)) = page.entries.last() {
            output.next_version_id_marker = Some(version_id(version));
        }
    }
    let owners = api.owners(&bucket).await?;
    fill_versions(api, &mut output, page.entries, encoding, &owners);
    Ok(S3Response::new(output))
}

fn versions_wanted(input: &ListObjectVersionsInput) -> S3Result<ListRequest> {
    let after = given(input.key_marker.as_ref());
    let after_version = given(input.version_id_marker.as_ref());
    if after.is_none() && after_version.is_some() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    Ok(ListRequest {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: given(input.delimiter.as_ref()),
        after,
        after_version: after_version
            .as_deref()
            .map(|id| selector(Some(id)))
            .transpose()?,
        limit: limit(input.max_keys, "max-keys")?,
        ..ListRequest::default()
    })
}

/// Sorts the entries of a page into the lists that S3 keeps apart.
fn fill_versions(
    api: &Api,
    output: &mut ListObjectVersionsOutput,
    entries: Vec<ListEntry>,
    encoding: Encoding,
    owners: &Owners,
) {
    let (mut versions, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            ListEntry::Prefix(prefix) => prefixes.push(encoding.prefix(&prefix)),
            ListEntry::Version(version) => {
                let owner = owners.of(&version.attributes);
                if version.marker {
                    markers.push(marker_entry(version, encoding, owner));
                } else {
                    let class = class::of(api, &version);
                    versions.push(version_entry(version, class, encoding, owner));
                }
            }
        }
    }
    output.versions = Some(versions);
    output.delete_markers = Some(markers);
    output.common_prefixes = Some(prefixes);
}

fn marker_entry(version: Version, encoding: Encoding, owner: Owner) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        is_latest: Some(version.current),
        key: Some(encoding.text(version.path.as_str())),
        last_modified: Some(timestamp(version.created)),
        owner: Some(owner),
        version_id: Some(version_id(&version)),
    }
}

fn version_entry(
    version: Version,
    class: String,
    encoding: Encoding,
    owner: Owner,
) -> ObjectVersion {
    let (checksum_algorithm, checksum_type) = checksum_names(&version);
    ObjectVersion {
        checksum_algorithm,
        checksum_type: checksum_type.map(Into::into),
        is_latest: Some(version.current),
        key: Some(encoding.text(version.path.as_str())),
        last_modified: Some(timestamp(version.created)),
        owner: Some(owner),
        restore_status: None,
        size: i64::try_from(version.size).ok(),
        storage_class: Some(ObjectVersionStorageClass::from(class)),
        version_id: Some(version_id(&version)),
        e_tag: Some(ETag::Strong(version.etag)),
    }
}

/// ListMultipartUploads.
pub(crate) async fn uploads(
    api: &Api,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = given(input.delimiter.as_ref());
    let key_marker = given(input.key_marker.as_ref());
    let id_marker = given(input.upload_id_marker.as_ref());
    let after = key_marker.as_deref().map(|key| (key, id_marker.as_deref()));
    let limit = limit(input.max_uploads, "max-uploads")?;
    let bucket = container(&input.bucket)?;
    let (entries, more) = if limit == 0 {
        api.store
            .container(&caller, &bucket)
            .await
            .map_err(of_store)?;
        (Vec::new(), false)
    } else {
        let delimiter = delimiter.as_deref();
        let page = api
            .store
            .list_uploads(&caller, &bucket, &prefix, delimiter, after, limit)
            .await;
        page.map_err(of_store)?
    };
    let mut output = ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: encoding.maybe(Some(prefix)),
        delimiter: encoding.maybe(delimiter),
        key_marker: encoding.maybe(Some(input.key_marker.unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        max_uploads: i32::try_from(limit).ok(),
        is_truncated: Some(more),
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    };
    if more {
        output.next_key_marker = entries.last().map(|entry| encoding.text(key_of(entry)));
        if let Some(UploadEntry::Upload(upload)) = entries.last() {
            output.next_upload_id_marker = Some(upload.id.clone());
        }
    }
    let owners = api.owners(&bucket).await?;
    fill_uploads(api, &mut output, entries, encoding, &owners).await?;
    Ok(S3Response::new(output))
}

async fn fill_uploads(
    api: &Api,
    output: &mut ListMultipartUploadsOutput,
    entries: Vec<UploadEntry>,
    encoding: Encoding,
    owners: &Owners,
) -> S3Result<()> {
    let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            UploadEntry::Prefix(prefix) => prefixes.push(encoding.prefix(&prefix)),
            UploadEntry::Upload(upload) => {
                let owner = owners.of(&upload.description.attributes);
                let author = initiator(&api.owner(upload.author).await?);
                let class = class::of_upload(api, &upload);
                uploads.push(upload_entry(*upload, class, encoding, owner, author));
            }
        }
    }
    output.uploads = Some(uploads);
    output.common_prefixes = Some(prefixes);
    Ok(())
}

fn upload_entry(
    upload: Upload,
    class: String,
    encoding: Encoding,
    owner: Owner,
    author: Initiator,
) -> MultipartUpload {
    let scheme = scheme_of(&upload.description);
    MultipartUpload {
        checksum_algorithm: scheme.map(|scheme| scheme.algorithm.upper().into()),
        checksum_type: scheme.map(|scheme| scheme.kind().to_owned().into()),
        initiated: Some(timestamp(upload.created)),
        initiator: Some(author),
        key: Some(encoding.text(upload.path.as_str())),
        owner: Some(owner),
        storage_class: Some(StorageClass::from(class)),
        upload_id: Some(upload.id),
    }
}
