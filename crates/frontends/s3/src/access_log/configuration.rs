//! Get and PutBucketLogging.
//!
//! Promises: logs go to a bucket of the same owner, as on AWS; what is kept is what is got.
//! Does not: grant anything on log objects; they belong to the owner of the buckets.

use dolium_store::Attributes;
use dolium_store::access::Action;
use s3s::dto::{
    BucketLoggingStatus, GetBucketLoggingInput, GetBucketLoggingOutput, LoggingEnabled,
    PartitionDateSource, PutBucketLoggingInput, PutBucketLoggingOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::piles::Layout;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{of_store, refuse};
use crate::names::container;
use crate::setting;

/// The setting's key.
const KEY: &str = "logging";
/// The longest prefix: with partitions and the object's own name it stays a key.
const PREFIX_LEN_MAX: usize = 800;

/// PutBucketLogging. A status without `LoggingEnabled` switches it off.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketLoggingInput>,
) -> S3Result<S3Response<PutBucketLoggingOutput>> {
    let caller = caller(&request)?;
    let action = Action::PutBucketLogging;
    let bucket = container(&request.input.bucket)?;
    let status = request.input.bucket_logging_status;
    let found = api.store.container_for(&caller, action, &bucket).await;
    let account = found.map_err(of_store)?.account_id;
    let text = match &status.logging_enabled {
        None => None,
        Some(enabled) => {
            check(api, enabled, account).await?;
            Some(setting::to_text(&status)?)
        }
    };
    let changes = vec![setting::change(KEY, text)];
    setting::set(api, &caller, action, &bucket, changes).await?;
    api.access_log.forget(bucket.as_str());
    Ok(S3Response::new(PutBucketLoggingOutput {}))
}

/// GetBucketLogging.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketLoggingInput>,
) -> S3Result<S3Response<GetBucketLoggingOutput>> {
    let caller = caller(&request)?;
    let (action, bucket) = (Action::GetBucketLogging, &request.input.bucket);
    let found = setting::load(api, &caller, action, bucket, KEY).await?;
    let found: BucketLoggingStatus = found.unwrap_or_default();
    Ok(S3Response::new(GetBucketLoggingOutput {
        logging_enabled: found.logging_enabled,
    }))
}

async fn check(api: &Api, enabled: &LoggingEnabled, account: i64) -> S3Result<()> {
    let grants = enabled.target_grants.as_ref();
    if grants.is_some_and(|grants| !grants.is_empty()) {
        let message = "Grants on log objects are not implemented; use a bucket policy";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    if enabled.target_prefix.len() > PREFIX_LEN_MAX || enabled.target_prefix.contains('\0') {
        let message = format!("TargetPrefix has at most {PREFIX_LEN_MAX} bytes, none of them NUL");
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    if let Some(format) = &enabled.target_object_key_format
        && format.partitioned_prefix.is_some() == format.simple_prefix.is_some()
    {
        let message = "TargetObjectKeyFormat names one format";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let target = container(&enabled.target_bucket)?;
    let found = api.store.container_attributes(&target).await;
    match found.map_err(of_store)? {
        Some((owner, _)) if owner == account => Ok(()),
        // Whether another's bucket exists is not told.
        _ => {
            let message = "The target bucket for logging does not exist or has another owner";
            Err(refuse(S3ErrorCode::InvalidTargetBucketForLogging, message))
        }
    }
}

/// What a bucket's attributes say.
pub(super) fn of_attributes(attributes: &Attributes) -> S3Result<Option<LoggingEnabled>> {
    let status: Option<BucketLoggingStatus> = setting::of_attributes(attributes, KEY)?;
    Ok(status.and_then(|status| status.logging_enabled))
}

/// How the keys of log objects are made.
pub(super) fn layout(enabled: &LoggingEnabled) -> Layout {
    let format = enabled.target_object_key_format.as_ref();
    let Some(partitioned) = format.and_then(|format| format.partitioned_prefix.as_ref()) else {
        return Layout::Simple;
    };
    let source = partitioned.partition_date_source.as_ref();
    match source.map(PartitionDateSource::as_str) {
        Some(PartitionDateSource::EVENT_TIME) => Layout::ByEvent,
        _ => Layout::ByDelivery,
    }
}
