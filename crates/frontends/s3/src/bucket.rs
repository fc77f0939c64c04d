//! Buckets: create, delete, list, their versioning and what clients ask of their settings.
//!
//! Promises: settings that S3 has and this front end does not are answered as "not set", never made up.
//! Does not: keep settings; each has a module of its own.

use dolium_store::access::Action;
use dolium_store::{Attributes, Caller, ContainerRequest, Versioning};
use s3s::dto::{
    Bucket, BucketLocationConstraint, BucketVersioningStatus, CreateBucketInput,
    CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput, PutBucketVersioningInput,
    PutBucketVersioningOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use crate::access::ownership_of;
use crate::acl;
use crate::answer::no_content;
use crate::api::Api;
use crate::auth::caller;
use crate::error::{of_store, refuse};
use crate::listing::{read_token, write_token};
use crate::names::container;
use crate::time::timestamp;

/// The region that AWS leaves unnamed in GetBucketLocation.
const UNNAMED_REGION: &str = "us-east-1";
/// Containers fetched from the store at once.
const PAGE_LEN: usize = 1000;
/// The most buckets that a client may ask for at once, as on AWS.
const MAX_BUCKETS_MAX: i32 = 10_000;

/// CreateBucket.
pub(crate) async fn create(
    api: &Api,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let caller = caller(&request)?;
    let input = &request.input;
    let name = container(&input.bucket)?;
    check_location(api, input)?;
    let ownership = input.object_ownership.as_ref().map(ownership_of);
    let wanted = ContainerRequest {
        attributes: Attributes::default(),
        acl: acl::of_headers(&api.identity, &request.headers).await?,
        ownership: ownership.transpose()?,
        lock: input.object_lock_enabled_for_bucket.unwrap_or_default(),
    };
    api.store
        .create_container(&caller, &name, wanted)
        .await
        .map_err(of_store)?;
    let location = Some(format!("/{}", request.input.bucket));
    Ok(S3Response::new(CreateBucketOutput { location }))
}

/// A bucket is made where this server is, or not at all.
fn check_location(api: &Api, input: &CreateBucketInput) -> S3Result<()> {
    let configuration = input.create_bucket_configuration.as_ref();
    let asked = configuration.and_then(|wanted| wanted.location_constraint.as_ref());
    match asked.map(BucketLocationConstraint::as_str) {
        None | Some("") => Ok(()),
        Some(asked) if asked == api.region => Ok(()),
        Some(_) => Err(refuse(
            S3ErrorCode::InvalidLocationConstraint,
            "The specified location-constraint is not valid",
        )),
    }
}

/// DeleteBucket.
pub(crate) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let caller = caller(&request)?;
    let name = container(&request.input.bucket)?;
    api.store
        .delete_container(&caller, &name)
        .await
        .map_err(of_store)?;
    Ok(no_content(DeleteBucketOutput {}))
}

/// HeadBucket.
pub(crate) async fn head(
    api: &Api,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    require(api, &request, &request.input.bucket, Action::ListBucket).await?;
    let bucket_region = Some(api.region.clone());
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region,
        ..HeadBucketOutput::default()
    }))
}

/// ListBuckets.
pub(crate) async fn list(
    api: &Api,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let caller = caller(&request)?;
    let input = request.input;
    if input
        .max_buckets
        .is_some_and(|max| !(1..=MAX_BUCKETS_MAX).contains(&max))
    {
        let message = "Argument max-buckets must be an integer between 1 and 10000";
        return Err(refuse(S3ErrorCode::InvalidArgument, message));
    }
    let max = input
        .max_buckets
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX);
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input
        .continuation_token
        .as_deref()
        .map(read_token)
        .transpose()?;
    let (buckets, token) = matching(api, &caller, &prefix, after, max).await?;
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets),
        continuation_token: token,
        owner: caller.principal().map(|user| api.owner_of(user)),
        prefix: input.prefix,
    }))
}

/// Buckets with a prefix behind a place, and the token to go on with when there are more than `max`.
async fn matching(
    api: &Api,
    caller: &Caller,
    prefix: &str,
    mut after: Option<String>,
    max: usize,
) -> S3Result<(Vec<Bucket>, Option<String>)> {
    let mut buckets: Vec<Bucket> = Vec::new();
    loop {
        let page = api
            .store
            .list_containers(caller, after.as_deref(), PAGE_LEN)
            .await;
        let (containers, more) = page.map_err(of_store)?;
        after = containers
            .last()
            .map(|container| container.name.as_str().to_owned());
        for container in containers {
            let name = container.name.as_str();
            if !name.starts_with(prefix) {
                continue;
            }
            if buckets.len() == max {
                let last = buckets.last().and_then(|bucket| bucket.name.as_deref());
                let token = last.map(write_token);
                return Ok((buckets, token));
            }
            buckets.push(Bucket {
                bucket_region: Some(api.region.clone()),
                creation_date: Some(timestamp(container.created)),
                name: Some(name.to_owned()),
            });
        }
        if !more || after.is_none() {
            return Ok((buckets, None));
        }
    }
}

/// GetBucketLocation.
pub(crate) async fn location(
    api: &Api,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    require(
        api,
        &request,
        &request.input.bucket,
        Action::GetBucketLocation,
    )
    .await?;
    let named = api.region != UNNAMED_REGION;
    let location_constraint = named.then(|| BucketLocationConstraint::from(api.region.clone()));
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint,
    }))
}

/// GetBucketVersioning.
pub(crate) async fn versioning(
    api: &Api,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let container = require(
        api,
        &request,
        &request.input.bucket,
        Action::GetBucketVersioning,
    )
    .await?;
    let status = match container.versioning {
        Versioning::Off => None,
        Versioning::On => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    let status = status.map(BucketVersioningStatus::from_static);
    Ok(S3Response::new(GetBucketVersioningOutput {
        status,
        mfa_delete: None,
    }))
}

/// PutBucketVersioning.
pub(crate) async fn set_versioning(
    api: &Api,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let caller = caller(&request)?;
    let name = container(&request.input.bucket)?;
    let configuration = &request.input.versioning_configuration;
    if configuration
        .mfa_delete
        .as_ref()
        .is_some_and(|mfa| mfa.as_str() == "Enabled")
    {
        let message = "MFA delete is not implemented";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    let status = configuration
        .status
        .as_ref()
        .map(BucketVersioningStatus::as_str);
    let versioning = match status {
        Some(BucketVersioningStatus::ENABLED) => Versioning::On,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => {
            let message = "The Versioning element must be specified";
            return Err(refuse(
                S3ErrorCode::IllegalVersioningConfigurationException,
                message,
            ));
        }
    };
    api.store
        .set_versioning(&caller, &name, versioning)
        .await
        .map_err(of_store)?;
    Ok(S3Response::new(PutBucketVersioningOutput {}))
}

/// The bucket that a request names, for a caller who may do this.
pub(crate) async fn require<T>(
    api: &Api,
    request: &S3Request<T>,
    bucket: &str,
    action: Action,
) -> S3Result<dolium_store::Container> {
    let caller = caller(request)?;
    api.store
        .container_for(&caller, action, &container(bucket)?)
        .await
        .map_err(of_store)
}
