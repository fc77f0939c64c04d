//! Which sites' pages may use a bucket (CORS).
//!
//! Promises: a configuration that is kept is one that AWS would keep.
//! Does not: protect anything; browsers do, on their users' behalf.

mod answer;
mod rule;

use dolium_store::access::Action;
use s3s::dto::{
    CORSConfiguration, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, refuse};
use crate::setting;

pub(crate) use answer::Asked;

/// The setting that holds the configuration.
pub(crate) const SETTING: &str = "cors";
/// The longest configuration, as on AWS.
const CONFIGURATION_LEN_MAX: usize = 64 << 10;

/// PutBucketCors.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let configuration = input.cors_configuration;
    rule::validate(&configuration)?;
    if setting::to_text(&configuration)?.len() > CONFIGURATION_LEN_MAX {
        let message = "A CORS configuration has at most 64 KiB";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let action = Action::PutBucketCORS;
    setting::save(api, &caller, action, &input.bucket, SETTING, &configuration).await?;
    Ok(S3Response::new(PutBucketCorsOutput {}))
}

/// GetBucketCors.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    let caller = caller(&request)?;
    let bucket = &request.input.bucket;
    let action = Action::GetBucketCORS;
    let found = setting::load::<CORSConfiguration>(api, &caller, action, bucket, SETTING).await?;
    match found {
        Some(configuration) => Ok(S3Response::new(GetBucketCorsOutput {
            cors_rules: Some(configuration.cors_rules),
        })),
        None => not_configured(S3ErrorCode::NoSuchCORSConfiguration),
    }
}

/// DeleteBucketCors.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
    let caller = caller(&request)?;
    let bucket = &request.input.bucket;
    setting::clear(api, &caller, Action::PutBucketCORS, bucket, SETTING).await?;
    Ok(no_content(DeleteBucketCorsOutput {}))
}
