//! Reading objects: GetObject, HeadObject.
//!
//! Promises: a body streams straight from the store; a range answers 206 with its place.
//! Does not: override response headers, `s3s` does (and refuses line breaks in them).

use dolium_store::{
    ByteRange, Caller, Condition, EtagMatch, Instant, Reason, Selector, Source, Version,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::dto::{
    ChecksumMode, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ObjectLockMode, StorageClass,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::body::outgoing;
use crate::checksum::{NAMESPACE, fill_checksums, kind_of};
use crate::class;
use crate::composite::parse_sizes;
use crate::condition::{byte_range, condition};
use crate::describe;
use crate::encryption::{self, Told};
use crate::error::{of_store, refuse};
use crate::guards::word_of;
use crate::lifecycle;
use crate::names::{container, header_version_id, path, selector, serial_id};
use crate::object_lock::hold_word;
use crate::tagging;
use crate::time::timestamp;

/// The key in the checksum namespace that keeps the sizes of an object's parts.
pub(crate) const PARTS: &str = "parts";
/// The key in the checksum namespace that keeps the checksums of an object's parts, `crc32:a,b,c`.
pub(crate) const PART_SUMS: &str = "part-sums";
/// What GET and HEAD share: which object, and which bytes of it.
struct Wanted {
    source: Source,
    range: ByteRange,
    ranged: bool,
    parts: Option<usize>,
    part: Option<usize>,
    checksums: bool,
}

/// Takes a request of GET or HEAD apart: their inputs are different types with the same fields.
macro_rules! wanted {
    ($api:expr, $caller:expr, $key:expr, $input:expr) => {{
        let input = $input;
        let source = Source {
            container: container(&input.bucket)?,
            path: path(&input.key)?,
            version: selector(input.version_id.as_deref())?,
            condition: condition(
                input.if_match,
                input.if_none_match,
                input.if_modified_since,
                input.if_unmodified_since,
            ),
            key: $key,
        };
        let wanted = Wanted {
            source,
            range: byte_range(input.range),
            ranged: input.range.is_some(),
            parts: None,
            part: None,
            checksums: input
                .checksum_mode
                .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED),
        };
        by_part($api, $caller, wanted, input.part_number).await?
    }};
}

/// Replaces the range by that of a part, when one is asked for.
async fn by_part(
    api: &Api,
    caller: &Caller,
    mut wanted: Wanted,
    number: Option<i32>,
) -> S3Result<Wanted> {
    let Some(number) = number else {
        return Ok(wanted);
    };
    if wanted.ranged {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    let version = head_version(api, caller, &wanted.source).await?;
    // The range below belongs to this version, whatever is written meanwhile.
    let condition = &mut wanted.source.condition;
    condition.if_match = Some(EtagMatch::OneOf(vec![version.etag.clone()]));
    let (range, count) = part_range(&version, number)?;
    (wanted.range, wanted.ranged, wanted.parts) = (range, range != ByteRange::Full, count);
    wanted.part = count.and(usize::try_from(number).ok());
    Ok(wanted)
}

/// The bytes of a part, and the number of parts when the object has any.
fn part_range(version: &Version, number: i32) -> S3Result<(ByteRange, Option<usize>)> {
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    let Some(index) = index else {
        let message = "Part number must be an integer between 1 and 10000";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    };
    let sizes = version
        .attributes
        .get(NAMESPACE, PARTS)
        .and_then(parse_sizes);
    let Some(sizes) = sizes else {
        return if index == 0 {
            Ok((ByteRange::Full, None))
        } else {
            Err(no_such_part())
        };
    };
    let size = *sizes.get(index).ok_or_else(no_such_part)?;
    let first: u64 = sizes[..index].iter().sum();
    let Some(last) = size.checked_sub(1) else {
        return Ok((ByteRange::Full, Some(sizes.len())));
    };
    Ok((
        ByteRange::From {
            first,
            last: Some(first + last),
        },
        Some(sizes.len()),
    ))
}

/// The checksum of a part, where the version still knows it.
pub(crate) fn part_sum(version: &Version, number: usize) -> Option<(String, String)> {
    let text = version.attributes.get(NAMESPACE, PART_SUMS)?;
    let (algorithm, sums) = text.split_once(':')?;
    let sum = sums.split(',').nth(number.checked_sub(1)?)?;
    Some((algorithm.to_owned(), sum.to_owned()))
}

fn no_such_part() -> S3Error {
    let message = "The requested partnumber is not satisfiable";
    refuse(S3ErrorCode::InvalidPart, message)
}

/// Fills an answer of GET or HEAD from a version.
macro_rules! answer_fields {
    ($output:expr, $wanted:expr, $version:expr, $range:expr) => {{
        let (output, version, range) = (&mut $output, &$version, &$range);
        let headers = describe::headers(version);
        output.accept_ranges = Some("bytes".to_owned());
        output.content_length = i64::try_from(range.end - range.start).ok();
        output.content_type = headers.content_type;
        output.cache_control = headers.cache_control;
        output.content_disposition = headers.content_disposition;
        output.content_encoding = headers.content_encoding;
        output.content_language = headers.content_language;
        output.expires = headers.expires;
        output.metadata = headers.metadata;
        output.last_modified = Some(timestamp(version.created));
        output.version_id = header_version_id(version, $wanted.source.version);
        output.parts_count = $wanted.parts.and_then(|count| i32::try_from(count).ok());
        if let (Some(number), true) = ($wanted.part, $wanted.checksums) {
            output.checksum_type = kind_of(version);
            fill_checksums!(output, part_sum(version, number).into_iter());
        }
        if $wanted.ranged {
            let last = range.end.saturating_sub(1);
            output.content_range = Some(format!("bytes {}-{last}/{}", range.start, version.size));
        } else if $wanted.checksums {
            output.checksum_type = kind_of(version);
            fill_checksums!(output, version.attributes.namespace(NAMESPACE));
        }
        if let Some(retention) = version.retention {
            let word = word_of(retention.mode);
            output.object_lock_mode = Some(ObjectLockMode::from_static(word));
            let until = timestamp(Instant(retention.until));
            output.object_lock_retain_until_date = Some(until);
        }
        output.object_lock_legal_hold_status = version.hold.then(|| hold_word(true));
        output.expiration = lifecycle::expiration_of(version);
        output.website_redirect_location = describe::redirect_of(version);
        output.e_tag = Some(ETag::Strong(version.etag.clone()));
    }};
}

/// GetObject.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let caller = caller(&request)?;
    let key = encryption::key_of_read(&request.headers)?;
    let told = Told::of(&request.headers);
    let wanted = wanted!(api, &caller, key, request.input);
    let reading = match api.store.get(&caller, &wanted.source, wanted.range).await {
        Ok(reading) => reading,
        Err(error) => return Err(read_error(api, &caller, &wanted.source, error).await),
    };
    let mut output = GetObjectOutput::default();
    answer_fields!(output, wanted, reading.version, reading.range);
    output.storage_class = class::told(api, &reading.version).map(StorageClass::from);
    output.tag_count = tagging::count(&reading.version);
    let encrypted = reading.version.encrypted.clone();
    output.body = Some(outgoing(reading));
    let mut response = S3Response::new(output);
    told.tell(encrypted.as_ref(), &mut response.headers);
    Ok(response)
}

/// HeadObject.
pub(crate) async fn head(
    api: &Api,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let caller = caller(&request)?;
    let key = encryption::key_of_read(&request.headers)?;
    let told = Told::of(&request.headers);
    let wanted = wanted!(api, &caller, key, request.input);
    let version = head_version(api, &caller, &wanted.source).await?;
    let range = span(wanted.range, version.size)?;
    let mut output = HeadObjectOutput::default();
    answer_fields!(output, wanted, version, range);
    output.storage_class = class::told(api, &version).map(StorageClass::from);
    let tags = tagging::count(&version);
    let mut response = S3Response::new(output);
    if wanted.ranged {
        response.status = Some(StatusCode::PARTIAL_CONTENT);
    }
    told.tell(version.encrypted.as_ref(), &mut response.headers);
    if let Some(count) = tags {
        let count = HeaderValue::from(count);
        response.headers.insert("x-amz-tagging-count", count);
    }
    Ok(response)
}

/// The version that a source addresses, its conditions checked.
pub(crate) async fn head_version(api: &Api, caller: &Caller, source: &Source) -> S3Result<Version> {
    match api.store.head(caller, source).await {
        Ok(version) => Ok(version),
        Err(error) => Err(read_error(api, caller, source, error).await),
    }
}

/// The offsets of a range in an object of some size.
fn span(range: ByteRange, size: u64) -> S3Result<std::ops::Range<u64>> {
    let span = match range {
        ByteRange::Full => return Ok(0..size),
        ByteRange::From { first, last } => {
            first..last.map_or(size, |last| last.saturating_add(1).min(size))
        }
        ByteRange::Last(len) => size.saturating_sub(len)..size,
    };
    if span.is_empty() {
        let message = "The requested range is not satisfiable";
        return Err(refuse(S3ErrorCode::InvalidRange, message));
    }
    Ok(span)
}

/// Errors of reads carry headers: of the version not modified, of the delete marker met.
pub(crate) async fn read_error(
    api: &Api,
    caller: &Caller,
    source: &Source,
    error: dolium_store::Error,
) -> S3Error {
    let mut headers = HeaderMap::new();
    let reason = error.reason();
    let marker = error.version();
    let mut answer = of_store(error);
    match reason {
        Some(Reason::NotModified) => {
            let source = Source {
                condition: Condition::default(),
                ..source.clone()
            };
            if let Ok(version) = api.store.head(caller, &source).await {
                not_modified_headers(&mut headers, &version, source.version);
            }
        }
        Some(Reason::NoSuchObject) => {
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("false"));
        }
        Some(Reason::DeleteMarker) => {
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
            if let Some(id) = marker.and_then(|serial| serial_id(serial).parse().ok()) {
                headers.insert("x-amz-version-id", id);
            }
            if source.version != Selector::Current {
                let message = "The specified method is not allowed against this resource.";
                answer = refuse(S3ErrorCode::MethodNotAllowed, message);
            }
        }
        _ => return answer,
    }
    answer.set_headers(headers);
    answer
}

fn not_modified_headers(headers: &mut HeaderMap, version: &Version, asked: Selector) {
    if let Ok(tag) = format!("\"{}\"", version.etag).parse() {
        headers.insert(header::ETAG, tag);
    }
    let mut date = Vec::new();
    let written = timestamp(version.created).format(s3s::dto::TimestampFormat::HttpDate, &mut date);
    if let (Ok(()), Ok(date)) = (written, HeaderValue::from_bytes(&date)) {
        headers.insert(header::LAST_MODIFIED, date);
    }
    if let Some(id) = header_version_id(version, asked).and_then(|id| id.parse().ok()) {
        headers.insert("x-amz-version-id", id);
    }
}
