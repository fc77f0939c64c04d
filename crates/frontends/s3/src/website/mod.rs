//! Buckets as websites: the setting that makes one, and how it is served.
//!
//! Promises: a configuration that is kept can be served.
//! Does not: let a visitor read what an anonymous GetObject could not.

mod page;
mod route;
mod visit;

use dolium_store::access::Action;
use s3s::dto::{
    DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput, GetBucketWebsiteInput,
    GetBucketWebsiteOutput, PutBucketWebsiteInput, PutBucketWebsiteOutput, WebsiteConfiguration,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{not_configured, refuse};
use crate::setting;

pub(crate) use page::of_error;
pub(crate) use visit::{Visit, serve};

/// The setting that holds the configuration.
pub(crate) const SETTING: &str = "website";
/// The longest configuration: 50 rules with long keys.
const CONFIGURATION_LEN_MAX: usize = 128 << 10;

/// PutBucketWebsite.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketWebsiteInput>,
) -> S3Result<S3Response<PutBucketWebsiteOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    let configuration = input.website_configuration;
    route::validate(&configuration)?;
    if setting::to_text(&configuration)?.len() > CONFIGURATION_LEN_MAX {
        let message = "A website configuration has at most 128 KiB";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let action = Action::PutBucketWebsite;
    setting::save(api, &caller, action, &input.bucket, SETTING, &configuration).await?;
    Ok(S3Response::new(PutBucketWebsiteOutput {}))
}

/// GetBucketWebsite.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketWebsiteInput>,
) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
    let caller = caller(&request)?;
    let bucket = &request.input.bucket;
    let action = Action::GetBucketWebsite;
    let found =
        setting::load::<WebsiteConfiguration>(api, &caller, action, bucket, SETTING).await?;
    match found {
        Some(configuration) => Ok(S3Response::new(GetBucketWebsiteOutput {
            error_document: configuration.error_document,
            index_document: configuration.index_document,
            redirect_all_requests_to: configuration.redirect_all_requests_to,
            routing_rules: configuration.routing_rules,
        })),
        None => not_configured(S3ErrorCode::NoSuchWebsiteConfiguration),
    }
}

/// DeleteBucketWebsite.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketWebsiteInput>,
) -> S3Result<S3Response<DeleteBucketWebsiteOutput>> {
    let caller = caller(&request)?;
    let bucket = &request.input.bucket;
    setting::clear(api, &caller, Action::DeleteBucketWebsite, bucket, SETTING).await?;
    Ok(no_content(DeleteBucketWebsiteOutput {}))
}
