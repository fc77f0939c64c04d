//! Who pays for requests, and faster ways in: kept and returned, without effect.
//!
//! Dolium sends no bills and has one way in, so both settings mean nothing here; tools that set them
//! read back what they set.
//!
//! Promises: what was put is what is got.
//! Does not: refuse requests whose sender does not say that they would pay.

use dolium_store::access::Action;
use s3s::dto::{
    AccelerateConfiguration, BucketAccelerateStatus, GetBucketAccelerateConfigurationInput,
    GetBucketAccelerateConfigurationOutput, GetBucketRequestPaymentInput,
    GetBucketRequestPaymentOutput, Payer, PutBucketAccelerateConfigurationInput,
    PutBucketAccelerateConfigurationOutput, PutBucketRequestPaymentInput,
    PutBucketRequestPaymentOutput, RequestPaymentConfiguration,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::api::Api;
use crate::auth::caller;
use crate::error::refuse;
use crate::setting;

/// The setting that keeps who pays.
const PAYMENT: &str = "payment";
/// The setting that keeps the acceleration.
const ACCELERATE: &str = "accelerate";

/// GetBucketRequestPayment: the owner pays unless something else was set.
pub(crate) async fn get(
    api: &Api,
    request: S3Request<GetBucketRequestPaymentInput>,
) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
    let (caller, bucket) = (caller(&request)?, &request.input.bucket);
    let action = Action::GetBucketRequestPayment;
    let kept: Option<RequestPaymentConfiguration> =
        setting::load(api, &caller, action, bucket, PAYMENT).await?;
    let owner = || Payer::from_static(Payer::BUCKET_OWNER);
    let payer = Some(kept.map_or_else(owner, |kept| kept.payer));
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer }))
}

/// PutBucketRequestPayment.
pub(crate) async fn put(
    api: &Api,
    request: S3Request<PutBucketRequestPaymentInput>,
) -> S3Result<S3Response<PutBucketRequestPaymentOutput>> {
    let caller = caller(&request)?;
    let given = &request.input.request_payment_configuration;
    if ![Payer::BUCKET_OWNER, Payer::REQUESTER].contains(&given.payer.as_str()) {
        let message = "The payer is BucketOwner or Requester";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let (action, bucket) = (Action::PutBucketRequestPayment, &request.input.bucket);
    setting::save(api, &caller, action, bucket, PAYMENT, given).await?;
    Ok(S3Response::new(PutBucketRequestPaymentOutput {}))
}

/// GetBucketAccelerateConfiguration: empty until something was set.
pub(crate) async fn accelerate(
    api: &Api,
    request: S3Request<GetBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<GetBucketAccelerateConfigurationOutput>> {
    let (caller, bucket) = (caller(&request)?, &request.input.bucket);
    let action = Action::GetAccelerateConfiguration;
    let kept: Option<AccelerateConfiguration> =
        setting::load(api, &caller, action, bucket, ACCELERATE).await?;
    Ok(S3Response::new(GetBucketAccelerateConfigurationOutput {
        status: kept.and_then(|kept| kept.status),
        ..GetBucketAccelerateConfigurationOutput::default()
    }))
}

/// PutBucketAccelerateConfiguration.
pub(crate) async fn put_accelerate(
    api: &Api,
    request: S3Request<PutBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<PutBucketAccelerateConfigurationOutput>> {
    let caller = caller(&request)?;
    let (bucket, given) = (
        &request.input.bucket,
        &request.input.accelerate_configuration,
    );
    let known = [
        BucketAccelerateStatus::ENABLED,
        BucketAccelerateStatus::SUSPENDED,
    ];
    let status = given.status.as_ref().map(BucketAccelerateStatus::as_str);
    if !status.is_some_and(|status| known.contains(&status)) {
        let message = "The status is Enabled or Suspended";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    if bucket.contains('.') {
        let message = "S3 Transfer Acceleration is not supported for buckets with periods (.) in \
                       their names";
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    let action = Action::PutAccelerateConfiguration;
    setting::save(api, &caller, action, bucket, ACCELERATE, given).await?;
    Ok(S3Response::new(PutBucketAccelerateConfigurationOutput {}))
}
