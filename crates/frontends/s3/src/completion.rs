//! CompleteMultipartUpload: parts become an object.
//!
//! Promises: what a client claims of the whole and of its parts is held against what was stored before
//! anything is committed; a completion that is sent again is answered again.

use std::sync::Arc;

use dolium_store::access::Action;
use dolium_store::{
    Caller, CompleteRequest, ContainerName, Finish, ObjectPath, Part, Reason, Upload, Version,
};
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ETag};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::checksum::{
    Algorithm, NAMESPACE, TYPE, claimed_of_parts, fill_checksums, kind_of, mismatch,
};
use crate::composite::{self, Scheme};
use crate::condition::condition;
use crate::encryption::Told;
use crate::error::{of_store, of_write, refuse};
use crate::lifecycle;
use crate::multipart::{PART_NUMBER_MAX, scheme_of};
use crate::names::{container, header_version_id, path};
use crate::object::verdict;
use crate::reading::{PART_SUMS, PARTS};
use crate::verdict::Verdict;

/// The least size of a part other than the last, as on AWS.
const PART_LEN_MIN: u64 = 5 << 20;

/// CompleteMultipartUpload.
pub(crate) async fn complete(
    api: &Api,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let caller = caller(&request)?;
    let verdict = verdict(&request);
    let claimed = claimed_of_parts(&request.headers)?;
    let input = request.input;
    let (bucket, key) = (container(&input.bucket)?, path(&input.key)?);
    let named = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    // A part that is named again counts as it is named last.
    let named = last_of_each(named);
    let parts = named_parts(&named)?;
    let upload = api
        .store
        .upload(&caller, &bucket, &key, &input.upload_id, Action::PutObject)
        .await;
    let upload = match upload {
        Ok(upload) => upload,
        Err(error) if error.reason() == Some(Reason::NoSuchUpload) => {
            let id = &input.upload_id;
            let again = completed_before(api, &caller, (&bucket, &key), id, &parts).await?;
            let version = again.ok_or_else(|| of_store(error))?;
            return Ok(completed(input.bucket, input.key, version));
        }
        Err(error) => return Err(of_store(error)),
    };
    let kind = input
        .checksum_type
        .as_ref()
        .map(|kind| kind.as_str().to_owned());
    let check = Completion {
        upload,
        named,
        claimed,
        kind,
        size: input.mpu_object_size,
    };
    check.check_kind()?;
    let hook_verdict = verdict.clone();
    let complete = CompleteRequest {
        parts,
        part_len_min: PART_LEN_MIN,
        condition: condition(input.if_match, input.if_none_match, None, None),
        finish: Arc::new(move |parts| check.finish(parts, &hook_verdict)),
    };
    let version = api
        .store
        .complete_upload(&caller, &bucket, &key, &input.upload_id, complete)
        .await;
    let version = version.map_err(|error| of_write(error, &verdict))?;
    Ok(completed(input.bucket, input.key, version))
}

fn last_of_each(named: Vec<CompletedPart>) -> Vec<CompletedPart> {
    let mut kept: Vec<CompletedPart> = Vec::with_capacity(named.len());
    for part in named {
        if kept
            .last()
            .is_some_and(|last| last.part_number == part.part_number)
        {
            kept.pop();
        }
        kept.push(part);
    }
    kept
}

/// What the upload was completed to, when this is a completion sent again: its answer may have been
/// lost.
async fn completed_before(
    api: &Api,
    caller: &Caller,
    (bucket, key): (&ContainerName, &ObjectPath),
    upload_id: &str,
    parts: &[(u32, String)],
) -> S3Result<Option<Version>> {
    let version = api
        .store
        .completed_upload(caller, bucket, key, upload_id)
        .await
        .map_err(of_store)?;
    let tags = parts.iter().map(|(_, tag)| tag.as_str());
    let etag = composite::etag_of_tags(tags);
    Ok(version.filter(|version| version.etag == etag))
}

fn completed(
    bucket: String,
    key: String,
    version: Version,
) -> S3Response<CompleteMultipartUploadOutput> {
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{bucket}/{key}")),
        bucket: Some(bucket),
        key: Some(key),
        version_id: header_version_id(&version, dolium_store::Selector::Current),
        checksum_type: kind_of(&version),
        expiration: lifecycle::expiration_of(&version),
        ..CompleteMultipartUploadOutput::default()
    };
    fill_checksums!(output, version.attributes.namespace(NAMESPACE));
    output.e_tag = Some(ETag::Strong(version.etag));
    let mut response = S3Response::new(output);
    Told::default().tell(version.encrypted.as_ref(), &mut response.headers);
    response
}

fn named_parts(named: &[CompletedPart]) -> S3Result<Vec<(u32, String)>> {
    let malformed = |message: &str| refuse(S3ErrorCode::MalformedXML, message);
    if named.is_empty() {
        return Err(malformed("You must specify at least one part"));
    }
    if named.len() > PART_NUMBER_MAX as usize {
        return Err(malformed("An upload has at most 10000 parts"));
    }
    let part = |part: &CompletedPart| {
        let number = part
            .part_number
            .and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| (1..=PART_NUMBER_MAX).contains(number));
        let tag = part.e_tag.as_ref().map(|tag| tag.value().to_owned());
        number
            .zip(tag)
            .ok_or_else(|| malformed("A part needs its number and ETag"))
    };
    named.iter().map(part).collect()
}

/// What a completion claims, held against the parts when they are known.
struct Completion {
    upload: Upload,
    named: Vec<CompletedPart>,
    claimed: Option<(Algorithm, Vec<u8>)>,
    kind: Option<String>,
    size: Option<i64>,
}

impl Completion {
    fn scheme(&self) -> Scheme {
        let default = Scheme {
            algorithm: Algorithm::Crc64Nvme,
            composite: false,
        };
        scheme_of(&self.upload.description).unwrap_or(default)
    }

    fn check_kind(&self) -> S3Result<()> {
        let agreed = scheme_of(&self.upload.description).map(Scheme::kind);
        match (self.kind.as_deref(), agreed) {
            (Some(given), Some(agreed)) if given != agreed => Err(refuse(
                S3ErrorCode::InvalidRequest,
                "The upload was created using another checksum type.",
            )),
            _ => Ok(()),
        }
    }

    fn finish(&self, parts: &[Part], verdict: &Verdict) -> dolium_store::Result<Finish> {
        let size: u64 = parts.iter().map(|part| part.size).sum();
        if self
            .size
            .is_some_and(|claimed| u64::try_from(claimed) != Ok(size))
        {
            let message = "The provided 'x-amz-mp-object-size' header does not match the parts.";
            return Err(verdict.stop(S3ErrorCode::InvalidRequest, Reason::LengthMismatch, message));
        }
        let pairs = self.named.iter().zip(parts);
        if !pairs
            .into_iter()
            .all(|(named, part)| checksums_agree(named, part))
        {
            let message = "A checksum of a part does not match what was uploaded.";
            return Err(verdict.stop(S3ErrorCode::InvalidPart, Reason::InvalidPart, message));
        }
        let scheme = self.scheme();
        let checksum = composite::checksum(scheme, parts);
        self.check_claim(scheme, checksum.as_deref(), verdict)?;
        let mut checksums = vec![(PARTS.to_owned(), composite::sizes_text(parts))];
        if let Some(checksum) = checksum {
            checksums.push((scheme.algorithm.name().to_owned(), checksum));
            checksums.push((TYPE.to_owned(), scheme.kind().to_owned()));
            let sums = composite::sums_text(scheme, parts);
            checksums.extend(sums.map(|sums| (PART_SUMS.to_owned(), sums)));
        }
        Ok(Finish {
            etag: composite::etag(parts),
            checksums,
        })
    }

    fn check_claim(
        &self,
        scheme: Scheme,
        checksum: Option<&str>,
        verdict: &Verdict,
    ) -> dolium_store::Result<()> {
        let Some((algorithm, claimed)) = &self.claimed else {
            return Ok(());
        };
        let computed = checksum.map(|text| text.split_once('-').map_or(text, |(value, _)| value));
        let computed = computed.and_then(|text| scheme.algorithm.decode(text).ok());
        if *algorithm == scheme.algorithm && computed.as_ref() == Some(claimed) {
            return Ok(());
        }
        let message = mismatch(*algorithm)
            .message()
            .unwrap_or_default()
            .to_owned();
        Err(verdict.stop(S3ErrorCode::BadDigest, Reason::DigestMismatch, message))
    }
}

/// Whether the checksums that a completion names for a part are those it was stored with.
fn checksums_agree(named: &CompletedPart, part: &Part) -> bool {
    let claims = [
        ("crc32", &named.checksum_crc32),
        ("crc32c", &named.checksum_crc32c),
        ("crc64nvme", &named.checksum_crc64nvme),
        ("sha1", &named.checksum_sha1),
        ("sha256", &named.checksum_sha256),
    ];
    claims.into_iter().all(|(name, claimed)| {
        let kept = part.checksums.iter().find(|(kept, _)| kept == name);
        claimed.is_none() || kept.map(|(_, value)| value) == claimed.as_ref()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_parts_need_number_and_tag() {
        let part = |number: Option<i32>, tag: Option<&str>| CompletedPart {
            part_number: number,
            e_tag: tag.map(|tag| ETag::Strong(tag.to_owned())),
            ..CompletedPart::default()
        };
        assert!(named_parts(&[part(Some(1), Some("a"))]).is_ok());
        for bad in [
            part(None, Some("a")),
            part(Some(0), Some("a")),
            part(Some(10_001), Some("a")),
            part(Some(1), None),
        ] {
            assert!(named_parts(&[bad]).is_err());
        }
        assert!(named_parts(&[]).is_err());
    }
}
